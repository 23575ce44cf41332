"""Table: one table of a TOML file, read key by key; every error opens with file and key."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sendgate.config import kind_of
from sendgate.errors import ConfigError
from sendgate.names import printable
from sendgate.spelling import nearest

__all__ = ["Table"]


@dataclass(frozen=True)
class Table:
    """One table of a file; `name` is its own, empty for the top one.

    Whatever reads a key raises `ConfigError` where its value is of another kind than asked.
    """

    values: Mapping[str, Any]
    path: str
    name: str = ""

    def place(self, key: str) -> str:
        """File and key, as they open an error."""
        return f"{self.path}: {self.name}.{key}" if self.name else f"{self.path}: {key}"

    def checked(self, known: Collection[str]) -> Table:
        """The table itself, once each of its keys is known to be one of these."""
        for key in self.values:
            if key not in known:
                place = f"{self.path}: [{self.name}]" if self.name else self.path
                raise ConfigError(f"{place}: unknown key {printable(key)}{nearest(key, known)}")
        return self

    def table(self, key: str, known: Collection[str]) -> Table:
        """The table below `key` with these keys; an empty one where it is missing."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            raise ConfigError(f"{self.place(key)}: expected a table, got {kind_of(value)}")
        return Table(value, self.path, key).checked(known)

    def text(self, key: str, expected: str = "a text") -> str | None:
        """The text at `key`, None where there is none; `expected` words what it should be."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            raise ConfigError(f"{self.place(key)}: expected {expected}, got {kind_of(value)}")
        return value

    def needed(self, key: str, expected: str = "a text") -> str:
        """The text at `key`, which must be there and not be empty."""
        value = self.text(key, expected)
        if value is None:
            raise ConfigError(f"{self.place(key)} is missing: expected {expected}")
        if not value.strip():
            raise ConfigError(f"{self.place(key)}: expected {expected}, got an empty text")
        return value

    def choice(self, key: str, enum: type[StrEnum], default: str | None = None) -> str:
        """The text at `key`, which must be a member's; without a default it must be there."""
        choices = [str(member) for member in enum]
        expected = "one of " + ", ".join(choices)
        value = self.needed(key, expected) if default is None else self.text(key, expected)
        if value is None:
            return str(default)
        if value not in choices:
            wrong = f"{printable(value)}{nearest(value, choices)}"
            raise ConfigError(f"{self.place(key)}: expected {expected}, got {wrong}")
        return value

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        """The whole number at `key`."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            expected = f"a whole number from {low} to {high}"
            raise ConfigError(f"{self.place(key)}: expected {expected}, got {kind_of(value)}")
        return value
