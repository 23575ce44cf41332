"""safe: the one way by which a text from outside reaches a page.

DNS data is whatever its publisher likes: terminal escapes, line breaks, right-to-left
overrides, commands to a CI runner. On a page it is shown, never obeyed.
"""

from __future__ import annotations

import re

__all__ = ["safe", "shorten"]

# GitHub Actions obeys `::name params::data` where a line begins with it, and `##[name]`
# anywhere in a line; Azure Pipelines obeys `##vso[name]`.
_RUNNER_COMMAND = re.compile(r"(?<!\S)::(?=[A-Za-z][\w-]*(?:\s.*?)?::)|##(?=\[|vso\[)")


def safe(text: str, *, letters: bool = False) -> str:
    r"""Escape all of a text that could be taken for anything but text.

    What is not printable ASCII becomes ``\xNN`` up to 255, ``\u{…}`` above: in DNS data a
    character above 127 stands for an octet. With `letters`, for a user's own words and
    file names, printable characters of every script stay.
    """
    shown = "".join(
        c if " " <= c <= "~" or (letters and c.isprintable()) else _escape(c) for c in text
    )
    return _RUNNER_COMMAND.sub(lambda m: "".join(_escape(c) for c in m[0]), shown)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{{{code:x}}}"


def shorten(text: str, width: int, octets: int) -> str:
    """Cut a safe text to `width` characters in its middle, saying how long the whole is.

    `octets` is the length of the text before escaping.
    """
    if len(text) <= width:
        return text
    mark = f" [...{octets} octets...] "
    room = max(width - len(mark), 8)
    head = room - room // 3
    return text[:head] + mark + text[-(room // 3) :]
