"""DKIM-Signature fields (RFC 6376 section 3.5): a `Field` -> `Signature`, its problem in it.

The two signatures of an ARC set (RFC 8617 sections 4.1.2 and 4.1.3) are read here too, for
they differ in little: their i= is a number and no identity, they have no v=, and a seal
covers nothing but ARC fields.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum

from sendgate.dns.answers import Question
from sendgate.errors import DomainError
from sendgate.message.record import Field, Message
from sendgate.names import Domain
from sendgate.taglist import Tag, TagList, parse_tags, without_space

__all__ = [
    "MAX_SIGNATURES",
    "SELECTOR",
    "Cause",
    "Kind",
    "Signature",
    "SignatureProblem",
    "read",
    "signatures",
]

MAX_SIGNATURES = 20  # of one message; a verifier may limit them (RFC 6376 section 6.1)
MAX_FIELD = 20_000  # octets of one signature field; real ones have a tenth
MAX_SIGNED_FIELDS = 500
SHOWN = 80  # characters of a value that a sentence shows
ALGORITHMS = ("rsa-sha256", "ed25519-sha256", "rsa-sha1")

_DIGITS = re.compile(r"[0-9]{1,76}\Z")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}\Z")
SELECTOR = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\Z")
_FIELD_NAME = re.compile(r"[\x21-\x39\x3c-\x7e]+\Z")
# Longer runs of white space never occur and make pattern matching slow.
_GAP = re.compile(r"\s{200}")


class Kind(Enum):
    """Which field a signature stands in; the value holds the tags that it must have."""

    DKIM = ("v", "a", "b", "bh", "d", "h", "s")
    ARC_MESSAGE = ("i", "a", "b", "bh", "d", "h", "s")
    ARC_SEAL = ("i", "cv", "a", "b", "d", "s")


class Cause(Enum):
    """Why a signature does not pass; each belongs to one rule."""

    SYNTAX = "syntax"  # the field cannot be read as a signature
    FROM_NOT_SIGNED = "From not signed"
    EXPIRED = "expired"  # x= in the past, or not after t=
    SHA1 = "sha1"
    NO_KEY = "no key"  # nothing that can be used at the selector
    WEAK_KEY = "weak key"
    BODY = "body"  # the body hash differs
    SIGNATURE = "signature"  # the signature over the header does not verify
    DNS = "dns"  # nobody could tell the key
    NOT_TRIED = "not tried"  # more signatures, or a longer key, than are verified


@dataclass(frozen=True)
class SignatureProblem:
    """One thing wrong; `text` is a clause that can follow "the signature"."""

    cause: Cause
    text: str


@dataclass(frozen=True)
class Signature:
    """One DKIM-Signature field as far as it can be read.

    `signed` are the names in h=, lower case, in order. `length` is l=, `time` is t=,
    `expires` is x=, the latter two in seconds since 1970; each None where absent.
    `domain` is None where d= is missing or no name.
    """

    field: Field
    tags: TagList
    domain: Domain | None
    selector: str
    algorithm: str
    signed: tuple[str, ...]
    length: int | None
    time: int | None
    expires: int | None
    problem: SignatureProblem | None
    kind: Kind = Kind.DKIM

    @property
    def question(self) -> Question | None:
        """The question for the key, or None where the field names none."""
        if self.domain is None or not self.selector:
            return None
        try:
            return Question(self.domain.child(f"{self.selector}._domainkey"), "TXT")
        except DomainError:
            return None

    @property
    def canonicalization(self) -> str:
        """The value of c=; where it is absent, ``simple/simple``; a seal is always relaxed."""
        if self.kind is Kind.ARC_SEAL:
            return "relaxed/relaxed"
        return self.tags.get("c") or "simple/simple"

    @property
    def value_without_b(self) -> bytes:
        """The field's value with an empty b=, as it is hashed (RFC 6376 section 3.7)."""
        parts = []
        for part in self.tags.parts:
            if isinstance(part, Tag) and part.name == "b":
                parts.append(part.raw.partition("=")[0] + "=")
            else:
                parts.append(part.raw)
        return ";".join(parts).encode("latin-1")


def signatures(message: Message) -> tuple[Signature, ...]:
    """Read every DKIM-Signature field of a message, in its order."""
    return tuple(read(field) for field in message.all("DKIM-Signature"))


