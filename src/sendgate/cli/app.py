"""The commands of sendgate, in the order of the help."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from sendgate.cli.audit import audit
from sendgate.cli.bimi import bimi
from sendgate.cli.campaign import campaign
from sendgate.cli.command import EXIT_INTERRUPTED, EXIT_USAGE
from sendgate.cli.console import Console
from sendgate.cli.dkim import dkim
from sendgate.cli.dmarc import dmarc
from sendgate.cli.explain import explain
from sendgate.cli.message import message
from sendgate.cli.records import records
from sendgate.cli.repo import repo
from sendgate.cli.rules import rules
from sendgate.cli.schema import schema
from sendgate.cli.send import send
from sendgate.cli.spf import spf

__all__ = ["app"]


class _Commands(TyperGroup):
    """The commands as a group whose usage errors read like all others."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line; usage errors go to stderr in safe words."""
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except typer.Abort:
            code = EXIT_INTERRUPTED
        except Exception as error:
            # typer has a class of its own for these and does not export it.
            if not hasattr(error, "format_message"):
                raise
            code = _usage_error(error)
        if standalone_mode:
            sys.exit(code)
        return code


def _usage_error(error: Any) -> int:
    console = Console()
    if getattr(error, "ctx", None) is not None:
        console.raw(error.ctx.get_usage())
        console.raw(f"Try '{error.ctx.command_path} --help' for help.")
    console.error(error.format_message().removesuffix("."))
    return EXIT_USAGE


app = typer.Typer(
    name="sendgate",
    cls=_Commands,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)


def _version(asked: bool) -> None:
    if asked:
        from sendgate import __version__

        typer.echo(f"sendgate {__version__}")
        raise typer.Exit


@app.callback()
def sendgate(
    context: typer.Context,
    _asked: Annotated[
        bool | None,
        typer.Option(
            "--version", help="Print the version and exit.", callback=_version, is_eager=True
        ),
    ] = None,
) -> None:
    """Audit a sender's domains (SPF, DKIM, DMARC, BIMI, MX, alignment), then send mail.

    Exit codes: 0 pass, 1 fail, 2 usage or configuration, 3 something decisive is unknown,
    4 a campaign stopped before its end, 70 internal error, 130 interrupted.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(EXIT_USAGE)


for function in (audit, repo, spf, dmarc, dkim, bimi, message, records, send):
    app.command(function.__name__)(function)
app.add_typer(campaign)
for function in (rules, explain, schema):
    app.command(function.__name__)(function)
