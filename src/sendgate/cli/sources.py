"""Which DNS a run asks: live, zone files laid over it, a recording, or nothing beyond these.

--replay FILE                 the recording alone
--zone PATH … --offline       the zones alone
--zone PATH …                 the zones, live DNS outside them; single records laid over both
--record FILE                 any of these, with every answer kept
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sendgate.cli.destination import check_writable
from sendgate.files import is_folder

if TYPE_CHECKING:
    from sendgate.bimi.certificate import MarkRoots
    from sendgate.dane.probe import MailHosts
    from sendgate.dns.answers import Answer, Question, Rdata
    from sendgate.dns.laid import RecordSets
    from sendgate.dns.live import LiveSource
    from sendgate.dns.nameserver import Nameserver
    from sendgate.dns.source import DnsSource
    from sendgate.dns.zonefile import ZoneRecord
    from sendgate.dns.zones import ZoneSource
    from sendgate.names import Domain
    from sendgate.settings import Options
    from sendgate.web import Web

__all__ = ["OpenSource", "mail_hosts", "mark_roots", "open_live", "open_source", "web_of"]

TIMEOUT = 5.0  # seconds for one question, all its tries included


@dataclass
class OpenSource:
    """The source of one run, its clock, and the seed of the labels it probes wildcards with.

    Where a recording is replayed, clock and seed are the recording's. `web` fetches the files
    that records name, `mail` calls mail hosts; None where not everything is live, for what lies
    outside would then be judged together with what is given.
    """

    source: DnsSource
    time: datetime
    seed: str
    web: Web | None = None
    mail: MailHosts | None = None


@dataclass
class _Watched:
    """Passes questions on and tells a listener of each answer."""

    source: DnsSource
    heard: Callable[[Answer], None]

    async def ask(self, question: Question) -> Answer:
        answer = await self.source.ask(question)
        self.heard(answer)
        return answer


@asynccontextmanager
async def open_source(
    options: Options, heard: Callable[[Answer], None] | None = None
) -> AsyncIterator[OpenSource]:
    """Open what the options name, and close it again; with --record, write the recording.

    The recording is written however the run ends, so that an interrupted one is kept too.
    Raises `InputError` for files that cannot be read or written and for a wrong name server.
    """
    from sendgate.dns.answers import Origin
    from sendgate.dns.laid import LaidSource
    from sendgate.dns.overlay import OverlaySource
    from sendgate.dns.probe import new_seed
    from sendgate.dns.recorded import RecordingSource, ReplaySource
    from sendgate.dns.source import RunSource

    time, seed = datetime.now(UTC), new_seed()
    zones, laid = _zones(options.zone, options.offline)
    live: LiveSource | None = None
    recording: RecordingSource | None = None
    source: DnsSource
    if options.replay is not None:
        source = replay = ReplaySource.read(options.replay)
        time, seed = replay.time, replay.seed
    elif options.offline:
        source = _nowhere()
    else:
        source = live = _live(options)
    if zones is not None:
        source = OverlaySource(zones, source)
    if laid:
        source = LaidSource(laid, source, Origin("file", "(the records given)"))
    if options.record is not None:
        check_writable(options.record, "--record")
        source = recording = RecordingSource(source, time, seed)
    try:
        run = RunSource(_Watched(source, heard) if heard else source)
        web = web_of(options, run) if zones is None else None
        mail = mail_hosts(options) if zones is None else None
        yield OpenSource(run, time, seed, web, mail)
    finally:
        if live is not None:
            await live.aclose()
        if recording is not None and options.record is not None:
            recording.write(options.record)


def web_of(options: Options, source: DnsSource) -> Web | None:
    """What fetches files over HTTPS in this run; None with --offline or --replay."""
    from sendgate.web import Fetcher, anywhere, is_public

    if options.offline or options.replay is not None:
        return None
    return Fetcher(source, allowed=anywhere if options.allow_private else is_public)


def mail_hosts(options: Options) -> MailHosts | None:
    """What calls mail hosts in this run, with --probe-smtp; None with --offline or --replay."""
    from sendgate.web import anywhere, is_public

    if not options.probe_smtp or options.offline or options.replay is not None:
        return None
    from sendgate.send.probe import SmtpCaller

    return SmtpCaller(allowed=anywhere if options.allow_private else is_public)


def mark_roots(options: Options) -> MarkRoots | None:
    """Whose word counts on marks: --mark-roots, else the roots that are installed."""
    from sendgate.bimi.certificate import packaged_roots, roots_from_file

    if options.mark_roots is not None:
        return roots_from_file(options.mark_roots)
    return packaged_roots()


@asynccontextmanager
async def open_live(options: Options) -> AsyncIterator[DnsSource]:
    """Open live DNS alone, whatever zones or recordings the options name; nothing is cached.

    What sends mail rests on what receivers will see. With --record, the recording is written
    however the run ends. Raises `InputError` as `open_source` does.
    """
    from sendgate.dns.probe import new_seed
    from sendgate.dns.recorded import RecordingSource

    live = _live(options)
    recording: RecordingSource | None = None
    if options.record is not None:
        check_writable(options.record, "--record")
        recording = RecordingSource(live, datetime.now(UTC), new_seed())
    try:
        yield recording or live
    finally:
        await live.aclose()
        if recording is not None and options.record is not None:
            recording.write(options.record)


def _zones(paths: tuple[str, ...], offline: bool) -> tuple[ZoneSource | None, RecordSets]:
    """Read what --zone names: the zones, and the loose records, which are laid over all else.

    With --offline there is nothing else but the zones: what lies in none of them is a zone.
    """
    if not paths:
        return None, {}
    from sendgate.dns.answers import Record
    from sendgate.dns.zonefile import read_zone_file

    folders = [path for path in paths if is_folder(path) or _is_of_a_tool(path)]
    records = [r for path in paths if path not in folders for r in read_zone_file(path)]
    loose = [r for r in records if _may_be_laid(r)]
    whole = [r for r in records if not _may_be_laid(r)]
    zones = _held(folders, whole, offline=offline)
    single: list[ZoneRecord] = []
    laid: dict[tuple[Domain, str], dict[Rdata, Record]] = {}
    for r in loose:
        if offline and not zones.covers(r.name):
            single.append(r)
        else:
            # RFC 2181 section 5: a record that is given twice is one.
            rrset = laid.setdefault((r.name, r.rdtype), {})
            rrset.setdefault(r.data, Record(r.data, r.ttl, r.origin))
    if single:
        zones = _held(folders, [*whole, *single], offline=offline)
    return zones, {key: tuple(rrset.values()) for key, rrset in laid.items()}


def _may_be_laid(record: ZoneRecord) -> bool:
    """Whether a record says only itself; a wildcard speaks for names that it does not have."""
    return record.is_loose and record.name.labels[:1] != ("*",)


def _held(folders: list[str], records: list[ZoneRecord], *, offline: bool) -> ZoneSource:
    """Give the zones of DNS repositories, and of the records of master files."""
    from sendgate.dns.zones import ZoneSource
    from sendgate.repo.detect import read_repository
    from sendgate.repo.source import RepositorySource, joined, public_view
    from sendgate.repo.tree import FolderTree

    if not folders:
        return ZoneSource(records)
    readings = []
    for path in folders:
        tree = FolderTree(path)
        base = path if is_folder(path) else str(Path(path).parent)
        readings.append((base, read_repository(tree, where=path)))
    reading = joined(readings, records)
    return RepositorySource(reading, public_view(reading), open_ended=not offline)


def _is_of_a_tool(path: str) -> bool:
    """Whether a file is a repository of its own rather than a master file."""
    return Path(path).suffix.lower() in {".json", ".yaml", ".yml", ".js", ".tf"}


def _nowhere() -> DnsSource:
    from sendgate.dmarc.suffixes import is_suffix_or_above
    from sendgate.dns.overlay import NowhereSource

    return NowhereSource(is_suffix_or_above)


def _live(options: Options) -> LiveSource:
    from sendgate.dns.live import LiveSource, parse_nameserver

    servers: list[Nameserver] = [parse_nameserver(text) for text in options.nameserver]
    return LiveSource(servers, timeout=options.dns_timeout or TIMEOUT)
