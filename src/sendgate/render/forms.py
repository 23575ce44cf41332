"""FORMS: the forms that show a whole batch at once, by their names on the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from sendgate.render import csv, github, gitlab, junit, markdown, sarif
from sendgate.render.batch import Batch

__all__ = ["FORMS"]

FORMS: Mapping[str, Callable[[Batch], str]] = MappingProxyType(
    {
        "sarif": sarif.text,
        "github": github.text,
        "gitlab": gitlab.text,
        "junit": junit.text,
        "markdown": markdown.text,
        "csv": csv.text,
    }
)
