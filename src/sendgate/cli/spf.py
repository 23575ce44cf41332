"""`sendgate spf`: RFC 7208 check_host for one client, with the path taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sendgate.cli.auditing import typed_domain
from sendgate.cli.command import Run, command
from sendgate.cli.stop import run_whole
from sendgate.errors import ConfigError, InputError
from sendgate.settings import read_ip

if TYPE_CHECKING:
    from sendgate.names import Domain
    from sendgate.profile import IpAddress
    from sendgate.spf.facts import CheckResult

__all__ = ["spf", "typed_address"]

_EXIT = {"pass": 0, "temperror": 3}


@command("dns", "output", formats=("text", "json", "jsonl"))
def spf(
    run: Run,
    domain: Annotated[
        str | None,
        typer.Argument(metavar="DOMAIN", help="Domain to check; without: the identity's."),
    ] = None,
    ip: Annotated[
        str | None, typer.Option("--ip", metavar="ADDR", help="The client's address (required).")
    ] = None,
    mail_from: Annotated[
        str | None,
        typer.Option("--mail-from", metavar="ADDRESS", help='MAIL FROM; "" is the null sender.'),
    ] = None,
    helo: Annotated[
        str | None, typer.Option("--helo", metavar="NAME", help="Name given in HELO or EHLO.")
    ] = None,
) -> int:
    """Evaluate SPF for one address, with the path taken.

    Exit codes: 0 pass, 1 any other result, 3 temperror.
    """
    from sendgate.render.checks import spf_json, spf_on

    if ip is None:
        raise InputError("--ip is required: SPF judges the address that connects")
    address = typed_address(ip)
    if domain is None and mail_from is None and helo is None:
        raise InputError("nothing to check: give a DOMAIN, --mail-from or --helo")
    if domain is None and not mail_from and helo is None:
        raise InputError("the null sender is postmaster at the HELO name: give --helo too")
    name = None if domain is None else typed_domain(run, domain)
    with run.destination() as destination:
        result = run_whole(_check(run, address, name, mail_from, helo))
        destination.show(
            run.format, lambda page: spf_on(page, address, result), lambda: spf_json(result)
        )
    return _EXIT.get(str(result.result), 1)


def typed_address(text: str) -> IpAddress:
    """Read the value of --ip; `InputError` where it is none."""
    try:
        return read_ip(text)
    except ConfigError as error:
        raise InputError(f"--ip: {error}") from None


async def _check(
    run: Run, ip: IpAddress, domain: Domain | None, mail_from: str | None, helo: str | None
) -> CheckResult:
    from sendgate.cli.progress import Progress
    from sendgate.cli.sources import open_source
    from sendgate.spf.evaluate import check_identity

    progress = Progress(run.console)
    async with open_source(run.options, progress.heard) as source, progress:
        return await check_identity(ip, mail_from, helo, domain, source.source, now=source.time)
