"""Audits as commands run them: one policy, one set of rules, each report printed as it is done."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from sendgate.cli.auditing import Target, in_parallel, policy_of, profile_of
from sendgate.cli.command import EXIT_INTERRUPTED, Run
from sendgate.cli.forms import CI_FORMS, print_batch, sender_places, working_tree
from sendgate.cli.stop import run_whole

if TYPE_CHECKING:
    from sendgate.audit.judge import Policy
    from sendgate.audit.report import Report, StaleWaiver
    from sendgate.bimi.certificate import MarkRoots
    from sendgate.bimi.fetch import AssetReader
    from sendgate.cli.destination import Destination
    from sendgate.cli.sources import OpenSource
    from sendgate.crosscheck.worker import SecondReader
    from sendgate.profile import Profile
    from sendgate.vocabulary import Rule

__all__ = ["Auditor"]

_WITH_FILES = {"BIMI", "STS"}
_AT_A_TIME = 4  # domains of one command line; a list has --jobs


@dataclass
class Auditor:
    """Runs audits with one policy and one set of rules, and prints each as it is done.

    With `cross_check` each is also read by another program, which decides nothing.
    """

    run: Run
    rules: Sequence[Rule]
    keys_only: bool = False
    cross_check: bool = False
    reports: list[Report] = field(default_factory=list)
    _second: SecondReader | None = field(init=False, default=None)

    @cached_property
    def policy(self) -> Policy:
        """How strictly to judge; an unknown rule in an option or a waiver is an `InputError`."""
        from sendgate.audit.catalogue import RULES

        return policy_of(self.run, RULES)

    def run_all(self, targets: Sequence[Target]) -> int:
        """Audit the targets in order, print the reports, and give the exit code."""
        self.check(targets)
        with self.run.destination() as destination:
            try:
                run_whole(self._each(targets, destination))
            except KeyboardInterrupt:
                self._print_batch(destination)
                destination.keep()
                self.run.console.error(
                    f"interrupted; {len(self.reports)} of {len(targets)} domains were audited"
                )
                return EXIT_INTERRUPTED
        return self.exit_code

    def check(self, targets: Iterable[Target]) -> None:
        """Find unknown rules and providers before anything is asked (`InputError`)."""
        _ = self.policy
        if self.cross_check:
            from sendgate.crosscheck.worker import check_installed

            check_installed()
        for target in targets:
            profile_of(self.run, target)

    @property
    def exit_code(self) -> int:
        """What the reports so far come to."""
        from sendgate.audit.report import exit_code

        return (
            0
            if self.run.options.exit_zero
            else exit_code(report.verdict for report in self.reports)
        )

    async def _each(self, targets: Sequence[Target], destination: Destination) -> None:
        from sendgate.cli.progress import Progress
        from sendgate.cli.sources import open_source

        progress = Progress(self.run.console, len(targets))
        opened = open_source(self.run.options, progress.heard)
        async with opened as source, self.second_reader(), progress:

            async def one(target: Target) -> Report:
                return await self.report_on(target, source)

            results = in_parallel(targets, one, jobs=_AT_A_TIME, ordered=True)
            async with aclosing(results):
                async for _, report in results:
                    progress.clear()
                    progress.done += 1
                    self.reports.append(report)
                    self._print(report, destination)
                    self._note_uncalled(report, source)
            progress.clear()
            self._print_batch(destination)
            self._print_stale(destination)

    async def report_on(self, target: Target, source: OpenSource) -> Report:
        """Audit one target."""
        from sendgate.audit.run import audit as audit_one
        from sendgate.crosscheck.files import RecordingWeb
        from sendgate.dns.recorded import RecordingSource
        from sendgate.web import NoWeb

        heard = RecordingSource(source.source, source.time, source.seed)
        web = source.web if self._needs_files else None
        files = RecordingWeb(web or NoWeb())
        report = await audit_one(
            self._profile(target),
            source.source if self._second is None else heard,
            policy=self.policy,
            rules=self.rules,
            time=source.time,
            seed=source.seed,
            web=None if web is None else files,
            brand=self._brand(source),
            mail=source.mail if any(rule.area == "DANE" for rule in self.rules) else None,
        )
        if self._second is None:
            return report
        opinion = await self._second.on(report.facts, heard.answers, files.policy_of(report.domain))
        return replace(report, cross_check=opinion)

    @asynccontextmanager
    async def second_reader(self) -> AsyncIterator[None]:
        """Have the other reader at hand, where it is wanted, and end it with the run."""
        if not self.cross_check:
            yield
            return
        from sendgate.crosscheck.worker import SecondReader

        self._second = SecondReader()
        try:
            yield
        finally:
            await self._second.aclose()

    def _brand(self, source: OpenSource) -> AssetReader | None:
        """What reads logos and their certificates, where files are fetched."""
        if source.web is None or not self._needs_files:
            return None
        from sendgate.bimi.fetch import AssetReader

        return AssetReader(source.web, self._roots, source.time)

    def _profile(self, target: Target) -> Profile:
        """Build the profile; without a rule on them, lists of addresses are not asked."""
        profile = profile_of(self.run, target)
        if any(rule.area == "RBL" for rule in self.rules):
            return profile
        return replace(profile, blocklists=())

    @cached_property
    def _roots(self) -> MarkRoots | None:
        from sendgate.cli.sources import mark_roots

        return mark_roots(self.run.options)

    @cached_property
    def _needs_files(self) -> bool:
        """Whether any of the rules judges a file that records name."""
        return any(rule.area in _WITH_FILES for rule in self.rules)

    def _note_uncalled(self, report: Report, source: OpenSource) -> None:
        """Say why --probe-smtp called nobody, where that is for want of a resolver to believe."""
        dane = report.facts.dane
        if source.mail is not None and dane.domain is not None and dane.state == "not_checked":
            self.run.console.note(
                f"--probe-smtp: {report.domain}: no mail host was called, for no answer is vouched "
                "for; ask a validating resolver on loopback, or by tls:// or https://"
            )

    def _print(self, report: Report, destination: Destination) -> None:
        if self.run.format in CI_FORMS:
            return  # one document for all: `_print_batch`
        if self.run.format != "text":
            from sendgate.render import json

            document = json.audit(report)
            destination.write(json.dumps(document, line=self.run.format == "jsonl"))
            return
        from sendgate.render.text import report_on

        page = destination.page()
        report_on(page, report, keys_only=self.keys_only)
        if len(self.reports) > 1:
            destination.write("\n\n")
        destination.print(page)

    def _print_batch(self, destination: Destination) -> None:
        """Print the forms that show all audits at once."""
        if self.run.format not in CI_FORMS:
            return
        from sendgate.render.batch import Batch

        root, prefix = working_tree()
        batch = Batch.of_reports(
            self.reports,
            self._stale(),
            senders=sender_places(self.run.config),
            fail_on=self.policy.fail_on,
            root=root,
            prefix=prefix,
        )
        print_batch(self.run, destination, batch)

    def _print_stale(self, destination: Destination) -> None:
        """Say which waivers did nothing: on the page, or for JSON on stderr."""
        if self.run.format != "text":
            self.note_stale()
        elif stale := self._stale():
            from sendgate.render.text import stale_on

            page = destination.page()
            stale_on(page, stale)
            destination.write("\n")
            destination.print(page)

    def note_stale(self) -> None:
        """Say on stderr which waivers did nothing."""
        for entry in self._stale():
            waiver = entry.waiver
            why = f"expired on {waiver.expires}" if entry.expired else "nothing matched it"
            self.run.console.note(f"waiver of {waiver.rule} for {waiver.domain}: {why}")

    def _stale(self) -> tuple[StaleWaiver, ...]:
        """Find the waivers without effect, of the rules that this run reports at all."""
        from sendgate.audit.judge import stale_waivers

        told = {rule.id for rule in self.rules if self.policy.wants(rule)}
        stale = stale_waivers(self.policy, self.reports)
        return tuple(entry for entry in stale if entry.waiver.rule in told)
