"""Whether a name mixes scripts beyond what UTS #39 section 5.2 calls "Highly Restrictive"."""

from __future__ import annotations

import unicodedata

from sendgate.names import Domain

__all__ = ["mixed_label", "scripts_of"]

# The character database that comes with Python has no scripts; the first word of a letter's
# name tells them for everything that can stand in a domain name.
_SCRIPTS = {"CJK": "Han", "IDEOGRAPHIC": "Han", "KATAKANA-HIRAGANA": "", "MODIFIER": ""}
_TOGETHER = (
    frozenset({"Latin", "Han", "Hiragana", "Katakana"}),
    frozenset({"Latin", "Han", "Bopomofo"}),
    frozenset({"Latin", "Han", "Hangul"}),
)


def mixed_label(name: Domain) -> str | None:
    """Give the first label that mixes scripts no single writing system has; None: none does."""
    if "xn--" not in name.text:
        return None
    for label in name.unicode.split("."):
        scripts = scripts_of(label)
        if len(scripts) > 1 and not any(scripts <= allowed for allowed in _TOGETHER):
            return label
    return None


def scripts_of(label: str) -> frozenset[str]:
    """Give the scripts of a label's letters; digits, marks and punctuation belong to all."""
    words = (
        unicodedata.name(letter, "").split(" ")[0]
        for letter in label
        if unicodedata.category(letter).startswith("L")
    )
    return frozenset(_SCRIPTS.get(word, word.capitalize()) for word in words) - {""}
