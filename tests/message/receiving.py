"""Examine messages as they come in, with DNS that a test makes up."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from message.signing import NOW, txt_answer

from sendgate.audit.judge import Policy
from sendgate.dns.answers import Answer, Failed, NxDomain, Origin, Question, Reason
from sendgate.message.collect import examine
from sendgate.message.connection import Connection
from sendgate.message.facts import MessageFacts
from sendgate.message.judge import MessageReport, judge_message
from sendgate.message.record import parse

ORIGIN = Origin("resolver", "test")


class Answers:
    """A source with these TXT records and nothing else; names in `broken` fail."""

    def __init__(self, texts: Mapping[str, str | tuple[str, ...]], *broken: str) -> None:
        self.answers: dict[Question, Answer] = dict(
            txt_answer(name, *((text,) if isinstance(text, str) else text))
            for name, text in texts.items()
        )
        self.broken = broken

    async def ask(self, question: Question) -> Answer:
        """Answer one question."""
        if str(question.name) in self.broken:
            return Failed(question, Reason.SERVFAIL)
        return self.answers.get(question) or NxDomain(question, ORIGIN)


def session(ip: str, mail_from: str | None, helo: str | None = None) -> Connection:
    """The session that brought a message."""
    return Connection(ipaddress.ip_address(ip), mail_from, helo)


def received(octets: bytes, source: Answers, **more: Any) -> MessageFacts:
    """Examine a message, at `NOW` unless `now` says otherwise."""
    now: datetime = more.pop("now", NOW)
    return asyncio.run(examine(parse(octets), source, where="x.eml", now=now, **more))


def judged(octets: bytes, source: Answers, **more: Any) -> MessageReport:
    """Examine and judge a message."""
    return judge_message(received(octets, source, **more), Policy(), NOW, today=NOW.date())
