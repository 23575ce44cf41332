"""`sendgate audit`: the audit of one sender, of several, or of a whole list."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from sendgate.cli.auditing import Target, in_parallel, policy_of, profile_of, targets_of
from sendgate.cli.command import EXIT_INTERRUPTED, Run, command
from sendgate.cli.destination import Destination
from sendgate.errors import InputError

if TYPE_CHECKING:
    from sendgate.audit.judge import Policy
    from sendgate.audit.report import Report
    from sendgate.cli.sources import OpenSource
    from sendgate.vocabulary import Rule

__all__ = ["Auditor", "audit"]

_AT_A_TIME = 4  # domains of one command line; a list has --jobs


@command("sender", "judging", "bulk", "dns", "output", formats=("text", "json", "jsonl"))
def audit(
    run: Run,
    domains: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DOMAIN", help="Sending domain; without: every [[sender]] of the config."
        ),
    ] = None,
) -> int:
    """Audit sending domains and say pass, fail or unknown.

    What the options leave out is taken from the [[sender]] of the configuration whose
    `from` is DOMAIN, or inferred where that is safe.
    """
    from sendgate.audit.catalogue import RULES

    auditor = Auditor(run, RULES)
    if run.options.from_file is not None:
        from sendgate.cli.bulk import audit_list

        if domains:
            raise InputError("give domains or --from-file, not both")
        return audit_list(auditor, run.options.from_file)
    for flag, given in (("--resume", run.options.resume), ("--ordered", run.options.ordered)):
        if given:
            raise InputError(f"{flag} belongs to --from-file")
    targets = targets_of(run, domains or [])
    if run.format == "json" and len(targets) > 1:
        raise InputError(
            f"--format json is for one domain, and there are {len(targets)}; "
            "use --format jsonl, one object a line"
        )
    return auditor.run_all(targets)


@dataclass
class Auditor:
    """Runs audits with one policy and one set of rules, and prints each as it is done."""

    run: Run
    rules: Sequence[Rule]
    keys_only: bool = False
    reports: list[Report] = field(default_factory=list)

    def __post_init__(self) -> None:
        from sendgate.audit.catalogue import RULES

        self.policy: Policy = policy_of(self.run, RULES)

    def run_all(self, targets: Sequence[Target]) -> int:
        """Audit the targets in order, print the reports, and give the exit code."""
        for target in targets:
            profile_of(self.run, target)  # an unknown provider is found before anything is asked
        with Destination(self.run.options.output) as destination:
            try:
                asyncio.run(self._each(targets, destination))
            except KeyboardInterrupt:
                destination.keep()
                self.run.console.error(
                    f"interrupted; {len(self.reports)} of {len(targets)} domains were audited"
                )
                return EXIT_INTERRUPTED
        return self.exit_code

    @property
    def exit_code(self) -> int:
        """What the reports so far come to."""
        from sendgate.audit.report import exit_code

        return 0 if self.run.options.exit_zero else exit_code(self.reports)

    async def _each(self, targets: Sequence[Target], destination: Destination) -> None:
        from sendgate.cli.progress import Progress
        from sendgate.cli.sources import open_source

        progress = Progress(self.run.console, len(targets))
        async with open_source(self.run.options, progress.heard) as source, progress:

            async def one(target: Target) -> Report:
                return await self.report_on(target, source)

            results = in_parallel(targets, one, jobs=_AT_A_TIME, ordered=True)
            async with aclosing(results):
                async for _, report in results:
                    progress.clear()
                    progress.done += 1
                    self.reports.append(report)
                    first = len(self.reports) == 1
                    destination.write(self.shown(report, destination, first=first))
            progress.clear()
            self._say_stale(destination)

    async def report_on(self, target: Target, source: OpenSource) -> Report:
        """Audit one target."""
        from sendgate.audit.run import audit as audit_one

        return await audit_one(
            profile_of(self.run, target),
            source.source,
            policy=self.policy,
            rules=self.rules,
            time=source.time,
            seed=source.seed,
        )

    def shown(self, report: Report, destination: Destination, *, first: bool = True) -> str:
        """Render one report in the format of the run."""
        if self.run.format != "text":
            from sendgate.render import json

            return json.dumps(json.audit(report), line=self.run.format == "jsonl")
        from sendgate.render.page import Page
        from sendgate.render.text import report_on

        console = self.run.console
        page = Page(console.width(to_stdout=destination.to_stdout))
        report_on(page, report, keys_only=self.keys_only)
        gap = "" if first else "\n\n"
        return gap + page.text(colour=console.coloured(to_stdout=destination.to_stdout))

    def _say_stale(self, destination: Destination) -> None:
        from sendgate.audit.judge import stale_waivers

        stale = stale_waivers(self.policy, self.reports)
        if not stale:
            return
        if self.run.format == "text":
            from sendgate.render.page import Page
            from sendgate.render.text import stale_on

            page = Page(self.run.console.width(to_stdout=destination.to_stdout))
            stale_on(page, stale)
            coloured = self.run.console.coloured(to_stdout=destination.to_stdout)
            destination.write("\n" + page.text(colour=coloured))
            return
        for entry in stale:
            waiver = entry.waiver
            why = f"expired on {waiver.expires}" if entry.expired else "nothing matched it"
            self.run.console.note(f"waiver of {waiver.rule} for {waiver.domain}: {why}")
