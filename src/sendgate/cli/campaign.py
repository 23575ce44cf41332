"""`sendgate campaign`: the life of a campaign, seen and steered from any terminal.

list, status, log, report              read a store, beside the process that sends from it
pause, resume, cancel, resolve         write to it; the sender meets that within a second
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sendgate.cli.campaign_pages import REPORTS, Shown, pieces, put_status, utc_now
from sendgate.cli.command import EXIT_USAGE, Run, command
from sendgate.errors import InputError
from sendgate.names import printable
from sendgate.spelling import nearest

if TYPE_CHECKING:
    from sendgate.send.state import State
    from sendgate.send.store import Campaign, Resolution, Visit

__all__ = ["campaign"]

_GLANCE = 1.0  # seconds between two looks of --watch

Name = Annotated[
    str | None,
    typer.Argument(metavar="NAME", help="Its name or id; without: the only one in the store."),
]
Where = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", help="Store: sqlite:///PATH; default: the user's own."),
]

campaign = typer.Typer(
    name="campaign",
    help="See how campaigns stand, pause, resume and cancel them.",
    invoke_without_command=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)


@campaign.callback()
def _campaign(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(EXIT_USAGE)


@command("output", formats=("text", "jsonl"))
def list_campaigns(run: Run, store: Where = None) -> int:
    """List the campaigns of a store, the oldest first."""
    from sendgate.render import json
    from sendgate.render.campaign import campaigns_on, status

    with run.destination() as destination, _visit(store) as visit:
        found = visit.campaigns()
        if run.format == "jsonl":
            for one in found:
                destination.write(json.dumps(status(one, visit.counts(one)), line=True))
            return 0
        if not found:
            run.console.note("the store is empty")
        page = destination.page()
        campaigns_on(page, found)
        destination.print(page)
    return 0


@command("output", formats=("text", "json", "jsonl"))
def status(
    run: Run,
    name: Name = None,
    store: Where = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it again each second until it ends.")
    ] = False,
) -> int:
    """Say where a campaign stands.

    Its state, and how many recipients came to what.
    """
    from sendgate.render import campaign as form
    from sendgate.render import json

    if watch and (run.format != "text" or run.options.output or not sys.stdout.isatty()):
        raise InputError("--watch needs a terminal and the format text")
    with run.destination() as destination, _visit(store) as visit:
        chosen = _chosen(visit, name)
        if run.format != "text":
            shown = form.status(chosen, visit.counts(chosen))
            destination.write(json.dumps(shown, line=run.format == "jsonl"))
            return 0
        if watch:
            _watch(run, visit, chosen)
            return 0
        page = destination.page()
        put_status(page, visit, chosen)
        destination.print(page)
    return 0


@command("output", formats=("text", "jsonl", "csv"))
def log(run: Run, name: Name = None, store: Where = None) -> int:
    """Print every attempt and exclusion in their order."""
    from sendgate.render import json
    from sendgate.render.campaign import log_line, log_text

    with run.destination() as destination, _visit(store) as visit:
        entries = visit.log(_chosen(visit, name))
        lines: Iterable[str]
        if run.format == "jsonl":
            lines = (json.dumps(log_line(entry), line=True) for entry in entries)
        elif run.format == "csv":
            from sendgate.render.campaign_csv import log_csv

            lines = log_csv(entries)
        else:
            lines = (log_text(entry) + "\n" for entry in entries)
        for piece in pieces(lines):
            destination.write(piece)
    return 0


@command("output", formats=tuple(REPORTS))
def report(
    run: Run,
    name: Name = None,
    store: Where = None,
    result: Annotated[
        str | None,
        typer.Option("--result", metavar="STATE", help="Only recipients in this state."),
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option("--reason", metavar="CATEGORY", help="Only recipients of this category."),
    ] = None,
) -> int:
    """Report on a campaign and those it did not reach.

    Its sums and the audit it rests on, replies that no rule knows, then
    recipients: those of --result and --reason, or all that bounced, were not
    sent to, or wait for a decision.
    """
    from sendgate.send.state import State

    wanted = None if result is None else _state(result)
    unreached = result is None and reason is None
    with run.destination() as destination, _visit(store) as visit:
        chosen = _chosen(visit, name)
        ended = visit.recipients(chosen, wanted, reason)
        if unreached:
            ended = chain.from_iterable(
                visit.recipients(chosen, state) for state in (State.BOUNCED, State.NOT_SENT)
            )
        held = visit.unknown(chosen) if unreached else []
        unmatched = visit.unmatched(chosen) if unreached else []
        REPORTS[run.format](destination, visit, chosen, Shown(unmatched, held, ended))
    return 0


@command("output", formats=("text",))
def pause(run: Run, name: Name = None, store: Where = None) -> int:
    """Pause a campaign: nothing more is begun.

    What is under way comes to its end.
    """

    def work(visit: Visit, chosen: Campaign) -> str:
        if not visit.pause(chosen, utc_now(), "paused by hand"):
            raise _refusal(visit, chosen, "paused")
        return "is paused; resume it with: sendgate campaign resume"

    return _steer(run, name, store, work)


@command("output", formats=("text",))
def resume(run: Run, name: Name = None, store: Where = None) -> int:
    """Take a pause back; `sendgate send` then goes on.

    It audits the campaign again before it does.
    """

    def work(visit: Visit, chosen: Campaign) -> str:
        if not visit.resume(chosen, utc_now()):
            raise _refusal(visit, chosen, "resumed")
        return "is queued; go on with: sendgate send CAMPAIGN.toml"

    return _steer(run, name, store, work)


@command("output", formats=("text",))
def cancel(run: Run, name: Name = None, store: Where = None) -> int:
    """End a campaign for good: who still waits gets nothing."""

    def work(visit: Visit, chosen: Campaign) -> str:
        if not visit.cancel(chosen, utc_now(), "cancelled by hand"):
            raise _refusal(visit, chosen, "cancelled")
        return "is cancelled"

    return _steer(run, name, store, work)


@command("output", formats=("text",))
def resolve(
    run: Run,
    name: Name = None,
    store: Where = None,
    resend: Annotated[
        bool, typer.Option("--resend", help="Send again: some may get the message twice.")
    ] = False,
    assume_delivered: Annotated[
        bool, typer.Option("--assume-delivered", help="Take them as delivered.")
    ] = False,
    recipient: Annotated[
        str | None,
        typer.Option("--recipient", metavar="ADDRESS", help="Only this one; without: all."),
    ] = None,
) -> int:
    """Decide about recipients whose outcome is unknown.

    Their message may or may not have arrived: the reply to it was lost.
    """
    from sendgate.send.address import Address
    from sendgate.send.store import Resolution

    if resend == assume_delivered:
        raise InputError("give either --resend or --assume-delivered")
    how = Resolution.RESEND if resend else Resolution.ASSUME_DELIVERED
    address = None if recipient is None else str(Address.parse(recipient))

    def work(visit: Visit, chosen: Campaign) -> str:
        return _resolved(visit.resolve(chosen, how, utc_now(), address), how)

    return _steer(run, name, store, work)


def _resolved(number: int, how: Resolution) -> str:
    many = "1 recipient" if number == 1 else f"{number:,} recipients"
    if not number:
        return "has no unknown recipients"
    if how == "resend":
        return f"has {many} to send to again; go on with: sendgate send CAMPAIGN.toml"
    verb = "counts" if number == 1 else "count"
    return f"has {many} more that {verb} as delivered"


for _name, _function in (
    ("list", list_campaigns),
    ("status", status),
    ("log", log),
    ("report", report),
    ("pause", pause),
    ("resume", resume),
    ("cancel", cancel),
    ("resolve", resolve),
):
    campaign.command(_name)(_function)


def _visit(store: str | None) -> Visit:
    from sendgate.send.store import default_path, visit_store

    return visit_store(default_path(os.environ, Path.home()) if store is None else store)


def _chosen(visit: Visit, name: str | None) -> Campaign:
    if name is not None:
        return visit.campaign(name)
    found = visit.campaigns()
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError("the store is empty: nothing was sent yet")
    names = ", ".join(printable(one.name) for one in found[:10])
    more = "" if len(found) <= 10 else f" and {len(found) - 10} more"
    raise InputError(f"which campaign? Give its NAME; there are {names}{more}")


def _state(text: str) -> State:
    from sendgate.send.state import State

    known = {str(state): state for state in State}
    word = text.lower().replace("-", "_")
    if word not in known:
        raise InputError(
            f"--result: {printable(text)} is no result{nearest(word, known)} "
            f"(there are {', '.join(known)})"
        )
    return known[word]


def _refusal(visit: Visit, chosen: Campaign, what: str) -> InputError:
    now = visit.campaign(chosen.id)
    return InputError(f"the campaign {printable(now.name)} is {now.state}: it cannot be {what}")


def _steer(
    run: Run, name: str | None, store: str | None, work: Callable[[Visit, Campaign], str]
) -> int:
    from sendgate.render.safe import safe

    with run.destination() as destination, _visit(store) as visit:
        chosen = _chosen(visit, name)
        said = work(visit, chosen)
        destination.write(f"{safe(chosen.name, letters=True)} {said}\n")
    return 0


def _watch(run: Run, visit: Visit, chosen: Campaign) -> None:
    """Show the status over itself until the campaign ends or the user has seen enough."""
    from sendgate.render.page import Page
    from sendgate.send.state import CampaignState

    over = {CampaignState.FINISHED, CampaignState.CANCELLED}
    colour = run.console.coloured(to_stdout=True)
    height = 0
    try:
        while True:
            page = Page(run.console.width(to_stdout=True))
            put_status(page, visit, chosen)
            up = f"\x1b[{height}A\x1b[J" if height else ""
            sys.stdout.write(up + page.text(colour=colour))
            sys.stdout.flush()
            height = len(page.lines)
            if visit.campaign(chosen.id).state in over:
                return
            time.sleep(_GLANCE)
    except KeyboardInterrupt:
        return  # that is how one stops watching
