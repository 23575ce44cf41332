"""DMARC policy records: text to a value and back (RFC 9989 sections 4.7 and 4.8).

A reader must be lenient: unknown tags are ignored, and a value outside the grammar gives
way to its default. `DmarcRecord` therefore says what a receiver will act on, and keeps
beside it every oddity that the publisher will want to hear about.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Literal

from sendgate.errors import DomainError
from sendgate.names import Domain
from sendgate.taglist import Stray, Tag, TagList, parse_tags

__all__ = [
    "DmarcRecord",
    "Ignored",
    "Policy",
    "ReportUri",
    "UriFault",
    "meant_as_dmarc",
    "parse",
]

WSP = " \t\r\n"
KNOWN_TAGS = ("v", "p", "sp", "np", "psd", "t", "adkim", "aspf", "rua", "ruf", "fo")
REMOVED_TAGS = ("pct", "rf", "ri")  # RFC 9989 appendix C.5.2

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)\Z", re.DOTALL)
_URI_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+\Z")  # RFC 3986 section 2
_OLD_SIZE = re.compile(r"!([0-9]+[kmgt]?)\Z", re.IGNORECASE)  # obs-dmarc-report-size


class Policy(StrEnum):
    """What the owner asks receivers to do with mail that fails; ordered by strength."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"

    @property
    def rank(self) -> int:
        """0 for none, 1 for quarantine, 2 for reject."""
        return ("none", "quarantine", "reject").index(self.value)

    @property
    def one_below(self) -> Policy:
        """The next weaker policy, as ``t=y`` asks for; none stays none."""
        return Policy.QUARANTINE if self is Policy.REJECT else Policy.NONE


class UriFault(StrEnum):
    """Why one item of `rua` or `ruf` takes no reports."""

    NO_SCHEME = "has no scheme such as mailto:"
    BAD_CHARACTER = "holds a character that a URI cannot hold"
    UNENCODED = "holds an unencoded exclamation mark; write it as %21"
    NO_MAILBOX = "names no mailbox"
    SCHEME = "has a scheme that no receiver reports to"


@dataclass(frozen=True)
class ReportUri:
    """One item of `rua` or `ruf`.

    `text` is as published, `size` the obsolete limit after ``!`` (RFC 9989 section 4.8),
    `mailbox` the address and `domain` its domain where the item is a usable ``mailto:``.
    """

    text: str
    size: str | None
    fault: UriFault | None
    mailbox: str | None = None
    domain: Domain | None = None

    @property
    def is_valid(self) -> bool:
        """Whether it is a URI at all, so that it counts for section 4.10.1."""
        return self.fault in {None, UriFault.SCHEME, UriFault.NO_MAILBOX}

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Ignored:
    """A part of the record that receivers pass over: its text, why, and what was meant."""

    text: str
    why: str
    nearest: str | None = None


