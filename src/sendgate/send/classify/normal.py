"""The normal form of a reply: equal for two replies that differ only in whom they speak of.

Multi-line replies are one text; codes that are repeated on every line are gone; addresses, IP
addresses and queue ids are the words ADDR, IP and ID; the rest is in lower case. Rules are
written against this form, and answers are remembered by it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from sendgate.send.outcome import Reply

__all__ = ["ENHANCED", "Evidence", "enhanced_in", "normalise", "retry_after"]

LONGEST = 1_000  # characters of a reply that are read; no real reason stands behind them
LONGEST_WAIT = 72 * 3600  # seconds; what asks for more is no hint for a retry

# A status code of RFC 3463, not part of an IP address, a version or a longer number.
ENHANCED = re.compile(r"(?<![\w.])([245])\.([0-7])\.(\d{1,3})(?![\w]|\.\d)")

_QUOTES = str.maketrans("\u2018\u2019\u201a\u201c\u201d\u201e\u00b4`\u00a0", "'''\"\"\"'' ")
_REPEATED = re.compile(
    r"(?<![\w.:/=-])([245]\d\d)[-,; ]+(?=[245]\.\d{1,3}\.\d{1,3}(?!\.?\d))"  # 550-5.1.1
    r"|(?<![\w.:/=-])[245]\d\d-(?=[^\W\d])"  # 550-Text
)
_ADDRESS = re.compile(r"<?[^\s<>()\[\]:;,\"'@]{1,64}@[\w.-]{1,255}>?|<\s*>")
_IPV4 = re.compile(
    r"(?<![\w.])(?:\d{1,3}|x{1,3})(?:\.(?:\d{1,3}|x{1,3})){3}(?![\w])(?:/\d{1,2}\b)?"
)
_IPV6 = re.compile(
    r"(?<![\w:.])(?:ipv6:)?(?:(?:[0-9a-f]{1,4}:){3,7}[0-9a-f]{1,4}|(?:[0-9a-f]{1,4}:){0,6}(?::[0-9a-f]{1,4}){1,6}"
    r"|(?:[0-9a-f]{1,4}:){2,6}:)(?![\w:])"
)
_GOOGLE_ID = re.compile(r"[\w-]+\.\d+ - gsmtp\b")
_ID = re.compile(r"(?<![\w./=?&%-])(?:(?=[a-z_]*\d)(?=\d*[a-z])\w{15,}|\d{10,})(?![\w/])")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class Evidence:
    """What a reply is judged by: its code (0 where there is none), status and normal text."""

    code: int
    enhanced: str | None
    text: str


def normalise(reply: Reply) -> Evidence:
    """The normal form of `reply`.

    A status code that stands inside the text counts where the reply has none of its own.
    """
    text = unicodedata.normalize("NFKC", reply.text[:LONGEST]).translate(_QUOTES).casefold()
    text = _REPEATED.sub(" ", _SPACE.sub(" ", text))
    enhanced = reply.enhanced or enhanced_in(text)
    for leading in (str(reply.code), enhanced):
        if leading:
            text = re.sub(rf"^\W*{re.escape(leading)}(?![\w.])[-,;: ]*", "", text)
    if enhanced:
        text = re.sub(rf"(?<![\w.#(\[-]){re.escape(enhanced)}(?![\w.]) ?", "", text)
    text = _ADDRESS.sub("ADDR", text)
    text = _IPV6.sub("IP", _IPV4.sub("IP", text))
    text = _ID.sub("ID", _GOOGLE_ID.sub("- gsmtp", text))
    return Evidence(reply.code, enhanced, _SPACE.sub(" ", text).strip())


def enhanced_in(text: str) -> str | None:
    """The first status code of RFC 3463 in a text, such as ``5.1.1`` in ``(#5.1.1)``."""
    found = ENHANCED.search(text)
    return found.group() if found else None


_UNIT = r"(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)\b"
_WAITS = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?:try|retry|again|come back|deliver\w*|resend|resume\w*|wait\w*|greylist\w*|graylist\w*)"
        r"\b[^.;\d]{0,40}?\b(?:in|after|for|within|of|wait|least|time|back)?[ :=(]*(\d{1,6}) ?"
        + _UNIT,
        r"\b(?:wait|delay|retry|retry-after|expires?|retry in)[ :=]+(\d{1,6}) ?" + _UNIT,
        r"(\d{1,6}) ?" + _UNIT + r"[^.;]{0,30}\b(?:try|retry|again|later)\b",
    )
)
_CLOCK = re.compile(r"\b(?:in|after|wait|for)\b[ :=]*(\d{1,2}):([0-5]\d):([0-5]\d)(?![\d:])")


def retry_after(reply: Reply) -> int | None:
    """The seconds after which a reply asks to be tried again, None where it names none.

    Read are phrases such as ``try again in 5 minutes``, ``greylisted for 300 seconds`` and
    ``in 00:04:30``. Nothing of nought or above 72 hours is a hint.
    """
    text = _SPACE.sub(" ", reply.text[:LONGEST].casefold())
    clock = _CLOCK.search(text)
    if clock:
        hours, minutes, seconds = (int(part) for part in clock.groups())
        return _plausible(hours * 3600 + minutes * 60 + seconds)
    for pattern in _WAITS:
        if found := pattern.search(text):
            scale = {"s": 1, "m": 60, "h": 3600}[found[2][0]]
            return _plausible(int(found[1]) * scale)
    return None


def _plausible(seconds: int) -> int | None:
    return seconds if 0 < seconds <= LONGEST_WAIT else None
