"""`sendgate explain`: one rule at length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from sendgate.cli.command import Run, command
from sendgate.errors import InputError
from sendgate.names import printable
from sendgate.receivers.data import HIDDEN
from sendgate.spelling import nearest

if TYPE_CHECKING:
    from sendgate.vocabulary import AnyRule

__all__ = ["explain"]


@command("output", formats=("text", "json", "jsonl"), hidden=("dns",))
def explain(
    run: Run,
    rule: Annotated[str, typer.Argument(metavar="RULE", help="Id (SPF004) or name of a rule.")],
) -> int:
    """Explain one rule: what it means, and what to do."""
    from sendgate.render import json
    from sendgate.render.catalogue import rule_on
    from sendgate.send.catalogue import EVERY_RULE

    found = find_rule(rule, EVERY_RULE)
    with run.destination() as destination:
        destination.show(run.format, lambda page: rule_on(page, found), lambda: json.rules([found]))
    return 0


def find_rule(word: str, rules: Sequence[AnyRule]) -> AnyRule:
    """Find a rule by id or name in any case; `InputError` names the nearest one."""
    wanted = word.strip().lower().replace("_", "-")
    for rule in rules:
        if wanted in {rule.id.lower(), rule.name}:
            return rule
    hidden = HIDDEN.get(wanted.upper())
    if hidden is not None:
        replies = f"; expect {hidden.replies}" if hidden.replies else ""
        raise InputError(
            f"{wanted.upper()} is no rule but something that DNS does not show: {hidden.what} "
            f"(what shows it: {hidden.needs}{replies})"
        )
    if wanted.upper() in {rule.area for rule in rules}:
        raise InputError(f"{wanted.upper()} is an area of rules: sendgate rules lists its rules")
    names = [name for rule in rules for name in (rule.id, rule.name)]
    raise InputError(
        f"no rule is called {printable(word)}{nearest(wanted, names)} (sendgate rules lists them)"
    )
