"""`sendgate dmarc`: discovery, the policy that applies, alignment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sendgate.cli.auditing import policy_of, typed_domain
from sendgate.cli.command import Run, command
from sendgate.cli.stop import run_whole

if TYPE_CHECKING:
    from sendgate.audit.report import Report
    from sendgate.dmarc.discover import Discovery
    from sendgate.names import Domain

__all__ = ["dmarc"]


@command("judging", "dns", "output", formats=("text", "json", "jsonl"))
def dmarc(
    run: Run,
    domain: Annotated[str, typer.Argument(metavar="DOMAIN", help="Domain of the From address.")],
    spf_domain: Annotated[
        str | None,
        typer.Option("--spf-domain", metavar="D", help="Domain that passed SPF (MAIL FROM)."),
    ] = None,
    dkim_domain: Annotated[
        str | None, typer.Option("--dkim-domain", metavar="D", help="Domain that signed (d=).")
    ] = None,
) -> int:
    """Find the DMARC policy of a domain, and what aligns.

    Identifiers that are given, and none of which aligns, exit 1.
    """
    from sendgate.render.checks import dmarc_json, dmarc_on

    author = typed_domain(run, domain)
    spf = None if spf_domain is None else typed_domain(run, spf_domain)
    dkim = None if dkim_domain is None else typed_domain(run, dkim_domain)
    with run.destination() as destination:
        found, report = run_whole(_discover(run, author, spf, dkim))
        destination.show(
            run.format,
            lambda page: dmarc_on(page, found, report),
            lambda: dmarc_json(found, report),
        )
    return 0 if run.options.exit_zero else _exit_code(found, report)


def _exit_code(found: Discovery, report: Report) -> int:
    """Exit as `audit` does; identifiers that were given, and none of which aligns, fail."""
    given = [verdict for verdict in (found.spf, found.dkim) if verdict is not None]
    unaligned = bool(given) and "aligned" not in given and not found.unknown
    if report.verdict.exit_code == 1 or unaligned:
        return 1
    return 3 if found.unknown else report.verdict.exit_code


async def _discover(
    run: Run, author: Domain, spf: Domain | None, dkim: Domain | None
) -> tuple[Discovery, Report]:
    from sendgate.audit.catalogue import RULES
    from sendgate.audit.infer import SenderOptions, build_profile
    from sendgate.audit.run import audit
    from sendgate.cli.progress import Progress
    from sendgate.cli.sources import open_source
    from sendgate.dmarc.discover import discover

    policy = policy_of(run, RULES)
    progress = Progress(run.console)
    async with open_source(run.options, progress.heard) as source, progress:
        found = await discover(author, spf, dkim, source.source)
        report = await audit(
            build_profile(author, SenderOptions()),
            source.source,
            policy=policy,
            rules=[rule for rule in RULES if rule.area == "DMARC"],
            time=source.time,
            seed=source.seed,
        )
    return found, report
