"""The TXT record at ``_smtp._tls`` (RFC 8460 section 3).

    v=TLSRPTv1; rua=mailto:tls@example.com,https://reports.example.com/tls

It is read by the grammar of section 3. In two places grammar, prose and readers part; both
forms are accepted here, and `TlsrptRecord.doubts` tells of them: white space before the first
semicolon (the grammar allows it, while the prose wants the record to begin ``v=TLSRPTv1;``),
and white space at the end (the grammar has none there without a semicolon; readers take it).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Malformed", "TlsrptRecord", "choose", "is_meant", "parse_record"]

_VERSION = "v=TLSRPTv1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}\Z")
_VALUE = re.compile(r"[\x21-\x3a\x3c\x3e-\x7e]+\Z")  # neither = nor ;
# RFC 3986, without what section 3 wants encoded: `!`, `,` and `;` stand for other things here.
_URI = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?:[A-Za-z0-9._~:/?#@$&'()*+=\[\]-]|%[0-9A-Fa-f]{2})+\Z"
)
_SCHEMES = {"mailto", "https"}
_SPACE = " \t"


@dataclass(frozen=True)
class Malformed:
    """A text that is meant as TLS-RPT and breaks its grammar; `why` in words."""

    text: str
    why: str


@dataclass(frozen=True)
class TlsrptRecord:
    """The addresses that reports go to, and fields of no known meaning, in order.

    `doubts` are the places, in words, where not every reader accepts the text.
    """

    rua: tuple[str, ...]
    extensions: tuple[tuple[str, str], ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def unusable(self) -> tuple[str, ...]:
        """The addresses whose scheme is neither mailto nor https: nobody reports there."""
        return tuple(uri for uri in self.rua if _scheme(uri) not in _SCHEMES)

    def __str__(self) -> str:
        fields = [("rua", ",".join(self.rua)), *self.extensions]
        return f"{_VERSION}; " + " ".join(f"{name}={value};" for name, value in fields)


def _scheme(uri: str) -> str:
    return uri.partition(":")[0].lower()


def is_meant(text: str) -> bool:
    """Whether a text that is no record looks meant as one: another case, a stray space."""
    return re.match(r"[\s\"]*v\s*=\s*tlsrpt", text, re.IGNORECASE) is not None


def parse_record(text: str) -> TlsrptRecord | Malformed | None:
    """Read a TXT record's joined strings; None where it is no record of this version."""
    version, *fields = re.split(r"[ \t]*;[ \t]*", text)
    if version.rstrip(_SPACE) != _VERSION:
        return None
    doubts: list[str] = []
    if re.match(re.escape(_VERSION) + r"[ \t]", text):
        doubts.append("white space stands between the version and its semicolon")
    if fields and not fields[-1]:
        fields.pop()
    elif fields and text[-1] in _SPACE:
        doubts.append("white space stands at the end")
        fields[-1] = fields[-1].rstrip(_SPACE)
    rua: list[str] = []
    extensions: list[tuple[str, str]] = []
    for number, field in enumerate(fields):
        name, equals, value = field.partition("=")
        if name == "rua" and equals:
            uris = re.split(r"[ \t]*,[ \t]*", value)
            wrong = next((uri for uri in uris if not _URI.match(uri)), None)
            if wrong is not None:
                return Malformed(text, f"rua: {wrong[:80]!r} is not a URI")
            if rua:
                doubts.append("rua stands twice")
            rua += uris
        elif equals and _NAME.match(name) and _VALUE.match(value):
            extensions.append((name, value))
        else:
            return Malformed(text, f"field {number + 1}, {field[:80]!r}, is not name=value")
    if not rua:
        return Malformed(text, "there is no rua")
    return TlsrptRecord(tuple(dict.fromkeys(rua)), tuple(extensions), tuple(dict.fromkeys(doubts)))


def choose(texts: Iterable[str]) -> TlsrptRecord | Malformed | None:
    """Find the one record among the TXT records at ``_smtp._tls``; None: there is none.

    Texts that are no record of this version do not count; several records count as none.
    """
    ours = [record for record in map(parse_record, texts) if record is not None]
    if len(ours) > 1:
        return Malformed("", f"{len(ours)} records; there must be one")
    return ours[0] if ours else None
