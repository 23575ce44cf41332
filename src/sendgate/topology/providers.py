"""The provider catalogue: whose a name is, told by the suffix of what it points at.

    providers.toml ──► Catalogue, checked ──► find, by_mx, by_spf_include, by_dkim_target …

A name belongs to a provider by the target of a CNAME, an MX or an SPF include, at a label
boundary, the longest suffix first; never by a selector that many systems use. The tables
for MX and for SPF are apart, because a host that takes mail says nothing of who sends it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

from sendgate.errors import ConfigError, DomainError, InternalError
from sendgate.names import Domain, printable
from sendgate.spelling import nearest

__all__ = [
    "Catalogue",
    "Expected",
    "Provider",
    "by_dkim_target",
    "by_mx",
    "by_name_server",
    "by_return_path",
    "by_return_path_target",
    "by_spf_include",
    "by_web_target",
    "find",
    "is_mailbox_domain",
    "likely_selectors",
    "load_providers",
    "read_catalogue",
]

FAMILIES = frozenset({"a", "b", "c", "own", "same"})
CELLS = frozenset({"dkim", "return-path", "spf", "mx", "from-fallback"})
MAX_LIKELY_SELECTORS = 16  # each is a question of every audit that names no selector

# What a name that is a return path of the family can hold nothing of, beside what it needs.
_CONFLICTS: Mapping[str, tuple[str, ...]] = {
    "a": ("CNAME", "MX of another system"),
    "b": ("any other record",),  # RFC 1034 section 3.6.2
    "c": ("any record in the parent zone at or below the delegation",),
}


@dataclass(frozen=True)
class Expected:
    """One record that the provider asks for.

    `name` and `value` are templates: ``{S}`` is the sending domain, ``{R}`` the return path,
    ``*`` anything that belongs to the account. `family` is the family of return path that
    the record belongs to; None: needed with each of them.
    """

    family: str | None
    name: str
    rdtype: str
    value: str

    def matches(self, sending: Domain, path: Domain | None, name: Domain, data: str) -> bool:
        """Whether a record with this name and data is the one that is asked for."""
        return self.names(sending, path, name) and _fits(_filled(self.value, sending, path), data)

    def names(self, sending: Domain, path: Domain | None, name: Domain) -> bool:
        """Whether the record that is asked for stands at this name."""
        return _fits(_filled(self.name, sending, path), name.text)


def _filled(template: str, sending: Domain, path: Domain | None) -> str:
    return template.replace("{S}", sending.text).replace("{R}", str(path or "{R}"))


def _fits(template: str, text: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in template.lower().split("*"))
    return re.fullmatch(pattern, text.lower()) is not None


@dataclass(frozen=True)
class Provider:
    """One row of the catalogue; `providers.toml` explains the fields at its top."""

    id: str
    name: str
    sends: bool
    hosts_mailboxes: bool
    families: tuple[str, ...]
    confirmed: str
    sources: tuple[str, ...]
    read: date
    unconfirmed: frozenset[str] = frozenset()
    return_path_domains: tuple[Domain, ...] = ()
    return_path_targets: tuple[Domain, ...] = ()
    bounce_mx: tuple[Domain, ...] = ()
    inbox_mx: tuple[Domain, ...] = ()
    spf_includes: tuple[Domain, ...] = ()
    dkim_targets: tuple[Domain, ...] = ()
    web_targets: tuple[Domain, ...] = ()
    selectors: tuple[str, ...] = ()
    likely_selectors: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    name_servers: tuple[Domain, ...] = ()
    records: tuple[Expected, ...] = ()
    dkim_by_alias: bool = False
    dkim_forms: tuple[str, ...] = ()
    from_fallback: str | None = None
    unused_name: bool = False

    @property
    def systems(self) -> frozenset[str]:
        """The ids of those whose hosts serve this provider's customers: its own and its hosts'."""
        return frozenset({self.id, *self.uses})

    def is_confirmed(self, cell: str) -> bool:
        """Whether the sources show what the row says of this cell, such as ``dkim``."""
        return self.confirmed == "yes" or (
            self.confirmed == "part" and cell not in self.unconfirmed
        )

    def conflicts(self, family: str) -> tuple[str, ...]:
        """Say what cannot stand at a return path of this family."""
        return _CONFLICTS.get(family, ())

    @property
    def mx(self) -> tuple[Domain, ...]:
        """The suffixes of its MX hosts, for bounces and for inboxes."""
        return tuple(dict.fromkeys(self.bounce_mx + self.inbox_mx))


@dataclass(frozen=True)
class Catalogue:
    """All providers in the order of the file, and what belongs to none of them."""

    providers: tuple[Provider, ...]
    likely_selectors: tuple[str, ...]
    shared_selectors: frozenset[str]
    mailbox_domains: frozenset[Domain]
    _tables: Mapping[str, Mapping[Domain, Provider]] = field(repr=False, compare=False)

    def owner(self, table: str, name: Domain) -> Provider | None:
        """Who claims the longest suffix of `name` in one table, such as ``mx``."""
        claims = self._tables[table]
        return next((claims[n] for n in (name, *name.ancestors) if n in claims), None)


_TABLES: Mapping[str, Callable[[Provider], tuple[Domain, ...]]] = {
    "mx": lambda p: p.mx,
    "return_path_domains": lambda p: p.return_path_domains,
    "return_path_targets": lambda p: p.return_path_targets,
    "spf_includes": lambda p: p.spf_includes,
    "dkim_targets": lambda p: p.dkim_targets,
    "web_targets": lambda p: p.web_targets,
    "name_servers": lambda p: p.name_servers,
}


def read_catalogue(text: str) -> Catalogue:
    """Read and check a catalogue; raise `InternalError` where it contradicts itself.

    Refused: a key that is not known or of the wrong type, a suffix without a dot, a suffix
    (in one table) or an owned selector that two providers claim, a provider with DKIM or
    SPF data that does not send, one that uses a provider nobody lists, two equal ids, a row
    without a source or without the day on which its sources were read.
    """
    import tomllib

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InternalError(f"the provider catalogue is no TOML: {error}") from None
    providers = tuple(_provider(row) for row in document.pop("provider", []))
    shared = frozenset(_strings(document, "shared-selectors", "the catalogue"))
    likely = _strings(document, "likely-selectors", "the catalogue")
    mailboxes = _domains(document, "mailbox-domains", "the catalogue")
    unknown = set(document) - {"shared-selectors", "likely-selectors", "mailbox-domains"}
    if unknown:
        raise InternalError(f"the provider catalogue has an unknown key {min(unknown)!r}")
    if len(likely) > MAX_LIKELY_SELECTORS:
        raise InternalError(f"more than {MAX_LIKELY_SELECTORS} likely selectors")
    _check_ids(providers)
    _claims(providers, "selector", lambda p: [s for s in p.selectors if s not in shared])
    tables = {name: _claims(providers, name, suffixes) for name, suffixes in _TABLES.items()}
    return Catalogue(providers, likely, shared, frozenset(mailboxes), tables)


_LISTS = {
    "return-path-domains",
    "return-path-targets",
    "bounce-mx",
    "inbox-mx",
    "spf-includes",
    "dkim-targets",
    "web-targets",
    "name-servers",
}
_KEYS = _LISTS | {
    "id",
    "name",
    "sends",
    "hosts-mailboxes",
    "families",
    "selectors",
    "likely-selectors",
    "uses",
    "confirmed",
    "unconfirmed",
    "sources",
    "read",
    "records",
    "dkim-by-alias",
    "dkim-forms",
    "from-fallback",
    "unused-name",
}


def _provider(row: Mapping[str, Any]) -> Provider:
    where = f"provider {row.get('id', '?')!r}"
    if unknown := set(row) - _KEYS:
        raise InternalError(f"{where} has an unknown key {min(unknown)!r}")
    if (
        not row.get("id")
        or not row.get("name")
        or row.get("confirmed") not in {"yes", "part", "no"}
    ):
        raise InternalError(f"{where} needs id, name and confirmed (yes, part or no)")
    families = _strings(row, "families", where)
    if not set(families) <= FAMILIES:
        raise InternalError(f"{where} has other families than {sorted(FAMILIES)}")
    sources = _strings(row, "sources", where)
    read = row.get("read")
    if not sources or not isinstance(read, date):
        raise InternalError(f"{where} needs sources and the day on which they were read")
    unconfirmed = frozenset(_strings(row, "unconfirmed", where))
    if bool(unconfirmed) != (row["confirmed"] == "part") or not unconfirmed <= CELLS:
        raise InternalError(
            f"{where}: what is confirmed in part names what is not: {', '.join(sorted(CELLS))}"
        )
    domains = {key.replace("-", "_"): _domains(row, key, where) for key in _LISTS}
    provider = Provider(
        id=row["id"],
        name=row["name"],
        sends=row.get("sends") is True,
        hosts_mailboxes=row.get("hosts-mailboxes") is True,
        families=families,
        confirmed=row["confirmed"],
        sources=sources,
        read=read,
        unconfirmed=unconfirmed,
        selectors=_strings(row, "selectors", where),
        likely_selectors=_strings(row, "likely-selectors", where),
        uses=_strings(row, "uses", where),
        records=tuple(_expected(line, where) for line in _strings(row, "records", where)),
        dkim_by_alias=row.get("dkim-by-alias") is True,
        dkim_forms=_strings(row, "dkim-forms", where),
        from_fallback=row.get("from-fallback"),
        unused_name=row.get("unused-name") is True,
        **domains,
    )
    sending_data = provider.dkim_targets or provider.spf_includes or provider.selectors
    if sending_data and not provider.sends:
        raise InternalError(f"{where} has DKIM or SPF data, but does not send")
    return provider


def _expected(line: str, where: str) -> Expected:
    """Read ``b: em*.{S} CNAME *.sendgrid.net``; the family is left out where each needs it."""
    found = re.fullmatch(r"(?:([abc]): )?(\S+) ([A-Z]+) (.+)", line)
    if found is None:
        raise InternalError(f"{where}: {line!r} is no record: [family:] NAME TYPE VALUE")
    return Expected(*found.groups())


def _strings(table: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InternalError(f"{where}: {key!r} is not a list of strings")
    return tuple(value)


def _domains(table: Mapping[str, Any], key: str, where: str) -> tuple[Domain, ...]:
    texts = _strings(table, key, where)
    if bare := [text for text in texts if "." not in text.strip(".")]:
        raise InternalError(f"{where}: the suffix {bare[0]!r} in {key!r} has no dot")
    try:
        return tuple(Domain.parse(text) for text in texts)
    except DomainError as error:
        raise InternalError(f"{where}: {key!r}: {error}") from None


def _check_ids(providers: Iterable[Provider]) -> None:
    known: set[str] = set()
    for provider in providers:
        if provider.id in known:
            raise InternalError(f"two providers have the id {provider.id!r}")
        known.add(provider.id)
    for provider in providers:
        if missing := set(provider.uses) - known:
            raise InternalError(f"provider {provider.id!r} uses {min(missing)!r}, which nobody is")


def _claims(
    providers: Iterable[Provider], what: str, of: Callable[[Provider], Iterable[Any]]
) -> dict[Any, Provider]:
    claims: dict[Any, Provider] = {}
    for provider in providers:
        for claimed in of(provider):
            other = claims.setdefault(claimed, provider)
            if other is not provider:
                raise InternalError(
                    f"{other.id!r} and {provider.id!r} both claim {str(claimed)!r} ({what})"
                )
    return claims


@cache
def _catalogue() -> Catalogue:
    from importlib.resources import files

    data = files("sendgate.topology").joinpath("providers.toml")
    return read_catalogue(data.read_text(encoding="utf-8"))


def load_providers() -> tuple[Provider, ...]:
    """All providers of the catalogue; it is read once, at the first call."""
    return _catalogue().providers


def find(id: str) -> Provider:
    """Find the provider with this id; raise `ConfigError` that names the nearest one."""
    ids = {provider.id: provider for provider in load_providers()}
    wanted = id.strip().lower().replace(" ", "-").replace("_", "-")
    if wanted in ids:
        return ids[wanted]
    hint = nearest(wanted, ids) or f"; known: {', '.join(sorted(ids))}"
    raise ConfigError(f"no provider is called {printable(id)}{hint}")


def likely_selectors(provider: Provider | None = None) -> tuple[str, ...]:
    """Give the selectors worth a guess where none was declared: the provider's, then others.

    At most 16 of them, for each is a question.
    """
    own = provider.likely_selectors if provider else ()
    return tuple(dict.fromkeys(own + _catalogue().likely_selectors))[:MAX_LIKELY_SELECTORS]


def is_mailbox_domain(name: Domain) -> bool:
    """Tell whether the name is, or lies below, a mailbox provider's own domain (gmail.com)."""
    known = _catalogue().mailbox_domains
    return any(above in known for above in (name, *name.ancestors))


def by_mx(target: Domain) -> Provider | None:
    """Whose host an MX record names."""
    return _catalogue().owner("mx", target)


def by_name_server(target: Domain) -> Provider | None:
    """Whose name server an NS record names (family c)."""
    return _catalogue().owner("name_servers", target)


def by_spf_include(target: Domain) -> Provider | None:
    """Whose addresses an SPF include stands for."""
    return _catalogue().owner("spf_includes", target)


def by_dkim_target(target: Domain) -> Provider | None:
    """Whose key a selector's CNAME leads to."""
    return _catalogue().owner("dkim_targets", target)


def by_return_path(name: Domain) -> Provider | None:
    """Whose own return path a name is (family own)."""
    return _catalogue().owner("return_path_domains", name)


def by_return_path_target(target: Domain) -> Provider | None:
    """Whose return-path host a CNAME leads to (family b)."""
    return _catalogue().owner("return_path_targets", target)


def by_web_target(target: Domain) -> Provider | None:
    """Whose web host a CNAME leads to."""
    return _catalogue().owner("web_targets", target)
