"""The commands of sendgate, in the order of the help."""

from __future__ import annotations

from typing import Annotated

import typer

from sendgate.cli.audit import audit
from sendgate.cli.dkim import dkim
from sendgate.cli.dmarc import dmarc
from sendgate.cli.explain import explain
from sendgate.cli.rules import rules
from sendgate.cli.schema import schema
from sendgate.cli.spf import spf

__all__ = ["app"]

app = typer.Typer(
    name="sendgate",
    add_completion=False,
    no_args_is_help=True,
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
    version: Annotated[
        bool | None,
        typer.Option(
            "--version", help="Print the version and exit.", callback=_version, is_eager=True
        ),
    ] = None,
) -> None:
    """Audit a sender's domains (SPF, DKIM, DMARC, BIMI, MX, alignment) before mail is sent.

    Exit codes: 0 pass, 1 fail, 2 usage or configuration, 3 something decisive is unknown,
    70 internal error, 130 interrupted.
    """


for function in (audit, spf, dmarc, dkim, rules, explain, schema):
    app.command(function.__name__)(function)
