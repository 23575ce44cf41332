"""`sendgate audit`: the audit of one sender, of several, or of a whole list."""

from __future__ import annotations

from typing import Annotated

import typer

from sendgate.cli.auditing import targets_of
from sendgate.cli.auditor import Auditor
from sendgate.cli.bulk import audit_list
from sendgate.cli.command import Run, command
from sendgate.cli.forms import CI_FORMS
from sendgate.errors import InputError

__all__ = ["audit"]


@command(
    "sender",
    "judging",
    "opinion",
    "bulk",
    "hosts",
    "web",
    "dns",
    "output",
    formats=("text", "json", "jsonl", *CI_FORMS),
)
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

    auditor = Auditor(run, RULES, cross_check=run.options.cross_check)
    options = run.options
    if options.probe_smtp and (options.offline or options.zone or options.replay is not None):
        run.console.note(
            "--probe-smtp: with --offline, --zone or --replay no mail host is called, and what "
            "it would show is not checked"
        )
    if domains and run.given_here("from-file"):
        raise InputError("give domains or --from-file, not both")
    if run.options.from_file is not None and not domains:
        return audit_list(auditor, run.options.from_file)
    for name in ("resume", "ordered", "jobs"):
        if run.given_here(name):
            raise InputError(f"--{name} belongs to --from-file")
    targets = targets_of(run, domains or [])
    given = [run.options_for(target.sender).declared for target in targets]
    if options.declared.blocklists and not any(sender.ips for sender in given):
        run.console.note("--blocklist: no address is declared (--ip), so no list is asked")
    if run.format == "json" and len(targets) > 1:
        raise InputError(
            f"--format json is for one domain, and there are {len(targets)}; "
            "use --format jsonl, one object a line"
        )
    return auditor.run_all(targets)
