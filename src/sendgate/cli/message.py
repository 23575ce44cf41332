"""`sendgate message`: one message, verified and judged as a receiver would."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from sendgate.cli.auditing import policy_of
from sendgate.cli.command import Run, command
from sendgate.cli.forms import CI_FORMS, print_single
from sendgate.cli.stop import run_whole
from sendgate.errors import ConfigError, InputError, SourceError
from sendgate.files import read_file, why
from sendgate.names import Domain, printable

if TYPE_CHECKING:
    from sendgate.message.connection import Connection
    from sendgate.message.facts import MessageKind
    from sendgate.message.judge import MessageReport
    from sendgate.message.record import Message
    from sendgate.profile import Receiver

__all__ = ["message"]


@command(
    "judging",
    "dns",
    "output",
    formats=("text", "json", "jsonl", *CI_FORMS),
    without=("authoritative",),
)
def message(
    run: Run,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The message (.eml); - is stdin.")],
    ip: Annotated[
        str | None, typer.Option("--ip", metavar="ADDR", help="Address that delivered it, for SPF.")
    ] = None,
    mail_from: Annotated[
        str | None,
        typer.Option(
            "--mail-from", metavar="ADDRESS", help='MAIL FROM; default: Return-Path; "" is null.'
        ),
    ] = None,
    helo: Annotated[
        str | None, typer.Option("--helo", metavar="NAME", help="Name given in HELO or EHLO.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="When it was received, for stored mail."),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            metavar="marketing|transactional|one-to-one",
            help="What the mail is; default: what it looks like.",
        ),
    ] = None,
    receiver: Annotated[
        list[str] | None,
        typer.Option("--receiver", metavar="NAME", help="Receiver; a *-bulk one declares volume."),
    ] = None,
) -> int:
    """Verify and judge one message as a receiver would.

    DKIM, ARC, SPF and DMARC, its header, and how to unsubscribe from it. SPF needs --ip, with
    --mail-from or --helo. TIME is like 2026-11-23T12:00:00Z.
    """
    from sendgate.render.message import message_json, message_on, single

    when = None if at is None else _time(at)
    chosen = None if kind is None else _kind(kind)
    receivers = _receivers(run, receiver)
    _check_session(ip, mail_from, helo)
    read = _read(run, file)
    connection = _connection(read, ip, mail_from, helo)
    with run.destination() as destination:
        where = "stdin" if file == "-" else file
        report = run_whole(_examined(run, read, where, connection, chosen, receivers, when))
        if when is None and report.facts.expired:
            run.console.note("a signature expired before now; --at TIME judges stored mail")
        if run.format in CI_FORMS:
            print_single(run, destination, single(report))
        else:
            destination.show(
                run.format, lambda page: message_on(page, report), lambda: message_json(report)
            )
    return 0 if run.options.exit_zero else report.verdict.exit_code


async def _examined(
    run: Run,
    read: Message,
    where: str,
    connection: Connection | None,
    kind: MessageKind | None,
    receivers: tuple[Receiver, ...] | None,
    when: datetime | None,
) -> MessageReport:
    from sendgate.cli.progress import Progress
    from sendgate.cli.sources import open_source
    from sendgate.message.collect import examine
    from sendgate.message.dmarc import author_of
    from sendgate.message.judge import RULES, judge_message

    policy = policy_of(run, RULES)
    author = author_of(read)
    if receivers is None:
        senders = run.config.senders_from(author) if isinstance(author, Domain) else ()
        sender = next(iter(senders), None)
        receivers = run.options_for(sender).declared.receivers
    bulk = any(one.is_bulk for one in receivers)
    progress = Progress(run.console)
    async with open_source(run.options, progress.heard) as source, progress:
        now = when or source.time
        facts = await examine(
            read,
            source.source,
            where=where,
            kind=kind,
            connection=connection,
            bulk=bulk,
            now=now,
        )
    # What is waived is so today, however old the message is.
    return judge_message(facts, policy, now, today=source.time.date())


def _read(run: Run, file: str) -> Message:
    """Read the message; `InputError` where there is none, or more than is read."""
    from sendgate.message.record import MAX_FIELDS, MAX_OCTETS, Flaw, parse

    where = "stdin" if file == "-" else file
    octets = _stdin(MAX_OCTETS) if file == "-" else read_file(file, MAX_OCTETS)
    if len(octets) > MAX_OCTETS:
        raise SourceError(f"has more than {MAX_OCTETS} octets, and is not read", where)
    if octets.startswith(b"From "):
        # The line that an mbox puts before each message (RFC 4155) is none of it.
        octets = octets.partition(b"\n")[2]
    if not octets.strip():
        raise SourceError("holds no message: it is empty", where)
    read = parse(octets)
    if not read.fields:
        raise SourceError("holds no message: it has no header field", where)
    if read.problem(Flaw.TOO_MANY_FIELDS):
        # Judged by a part of its header, it would be said to lack what stands below.
        raise SourceError(f"has more than {MAX_FIELDS} header fields, and is not read", where)
    if read.problem(Flaw.CUT_OFF):
        run.console.note(f"{where} {Flaw.CUT_OFF.value}; it is judged as it is")
    return read


def _stdin(limit: int) -> bytes:
    try:
        return sys.stdin.buffer.read(limit + 1)
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot be read: {why(error)}", "stdin") from None


def _check_session(ip: str | None, mail_from: str | None, helo: str | None) -> None:
    if ip is None and (mail_from is not None or helo is not None):
        raise InputError("--ip is required beside --mail-from and --helo: SPF judges the address")
    if mail_from == "" and helo is None:
        raise InputError("the null sender is postmaster at the HELO name: give --helo too")


def _connection(
    read: Message, ip: str | None, mail_from: str | None, helo: str | None
) -> Connection | None:
    from sendgate.cli.spf import typed_address
    from sendgate.message.connection import Connection
    from sendgate.message.headers import mailboxes

    if ip is None:
        return None
    address = typed_address(ip)
    if mail_from is not None:
        return Connection(address, mail_from, helo)
    paths = read.all("Return-Path")
    found = mailboxes(paths[0].text) if len(paths) == 1 else ()
    if len(found) == 1 and found[0].host:
        return Connection(address, found[0].address, helo, assumed=True)
    if helo is None:
        raise InputError(
            "--mail-from or --helo is required beside --ip: the message has no Return-Path that "
            "names the sender"
        )
    return Connection(address, None, helo)


def _kind(text: str) -> MessageKind:
    from sendgate.message.facts import MessageKind

    try:
        return MessageKind(text.lower())
    except ValueError:
        known = ", ".join(MessageKind)
        raise InputError(f"--kind: {printable(text)} is none of {known}") from None


def _receivers(run: Run, texts: list[str] | None) -> tuple[Receiver, ...] | None:
    from typing import cast

    from sendgate.settings import setting_named

    if not texts:
        return None
    setting = setting_named("receiver")
    words = [word for text in texts for word in text.split(",")]
    return cast("tuple[Receiver, ...]", setting.value_of(words, setting.flag, run.console.note))


def _time(text: str) -> datetime:
    """Read RFC 3339, or a date as mail has it (RFC 5322); without a zone it is UTC."""
    from email.utils import parsedate_to_datetime

    try:
        try:
            time = datetime.fromisoformat(text.strip())
        except ValueError:
            time = parsedate_to_datetime(text)
        if time.tzinfo is None:
            time = time.replace(tzinfo=UTC)
        time = time.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        raise ConfigError(
            f"--at: {printable(text)} is no time; expected one like 2026-11-23T12:00:00Z"
        ) from None
    if time.year < 1970:
        raise ConfigError(f"--at: {printable(text)} lies before 1970")
    return time
