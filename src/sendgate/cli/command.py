"""What every command has in common: its options, its configuration, its errors.

argv ─► typer ─► {field: text} ─┐
environment ────────────────────┼─► Options ─► Run ─► the command ─► exit code
sendgate.toml ──────────────────┘
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from sendgate.cli.console import Console
from sendgate.cli.destination import Destination
from sendgate.config import Config, ConfiguredSender, load_config
from sendgate.errors import InputError, SendgateError, StoreError
from sendgate.names import printable
from sendgate.settings import SETTINGS, Options, Setting, read_environment, read_texts

__all__ = [
    "EXIT_INTERNAL",
    "EXIT_INTERRUPTED",
    "EXIT_REFUSED",
    "EXIT_STOPPED",
    "EXIT_USAGE",
    "Run",
    "command",
]

EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_STOPPED = 4  # a campaign stopped before its end; its state is kept
EXIT_INTERNAL = 70
EXIT_INTERRUPTED = 130

_NO = "no_"


@dataclass(frozen=True)
class Run:
    """One run of one command: the options as settled, the configuration, where to speak."""

    options: Options
    config: Config
    console: Console
    format: str
    layers: tuple[Mapping[str, object], ...]

    def destination(self) -> Destination:
        """Where the report of this run goes."""
        return Destination(self.options.output, self.console)

    def given_here(self, name: str) -> bool:
        """Whether the command line itself gives a setting, not a variable or the file."""
        return name in self.layers[0]

    def options_for(self, sender: ConfiguredSender | None) -> Options:
        """Settle the options for one sender: its table comes after variables, before the file."""
        above, file = self.layers[:-1], self.layers[-1]
        return Options.of(*above, sender.given if sender else {}, file)


Body = Callable[..., int]


def command(
    *groups: str,
    formats: tuple[str, ...],
    hidden: tuple[str, ...] = (),
    without: tuple[str, ...] = (),
) -> Callable[[Body], Callable[..., None]]:
    """Make a typer command of a function ``(run, **own parameters) -> exit code``.

    It gets the settings of `groups` as options; those of `hidden` groups are taken too,
    as every command shares them, but have no effect and are not listed. It does not know
    the options named in `without`. The first of `formats` is the default.
    """

    def make(body: Body) -> Callable[..., None]:
        own = list(inspect.signature(body, eval_str=True).parameters.values())[1:]
        taken = {parameter.name for parameter in own} | set(without)
        settings = [s for s in SETTINGS if s.group in {*groups, *hidden} and s.field not in taken]
        shared = [p for s in settings for p in _parameters(s, formats, is_hidden=s.group in hidden)]

        def run_command(**values: Any) -> None:
            given = {s.field: _taken(s, values) for s in settings}
            raise typer.Exit(_guarded(body, given, formats, values))

        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + shared
        run_command.__dict__["__signature__"] = inspect.Signature(parameters)
        run_command.__annotations__ = {p.name: p.annotation for p in parameters}
        run_command.__name__ = body.__name__
        run_command.__doc__ = body.__doc__
        return run_command

    return make


def _parameters(
    setting: Setting, formats: tuple[str, ...], *, is_hidden: bool
) -> list[inspect.Parameter]:
    """Make the option of a setting; a flag also gets a ``--no-`` form, which is not listed."""
    if setting.kind == "flag":
        opposite = typer.Option(f"--no-{setting.name}", hidden=True)
        option = typer.Option(setting.flag, help=setting.help, show_default=False, hidden=is_hidden)
        return [
            _keyword(setting.field, bool | None, option),
            _keyword(_NO + setting.field, bool | None, opposite),
        ]
    metavar = "|".join(formats) if setting.name == "format" else setting.metavar
    option = typer.Option(
        setting.flag, metavar=metavar, help=setting.help, show_default=False, hidden=is_hidden
    )
    kind = list[str] | None if setting.many else str | None
    return [_keyword(setting.field, kind, option)]


def _keyword(name: str, kind: Any, option: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, option]
    )


def _taken(setting: Setting, values: dict[str, Any]) -> object:
    """Take a setting's value from the arguments; its ``--no-`` form wins."""
    value = values.pop(setting.field)
    return False if values.pop(_NO + setting.field, None) else value


def _guarded(
    body: Body, given: Mapping[str, object], formats: tuple[str, ...], own: Mapping[str, Any]
) -> int:
    """Run a command; every way to fail has its words and its exit code."""
    console = Console(quiet=given.get("quiet") is True, verbose=given.get("verbose") is True)
    try:
        run = _settle(given, formats)
        console = run.console
        return body(run, **own)
    except InputError as error:
        console.error(str(error))
        return EXIT_USAGE
    except StoreError as error:
        console.error(str(error))
        return EXIT_STOPPED
    except KeyboardInterrupt:
        console.error("interrupted")
        return EXIT_INTERRUPTED
    except typer.Exit as done:
        return done.exit_code
    except (Exception, SendgateError) as error:  # noqa: BLE001 - the last line of defence
        return report_internal(error, console)


def report_internal(error: BaseException, console: Console) -> int:
    """Say that sendgate itself failed, and how to report it; the traceback with --verbose."""
    import traceback

    from sendgate import __version__

    console.error(f"internal error: {type(error).__name__}: {error}")
    console.raw(
        f"This is a fault in sendgate {__version__}, not in what you gave it. Please report it to\n"
        "the project's issue tracker with the command you ran and its output with --verbose."
    )
    if console.verbose:
        console.raw("".join(traceback.format_exception(error)))
    return EXIT_INTERNAL


def _settle(given: Mapping[str, object], formats: tuple[str, ...]) -> Run:
    remarks: list[str] = []
    arguments = read_texts(given, remarks.append)
    variables = read_environment(os.environ, remarks.append)
    named = Options.of(arguments, variables).config
    config = load_config(named, remarks.append)
    layers = (arguments, variables, config.options)
    options = Options.of(*layers)
    console = Console(options.quiet, options.verbose, options.color)
    for remark in remarks:
        console.note(remark)
    chosen = options.format or formats[0]
    if chosen not in formats:
        raise InputError(
            f"--format: {printable(chosen)} is no format of this command; it has "
            f"{', '.join(formats)}"
        )
    return Run(options, config, console, chosen, layers)
