"""A page: lines of words with styles, printed plain or in colour.

A form builds a page from styled words; nothing in a word is markup, so a value from DNS
can never be more than a word.
"""

from __future__ import annotations

import io
import textwrap
from dataclasses import dataclass, field

__all__ = ["Page", "Word"]

Word = tuple[str, str]
"""A text and the name of its style; an empty name is plain."""

_STYLES = {
    "error": "bold red",
    "warning": "yellow",
    "note": "cyan",
    "good": "bold green",
    "bad": "bold red",
    "open": "bold yellow",
    "strong": "bold",
    "dim": "dim",
}


@dataclass
class Page:
    """Lines under construction; `width` is where words wrap."""

    width: int = 80
    lines: list[tuple[Word, ...]] = field(default_factory=list)

    def line(self, *words: str | Word) -> None:
        """Add one line as it is."""
        self.lines.append(tuple((w, "") if isinstance(w, str) else w for w in words))

    def blank(self) -> None:
        """Add an empty line, unless there is nothing above or one is there already."""
        if self.lines and self.lines[-1]:
            self.lines.append(())

    def entry(
        self, label: str, text: str, indent: int = 2, column: int = 0, style: str = ""
    ) -> None:
        """Add a label and a text beside it, wrapped below itself at words.

        `column` is where the text begins; by default two blanks after the label.
        """
        start = column or indent + len(label) + (2 if label else 0)
        # Words longer than the line stay whole: a name is worth more than the margin.
        parts = textwrap.wrap(
            text, max(self.width - start, 20), break_long_words=False, break_on_hyphens=False
        ) or [""]
        head = " " * indent + label.ljust(start - indent)
        self.line((head, "dim" if label else ""), (parts[0], style))
        for part in parts[1:]:
            self.line(" " * start, (part, style))

    def text(self, *, colour: bool = False) -> str:
        """Give the whole page, each line ended by a newline."""
        if not colour:
            return "".join("".join(w for w, _ in line).rstrip() + "\n" for line in self.lines)
        return _painted(self.lines)


def _painted(lines: list[tuple[Word, ...]]) -> str:
    from rich.console import Console
    from rich.text import Text

    out = io.StringIO()
    console = Console(
        file=out, force_terminal=True, color_system="standard", width=10_000, highlight=False,
        markup=False, emoji=False, legacy_windows=False,
    )  # fmt: skip
    for line in lines:
        text = Text()
        for word, style in line:
            text.append(word, _STYLES.get(style, ""))
        text.rstrip()
        console.print(text, soft_wrap=True)
    return out.getvalue()
