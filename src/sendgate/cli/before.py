"""How a repository is checked: by the configuration as it was before the change.

The configuration mostly stands in the repository that it speaks of, so that a change could
switch off what would find it. Only what the command line or the environment says is above that.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sendgate.cli.command import Run
from sendgate.cli.console import Console
from sendgate.config import DEFAULT_FILE, PROJECT_FILE, Config, parse_config
from sendgate.errors import InputError, SourceError
from sendgate.names import printable
from sendgate.settings import Options

__all__ = ["Before", "as_before", "baseline_before", "config_before", "without_files"]

_WRITTEN = ("output", "record")  # settings by which a configuration has a file written


@dataclass(frozen=True)
class Before:
    """The configuration at the base; a change to it is no part of what judges that change."""

    revision: str
    config: Config
    remarks: tuple[str, ...] = ()


def config_before(run: Run, top: Path | None, revision: str) -> Before | None:
    """Read the configuration at a revision; None where it is no part of the tree at `top`."""
    named = run.options.config
    paths = [Path(name).absolute() for name in ([named] if named else [DEFAULT_FILE, PROJECT_FILE])]
    if top is None or _top_of(paths[0]) != top:
        return None
    for path in paths:
        octets = _at(path, revision)
        if octets is not None:
            return _parsed(path, octets, revision)
    return Before(revision, Config())


def _parsed(path: Path, octets: bytes, revision: str) -> Before:
    shown = os.path.relpath(path)
    try:
        return Before(revision, parse_config(shown, octets, lambda _: None))
    except InputError as error:
        return Before(revision, Config(), (f"no configuration could be read at the base: {error}",))


def as_before(run: Run, before: Before, formats: tuple[str, ...]) -> tuple[Run, tuple[str, ...]]:
    """Give the run with the settings of the base, and say what the change would have changed."""
    then, now = before.config.options, run.config.options
    above = {name for layer in run.layers[:-1] for name in layer}
    changed = sorted(n for n in {*then, *now} - above if then.get(n) != now.get(n))
    remarks = [*before.remarks]
    if changed:
        listed = ", ".join(changed)
        remarks.append(
            f"this change alters settings of the configuration ({listed}): taken as before"
        )
    remarks += _senders(run.config, before.config)
    return _settled(run, then, formats), tuple(remarks)


def _senders(now: Config, then: Config) -> Iterator[str]:
    for domain in dict.fromkeys(sender.domain for sender in then.senders):
        kept, earlier = now.senders_from(domain), then.senders_from(domain)
        if not kept:
            yield f"this change removes the [[sender]] {domain} from the configuration"
        elif [s.given for s in kept] != [s.given for s in earlier]:
            yield f"this change alters the [[sender]] {domain} of the configuration"


def without_files(run: Run, top: Path | None) -> tuple[Run, tuple[str, ...]]:
    """In CI, let the configuration of the tree under test write no file."""
    named = run.config.path
    given = [name for name in _WRITTEN if name in run.layers[-1]]
    in_ci = os.environ.get("CI", "").lower() not in {"", "0", "false"}
    if not (given and in_ci and named and top is not None and _top_of(Path(named)) == top):
        return run, ()
    kept = {name: value for name, value in run.layers[-1].items() if name not in _WRITTEN}
    words = (
        f"{printable(named)}: {' and '.join(given)}: not in CI, where a change to the file could "
        "have any file written; use the command line or the environment"
    )
    return _settled(run, kept, ()), (words,)


def _settled(run: Run, file: Mapping[str, object], formats: tuple[str, ...]) -> Run:
    layers = (*run.layers[:-1], file)
    options = Options.of(*layers)
    chosen = options.format or (formats[0] if formats else run.format)
    if formats and chosen not in formats:
        raise InputError(f"--format: {printable(chosen)} is no format of this command")
    console = Console(options.quiet, options.verbose, options.color)
    return replace(run, options=options, layers=layers, console=console, format=chosen)


def baseline_before(path: str, top: Path, revision: str) -> bytes | None:
    """Read a baseline at a revision: empty where it is new, None where it is not of this tree."""
    file = Path(path).absolute()
    if _top_of(file) != top:
        return None
    return _at(file, revision) or b""


def _top_of(path: Path) -> Path | None:
    from sendgate.repo.gittree import top_of

    return top_of(path.resolve().parent)


def _at(path: Path, revision: str) -> bytes | None:
    """Read one file at a revision; None where there was none."""
    from sendgate.repo.gittree import GitTree

    folder = path.parent.resolve()
    with GitTree(folder, revision) as tree:
        try:
            return tree.read(path.name)
        except SourceError:
            return None
