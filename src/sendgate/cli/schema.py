"""`sendgate schema`: the JSON Schemas of the output and of the configuration."""

from __future__ import annotations

from typing import Annotated

import typer

from sendgate.cli.command import Run, command
from sendgate.errors import InputError
from sendgate.names import printable
from sendgate.spelling import nearest

__all__ = ["NAMES", "read_schema", "schema"]

NAMES = (
    "audit", "repo", "spf", "dmarc", "bimi", "message", "records", "campaign", "rules", "config",
)  # fmt: skip


@command("output", formats=("json", "jsonl", "text"), hidden=("dns",))
def schema(
    run: Run,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One of " + ", ".join(NAMES) + ".")
    ] = None,
) -> int:
    """Print a JSON Schema; without NAME, list the names."""
    if name is None:
        text = "".join(f"{known}\n" for known in NAMES)
    else:
        text = read_schema(name)
        if run.format == "jsonl":
            import json

            text = json.dumps(json.loads(text), separators=(",", ":")) + "\n"
    with run.destination() as destination:
        destination.write(text)
    return 0


def read_schema(name: str) -> str:
    """Read one schema; `name` may be written like its format (``sendgate.audit/1``)."""
    from importlib.resources import files

    bare = name.removeprefix("sendgate.").removesuffix("/1")
    if bare not in NAMES:
        raise InputError(
            f"no schema is called {printable(name)}{nearest(bare, NAMES)} "
            f"(there are {', '.join(NAMES)})"
        )
    return files("sendgate").joinpath("schemas", f"{bare}.json").read_text(encoding="utf-8")
