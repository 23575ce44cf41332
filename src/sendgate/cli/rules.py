"""`sendgate rules`: the catalogue."""

from __future__ import annotations

from sendgate.cli.command import Run, command

__all__ = ["rules"]


@command("output", formats=("text", "json", "jsonl"), hidden=("dns",))
def rules(run: Run) -> int:
    """List every rule and what it finds wrong."""
    from sendgate.render import json
    from sendgate.render.catalogue import rules_on
    from sendgate.send.catalogue import EVERY_RULE

    with run.destination() as destination:
        if run.format == "json":
            destination.write(json.dumps(json.rules(EVERY_RULE)))
        elif run.format == "jsonl":
            for rule in EVERY_RULE:
                destination.write(json.dumps(json.rule(rule), line=True))
        else:
            page = destination.page()
            rules_on(page, EVERY_RULE)
            destination.print(page)
    return 0
