r"""Domain: the one type for a domain name.

A `Domain` is parsed once, at the edge. Inside, no bare string is a name. It is kept as
lower-case A-labels (RFC 5890) in master-file notation without the final dot, so two
spellings of one name are equal and hash alike (RFC 4343). Labels may hold any octet that
DNS can carry (`_dmarc`, `*`, an escaped `\.`); whether a name is fit to be a host or a
mail domain is a separate question, `is_hostname`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from sendgate.errors import DomainError

__all__ = ["ROOT", "Domain", "read_domain"]

MAX_LABEL_OCTETS = 63  # RFC 1035 section 2.3.4
MAX_NAME_OCTETS = 255  # RFC 1035 section 2.3.4; length octets and the root's included

_HOST_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z")
_PLAIN_LABEL = re.compile(r"[a-z0-9_*-]+\Z")


@dataclass(frozen=True, order=True)
class Domain:
    """A domain name: lower-case A-labels joined by dots, no final dot; the root is ``.``."""

    text: str

    @classmethod
    def parse(cls, text: str) -> Domain:
        r"""Read a name as DNS data writes it; raise `DomainError` where it cannot be one.

        A final dot is allowed and dropped. U-labels become A-labels (UTS 46, as in
        RFC 5895); `\DDD` and `\X` escapes of RFC 1035 section 5.1 are read.
        """
        if text in {".", ""}:
            if text == "":
                raise DomainError("an empty text is not a domain name")
            return ROOT
        return cls.from_labels(_split(text))

    @classmethod
    def from_labels(cls, labels: tuple[bytes, ...]) -> Domain:
        """Build a name from wire labels, leftmost first, without the empty root label.

        Raises `DomainError` beyond the sizes of RFC 1035 section 2.3.4.
        """
        for label in labels:
            if not label:
                raise DomainError("a domain name has an empty label (two dots in a row)")
            if len(label) > MAX_LABEL_OCTETS:
                raise DomainError(
                    f"a label has {len(label)} octets; at most {MAX_LABEL_OCTETS} are allowed"
                )
        octets = sum(len(label) + 1 for label in labels) + 1
        if octets > MAX_NAME_OCTETS:
            raise DomainError(
                f"the name takes {octets} octets; at most {MAX_NAME_OCTETS} are allowed"
            )
        return cls(".".join(_escape(label.lower()) for label in labels) or ".")

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The labels in master-file notation, leftmost first; the root has none."""
        return () if self.text == "." else tuple(re.findall(r"(?:\\.|[^.\\])+", self.text))

    @property
    def wire_labels(self) -> tuple[bytes, ...]:
        """The labels as octets, leftmost first, without the empty root label."""
        return tuple(_unescape(label) for label in self.labels)

    @property
    def parent(self) -> Domain:
        """The name without its leftmost label; the root is its own parent."""
        return Domain(".".join(self.labels[1:]) or ".")

    @property
    def ancestors(self) -> tuple[Domain, ...]:
        """Every name above this one, nearest first, the root not included."""
        labels = self.labels
        return tuple(Domain(".".join(labels[i:])) for i in range(1, len(labels)))

    def is_under(self, other: Domain) -> bool:
        """Whether this name is `other` or lies below it, at a label boundary."""
        return other.text == "." or self.text == other.text or self.text.endswith("." + other.text)

    def child(self, prefix: str) -> Domain:
        """The name with `prefix` (one or more labels, such as ``s1._domainkey``) put before it.

        Raises `DomainError` where the result would be too long.
        """
        return Domain.parse(prefix if self.text == "." else f"{prefix}.{self.text}")

    def fitting_child(self, prefix: str) -> Domain | None:
        """As `child`; None where the result would be too long, so that nothing can be there."""
        try:
            return self.child(prefix)
        except DomainError:
            return None

    @property
    def is_hostname(self) -> bool:
        """Whether every label is letters, digits and inner hyphens (RFC 952, RFC 1123 2.1)."""
        return self.text != "." and all(_HOST_LABEL.match(label) for label in self.labels)

    @property
    def unicode(self) -> str:
        """The name with A-labels shown as U-labels where they are valid ones; for display."""
        if "xn--" not in self.text:
            return self.text
        import idna

        def shown(label: str) -> str:
            try:
                return idna.decode(label) if label.startswith("xn--") else label
            except idna.IDNAError:
                return label

        return ".".join(shown(label) for label in self.labels)

    def __str__(self) -> str:
        return self.text


