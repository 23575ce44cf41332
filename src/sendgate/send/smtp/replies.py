"""SMTP replies out of bytes, however the bytes come, and however hostile their sender is.

    bytes in any chunks ─► ReplyReader.feed ─► Reply, Reply, …   (RFC 5321 section 4.2)

A receiver decides what it sends: endless lines, endless continuation, NULs, no line ends.
All of it is bounded here; what breaks a bound is no reply but a `ReplyError`.
"""

from __future__ import annotations

import re
from collections import deque

from sendgate.send.outcome import Reply

__all__ = ["MAX_LINES", "MAX_LINE_OCTETS", "ReplyError", "ReplyReader"]

# RFC 5321 section 4.5.3.1.5 allows 512 octets a line; real ones are longer, none like this.
MAX_LINE_OCTETS = 4096
MAX_LINES = 128
_MAX_WAITING = 64  # replies that nobody asked for

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
# RFC 3463 section 2; some write a colon after it, or nothing before the address.
_ENHANCED = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?=[\s:<]|$)[\s:]*")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")


class ReplyError(Exception):
    """What the peer sent is no SMTP reply, or breaks a bound; the text says which."""


class ReplyReader:
    """Collects replies from the peer's bytes; how they were cut into chunks makes no difference.

    Once the stream has broken a bound, it has no meaning any more: `next` gives what came
    before, then raises `ReplyError` for ever.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[tuple[int, str]] = []
        self._replies: deque[Reply] = deque()
        self._error: ReplyError | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left over: no reply waits, and none has begun."""
        return not (self._rest or self._lines or self._replies or self._error)

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        if self._error is not None:
            return
        lines = (self._rest + data).split(b"\n") if self._rest else data.split(b"\n")
        self._rest = lines.pop()
        try:
            for line in lines:
                self._take(line)
            _bound(self._rest)
        except ReplyError as error:
            self._error = error

    def next(self) -> Reply | None:
        """Take out the oldest complete reply; None where more bytes are needed.

        Raises `ReplyError`.
        """
        if self._replies:
            return self._replies.popleft()
        if self._error is not None:
            raise self._error
        return None

    def clear(self) -> None:
        """Forget all that has come: what precedes TLS must not count after it (RFC 3207)."""
        self._rest = b""
        self._lines.clear()
        self._replies.clear()
        self._error = None

    def _take(self, line: bytes) -> None:
        _bound(line)
        match = _LINE.fullmatch(line.removesuffix(b"\r"))
        if match is None:
            raise ReplyError(f"no SMTP reply: {_readable(line[:80])!r}")
        code = int(match[1])
        # RFC 5321 section 4.2.1 wants one code in all lines; within a class the last decides.
        if self._lines and self._lines[0][0] // 100 != code // 100:
            raise ReplyError(f"a reply mixes the codes {self._lines[0][0]} and {code}")
        self._lines.append((code, _readable(match[3] or b"")))
        if match[2] == b"-":
            if len(self._lines) >= MAX_LINES:
                raise ReplyError(f"a reply has more than {MAX_LINES} lines")
            return
        self._replies.append(_reply(code, [text for _, text in self._lines]))
        self._lines.clear()
        if len(self._replies) > _MAX_WAITING:
            raise ReplyError("more replies than commands")


def _bound(line: bytes) -> None:
    if len(line) > MAX_LINE_OCTETS:
        raise ReplyError(f"a reply line is longer than {MAX_LINE_OCTETS} octets")


def _readable(text: bytes) -> str:
    """As UTF-8 (RFC 6531 section 3.7.4.2 allows it), nothing in it able to steer a terminal."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.decode("utf-8", "replace"))


def _reply(code: int, lines: list[str]) -> Reply:
    """Cut the enhanced code, as the first line that has one gives it, off the lines."""
    enhanced = None
    if code // 100 != 3:  # RFC 2034 section 4: 2xx, 4xx and 5xx have them
        for line in lines:
            if match := _ENHANCED.match(line):
                enhanced = match[1]
                break
    if enhanced is not None:
        lines = [_without(line, enhanced) for line in lines]
    return Reply(code, tuple(lines), enhanced)


def _without(line: str, enhanced: str) -> str:
    match = _ENHANCED.match(line)
    return line[match.end() :] if match and match[1] == enhanced else line
