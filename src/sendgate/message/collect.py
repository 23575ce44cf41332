"""Ask for the keys of a message's signatures, all together."""

from __future__ import annotations

import asyncio

from sendgate.dns.answers import Answer, Question
from sendgate.dns.source import DnsSource
from sendgate.message.record import Message
from sendgate.message.verify import key_questions

__all__ = ["collect_keys"]


async def collect_keys(message: Message, source: DnsSource) -> dict[Question, Answer]:
    """Ask for every key that a signature names; `verify` takes the answers."""
    questions = key_questions(message)
    answers = await asyncio.gather(*(source.ask(question) for question in questions))
    return dict(zip(questions, answers, strict=True))
