"""The TXT record at ``_smtp._tls`` (RFC 8460 section 3).

    v=TLSRPTv1; rua=mailto:tls@example.com,https://reports.example.com/tls

It is read by the grammar of section 3. In two places grammar, prose and readers part; both
forms are accepted here, and `TlsrptRecord.doubts` tells of them: white space before the first
semicolon (the grammar allows it, while the prose wants the record to begin ``v=TLSRPTv1;``),
and white space at the end (the grammar has none there without a semicolon; readers take it).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sendgate.versioned import FIELD_NAME, FIELD_VALUE, Malformed

__all__ = ["VERSION", "TlsrptRecord", "is_meant", "parse_record"]

VERSION = "v=TLSRPTv1"
# RFC 3986, without what section 3 wants encoded: `!`, `,` and `;` stand for other things here.
_URI = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?:[A-Za-z0-9._~:/?#@$&'()*+=\[\]-]|%[0-9A-Fa-f]{2})+\Z"
)
_SCHEMES = {"mailto", "https"}
_SPACE = " \t"


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
        return f"{VERSION}; " + " ".join(f"{name}={value};" for name, value in fields)


def _scheme(uri: str) -> str:
    return uri.partition(":")[0].lower()


def is_meant(text: str) -> bool:
    """Whether a text that is no record looks meant as one: another case, a stray space."""
    return re.match(r"[\s\"]*v\s*=\s*tlsrpt", text, re.IGNORECASE) is not None


def parse_record(text: str) -> TlsrptRecord | Malformed | None:
    """Read a TXT record's joined strings; None where it is no record of this version."""
    version, *fields = re.split(r"[ \t]*;[ \t]*", text)
    if version.rstrip(_SPACE) != VERSION:
        return None
    doubts: list[str] = []
    if re.match(re.escape(VERSION) + r"[ \t]", text):
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
        elif equals and FIELD_NAME.match(name) and FIELD_VALUE.match(value):
            extensions.append((name, value))
        else:
            return Malformed(text, f"field {number + 1}, {field[:80]!r}, is not name=value")
    if not rua:
        return Malformed(text, "there is no rua")
    return TlsrptRecord(tuple(dict.fromkeys(rua)), tuple(extensions), tuple(dict.fromkeys(doubts)))