@dataclass(frozen=True)
class DmarcRecord:
    """A DMARC policy record.

    `p`, `sp`, `np` are None where absent or invalid; `invalid` names the invalid ones.
    The other values hold what a receiver acts on, defaults included.
    """

    tags: TagList
    p: Policy | None
    sp: Policy | None
    np: Policy | None
    psd: Literal["y", "n", "u"]
    testing: bool
    adkim: Literal["r", "s"]
    aspf: Literal["r", "s"]
    rua: tuple[ReportUri, ...]
    ruf: tuple[ReportUri, ...]
    fo: str
    invalid: tuple[Tag, ...] = ()

    def has(self, name: str) -> bool:
        """Whether a tag of this name is written, whatever its value."""
        return self.tag(name) is not None

    def tag(self, name: str) -> Tag | None:
        """Give the first tag of this name; upper case counts, as receivers read it so."""
        return next((tag for tag in self.tags.tags if tag.name.lower() == name), None)

    def value(self, name: str) -> str | None:
        """Give the value of the first tag of this name as written, or None."""
        tag = self.tag(name)
        return None if tag is None else tag.value

    @cached_property
    def repeated(self) -> tuple[str, ...]:
        """Names of tags that stand more than once, which voids the list (RFC 6376 3.2)."""
        names = [tag.name.lower() for tag in self.tags.tags]
        return tuple(name for name in dict.fromkeys(names) if names.count(name) > 1)

    @property
    def has_valid_rua(self) -> bool:
        """Whether `rua` holds at least one URI (RFC 9989 section 4.10.1)."""
        return any(uri.is_valid for uri in self.rua)

    @property
    def processed(self) -> bool:
        """Whether receivers act on the record at all (RFC 9989 section 4.10.1).

        Without a valid `p`, or with an invalid `sp` or `np`, only a valid report address
        keeps it alive. A tag that stands twice voids the list (RFC 6376 section 3.2).
        """
        if self.repeated:
            return False
        return self.has_valid_rua or not self.falls_back

    @property
    def falls_back(self) -> bool:
        """Whether its policies are unusable, so that it counts as p=none or not at all."""
        return self.p is None or bool(self.invalid)

    def policy_when_published(self, applies: Literal["p", "sp", "np"] = "p") -> Policy | None:
        """Give the policy for the domain itself or for names below it; None: no DMARC processing.

        An absent `sp` means `p`, an absent `np` means `sp` (RFC 9989 section 4.7).
        """
        if not self.processed:
            return None
        if self.falls_back or self.p is None:
            return Policy.NONE
        if applies == "p":
            return self.p
        sp = self.sp or self.p
        return sp if applies == "sp" else self.np or sp

    def requested(self, applies: Literal["p", "sp", "np"] = "p") -> Policy | None:
        """As `policy_when_published`, after ``t=y`` (RFC 9989 section 4.7)."""
        policy = self.policy_when_published(applies)
        return policy.one_below if policy is not None and self.testing else policy

    @cached_property
    def position_of_p(self) -> int | None:
        """The place of `p` among the tags, `v` being 0; None where there is none."""
        names = [tag.name.lower() for tag in self.tags.tags]
        return names.index("p") if "p" in names else None

    @property
    def leading_space(self) -> bool:
        """Whether white space stands before `v`, which some readers do not expect."""
        return str(self.tags)[:1].isspace()

    @cached_property
    def old_parts(self) -> tuple[str, ...]:
        """`rf`, `ri` and report sizes: removed or obsolete (RFC 9989 C.5.2, 4.8)."""
        tags = [t.raw.strip(WSP) for t in self.tags.tags if t.name.lower() in {"rf", "ri"}]
        return (*tags, *(f"!{uri.size}" for uri in (*self.rua, *self.ruf) if uri.size))

    @cached_property
    def fo_is_valid(self) -> bool:
        """Whether `fo` is absent or within the grammar of RFC 9989 section 4.8."""
        value = self.value("fo")
        return value is None or _valid_fo(value)

    @cached_property
    def ignored(self) -> tuple[Ignored, ...]:
        """Tags nobody knows, values that give way to a default, and parts that are no tag."""
        return tuple(found for part in self.tags.parts[1:] if (found := _ignored(part)) is not None)

    def __str__(self) -> str:
        return str(self.tags)


