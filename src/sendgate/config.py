"""sendgate.toml, or `[tool.sendgate]` in pyproject.toml, as a frozen `Config`.

Nothing in a configuration is skipped silently: an unknown key is an error that names the
nearest known one, and a value of the wrong type is an error that says what is expected.
Relative paths in the file are relative to the file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sendgate.audit.report import Waiver
from sendgate.errors import ConfigError, DomainError, SourceError
from sendgate.files import read_file, why
from sendgate.names import Domain, printable, read_domain
from sendgate.settings import SETTINGS, Say, Setting
from sendgate.spelling import nearest

__all__ = [
    "DEFAULT_FILE",
    "PROJECT_FILE",
    "Config",
    "ConfiguredSender",
    "find_config",
    "kind_of",
    "load_config",
    "parse_config",
    "read_sender",
]

DEFAULT_FILE = "sendgate.toml"
PROJECT_FILE = "pyproject.toml"
MAX_OCTETS = 16 * 1024 * 1024  # of a configuration; a larger file is none

_SENDER_SETTINGS = tuple(s for s in SETTINGS if s.group == "sender")
_WAIVER_KEYS = ("rule", "domain", "reason", "expires")


@dataclass(frozen=True)
class ConfiguredSender:
    """One `[[sender]]`: `given` maps the names of settings to values, as in `Options.of`."""

    domain: Domain
    name: str | None = None
    given: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Config:
    """What a configuration says; `path` is the file as it was named, None where there is none."""

    path: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    senders: tuple[ConfiguredSender, ...] = ()
    waivers: tuple[Waiver, ...] = ()

    def senders_from(self, domain: Domain) -> tuple[ConfiguredSender, ...]:
        """Give the senders whose `from` is this domain."""
        return tuple(sender for sender in self.senders if sender.domain == domain)


def find_config(named: str | None, folder: str = ".") -> tuple[str, bool] | None:
    """Give the file to read and whether it was named; None where there is no configuration.

    Raises `SourceError` where it cannot be told whether there is one.
    """
    if named is not None:
        return named, True
    for name in (DEFAULT_FILE, PROJECT_FILE):
        path = Path(folder, name)
        try:
            if path.is_file():
                return str(path), False
        except OSError as error:  # one that may be there could say anything
            raise SourceError(f"cannot be read: {why(error)}", str(path)) from None
    return None


def load_config(named: str | None, say: Say, folder: str = ".") -> Config:
    """Read the configuration; an empty one where none was named and none is found.

    Raises `SourceError` where the file cannot be read, `ConfigError` where it says something
    unknown.
    """
    found = find_config(named, folder)
    if found is None:
        return Config()
    path, was_named = found
    return parse_config(path, read_file(path, MAX_OCTETS), say, was_named=was_named)


def parse_toml(path: str, octets: bytes) -> dict[str, Any]:
    """Read TOML that a person wrote; raise `ConfigError` where it is none, or is too large."""
    if len(octets) > MAX_OCTETS:
        raise ConfigError(f"{path}: larger than {MAX_OCTETS // 1024**2} MB")
    try:
        return tomllib.loads(octets.decode())
    except RecursionError:
        raise ConfigError(f"{path}: not a TOML file: nested too deeply") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not a TOML file: {why(error)}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not a TOML file: {error}") from None


def parse_config(path: str, octets: bytes, say: Say, *, was_named: bool = False) -> Config:
    """Read what the file at `path` holds, or held; raise `ConfigError`."""
    document = parse_toml(path, octets)
    if Path(path).name == PROJECT_FILE:
        tool = document.get("tool", {})
        own = tool.get("sendgate") if isinstance(tool, dict) else None
        if own is None:
            if was_named:
                raise ConfigError(f"{path}: has no [tool.sendgate] table")
            return Config()
        document = _table(own, f"{path}: tool.sendgate")
    return _Reader(path, say).config(document)


def read_sender(table: dict[str, Any], path: str, say: Say) -> ConfiguredSender:
    """Read a [sender] table with the keys of a [[sender]]; `path` is its file, named in errors."""
    return _Reader(path, say).sender(table, f"{path}: [sender]")


def _table(value: object, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{place}: expected a table, got {kind_of(value)}")
    return value


def kind_of(value: object) -> str:
    """Name a value of a TOML file by what it is, for an error that says what was expected."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text {printable(value)}"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return f"the date or time {value}"