ROOT = Domain(".")


def read_domain(text: str) -> tuple[Domain, str | None]:
    """Read a domain that a person typed; return it and a remark on what was changed, or None.

    A URL gives its host, and the remark says so. An e-mail address is refused, as it may
    be a slip of thought: the error names the domain to give instead. Raises `DomainError`.
    """
    given = text.strip()
    if not given:
        raise DomainError("no domain was given: the text is empty")
    remark = None
    if "://" in given or "/" in given:
        from urllib.parse import urlsplit

        try:
            host = urlsplit(given if "://" in given else f"//{given}").hostname
        except ValueError:
            host = None
        if not host:
            raise DomainError(f"{printable(text)} is not a domain, and holds no host name either")
        remark = f"{printable(text)} is a URL; its host {printable(host)} is used"
        given = host
    if "@" in given:
        tail = given.rpartition("@")[2]
        hint = f"; give its domain: {printable(tail)}" if tail else ""
        raise DomainError(f"{printable(text)} is an e-mail address, not a domain{hint}")
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+){3}|\[?[0-9a-fA-F]*:[0-9a-fA-F:.]*\]?", given):
        raise DomainError(f"{printable(text)} is an IP address, not a domain")
    try:
        name = Domain.parse(given)
    except DomainError as error:
        raise DomainError(f"{printable(text)} is not a domain: {error}") from None
    bare = [label.removeprefix("_") for label in name.labels]
    if name == ROOT or not all(_HOST_LABEL.match(label) for label in bare):
        raise DomainError(
            f"{printable(text)} is not a domain: labels are letters, digits and inner hyphens"
        )
    return name, remark


def printable(text: str) -> str:
    """A user's text, quoted, with every control and non-printing character escaped."""
    return "'" + "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text) + "'"


def _split(text: str) -> tuple[bytes, ...]:
    """Cut master-file text at its unescaped dots and give each label as octets."""
    body = text[:-1] if text.endswith(".") and not _ends_escaped(text) else text
    raw = re.split(r"(?<!\\)\.", body) if "\\" not in body else _split_escaped(body)
    return tuple(_to_octets(label) for label in raw)


def _ends_escaped(text: str) -> bool:
    before = text[:-1]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


def _split_escaped(body: str) -> list[str]:
    labels, current, i = [], "", 0
    while i < len(body):
        if body[i] == "\\":
            current += body[i : i + 2]
            i += 2
        elif body[i] == ".":
            labels.append(current)
            current = ""
            i += 1
        else:
            current += body[i]
            i += 1
    return [*labels, current]


def _to_octets(label: str) -> bytes:
    if "\\" in label:
        return _unescape(label)
    if label.isascii():
        return label.encode("ascii")
    import idna

    try:
        return idna.encode(label, uts46=True, transitional=False)
    except idna.IDNAError as error:
        raise DomainError(f"{printable(label)} is not a valid IDN label: {error}") from None


def _unescape(label: str) -> bytes:
    octets, i = bytearray(), 0
    while i < len(label):
        if label[i] != "\\":
            octets += label[i].encode("utf-8")
            i += 1
            continue
        digits = label[i + 1 : i + 4]
        if re.fullmatch(r"[0-9]{3}", digits) and int(digits) < 256:
            octets.append(int(digits))
            i += 4
        elif len(label) > i + 1 and label[i + 1].isascii() and not label[i + 1].isdigit():
            octets += label[i + 1].encode("ascii")
            i += 2
        else:
            raise DomainError(f"{printable(label)} has a broken escape")
    return bytes(octets)


def _escape(label: bytes) -> str:
    plain = label.decode("latin-1")
    if _PLAIN_LABEL.match(plain):
        return plain
    return "".join(
        f"\\{c}" if c in '."\\();@$' else c if "!" <= c <= "~" else f"\\{ord(c):03d}" for c in plain
    )
