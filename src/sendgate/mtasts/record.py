"""The two texts of MTA-STS: the TXT record at ``_mta-sts`` and the policy file (RFC 8461).

    v=STSv1; id=20260831;               says that there is a policy, and which one
    version: STSv1 / mode / mx / max_age    the policy, one field a line

Both are read by the ABNF with errata 6253, 6285 and 7282: white space may stand around a
semicolon, also the one behind the version, and lines end in LF or CRLF. What is malformed
counts as no policy (sections 3.1 and 3.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from sendgate.errors import DomainError
from sendgate.names import Domain
from sendgate.versioned import FIELD_NAME, FIELD_VALUE, Malformed

__all__ = [
    "MAX_AGE",
    "VERSION",
    "Mode",
    "Policy",
    "StsRecord",
    "is_meant",
    "parse_policy",
    "parse_record",
]

VERSION = "v=STSv1"  # what the TXT record begins with
MAX_AGE = 31_557_600  # seconds, about a year (section 3.2)

_ID = re.compile(r"[A-Za-z0-9]{1,32}\Z")
_POLICY_VALUE = re.compile(r"[^\x00-\x20\x7f](?:[^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?\Z")
_DIGITS = re.compile(r"[0-9]{1,10}\Z")
_SPACE = " \t"


@dataclass(frozen=True)
class StsRecord:
    """The TXT record: the `id` of the policy and fields of no known meaning, in order."""

    id: str
    extensions: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        fields = [("id", self.id), *self.extensions]
        return f"{VERSION}; " + " ".join(f"{name}={value};" for name, value in fields)


class Mode(StrEnum):
    """What a sender does where the policy is not met (section 5)."""

    ENFORCE = "enforce"  # no mail to such a host
    TESTING = "testing"  # reports, and mail as if there were no policy
    NONE = "none"  # no policy any more


@dataclass(frozen=True)
class Policy:
    """A policy file: mode, age in seconds (at most `MAX_AGE`), patterns of MX names."""

    mode: Mode
    max_age: int
    mx: tuple[str, ...] = ()
    extensions: tuple[tuple[str, str], ...] = ()

    def covers(self, host: Domain) -> bool:
        """Whether an MX name matches a pattern (section 4.1); `*.` stands for one label."""
        above = host.parent.text
        return any(
            pattern[2:] == above if pattern.startswith("*.") else pattern == host.text
            for pattern in self.mx
        )

    def __str__(self) -> str:
        lines = [("version", "STSv1"), ("mode", str(self.mode))]
        lines += [("mx", pattern) for pattern in self.mx]
        lines += [("max_age", str(self.max_age)), *self.extensions]
        return "".join(f"{name}: {value}\r\n" for name, value in lines)


def is_meant(text: str) -> bool:
    """Whether a text that is no record looks meant as one: another case, a stray space."""
    return re.match(r"[\s\"]*v\s*=\s*stsv?\d", text, re.IGNORECASE) is not None


def parse_record(text: str) -> StsRecord | Malformed | None:
    """Read a TXT record's joined strings; None where it is no record of this version."""
    version, *fields = re.split(r"[ \t]*;[ \t]*", text)
    if version != VERSION:
        return None
    if fields and not fields[-1]:
        fields.pop()
    found: list[tuple[str, str]] = []
    for field in fields:
        name, equals, value = field.partition("=")
        if not (equals and FIELD_NAME.match(name) and FIELD_VALUE.match(value)):
            return Malformed(text, f"{field!r} is not a field: name=value")
        found.append((name, value))
    ids = [value for name, value in found if name == "id"]
    if not ids:
        return Malformed(text, "there is no id")
    if not _ID.match(ids[0]):
        return Malformed(text, f"the id {ids[0]!r} is not 1 to 32 letters and digits")
    return StsRecord(ids[0], tuple(field for field in found if field[0] != "id"))


def parse_policy(text: str) -> Policy | Malformed:
    """Read a policy file (section 3.2).

    Of a field that stands twice, `mx` apart, the first counts. A `max_age` over the greatest
    is taken as that one. Empty lines at the end, which the grammar does not know, are let
    pass: a stray line break must not cost a domain its protection.
    """
    fields: dict[str, str] = {}
    mx: list[str] = []
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    while lines and not lines[-1].strip(_SPACE):
        lines.pop()
    for line in lines:
        name, colon, rest = line.partition(":")
        value = rest.strip(_SPACE)
        if not (colon and FIELD_NAME.match(name) and _POLICY_VALUE.match(value)):
            return Malformed(text, f"{line[:80]!r} is not a field: name: value")
        if name != "mx":
            fields.setdefault(name, value)
        elif (pattern := _pattern(value)) is not None:
            mx.append(pattern)
        else:
            return Malformed(text, f"{value[:80]!r} is not an MX name or pattern")
    return _policy(text, fields, tuple(dict.fromkeys(mx)))


def _policy(text: str, fields: dict[str, str], mx: tuple[str, ...]) -> Policy | Malformed:
    if fields.pop("version", None) != "STSv1":
        return Malformed(text, "the version is not STSv1")
    try:
        mode = Mode(fields.pop("mode", ""))
    except ValueError:
        return Malformed(text, "the mode is not enforce, testing or none")
    age = fields.pop("max_age", "")
    if not _DIGITS.match(age):
        return Malformed(text, "max_age is not a number of at most 10 digits")
    if mode is not Mode.NONE and not mx:
        return Malformed(text, f"the mode is {mode} and no mx is named")
    return Policy(mode, min(int(age), MAX_AGE), mx, tuple(fields.items()))


def _pattern(value: str) -> str | None:
    """``*.`` at most, and a host name in A-labels (RFC 5321 section 4.1.2); in lower case."""
    wildcard = "*." if value.startswith("*.") else ""
    host = value[len(wildcard) :]
    if not host.isascii() or host.endswith("."):
        return None
    try:
        name = Domain.parse(host)
    except DomainError:
        return None
    return f"{wildcard}{name}" if name.is_hostname else None
