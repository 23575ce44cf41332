"""`sendgate dkim`: the key records at named selectors, read and judged."""

from __future__ import annotations

from typing import Annotated

import typer

from sendgate.cli.auditing import Target, typed_domain
from sendgate.cli.auditor import Auditor
from sendgate.cli.command import Run, command
from sendgate.cli.forms import CI_FORMS
from sendgate.config import ConfiguredSender
from sendgate.errors import InputError

__all__ = ["dkim"]


@command("judging", "dns", "output", formats=("text", "json", "jsonl", *CI_FORMS))
def dkim(
    run: Run,
    domain: Annotated[str, typer.Argument(metavar="DOMAIN", help="Domain that signs (d=).")],
    selector: Annotated[
        list[str] | None, typer.Option("--selector", metavar="S", help="Selector (required).")
    ] = None,
) -> int:
    """Judge the DKIM keys of a domain at given selectors."""
    from sendgate.audit.catalogue import RULES
    from sendgate.settings import setting_named

    if not selector:
        raise InputError("--selector is required: a key lives at SELECTOR._domainkey.DOMAIN")
    name = typed_domain(run, domain)
    setting = setting_named("selector")
    texts = [text for given in selector for text in given.split(",")]
    selectors = setting.value_of(texts, setting.flag, run.console.note)
    sender = ConfiguredSender(name, given={"selector": selectors})
    auditor = Auditor(run, [rule for rule in RULES if rule.area == "DKIM"], keys_only=True)
    return auditor.run_all([Target(name, sender)])