def parse(text: str) -> DmarcRecord | None:
    """Read the joined text of one TXT record; None where it is no DMARC record.

    It is one if the first tag is `v` with exactly ``DMARC1`` as value, white space around
    the equals sign aside (RFC 9989 section 4.7). Anything after that is read leniently.
    """
    tags = parse_tags(text)
    first = tags.first
    # "v" is case-insensitive and "DMARC1" is not, by the ABNF of section 4.8.
    if first is None or first.name not in {"v", "V"} or first.value != "DMARC1":
        return None
    values = {tag.name.lower(): tag for tag in reversed(tags.tags)}  # the first one counts

    def value(name: str) -> str:
        return values[name].value if name in values else ""

    policies = {name: _policy(value(name)) for name in ("p", "sp", "np")}
    wrong = tuple(values[n] for n, policy in policies.items() if n in values and policy is None)
    psd = value("psd").lower()
    return DmarcRecord(
        tags=tags,
        p=policies["p"],
        sp=policies["sp"],
        np=policies["np"],
        psd="y" if psd == "y" else "n" if psd == "n" else "u",
        testing=value("t").lower() == "y",
        adkim="s" if value("adkim").lower() == "s" else "r",
        aspf="s" if value("aspf").lower() == "s" else "r",
        rua=_uris(value("rua")),
        ruf=_uris(value("ruf")),
        fo=value("fo").lower() if _valid_fo(value("fo")) else "0",
        invalid=wrong,
    )


def meant_as_dmarc(text: str) -> bool:
    """Whether a text that is no DMARC record was meant as one."""
    first = parse_tags(text).first
    return "dmarc1" in text.lower() or (first is not None and first.name.lower() == "p")


def _policy(value: str) -> Policy | None:
    try:
        return Policy(value.lower())
    except ValueError:
        return None


def _valid_fo(value: str) -> bool:
    """RFC 9989 section 4.8: one of 0 and 1 at most, d and s once each at most, in any order."""
    options = [option.strip(WSP).lower() for option in value.split(":")]
    distinct = set(options)
    return (
        distinct <= {"0", "1", "d", "s"}
        and len(distinct) == len(options)
        and not {"0", "1"} <= distinct
    )


def _uris(value: str) -> tuple[ReportUri, ...]:
    items = [item.strip(WSP) for item in value.split(",")]
    return tuple(_uri(item) for item in items if item)


def _uri(text: str) -> ReportUri:
    old = _OLD_SIZE.search(text)
    size = old.group(1) if old else None
    bare = text[: old.start()] if old else text
    cut = _SCHEME.match(bare)
    if cut is None or not cut.group(2):
        return ReportUri(text, size, UriFault.NO_SCHEME)
    if not _URI_CHARACTERS.match(bare):
        return ReportUri(text, size, UriFault.BAD_CHARACTER)
    if "!" in bare:
        return ReportUri(text, size, UriFault.UNENCODED)
    if cut.group(1).lower() != "mailto":
        return ReportUri(text, size, UriFault.SCHEME)
    mailbox = _percent_decoded(cut.group(2).partition("?")[0])
    local, _, domain = mailbox.rpartition("@")
    try:
        name = Domain.parse(domain) if local else None
    except DomainError:
        name = None
    if name is None or not name.is_hostname:
        return ReportUri(text, size, UriFault.NO_MAILBOX)
    return ReportUri(text, size, None, mailbox, name)


def _percent_decoded(text: str) -> str:
    from urllib.parse import unquote

    return unquote(text)


_VALUES = {
    "psd": ("y", "n", "u"),
    "t": ("y", "n"),
    "adkim": ("r", "s"),
    "aspf": ("r", "s"),
}


def _ignored(part: Tag | Stray) -> Ignored | None:
    text = part.raw.strip(WSP)
    if isinstance(part, Stray):
        # An empty part between semicolons is harmless and means nothing.
        return Ignored(text, part.fault.value) if text else None
    name = part.name.lower()
    allowed = _VALUES.get(name)
    if allowed is not None and part.value.lower() not in allowed:
        return Ignored(text, f"{name} takes {' or '.join(allowed)}, and the default applies")
    if name in KNOWN_TAGS or name in REMOVED_TAGS:
        # RFC 6376 section 3.2 makes names case-sensitive; nearly all readers fold them.
        strict = f"strict readers know no tag {part.name}, only {name}"
        return None if part.name == name else Ignored(text, strict)
    return Ignored(text, f"DMARC has no tag {part.name}", _nearest(name))


def _nearest(name: str) -> str | None:
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, KNOWN_TAGS, n=1, cutoff=0.6)), None)
