"""`sendgate send`: audits a campaign, then sends it; nothing bypasses the gate."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Annotated

import typer

from sendgate.cli.command import EXIT_STOPPED, Run, command
from sendgate.errors import InputError

if TYPE_CHECKING:
    from sendgate.cli.destination import Destination
    from sendgate.cli.job import Job
    from sendgate.cli.sending import Sending

__all__ = ["send"]

_AUDIT_ONLY = ("zone", "offline", "replay")


@command("dns", "output", formats=("text", "json"), without=_AUDIT_ONLY)
def send(
    run: Run,
    file: Annotated[
        str, typer.Argument(metavar="CAMPAIGN.toml", help="What is sent, by whom, to whom.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Audit, count and plan; send nothing.")
    ] = False,
    test_to: Annotated[
        str | None,
        typer.Option("--test-to", metavar="ADDRESS", help="Send one message, to ADDRESS alone."),
    ] = None,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Stop once nothing is due; run again to go on.")
    ] = False,
) -> int:
    """Audit a campaign, and send it if it passes.

    Exit codes: 0 sent, bounces included; 1 refused; 3 held, or recipients whose outcome is
    unknown await `campaign resolve`; 4 stopped before the end, to be gone on with.
    """
    from sendgate.cli.job import prepare
    from sendgate.cli.rehearse import rehearse, send_test
    from sendgate.cli.stop import interruptible, run_whole
    from sendgate.send.campaign_file import load_campaign

    if (dry_run or test_to is not None) and run.format != "text":
        raise InputError("--dry-run and --test-to have the format text only")
    if dry_run and test_to is not None:
        raise InputError("give --dry-run or --test-to, not both")
    _check_installed()
    try:
        with interruptible():
            campaign = load_campaign(file, run.config, run.console.note)
            job = prepare(campaign, run.console.note)
            with run.destination() as destination:
                if dry_run:
                    return rehearse(run, job, destination)
                if test_to is not None:
                    return run_whole(send_test(run, job, destination, test_to))
                return run_whole(_send(run, job, destination, wait=not no_wait))
    except (KeyboardInterrupt, asyncio.CancelledError):
        # Once mail leaves, the engine takes the signals, and ends in good order.
        run.console.error("stopped before sending began")
        return EXIT_STOPPED


def _check_installed() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("css_inline", "jinja2") if find_spec(name) is None]
    if missing:
        raise InputError(
            f"sending needs {', '.join(missing)}, which is not installed: "
            "install sendgate with its send extra, sendgate[send]"
        )


async def _send(run: Run, job: Job, destination: Destination, *, wait: bool) -> int:
    from sendgate.cli.job import usual_store
    from sendgate.cli.sending import Sending
    from sendgate.cli.sources import open_live
    from sendgate.cli.stop import Stop
    from sendgate.send.store import open_store

    stop = Stop()
    where = job.campaign.store or usual_store()
    secret = os.environ.get("SENDGATE_SECRET") or None
    async with (
        stop.listening(),
        open_live(run.options) as source,
        open_store(where, secret=secret) as store,
    ):
        due, unknown = store.recovered
        if due or unknown:
            run.console.note(
                f"an earlier run was cut short: {due} are due again, {unknown} are unknown"
            )
        sending = Sending(run, job, source, store, stop, wait=wait)
        code = await sending.through()
        await _show(run, sending, destination)
        return code


async def _show(run: Run, sending: Sending, destination: Destination) -> None:
    from sendgate.cli.job import now
    from sendgate.render import json
    from sendgate.render.campaign import status, status_on
    from sendgate.render.gate import gate_on
    from sendgate.send.gate import Allow

    entered = sending.entered
    assert entered is not None, "a campaign that went through was entered"
    counts = await sending.store.counts(entered.key)
    if run.format == "json":
        destination.write(json.dumps(status(entered, counts)))
        return
    page = destination.page()
    if sending.gate is not None and not isinstance(sending.gate.decision, Allow):
        gate_on(page, entered.name, sending.gate)
    else:
        status_on(page, entered, counts, await sending.store.standing(entered.key), now())
    destination.print(page)