@dataclass(frozen=True)
class _Reader:
    """Reads one document; every error opens with the file and the key."""

    path: str
    say: Say

    def config(self, document: dict[str, Any]) -> Config:
        tables = {"sender", "waive"}
        senders = self._list_of_tables(document, "sender")
        waivers = self._list_of_tables(document, "waive")
        settings = tuple(s for s in SETTINGS if s.in_file)
        # `sender` names both the tables and the option; an inline text is the option.
        options = {
            key: value
            for key, value in document.items()
            if key not in tables or isinstance(value, str)
        }
        known = [key for s in settings for key in s.keys] + sorted(tables)
        given = self._settings(options, settings, known, self.path)
        return Config(
            path=self.path,
            options=given,
            senders=self._senders(senders),
            waivers=tuple(self._waiver(t, i) for i, t in enumerate(waivers, 1)),
        )

    def _list_of_tables(self, document: dict[str, Any], key: str) -> list[dict[str, Any]]:
        value = document.get(key, [])
        if key == "sender" and isinstance(value, str):
            return []
        if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
            raise ConfigError(
                f"{self.path}: {key}: expected [[{key}]] tables, got {kind_of(value)}"
            )
        return value

    def _settings(
        self,
        table: Mapping[str, Any],
        settings: tuple[Setting, ...],
        known: Iterable[str],
        place: str,
    ) -> dict[str, object]:
        by_key = {key: setting for setting in settings for key in setting.keys}
        given: dict[str, object] = {}
        for key, value in table.items():
            setting = by_key.get(key)
            if setting is None:
                raise ConfigError(f"{place}: unknown key {printable(key)}{nearest(key, known)}")
            if setting.name in given:
                raise ConfigError(
                    f"{place}: {' and '.join(setting.keys)} are one setting; give one of them"
                )
            given[setting.name] = self._value(setting, value, f"{place}: {key}")
        return {name: value for name, value in given.items() if value != ()}

    def _value(self, setting: Setting, value: object, place: str) -> object:
        if setting.many:
            if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
                raise ConfigError(f"{place}: expected {setting.expects}, got {kind_of(value)}")
            texts = value
            if not texts:
                return ()
        elif setting.kind == "flag":
            if not isinstance(value, bool):
                raise ConfigError(f"{place}: expected true or false, got {kind_of(value)}")
            return value
        elif setting.kind == "number":
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ConfigError(f"{place}: expected {setting.expects}, got {kind_of(value)}")
            texts = [str(value)]
        else:
            if not isinstance(value, str):
                raise ConfigError(f"{place}: expected {setting.expects}, got {kind_of(value)}")
            texts = [value]
        if setting.is_path:
            texts = [self._beside(text) for text in texts]
        return setting.value_of(texts, place, self.say)

    def _beside(self, text: str) -> str:
        """Name a path of the file as seen from the working directory; ``-`` and empty stay."""
        if text in {"", "-"}:
            return text
        return str(Path(self.path).parent / text)

    def _senders(self, tables: list[dict[str, Any]]) -> tuple[ConfiguredSender, ...]:
        senders = tuple(
            self.sender(table, f"{self.path}: [[sender]] {self._label(table, i)}")
            for i, table in enumerate(tables, 1)
        )
        names = [sender.name for sender in senders if sender.name is not None]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"{self.path}: two [[sender]] tables are named {printable(name)}")
        return senders

    @staticmethod
    def _label(table: dict[str, Any], number: int) -> str:
        name = table.get("name")
        return printable(name) if isinstance(name, str) else str(number)

    def sender(self, table: dict[str, Any], place: str) -> ConfiguredSender:
        """Read one sender's table; `place` opens every error."""
        name = table.get("name")
        if name is not None and (not isinstance(name, str) or not name.strip()):
            raise ConfigError(f"{place}: name: expected a text, got {kind_of(name)}")
        domain = self._domain(table, "from", place)
        rest = {key: value for key, value in table.items() if key not in {"name", "from"}}
        known = ["name", "from", *(key for s in _SENDER_SETTINGS for key in s.keys)]
        return ConfiguredSender(domain, name, self._settings(rest, _SENDER_SETTINGS, known, place))

    def _domain(self, table: Mapping[str, Any], key: str, place: str) -> Domain:
        value = table.get(key)
        if value is None:
            raise ConfigError(f"{place}: the key {printable(key)} is missing")
        if not isinstance(value, str):
            raise ConfigError(f"{place}: {key}: expected a domain, got {kind_of(value)}")
        try:
            domain, remark = read_domain(value)
        except DomainError as error:
            raise ConfigError(f"{place}: {key}: {error}") from None
        if remark:
            self.say(remark)
        return domain

    def _waiver(self, table: dict[str, Any], number: int) -> Waiver:
        place = f"{self.path}: [[waive]] {number}"
        for key in table:
            if key not in _WAIVER_KEYS:
                known = nearest(key, _WAIVER_KEYS)
                raise ConfigError(f"{place}: unknown key {printable(key)}{known}")
        for key in _WAIVER_KEYS:
            if key not in table:
                raise ConfigError(f"{place}: the key {printable(key)} is missing")
        rule, reason, expires = table["rule"], table["reason"], table["expires"]
        for key, value in (("rule", rule), ("reason", reason)):
            if not isinstance(value, str) or not value.strip():
                raise ConfigError(f"{place}: {key}: expected a text, got {kind_of(value)}")
        if isinstance(expires, datetime) or not isinstance(expires, date):
            raise ConfigError(
                f"{place}: expires: expected a date such as 2027-01-31 without quotes, "
                f"got {kind_of(expires)}"
            )
        below = isinstance(table["domain"], str) and table["domain"].startswith("*.")
        bare = {"domain": table["domain"][2:]} if below else table
        domain = self._domain(bare, "domain", place)
        return Waiver(rule.upper(), f"*.{domain}" if below else str(domain), reason, expires)
