"""`sendgate audit --from-file`: a list of domains, as JSON Lines, resumable.

With `--output FILE` the lines go to `FILE.part` as they are made, and that becomes FILE
when the list is done. `--resume` goes on where an earlier run stopped: domains that have
a whole line already are not audited again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from sendgate.cli.auditing import Target, in_parallel, typed_domain
from sendgate.cli.auditor import Auditor
from sendgate.cli.command import EXIT_INTERRUPTED
from sendgate.cli.destination import Destination
from sendgate.cli.stop import run_whole
from sendgate.errors import DomainError, InputError, SourceError
from sendgate.files import why
from sendgate.names import printable

if TYPE_CHECKING:
    from sendgate.audit.report import Report, Verdict

__all__ = ["audit_list"]

_MAX_NAME = 220  # characters that leave room for a selector and ``._domainkey`` (RFC 1035: 253)
_NAMED = 10  # bad lines of a list that are named one by one


def audit_list(auditor: Auditor, path: str) -> int:
    """Audit every domain of a file (``-``: stdin) and give the exit code of the whole.

    Raises `InputError` where the file names no domain, or something that is none.
    """
    options = auditor.run.options
    if options.format not in {None, "jsonl"}:
        raise InputError("--from-file writes JSON Lines; use --format jsonl or leave it out")
    if options.resume and options.output in {None, "-"}:
        raise InputError("--resume goes on with a file: give --output FILE")
    targets = list(_targets(auditor, path))
    if not targets:
        raise SourceError("names no domain", "stdin" if path == "-" else path)
    auditor.check(targets[:1])
    return _Bulk(auditor, targets).run()


def _targets(auditor: Auditor, path: str) -> Iterator[Target]:
    """Read the list: one domain a line; empty lines and those after ``#`` are passed over.

    Raises `InputError` that names every line that is no domain: nothing is audited then.
    """
    bad: list[SourceError] = []
    for number, line in enumerate(_lines(path), 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            domain = typed_domain(auditor.run, text)
            if len(domain.text) > _MAX_NAME:
                raise DomainError(f"{domain} is so long that no selector fits in front of it")
        except DomainError as error:
            bad.append(SourceError(str(error), path, number))
            continue
        senders = auditor.run.config.senders_from(domain)
        yield from [Target(domain, sender) for sender in senders] or [Target(domain)]
    if bad:
        more = f"; and {len(bad) - _NAMED:,} lines more" if len(bad) > _NAMED else ""
        raise InputError("; ".join(map(str, bad[:_NAMED])) + more)


def _lines(path: str) -> list[str]:
    try:
        if path == "-":
            return sys.stdin.read().splitlines()
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SourceError(f"cannot be read: {why(error)}", path) from None
    except UnicodeDecodeError:
        raise SourceError("not UTF-8 text", path) from None


@dataclass
class _Bulk:
    """One run over a list."""

    auditor: Auditor
    targets: list[Target]
    verdicts: set[Verdict] = field(default_factory=set)
    done: int = 0

    def run(self) -> int:
        from sendgate.audit.report import exit_code

        options = self.auditor.run.options
        try:
            if options.output in {None, "-"}:
                with Destination(None, self.auditor.run.console) as destination:
                    run_whole(self._each(destination.write))
            else:
                with self._journal(Path(str(options.output))) as file:
                    run_whole(self._each(lambda line: _append(file, line)))
        except KeyboardInterrupt:
            how = "; --resume goes on from here" if options.output else ""
            self.auditor.run.console.error(
                f"interrupted; {self.done} of {len(self.targets)} domains were audited{how}"
            )
            return EXIT_INTERRUPTED
        if not options.resume:  # an earlier run's lines do not tell which waivers they used
            self.auditor.note_stale()
        return 0 if options.exit_zero else exit_code(self.verdicts)

    async def _each(self, write: Callable[[str], None]) -> None:
        from sendgate.cli.progress import Progress
        from sendgate.cli.sources import open_source

        run = self.auditor.run
        progress = Progress(run.console, len(self.targets), done=self.done)
        opened = open_source(run.options, progress.heard)
        async with opened as source, self.auditor.second_reader(), progress:

            async def one(target: Target) -> tuple[str, Report]:
                report = await self.auditor.report_on(target, source)
                from sendgate.render import json as forms

                return forms.dumps(forms.audit(report), line=True), report

            results = in_parallel(
                self.targets, one, jobs=run.options.jobs, ordered=run.options.ordered
            )
            async with aclosing(results):
                async for _, (line, report) in results:
                    self.verdicts.add(report.verdict)
                    self.done += 1
                    progress.done += 1
                    progress.clear()
                    if self.auditor.policy.waivers:
                        self.auditor.reports.append(report)
                    write(line)

    @contextmanager
    def _journal(self, path: Path) -> Iterator[TextIO]:
        """Open ``FILE.part`` for the lines of this run; FILE takes its place at the end."""
        part = path.with_name(path.name + ".part")
        kept: list[str] = []
        if self.auditor.run.options.resume:
            kept = self._resume(part if part.exists() else path)
        try:
            with part.open("w", encoding="utf-8") as file:
                file.writelines(kept)
                file.flush()
                yield file
            part.replace(path)
        except OSError as error:
            raise InputError(f"--output: {printable(str(path))}: {why(error)}") from None

    def _resume(self, path: Path) -> list[str]:
        """Give the whole lines of an earlier run, and take their domains off the list."""
        try:
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError):
            raise InputError(f"--resume: {printable(str(path))} cannot be read") from None
        kept, seen = [], list[str]()
        for number, line in enumerate(lines, 1):
            entry = _entry(line)
            if entry is None:
                if number == len(lines):
                    break  # the line that was being written when the run stopped
                raise SourceError(
                    "not a line of sendgate.audit/1; is this the file?", str(path), number
                )
            kept.append(line)
            seen.append(entry[0])
            self.verdicts.add(entry[1])
        # Several senders of one domain have one line each, in the order of the config.
        left = []
        for target in self.targets:
            if str(target.domain) in seen:
                seen.remove(str(target.domain))
                self.done += 1
            else:
                left.append(target)
        self.targets = left
        return kept


def _entry(line: str) -> tuple[str, Verdict] | None:
    """Read the domain and the verdict of a whole line; None for anything else."""
    from sendgate.audit.report import Verdict

    if not line.endswith("\n"):
        return None
    try:
        entry = json.loads(line)
        if isinstance(entry, dict) and entry.get("format") == "sendgate.audit/1":
            return str(entry.get("domain")), Verdict(str(entry.get("verdict")))
    except ValueError:  # no JSON, or a verdict that there is not
        pass
    return None


def _append(file: TextIO, line: str) -> None:
    file.write(line)
    file.flush()
