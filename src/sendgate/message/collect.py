"""Ask DNS what a message needs: keys, all together; SPF of its session; the DMARC policy."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from datetime import datetime

from sendgate.dmarc.collect import read_walks
from sendgate.dns.answers import Answer, Question
from sendgate.dns.source import DnsSource
from sendgate.message.arc import read_chain, verify_chain
from sendgate.message.connection import Connection, ReceivedSpf
from sendgate.message.dmarc import author_of, identifiers, judge_dmarc
from sendgate.message.facts import MessageFacts, MessageKind
from sendgate.message.record import Message
from sendgate.message.verify import key_questions, verify
from sendgate.names import Domain
from sendgate.spf.evaluate import check_identity

__all__ = ["collect_keys", "examine"]

_UTF8 = re.compile(r"\bwith\s+UTF8(?:SMTP|LMTP)", re.IGNORECASE)


async def collect_keys(message: Message, source: DnsSource) -> dict[Question, Answer]:
    """Ask for every key that a signature names; `verify` takes the answers."""
    return await _ask(key_questions(message), source)


async def _ask(questions: Iterable[Question], source: DnsSource) -> dict[Question, Answer]:
    wanted = list(dict.fromkeys(questions))
    answers = await asyncio.gather(*(source.ask(question) for question in wanted))
    return dict(zip(wanted, answers, strict=True))


async def examine(
    message: Message,
    source: DnsSource,
    *,
    where: str,
    kind: MessageKind | None = None,
    connection: Connection | None = None,
    bulk: bool = False,
    now: datetime,
) -> MessageFacts:
    """Verify a message as a receiver does: every signature, the chain, SPF, DMARC.

    `where` names it for people; `now` is when it is, or was, received, aware. `kind` None:
    what it looks like. Without `connection` SPF is not checked.
    """
    chain = read_chain(message)
    keys, spf = await asyncio.gather(
        _ask((*key_questions(message), *chain.questions), source),
        _spf(connection, source, now),
    )
    results = await asyncio.to_thread(verify, message, keys, now)
    arc = await asyncio.to_thread(verify_chain, message, chain, keys, now)
    author = author_of(message)
    policy = None
    if isinstance(author, Domain):
        policy = await read_walks(author, identifiers(results, spf), source)
    return MessageFacts(
        message=message,
        where=where,
        kind=kind or _looks_like(message),
        kind_assumed=kind is None,
        results=results,
        bulk=bulk,
        smtputf8=_came_as_utf8(message),
        envelope=None if connection is None else connection.domain,
        spf=spf,
        arc=arc,
        dmarc=judge_dmarc(author, policy, results, spf),
    )


def _looks_like(message: Message) -> MessageKind:
    """Take what offers to unsubscribe for marketing, unless it is a discussion list's."""
    if message.all("List-Unsubscribe") and not message.all("List-Post"):
        return MessageKind.MARKETING
    return MessageKind.TRANSACTIONAL


def _came_as_utf8(message: Message) -> bool:
    """Whether a host on the way says that it took UTF-8 in the header (RFC 6531 section 3.7.3)."""
    return any(_UTF8.search(field.text[:2_000]) for field in message.all("Received")[:100])


async def _spf(
    connection: Connection | None, source: DnsSource, now: datetime
) -> ReceivedSpf | None:
    if connection is None:
        return None
    result = await check_identity(
        connection.ip, connection.mail_from, connection.helo, None, source, now=now
    )
    return ReceivedSpf(connection, result)
