"""Where the resources of Terraform's files stand: block lines and text literals, no meaning.

    text ──► `blocks`: type, name, first and last line, the literals inside with their lines

Nothing is evaluated: no variable, no function, no template. A literal with a template in it
is left out, as its text cannot be told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

__all__ = ["Block", "blocks"]

_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*|//[^\n]*|/\*.*?(?:\*/|\Z))
      | <<-?[ \t]*(?P<tag>[A-Za-z_][\w-]*)[ \t\r]*\n
      | (?P<word>[A-Za-z_][\w-]*)
      | (?P<quote>")
      | (?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)
_PLAIN = re.compile(r'[^"\\$%\n]+')
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))|\$(\$\{)|%(%\{)", re.DOTALL)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t"}
_LINE = re.compile(r"[ \t]*([^\s]*)[ \t\r]*(?:\n|\Z)")


@dataclass
class Block:
    """One `resource "TYPE" "NAME" { … }`, and the texts in it."""

    type: str
    name: str
    line: int
    end: int
    literals: list[tuple[str, int]] = field(default_factory=list)

    def line_with(self, text: str) -> int | None:
        """Give the line on which a text stands as a literal; None where it does not."""
        return next((line for literal, line in self.literals if literal == text), None)


def blocks(text: str) -> list[Block]:
    """List the resource blocks of a file, in their order; broken text gives fewer."""
    found: list[Block] = []
    head: list[str] = []  # `resource` and the literals behind it
    current: Block | None = None
    depth, position, line, began = 0, 0, 1, 1
    while position < len(text):
        start, literal = line, None
        if (position == 0 or text[position - 1] == "\n") and text.startswith("resource", position):
            depth, current = 0, None  # nobody indents less: a bracket above was left open
        position, kind, token = _next(text, position)
        line += token.count("\n")
        if kind == "space":
            continue
        if kind == "string":
            literal = _unescape(token[1:-1])
        if depth == 0 and kind == "word" and token == "resource":
            head, began = [token], start
        elif depth == 0 and head and literal is not None:
            head.append(literal)
        elif token == "{" and kind == "mark":
            if depth == 0 and len(head) == 3:
                current = Block(head[1], head[2], began, start)
                found.append(current)
            depth, head = depth + 1, []
        elif token == "}" and kind == "mark":
            depth = max(depth - 1, 0)
            if current is not None and depth == 0:
                current.end, current = start, None
        elif current is not None and literal is not None:
            current.literals.append((literal, start))
            current.end = start
        else:
            head = []
    return found


def _next(text: str, position: int) -> tuple[int, str, str]:
    """Give the end of the next token, its kind and its text."""
    match = _TOKEN.match(text, position)
    assert match is not None  # the last alternative takes any character
    kind = match.lastgroup or ""
    if match["tag"]:
        end = _heredoc_end(text, match.end(), match["tag"])
        return end, "heredoc", text[position:end]
    if match["quote"]:
        end = _string_end(text, position + 1)
        return end, "string", text[position:end]
    return match.end(), kind, match[0]


def _heredoc_end(text: str, position: int, tag: str) -> int:
    """Give the position behind the line that holds nothing but the tag, else the end."""
    while position < len(text):
        line = _LINE.match(text, position)
        if line is not None and line[1] == tag:
            return line.end(1)
        after = text.find("\n", position)
        position = len(text) if after < 0 else after + 1
    return len(text)


def _string_end(text: str, position: int) -> int:
    """Give the position behind a string's closing quote.

    One that is left open ends with its line, or with the text where a template was open, so
    that a pass over the text stays one pass.
    """
    depth = 0  # of templates: `${` and `%{` may hold strings of their own
    inner = False
    while position < len(text):
        plain = _PLAIN.match(text, position) if depth == 0 or inner else None
        if plain:
            position = plain.end()
            continue
        two = text[position : position + 2]
        if depth == 0 and text.startswith(("$${", "%%{"), position):
            position += 3
        elif two[:1] == "\\":
            position += 2
        elif not inner and two in ("${", "%{"):
            depth += 1
            position += 2
        elif two[0] == '"':
            if depth == 0:
                return position + 1
            inner = not inner
            position += 1
        elif two[0] == "\n" and depth == 0:
            return position
        else:
            if depth and not inner:
                depth += {"{": 1, "}": -1}.get(two[0], 0)
            position += 1
    return len(text)


def _unescape(raw: str) -> str | None:
    """Read the escapes of a literal; None where it holds a template."""
    if re.search(r"(?<![$%])[$%]\{", raw):
        return None

    def read(match: re.Match[str]) -> str:
        code = match[1] or match[2]
        if code:
            return chr(min(int(code, 16), 0x10FFFF))
        return match[4] or match[5] or _LETTERS.get(match[3], match[3])

    return _ESCAPE.sub(read, raw)
