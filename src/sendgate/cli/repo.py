"""`sendgate repo`: the check that a DNS repository runs on every change."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sendgate.cli.auditing import policy_of
from sendgate.cli.before import Before, as_before, baseline_before, config_before, without_files
from sendgate.cli.command import EXIT_INTERRUPTED, Run, command
from sendgate.cli.destination import Destination, check_writable
from sendgate.cli.forms import CI_FORMS, print_batch, sender_places
from sendgate.errors import InputError
from sendgate.names import printable
from sendgate.repo.gittree import top_of

if TYPE_CHECKING:
    from sendgate.audit.infer import SenderOptions
    from sendgate.config import Config
    from sendgate.names import Domain
    from sendgate.repo.audits import TreeAudit
    from sendgate.repo.report import RepositoryReport
    from sendgate.repo.run import Asked, Base
    from sendgate.repo.tree import FolderTree

__all__ = ["repo"]

FORMATS = ("text", "json", "jsonl", *CI_FORMS)


@command(
    "repo",
    "judging",
    "dns",
    "output",
    formats=FORMATS,
    without=("authoritative",),
)
def repo(
    run: Run,
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="PATH", help="Folder or file of the repository; default: this folder."
        ),
    ] = None,
) -> int:
    """Check a DNS repository before it is published.

    Reads octoDNS, BIND, DNSControl, Terraform and Route 53 files, audits every name that
    takes part in mail, and asks no DNS unless --live is given. With --base only what the
    change brings can fail.
    """
    from sendgate.repo.tree import FolderTree

    tree = FolderTree(path or ".")
    run, before, remarks = _as_before(run, tree)
    options = run.options
    if options.write_baseline and options.baseline is None:
        raise InputError("--write-baseline needs --baseline, the file to write")
    if options.write_baseline and options.base is not None:
        raise InputError("--write-baseline and --base exclude each other")
    if options.write_baseline and options.baseline is not None:
        check_writable(options.baseline, "--baseline")
    if run.given_here("live") and run.given_here("offline") and options.live and options.offline:
        raise InputError("give --live or --offline, not both")
    checking = _Checking(run, tree, path or ".", before, remarks)
    with run.destination() as destination:
        try:
            report = asyncio.run(checking.report())
        except KeyboardInterrupt:
            return checking.interrupted(destination)
        _print(run, destination, report)
    _tell(run, report)
    return 0 if options.exit_zero else report.verdict.exit_code


def _as_before(run: Run, tree: FolderTree) -> tuple[Run, Before | None, tuple[str, ...]]:
    """Take the settings of a configuration that may change with the tree as they were."""
    top, revision = top_of(tree.root), run.options.base
    before = config_before(run, top, revision) if revision is not None else None
    if before is None:
        run, remarks = without_files(run, top)
        return run, None, remarks
    run, remarks = as_before(run, before, FORMATS)
    return run, before, remarks


@dataclass
class _Checking:
    """One check under way; `audits` holds what is done of it."""

    run: Run
    tree: FolderTree
    where: str
    before: Before | None = None
    remarks: tuple[str, ...] = ()
    audits: TreeAudit | None = None
    asked: Asked | None = None

    @property
    def live(self) -> bool:
        """Whether DNS answers for what is outside; --offline on the command line wins."""
        options = self.run.options
        return options.live and not (self.run.given_here("offline") and options.offline)

    async def report(self) -> RepositoryReport:
        """Check the repository."""
        from sendgate.audit.catalogue import RULES
        from sendgate.cli.progress import Progress
        from sendgate.cli.sources import open_source
        from sendgate.repo.audits import Outside
        from sendgate.repo.gittree import prefix_of
        from sendgate.repo.rules import RULES as TEXT_RULES
        from sendgate.repo.run import Asked, check

        run, options = self.run, self.run.options
        policy = policy_of(run, (*RULES, *TEXT_RULES))
        writes = options.write_baseline
        known = self._known()
        progress = Progress(run.console)
        asking = replace(options, offline=not self.live)
        with ExitStack() as stack:
            base = self._base(stack)
            async with open_source(asking, progress.heard) as source, progress:
                self.asked = Asked(
                    self.tree,
                    Outside(source.source, source.time, source.seed, live=self.live),
                    where=self.where,
                    source=options.source,
                    prefix=prefix_of(self.tree.root),
                    policy=policy,
                    senders=self._senders(run.config),
                    known=known,
                    strict=options.strict,
                )
                report = await check(self.asked, base, progress.counted, self._begun)
        report = replace(report, remarks=(*self.remarks, *report.remarks))
        return self._written(report) if writes else report

    def _begun(self, audits: TreeAudit) -> None:
        self.audits = audits

    def interrupted(self, destination: Destination) -> int:
        """Report what was done so far."""
        from sendgate.repo.run import report_on

        done = 0
        if self.asked is not None and self.audits is not None:
            done = len(self.audits.audits)
            _print(self.run, destination, report_on(self.asked, self.audits))
            destination.keep()
        self.run.console.error(f"interrupted; {done} names were audited")
        return EXIT_INTERRUPTED

    def _written(self, report: RepositoryReport) -> RepositoryReport:
        from sendgate.files import write_atomically
        from sendgate.render.json import dumps
        from sendgate.repo.baseline import baseline_of
        from sendgate.repo.run import with_all_known

        path = self.run.options.baseline or ""
        found = [finding for one in report.reports for finding in one.findings]
        write_atomically(path, [dumps(baseline_of(found))])
        self.run.console.note(f"{len(found)} findings are known to {printable(path)} now")
        return with_all_known(report, self.run.options.fail_on)

    def _base(self, stack: ExitStack) -> Base | None:
        from sendgate.repo.gittree import GitTree
        from sendgate.repo.run import Base

        revision = self.run.options.base
        if revision is None:
            return None
        only = self.tree.paths()[0] if Path(self.where).is_file() else None
        tree = stack.enter_context(GitTree(self.tree.root, revision, only))
        if self.before is None:
            return Base(revision, tree)
        config = self.before.config
        return Base(revision, tree, config.waivers, self._senders(config))

    def _senders(self, config: Config) -> tuple[tuple[Domain, SenderOptions], ...]:
        return tuple(
            (sender.domain, self.run.options_for(sender).declared) for sender in config.senders
        )

    def _known(self) -> frozenset[str]:
        """Read the baseline; what a change itself adds to it does not count."""
        from sendgate.repo.baseline import parse_baseline, read_baseline

        path, base = self.run.options.baseline, self.run.options.base
        if path is None or self.run.options.write_baseline:
            return frozenset()
        known = read_baseline(path)
        top = top_of(self.tree.root)
        octets = baseline_before(path, top, base) if base is not None and top else None
        if octets is None:
            return known
        earlier = known & parse_baseline(octets, path) if octets else frozenset()
        if earlier != known:
            added = len(known - earlier)
            words = f"{added} of the known findings are new with this change: they count"
            self.remarks = (*self.remarks, words)
        return earlier


def _print(run: Run, destination: Destination, report: RepositoryReport) -> None:
    """Write the report in the form that the run asks for."""
    from sendgate.render import repository
    from sendgate.render.batch import Batch
    from sendgate.render.json import dumps

    match run.format:
        case "text":
            page = destination.page()
            repository.text(page, report)
            destination.print(page)
        case "json":
            destination.write(dumps(repository.document(report)))
        case "jsonl":
            for line in repository.lines(report):
                destination.write(dumps(line, line=True))
        case _:
            senders = sender_places(run.config)
            batch = Batch.of_repository(report, senders=senders, fail_on=run.options.fail_on)
            print_batch(run, destination, batch)


def _tell(run: Run, report: RepositoryReport) -> None:
    """Say on stderr what stands in no finding."""
    for remark in report.remarks:
        run.console.note(remark)
    if report.known:
        run.console.note(f"{len(report.known)} findings are known to the baseline")
