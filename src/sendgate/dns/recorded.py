"""Recordings: every answer of a run, kept in a file and replayed exactly.

    --record: RecordingSource(source) ──► write(path)      --replay: ReplaySource.read(path)

A recording is JSON, one answer a line:

    {"format": "sendgate.dns/1", "time": "2026-11-23T21:00:00Z", "seed": "…",
    "answers": [
    {"name": "example.com", "type": "MX", "answer": "records", "origin": {…}, "records": […]},
    …]}

`time` is the run's and `seed` that of its probe labels, so that a replay asks the same
questions and judges waivers on the same day. A replayed answer equals the recorded one but
for its origin: what a resolver said now comes from the recording, while a zone file's own
path and line stay, as they are where the fault is mended.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sendgate.dns.answerform import FormError, answer_from, answer_to
from sendgate.dns.answers import Answer, Failed, Question, Reason
from sendgate.dns.source import DnsSource
from sendgate.errors import SourceError
from sendgate.files import why, write_atomically

__all__ = ["FORMAT", "RecordingSource", "ReplaySource"]

FORMAT = "sendgate.dns/1"
_KEYS = {"format", "time", "seed", "answers"}


class RecordingSource:
    """Passes questions on and remembers every answer; the last one where a question came twice.

    `time` (aware) is when the run began, `seed` what its probe labels are made from.
    """

    def __init__(self, source: DnsSource, time: datetime, seed: str) -> None:
        self._source = source
        self._answers: dict[Question, Answer] = {}
        self.time = time
        self.seed = seed

    async def ask(self, question: Question) -> Answer:
        """Answer from the source underneath, and remember it."""
        answer = await self._source.ask(question)
        self._answers[question] = answer
        return answer

    @property
    def answers(self) -> tuple[Answer, ...]:
        """What was heard so far, in the order in which it was asked."""
        return tuple(self._answers.values())

    def write(self, path: str | Path) -> None:
        """Write what was heard so far, whole or not at all, sorted by question.

        Raises `InputError` where the file cannot be written.
        """
        write_atomically(path, self._lines())

    @property
    def text(self) -> str:
        """What was heard so far, as `write` writes it."""
        return "".join(self._lines())

    def _lines(self) -> Iterator[str]:
        time = self.time.astimezone(UTC).isoformat().replace("+00:00", "Z")
        head = json.dumps({"format": FORMAT, "time": time, "seed": self.seed})
        yield f'{head[:-1]},\n"answers": ['
        separator = "\n"
        for question in sorted(self._answers, key=_order):
            yield separator + json.dumps(answer_to(self._answers[question]))
            separator = ",\n"
        yield "\n]}\n"


class ReplaySource:
    """Answers from a recording and asks nobody; what is not in it is `Failed` (NOT_ASKED)."""

    def __init__(self, answers: dict[Question, Answer], time: datetime, seed: str) -> None:
        self._answers = dict(answers)
        self.time = time
        self.seed = seed

    @classmethod
    def read(cls, path: str | Path) -> ReplaySource:
        """Read a recording; raise `SourceError` where it is missing or malformed."""
        where = str(path)
        content = _load(where)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise SourceError(f'not a recording: "format" is not "{FORMAT}"', where)
        extra = sorted(content.keys() - _KEYS)
        if extra:
            raise SourceError(f'unknown key "{extra[0]}"', where)
        seed, listed = content.get("seed", ""), content.get("answers")
        if not isinstance(seed, str) or not isinstance(listed, list):
            raise SourceError('"seed" must be a text and "answers" a list', where)
        answers: dict[Question, Answer] = {}
        for number, form in enumerate(listed, 1):
            try:
                answer = answer_from(form, where)
            except FormError as error:
                raise SourceError(f"answer {number}: {error}", where) from None
            if answer.question in answers:
                raise SourceError(f"answer {number}: {answer.question} is answered twice", where)
            answers[answer.question] = answer
        return cls(answers, _time(content.get("time"), where), seed)

    @property
    def questions(self) -> tuple[Question, ...]:
        """The questions that the recording answers, in its order."""
        return tuple(self._answers)

    async def ask(self, question: Question) -> Answer:
        """Give the recorded answer."""
        answer = self._answers.get(question)
        if answer is None:
            return Failed(question, Reason.NOT_ASKED, "not in the recording")
        return answer


def _load(where: str) -> Any:
    try:
        return json.loads(Path(where).read_text(encoding="utf-8"))
    except OSError as error:
        raise SourceError(f"cannot be read: {why(error)}", where) from None
    except UnicodeDecodeError:
        raise SourceError("not UTF-8 text", where) from None
    except json.JSONDecodeError as error:
        raise SourceError(f"not JSON: {error.msg}", where, error.lineno) from None
    except (RecursionError, ValueError):
        raise SourceError(
            "not a recording: its JSON nests too deep or holds too long a number", where
        ) from None


def _time(value: object, where: str) -> datetime:
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise SourceError('"time" must be a time such as "2026-11-23T21:00:00Z"', where)
    return time


def _order(question: Question) -> tuple[str, str, bool, str]:
    return (question.name.text, question.rdtype, question.checking_disabled, question.server or "")
