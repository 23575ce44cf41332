"""Run a whole audit in a test: over a zone file, a recording, or the test double."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sendgate.audit.infer import SenderOptions, build_profile
from sendgate.audit.judge import Policy
from sendgate.audit.report import Report
from sendgate.audit.run import audit
from sendgate.bimi.certificate import roots_from_file
from sendgate.bimi.fetch import AssetReader
from sendgate.dane.probe import MailHosts
from sendgate.dns.source import DnsSource, RunSource
from sendgate.names import Domain
from sendgate.profile import Receiver, SenderKind
from sendgate.repo.report import RepositoryReport
from sendgate.web import Web

TIME = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SEED = "a seed for tests"
REVERSE = Path(__file__).parent.parent / "fixtures" / "reverse.zone"


def options_of(given: Mapping[str, Any]) -> SenderOptions:
    """Read options as a `[[sender]]` table writes them."""
    names = {
        "content": lambda v: tuple(map(Domain.parse, v)),
        "return-path": Domain.parse,
        "sender": SenderKind,
        "provider": str,
        "selectors": tuple,
        "dkim-domains": lambda v: tuple(map(Domain.parse, v)),
        "ips": lambda v: tuple(map(ipaddress.ip_address, v)),
        "helo": Domain.parse,
        "bimi-selector": str,
        "receivers": lambda v: tuple(map(Receiver, v)),
        "authoritative": bool,
        "blocklists": lambda v: tuple(map(Domain.parse, v)),
    }
    return SenderOptions(**{k.replace("-", "_"): names[k](v) for k, v in given.items()})


def offline(*zones: Path) -> DnsSource:
    """Zone files alone, as --zone … --offline reads them."""
    from sendgate.dmarc.suffixes import is_suffix_or_above
    from sendgate.dns.overlay import NowhereSource, OverlaySource
    from sendgate.dns.zones import ZoneSource

    nowhere = NowhereSource(is_suffix_or_above)
    return OverlaySource(ZoneSource.from_files(zones), nowhere)


async def audit_domain(
    domain: str,
    given: Mapping[str, Any],
    source: DnsSource,
    policy: Policy | None = None,
    time: datetime = TIME,
    seed: str = SEED,
    web: Web | None = None,
    brand: AssetReader | None = None,
    mail: MailHosts | None = None,
) -> Report:
    """Audit one domain over a source, with options as in a `[[sender]]` table."""
    profile = build_profile(Domain.parse(domain), options_of(given))
    return await audit(
        profile,
        RunSource(source),
        policy=policy,
        time=time,
        seed=seed,
        web=web,
        brand=brand,
        mail=mail,
    )


async def audit_fixture(
    domain: str,
    given: Mapping[str, Any],
    data: Path,
    time: datetime = TIME,
    web: Web | None = None,
    roots: Path | None = None,
    mail: MailHosts | None = None,
) -> Report:
    """Audit one domain over a zone file or a recording, with the files that `web` has.

    `mail` has what mail hosts show. Marks are vouched for by `roots`, a PEM file; without it
    by nobody.

    The reverse name of the address that fixtures declare is in a file for all of them, but
    for those that are about it.
    """
    if data.suffix == ".json":
        from sendgate.dns.recorded import ReplaySource

        replay = ReplaySource.read(data)
        seed = replay.seed
        return await audit_domain(domain, given, replay, time=time, seed=seed, web=web, mail=mail)
    vouching = None if roots is None else roots_from_file(str(roots))
    brand = None if web is None else AssetReader(web, vouching, time)
    source = offline(data, *_reverse(data))
    return await audit_domain(domain, given, source, time=time, web=web, brand=brand, mail=mail)


async def check_fixture(
    domain: str, given: Mapping[str, Any], folder: Path, time: datetime = TIME
) -> RepositoryReport:
    """Check a repository offline; options declare a sender whose From is `domain`."""
    from sendgate.dmarc.suffixes import is_suffix_or_above
    from sendgate.dns.overlay import NowhereSource
    from sendgate.repo.audits import Outside
    from sendgate.repo.run import Asked, check
    from sendgate.repo.tree import FolderTree

    outside = Outside(NowhereSource(is_suffix_or_above), time, SEED)
    senders = ((Domain.parse(domain), options_of(given)),) if given else ()
    return await check(Asked(FolderTree(folder), outside, senders=senders))


def _reverse(data: Path) -> tuple[Path, ...]:
    return () if "in-addr.arpa" in data.read_text() else (REVERSE,)
