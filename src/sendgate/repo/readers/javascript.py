"""Where the calls of a JavaScript file stand, found without running or understanding it.

    text ──► `calls`: name of the function, first and last line, the text literals inside

A `dnsconfig.js` is a program. Its records are calls (``TXT("@", "v=spf1 -all")``), so the
lines of most of them can be told by their names and literals alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

__all__ = ["Call", "Literal", "calls"]

# What is left open runs to the end of its line or of the text, so that a pass over the text
# stays one pass.
_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?(?:\*/|\Z))
      | (?P<string>"(?:[^"\\\n]|\\.)*+(?:"|(?=\n)|\\?\Z)
                  |'(?:[^'\\\n]|\\.)*+(?:'|(?=\n)|\\?\Z)
                  |`(?:[^`\\]|\\.)*+(?:`|\\?\Z))
      | (?P<name>[A-Za-z_$][\w$]*)
      | (?P<number>[0-9][\w.]*)
      | (?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)
# A slash behind one of these begins a regular expression, not a division.
_BEFORE_REGEX = set("(,=:[!&|?{};+\n")
_REGEX = re.compile(r"/(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.){0,60}\]){1,200}/[a-z]*")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\n": ""}


@dataclass(frozen=True)
class Literal:
    """A text literal: its text, its line, and the property that it is a value of, if any."""

    text: str
    line: int
    key: str = ""


@dataclass
class Call:
    """One call: `inside` is the call whose arguments it stands in, `literals` are its own."""

    name: str
    line: int
    end: int
    inside: Call | None = None
    literals: list[Literal] = field(default_factory=list)

    def of(self, key: str) -> str | None:
        """Give the first text of a property, ``label`` in ``SPF_BUILDER({label: "@"})``."""
        return next((x.text for x in self.literals if x.key == key), None)

    @property
    def first(self) -> str | None:
        """The text of the first literal argument."""
        return self.literals[0].text if self.literals else None


@dataclass
class _Frame:
    """An open bracket: the call that it belongs to, and the property read last in it."""

    mark: str
    call: Call | None
    key: str = ""


def calls(text: str) -> list[Call]:
    """List the calls of a file in the order in which they begin."""
    found: list[Call] = []
    frames = [_Frame("", None)]
    word = before = pending = ""
    line, position, pending_line = 1, 0, 0
    while position < len(text):
        match = _token(text, position, before)
        position = match.end()
        kind, raw = match.lastgroup, match[0]
        start, line = line, line + raw.count("\n")
        if kind == "space":
            continue
        frame = frames[-1]
        if pending and raw != ":":
            _keep(frame, pending, pending_line)
        if raw == ":" and frame.mark == "{" and (pending or word):
            frame.key = _unquote(pending) if pending else word
        pending, pending_line = (raw, start) if kind == "string" else ("", 0)
        if kind == "mark" and raw in "([{":
            call = frame.call
            if raw == "(" and word:
                call = Call(word, start, start, frame.call)
                found.append(call)
            frames.append(_Frame(raw, call, "" if raw == "(" else frame.key))
        elif kind == "mark" and raw in ")]}" and len(frames) > 1:
            closed = frames.pop()
            if closed.call is not None and closed.mark == "(":
                closed.call.end = max(closed.call.end, start)
        word = raw if kind == "name" else ""
        before = raw[-1]
    return found


def _token(text: str, position: int, before: str) -> re.Match[str]:
    if text[position] == "/" and (not before or before in _BEFORE_REGEX):
        found = _REGEX.match(text, position)
        if found is not None and not text.startswith(("//", "/*"), position):
            return found
    match = _TOKEN.match(text, position)
    assert match is not None  # the last alternative takes any character
    return match


def _keep(frame: _Frame, raw: str, line: int) -> None:
    """Give a literal to the call that it is an argument of."""
    if frame.call is not None:
        frame.call.literals.append(Literal(_unquote(raw), line, frame.key))


def _unquote(raw: str) -> str:
    def read(match: re.Match[str]) -> str:
        code = match[1] or match[2]
        return chr(int(code, 16)) if code else _LETTERS.get(match[3], match[3])

    return _ESCAPE.sub(read, raw[1:-1])