def read(field: Field, kind: Kind = Kind.DKIM) -> Signature:
    """Read one field; never raises."""
    text = field.value.decode("latin-1")
    too_long = len(text) > MAX_FIELD
    tags = parse_tags("" if too_long else text)
    domain = _domain(tags.get("d"))
    signature = Signature(
        field=field,
        tags=tags,
        domain=domain,
        selector=(tags.get("s") or ""),
        algorithm=(tags.get("a") or "").lower(),
        signed=tuple(name.strip().lower() for name in (tags.get("h") or "").split(":") if name),
        length=_number(tags.get("l")),
        time=_number(tags.get("t")),
        expires=_number(tags.get("x")),
        problem=None,
        kind=kind,
    )
    if too_long:
        problem = f"has {len(text)} octets, more than is read"
        return replace(signature, problem=SignatureProblem(Cause.SYNTAX, problem))
    found = _syntax(signature)
    if found is not None:
        return replace(signature, problem=SignatureProblem(Cause.SYNTAX, found))
    if kind is not Kind.ARC_SEAL and "from" not in signature.signed:
        problem = "does not cover the From field: h= does not name it"
        return replace(signature, problem=SignatureProblem(Cause.FROM_NOT_SIGNED, problem))
    if signature.algorithm == "rsa-sha1":
        problem = "uses rsa-sha1, which verifiers must not accept"
        return replace(signature, problem=SignatureProblem(Cause.SHA1, problem))
    return signature


def _syntax(signature: Signature) -> str | None:
    """Say what breaks the syntax of RFC 6376 section 3.5, or None."""
    tags = signature.tags
    if tags.repeated:
        return f"repeats {_shown(tags.repeated[0])}="
    if tags.strays:
        return "has a part that is no tag"
    missing = [name for name in signature.kind.value if not tags.get(name)]
    if missing:
        return "lacks " + ", ".join(f"{name}=" for name in missing)
    if signature.kind is Kind.DKIM and tags.get("v") != "1":
        return f"has the version v={_shown(tags.get('v'))}, not v=1"
    if signature.domain is None:
        return f"names no domain: d={_shown(tags.get('d'))}"
    if signature.question is None or not SELECTOR.match(signature.selector):
        return f"names no selector: s={_shown(signature.selector)}"
    if signature.algorithm not in ALGORITHMS:
        return f"uses an algorithm that is not known: a={_shown(tags.get('a'))}"
    if len(signature.signed) > MAX_SIGNED_FIELDS:
        return f"names {len(signature.signed)} fields in h=, more than is read"
    if not all(_FIELD_NAME.match(name) for name in signature.signed):
        return "has a name in h= that no field can have"
    return _values(signature)


def _values(signature: Signature) -> str | None:
    tags = signature.tags
    for name in ("b", "bh"):
        if name not in signature.kind.value:
            continue
        data = without_space(tags.get(name) or "")
        if not _BASE64.match(data) or len(data) % 4:
            return f"has a {name}= that is not base64"
    for name in ("l", "t", "x"):
        value = tags.get(name)
        if value is not None and not _DIGITS.match(value):
            return f"has a {name}= that is no number"
    if not re.fullmatch(r"(simple|relaxed)(/(simple|relaxed))?", signature.canonicalization):
        return (
            f"has the canonicalization c={_shown(signature.canonicalization)}, which is not known"
        )
    methods = [method.strip() for method in (tags.get("q") or "dns/txt").split(":")]
    if "dns/txt" not in methods:
        return f"has no way to its key that is known: q={_shown(tags.get('q'))}"
    if _GAP.search(signature.field.value.decode("latin-1")):
        return "holds long runs of white space"
    return _identity(signature)


def _shown(value: str | None) -> str:
    """A value for a sentence: what nobody would write is cut off."""
    text = value or ""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _identity(signature: Signature) -> str | None:
    """RFC 6376 section 3.5: the domain of i= is that of d= or lies below it."""
    identity = signature.tags.get("i")
    if signature.kind is not Kind.DKIM or identity is None or signature.domain is None:
        return None
    domain = _domain(identity.rpartition("@")[2])
    if "@" not in identity or domain is None or not domain.is_under(signature.domain):
        return f"has an identity outside its domain: i={_shown(identity)}, d={signature.domain}"
    return None


def _domain(text: str | None) -> Domain | None:
    if not text or re.search(r"\s", text):
        return None
    try:
        # A message that may hold UTF-8 may have U-labels here (RFC 8616 section 5).
        found = Domain.parse(text.encode("latin-1").decode("utf-8"))
    except (DomainError, UnicodeDecodeError):
        return None
    return found if found.text != "." else None


def _number(value: str | None) -> int | None:
    return int(value) if value is not None and _DIGITS.match(value) else None
