"""Who in a repository takes part in mail, and in which roles: what is to be audited.

    records ──► mail names, selectors ──► Profile
    [[sender]] whose `from` is a name here ─┘

A name takes part by its records: MX, SPF, a DMARC or DKIM text (at the right name or a
wrong one), a selector, a provider's return path. Every zone's apex takes part whatever it
holds, for anybody may forge mail from it. What the repository publishes it does not thereby
declare: absent things are judged only where a `[[sender]]` says that the name sends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sendgate.audit.infer import SenderOptions, build_profile
from sendgate.dkim.record import KeyRecord, parse
from sendgate.dns.answers import Origin, Raw, Target, Txt
from sendgate.dns.zonefile import ZoneRecord
from sendgate.names import Domain
from sendgate.profile import Profile, Selector
from sendgate.repo.reading import Hidden, Reading
from sendgate.repo.source import RepositorySource
from sendgate.repo.texts import is_doubled, kind_of

__all__ = ["MailName", "mail_names", "profiles_of"]

_REVERSE = (Domain("in-addr.arpa"), Domain("ip6.arpa"))


@dataclass
class MailName:
    """A name that takes part in mail: its zone, and the selectors published below it.

    A selector's value says whether a key is meant to be there; a revoked one is not.
    """

    name: Domain
    zone: Domain
    selectors: dict[str, bool] = field(default_factory=dict)


def mail_names(
    reading: Reading, source: RepositorySource, view: str = ""
) -> Mapping[Domain, MailName]:
    """Find the names to audit, zone by zone, the apex first and the others by name.

    What stands below a delegation that leads out of the repository is never answered, and
    tells of no name. A zone that begins at ``_domainkey`` or ``_dmarc`` tells of the name
    above it, which is then read elsewhere.
    """
    found: dict[Domain, MailName] = {}
    for apex in source.zones:
        if not _is_auxiliary(apex) and not any(apex.is_under(above) for above in _REVERSE):
            found[apex] = MailName(apex, apex)
    for record in (*reading.records, *map(_shell, reading.hidden)):
        if record.view not in ("", view):
            continue
        for name, selector, live in _speaks_of(record):
            if name not in found:
                answered = source.covers(record.name)
                if not answered or is_doubled(name.labels, record.zone.labels):
                    continue
                found[name] = MailName(name, record.zone)
            if selector:
                known = found[name].selectors.get(selector, False)
                found[name].selectors[selector] = known or live
    places = {apex: place for place, apex in enumerate(source.zones)}
    return {
        name: found[name]
        for name in sorted(found, key=lambda n: (places[found[n].zone], n.labels[::-1]))
    }


def profiles_of(
    names: Mapping[Domain, MailName], senders: Sequence[tuple[Domain, SenderOptions]] = ()
) -> Iterator[Profile]:
    """Give the profiles to audit, in the order of the names, one for each sender of a name.

    A sender whose `from` is in the repository and has no records of its own is audited
    after all others. Raises `ConfigError` for an unknown provider.
    """
    declared: dict[Domain, list[SenderOptions]] = {}
    for domain, options in senders:
        declared.setdefault(domain, []).append(options)
    for name in (*names, *(domain for domain in declared if domain not in names)):
        known = names.get(name) or MailName(name, name)
        if name not in declared:
            yield _profile(known, None)
        yield from (_profile(known, options) for options in declared.get(name, ()))


def _profile(known: MailName, options: SenderOptions | None) -> Profile:
    published = tuple(
        Selector(selector, known.name, named=live) for selector, live in known.selectors.items()
    )
    if options is not None:
        profile = build_profile(known.name, options)
        own = {selector.owner for selector in profile.selectors if selector.named}
        kept = [s for s in profile.selectors if s.named or not published]
        new = [selector for selector in published if selector.owner not in own]
        return replace(profile, selectors=(*kept, *new))
    # What is published is no declaration that anybody sends.
    profile = build_profile(known.name, SenderOptions())
    return replace(profile, selectors=published or profile.selectors, declared=False)


def _shell(hidden: Hidden) -> ZoneRecord:
    """Make a record of one whose data is not shown: its name and type tell enough."""
    origin = Origin("file", hidden.place.path, hidden.place.line)
    return ZoneRecord(hidden.name, hidden.rdtype, 0, Raw(""), origin, hidden.zone)


def _speaks_of(record: ZoneRecord) -> Iterator[tuple[Domain, str | None, bool]]:
    """Give the mail name that a record tells of, and the selector that it publishes, if any."""
    labels = record.name.labels
    if "*" in labels or "_report" in labels:
        return
    if "_domainkey" in labels:
        yield from _selector(record, labels)
    elif labels[:1] == ("_dmarc",):
        if len(labels) > 1 and not _is_auxiliary(record.name.parent):
            yield record.name.parent, None, False
    elif not _is_auxiliary(record.name) and _is_mail(record):
        yield record.name, None, False


def _selector(
    record: ZoneRecord, labels: tuple[str, ...]
) -> Iterator[tuple[Domain, str | None, bool]]:
    at = labels.index("_domainkey")
    domain = Domain(".".join(labels[at + 1 :]) or ".")
    if not domain.labels or _is_auxiliary(domain):
        return
    selector = ".".join(labels[:at])
    if not selector or selector.startswith("_"):
        yield domain, None, False  # a policy of old, or nothing
    elif record.rdtype in {"TXT", "CNAME"}:
        yield domain, selector, not _is_revoked(record)


def _is_revoked(record: ZoneRecord) -> bool:
    if not isinstance(record.data, Txt):
        return False
    read = parse(record.data.octets)
    return isinstance(read, KeyRecord) and read.revoked


def _is_mail(record: ZoneRecord) -> bool:
    if record.rdtype == "MX":
        return True
    if isinstance(record.data, Txt):
        return kind_of(record.data.text) is not None
    return record.rdtype == "CNAME" and isinstance(record.data, Target) and _is_return_path(record)


def _is_return_path(record: ZoneRecord) -> bool:
    """Whether an alias leads to where a provider takes the bounces of its customers."""
    from sendgate.topology import providers

    if not isinstance(record.data, Target):
        return False
    target = record.data.name
    # A provider's bare domain is where its customers' links and web pages lead.
    return len(target.labels) > 2 and providers.by_return_path_target(target) is not None


def _is_auxiliary(name: Domain) -> bool:
    """Whether a label begins with an underscore: no mail address can have such a domain."""
    return any(label.startswith("_") for label in name.labels)
