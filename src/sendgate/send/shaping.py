"""The provider table: which hosts are one site, how fast it takes mail, what its replies do.

    shaping.toml ──► Shaping, checked ──► site(hosts), limits(site), reaction(site, category)

A *site* is what limits apply to, and what answers with one voice: all hosts of a provider, or
one set of hosts. Thousands of domains whose mail one provider keeps are one site.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

from sendgate.errors import ConfigError, DomainError, InternalError
from sendgate.names import Domain
from sendgate.send.span import read_duration, read_rate

__all__ = ["Limits", "Provider", "Reaction", "Shaping", "Site", "load_shaping", "read_shaping"]

_MAX_KEY = 255  # characters of a site's key; longer ones end in a digest


@dataclass(frozen=True)
class Site:
    """An MX site: the id of a provider, or host names joined by commas; `provider` or None."""

    key: str
    provider: str | None = None

    def __str__(self) -> str:
        return self.key


@dataclass(frozen=True)
class Limits:
    """What a site takes from one sender.

    `connections` at a time, `messages` over each, `rate` in messages a second (None: no limit
    of its own), `failures` of connections in a row before it is left alone. With
    `per_source` each source address has these connections and this rate, else all share them.
    """

    connections: int
    messages: int
    rate: float | None
    tls_required: bool
    failures: int
    per_source: bool = False

    def of_all(self, sources: int) -> tuple[int, float | None]:
        """Connections and rate of so many source addresses together."""
        if not self.per_source or sources < 2:
            return self.connections, self.rate
        return self.connections * sources, None if self.rate is None else self.rate * sources


@dataclass(frozen=True)
class Reaction:
    """What replies of some categories do to a path: slow it; after `count` in `within`, pause it.

    `within` and `pause` in seconds. With a `share` above 0 they do nothing while they are a
    smaller part of the path's last replies: then they speak of their recipients.
    """

    slow: bool
    count: int
    within: float
    pause: float
    share: float = 0.0
    categories: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Provider:
    """One row; `shaping.toml` explains the fields at its top."""

    id: str
    mx: tuple[Domain, ...]
    rolls_up: bool
    limits: Limits
    reactions: Mapping[str, Reaction]
    source: str
    date: date


@dataclass(frozen=True)
class Shaping:
    """The whole table."""

    default: Limits
    reactions: Mapping[str, Reaction]
    providers: Mapping[str, Provider]
    _claims: Mapping[Domain, Provider] = field(repr=False, compare=False)

    def provider(self, host: Domain) -> Provider | None:
        """Whose MX host this is, by the longest suffix at a label boundary."""
        claims = self._claims
        return next((claims[n] for n in (host, *host.ancestors) if n in claims), None)

    def site(self, hosts: Iterable[Domain]) -> Site:
        """The site of mail that goes to these hosts: the most preferred ones of a domain.

        Where they are not all of one provider, or the provider is not rolled up, the set of
        hosts is the site.
        """
        names = sorted(set(hosts))
        owners = {self.provider(name) for name in names} if names else {None}
        owner = owners.pop() if len(owners) == 1 else None
        if owner is not None and owner.rolls_up:
            return Site(owner.id, owner.id)
        key = ",".join(name.text for name in names)
        if len(key) > _MAX_KEY:
            digest = hashlib.sha256(key.encode("ascii")).hexdigest()
            key = f"{key[: _MAX_KEY - len(digest) - 1]}#{digest}"
        return Site(key, owner.id if owner else None)

    def limits(self, site: Site) -> Limits:
        """What the site takes."""
        row = self.providers.get(site.provider or "")
        return row.limits if row else self.default

    def reaction(self, site: Site, category: str) -> Reaction | None:
        """What replies of a category do to paths to the site; None: nothing."""
        row = self.providers.get(site.provider or "")
        if row and category in row.reactions:
            return row.reactions[category]
        return self.reactions.get(category)


@cache
def load_shaping() -> Shaping:
    """Give the table that comes with sendgate, read and checked when first asked for."""
    from importlib.resources import files

    text = files("sendgate.send").joinpath("shaping.toml").read_text(encoding="utf-8")
    return read_shaping(text)


def read_shaping(text: str) -> Shaping:
    """Read and check a table; raise `InternalError` for what cannot be meant.

    Refused: a key nobody knows or a value of the wrong kind, a limit below 1, a suffix without
    a dot or claimed twice, two equal ids, an id with a dot, a row without suffix, source or
    date, a category with two reactions in one place, a reaction without count or time.
    """
    import tomllib

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InternalError(f"the shaping table is no TOML: {error}") from None
    if unknown := set(document) - {"default", "reaction", "provider"}:
        raise InternalError(f"the shaping table has an unknown key {min(unknown)!r}")
    base = Limits(10, 100, None, False, 10)
    default = _limits(document.get("default", {}), base, "default")
    reactions = _reactions(document.get("reaction", []), "default")
    providers: dict[str, Provider] = {}
    claims: dict[Domain, Provider] = {}
    for row in document.get("provider", []):
        provider = _provider(row, default)
        if providers.setdefault(provider.id, provider) is not provider:
            raise InternalError(f"two providers have the id {provider.id!r}")
        for suffix in provider.mx:
            if claims.setdefault(suffix, provider) is not provider:
                raise InternalError(f"two providers claim {suffix.text!r}")
    return Shaping(default, reactions, providers, claims)


_LIMITS = {"connections", "messages", "rate", "tls", "failures", "per"}
_ORIGIN = {"source", "date"}


def _provider(row: Mapping[str, Any], default: Limits) -> Provider:
    name = row.get("id")
    where = f"provider {name!r}"
    if not isinstance(name, str) or not name or "." in name:
        raise InternalError(f"{where}: an id is a word without dots")
    own = {"id", "mx", "rollup", "reaction"}
    limits = _limits({key: row[key] for key in row if key not in own}, default, where)
    suffixes = _strings(row.get("mx"), f"{where}: mx")
    if not suffixes or len(set(suffixes)) < len(suffixes):
        raise InternalError(f"{where}: mx names no suffix, or one twice")
    rollup = row.get("rollup", "provider")
    if rollup not in {"provider", "hosts"}:
        raise InternalError(f"{where}: rollup is 'provider' or 'hosts'")
    reactions = _reactions(row.get("reaction", []), where)
    mx = tuple(_suffix(text, where) for text in suffixes)
    return Provider(name, mx, rollup == "provider", limits, reactions, row["source"], row["date"])


def _suffix(text: str, where: str) -> Domain:
    try:
        suffix = Domain.parse(text)
    except DomainError as error:
        raise InternalError(f"{where}: {error}") from None
    if "." not in text.strip(".") or suffix.text != text:
        raise InternalError(f"{where}: {text!r} is no suffix: lower case, with a dot inside")
    return suffix


def _limits(row: Mapping[str, Any], base: Limits, where: str) -> Limits:
    if unknown := set(row) - _LIMITS - _ORIGIN:
        raise InternalError(f"{where} has an unknown key {min(unknown)!r}")
    if not isinstance(row.get("source"), str) or not isinstance(row.get("date"), date):
        raise InternalError(f"{where} needs a source and a date")
    tls = row.get("tls", "opportunistic")
    if tls not in {"opportunistic", "required"}:
        raise InternalError(f"{where}: tls is 'opportunistic' or 'required'")
    per = row.get("per", "source" if base.per_source else "site")
    if per not in {"site", "source"}:
        raise InternalError(f"{where}: per is 'site' or 'source'")
    return Limits(
        connections=_count(row, "connections", base.connections, where),
        messages=_count(row, "messages", base.messages, where),
        rate=_read(read_rate, row["rate"], where) if "rate" in row else None,
        tls_required=tls == "required",
        failures=_count(row, "failures", base.failures, where),
        per_source=per == "source",
    )


def _reactions(rows: Any, where: str) -> dict[str, Reaction]:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InternalError(f"{where}: reactions are an array of tables")
    found: dict[str, Reaction] = {}
    for row in rows:
        reaction = _reaction(row, f"{where}: a reaction")
        for category in _strings(row.get("categories"), f"{where}: categories"):
            if found.setdefault(category, reaction) is not reaction:
                raise InternalError(f"{where}: two reactions to {category!r}")
    return found


def _reaction(row: Mapping[str, Any], where: str) -> Reaction:
    needed = {"categories", "count", "within", "pause"}
    if unknown := set(row) - needed - {"slow", "share"}:
        raise InternalError(f"{where} has an unknown key {min(unknown)!r}")
    if missing := needed - set(row):
        raise InternalError(f"{where} needs {min(missing)!r}")
    slow = row.get("slow", False)
    if not isinstance(slow, bool):
        raise InternalError(f"{where}: slow is true or false")
    return Reaction(
        slow=slow,
        count=_count(row, "count", 1, where),
        within=_seconds(row["within"], where),
        pause=_seconds(row["pause"], where),
        share=_share(row.get("share", "0%"), where),
        categories=frozenset(_strings(row["categories"], f"{where}: categories")),
    )


def _share(value: Any, where: str) -> float:
    found = re.fullmatch(r"(\d{1,2})%", value) if isinstance(value, str) else None
    if found is None:
        raise InternalError(f"{where}: share is a part of all replies, such as '20%'")
    return int(found[1]) / 100


def _seconds(value: Any, where: str) -> float:
    return _read(lambda text: read_duration(text).total_seconds(), value, where)


def _count(row: Mapping[str, Any], key: str, base: int, where: str) -> int:
    value = row.get(key, base)
    if not isinstance(value, int) or isinstance(value, bool) or (key in row and value < 1):
        raise InternalError(f"{where}: {key} is a whole number, 1 or more")
    return value


def _read(reader: Callable[[str], float], value: Any, where: str) -> float:
    try:
        return reader(value if isinstance(value, str) else "")
    except ConfigError as error:
        raise InternalError(f"{where}: {error}") from None


def _strings(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InternalError(f"{where} is a list of texts")
    return tuple(value)
