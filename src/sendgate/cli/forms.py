"""Reports in the forms of CI: one document for all audits of a run, and the job's summary."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sendgate.cli.destination import Destination

if TYPE_CHECKING:
    from sendgate.cli.command import Run
    from sendgate.config import Config
    from sendgate.names import Domain
    from sendgate.render.batch import Batch
    from sendgate.render.entry import Single
    from sendgate.repo.reading import Place

__all__ = ["CI_FORMS", "print_batch", "print_single", "sender_places", "working_tree"]

CI_FORMS = ("sarif", "github", "gitlab", "junit", "markdown", "csv")
"""The names of `sendgate.render.forms.FORMS`, known without loading them."""

SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"

_SENDER = re.compile(r"\s*\[\[\s*(?:tool\s*\.\s*sendgate\s*\.\s*)?sender\s*\]\]")


def print_batch(run: Run, destination: Destination, batch: Batch) -> None:
    """Write a batch in the form that the run asks for.

    With `github` the whole report also goes to the job's summary, where there is one.
    """
    from sendgate.render.forms import FORMS

    destination.write(FORMS[run.format](batch))
    summary = os.environ.get(SUMMARY_VARIABLE)
    if run.format == "github" and summary:
        _append_summary(run, Path(summary), batch)


def print_single(run: Run, destination: Destination, single: Single) -> None:
    """Write what was said of one thing, in the form that the run asks for."""
    from sendgate.render.batch import Batch

    root, prefix = working_tree()
    batch = Batch.of_reports([single], fail_on=run.options.fail_on, root=root, prefix=prefix)
    print_batch(run, destination, batch)


def _append_summary(run: Run, path: Path, batch: Batch) -> None:
    from sendgate.render.markdown import SUMMARY_OCTETS, summary

    try:
        there = path.stat().st_size if path.exists() else 0
        text = summary(batch, max(SUMMARY_OCTETS - there, 0))
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        run.console.note(f"{SUMMARY_VARIABLE}: {path}: {why}")


def sender_places(config: Config) -> Mapping[Domain, Place]:
    """Find the line at which the configuration declares each domain that sends."""
    from sendgate.repo.reading import Place

    if config.path is None or not config.senders:
        return {}
    try:
        lines = Path(config.path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}  # it was read a moment ago; a place is not worth failing for
    numbers = [number for number, line in enumerate(lines, 1) if _SENDER.match(line)]
    if len(numbers) != len(config.senders):
        numbers = [1] * len(config.senders)
    path = _from_top(Path(config.path))
    places: dict[Domain, Place] = {}
    for sender, number in zip(config.senders, numbers, strict=True):
        places.setdefault(sender.domain, Place(path, number))
    return places


def _from_top(path: Path) -> str:
    """Name a file from the top of the version-controlled tree it lies in; elsewhere as it is."""
    from sendgate.repo.gittree import top_of

    real = path.resolve()
    top = top_of(real.parent)
    return path.as_posix() if top is None else real.relative_to(top).as_posix()


def working_tree() -> tuple[str, str]:
    """Give the top of the version-controlled tree, and what leads from it to the working folder.

    Outside of any such tree the working folder is the top; both are empty where it is gone.
    """
    from sendgate.repo.gittree import prefix_of, top_of

    try:
        here = Path.cwd()
    except FileNotFoundError:
        return "", ""
    return (top_of(here) or here).as_posix(), prefix_of(here)
