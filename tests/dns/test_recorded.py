"""What a run heard, written down and given again."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendgate.dns.answerform import answer_from, answer_to
from sendgate.dns.answers import (
    Address,
    Alias,
    Answer,
    Failed,
    Mx,
    NoData,
    NxDomain,
    Origin,
    Question,
    Raw,
    Reason,
    Record,
    Records,
    Soa,
    Target,
    Txt,
)
from sendgate.dns.recorded import RecordingSource, ReplaySource
from sendgate.errors import SourceError
from sendgate.names import Domain

TIME = datetime(2026, 11, 23, 21, 0, 0, 123456, tzinfo=UTC)
RESOLVER = Origin("resolver", "192.0.2.53")
FILE = Origin("file", "zones/example.com.zone", 7)


class Table:
    """A source that gives what it was made with."""

    def __init__(self, answers: list[Answer]) -> None:
        self.answers: Mapping[Question, Answer] = {a.question: a for a in answers}

    async def ask(self, question: Question) -> Answer:
        return self.answers[question]


names = st.lists(st.binary(min_size=1, max_size=20), max_size=4).map(tuple).map(Domain.from_labels)
free_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(0, 2**32 - 1)
origins = st.sampled_from([RESOLVER, Origin("resolver", "tls://192.0.2.1"), FILE])
rdatas = st.one_of(
    st.lists(st.binary(max_size=255), max_size=3).map(tuple).map(Txt),
    st.builds(Mx, st.integers(0, 65535), names),
    st.ip_addresses().map(Address),
    st.just(Address(None)),
    st.just(Address(None, Domain("a.example"))),
    st.builds(Target, names),
    st.builds(Soa, names, names, numbers, numbers),
    st.builds(Raw, free_text),
)
records = st.builds(Record, rdatas, numbers, origins)
aliases = st.lists(
    st.builds(
        Alias,
        names,
        names,
        numbers,
        origins,
        st.lists(free_text, max_size=2).map(tuple),
        st.lists(names, max_size=2).map(tuple),
    ),
    max_size=2,
).map(tuple)
questions = st.builds(
    Question,
    names,
    st.sampled_from(["TXT", "MX", "TYPE99"]),
    st.booleans(),
    st.none() | st.ip_addresses().map(str),
)
optional = st.none() | names
answers = st.one_of(
    st.builds(
        Records,
        questions,
        st.lists(records, min_size=1, max_size=3).map(tuple),
        origins,
        aliases,
        st.booleans(),
        optional,
    ),
    st.builds(
        NoData, questions, origins, aliases, st.booleans(), optional, optional, st.booleans()
    ),
    st.builds(NxDomain, questions, origins, aliases, st.booleans(), optional, st.booleans()),
    st.builds(Failed, questions, st.sampled_from(Reason), free_text, st.none() | origins, aliases),
)


def replayed(value: Any, where: str) -> Any:
    """The value as a replay from `where` must give it: resolvers' origins become it."""
    if isinstance(value, Origin):
        return value if value.kind == "file" else Origin("recording", where)
    if isinstance(value, tuple):
        return tuple(replayed(item, where) for item in value)
    if isinstance(value, (Records, NoData, NxDomain, Failed, Record, Alias)):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return type(value)(**{key: replayed(v, where) for key, v in fields.items()})
    return value


@given(answers)
def test_every_answer_comes_back_through_json_as_it_was(answer: Answer) -> None:
    """Aliases, TTLs, octets, flags, reasons, zones: equal but for the resolver's origin."""
    form = json.loads(json.dumps(answer_to(answer)))
    assert answer_from(form, "run.json") == replayed(answer, "run.json")


async def record(answers: list[Answer], path: Path) -> ReplaySource:
    source = RecordingSource(Table(answers), TIME, "seed")
    for answer in answers:
        assert await source.ask(answer.question) is answer
    source.write(path)
    return ReplaySource.read(path)


NAME = Domain("example.com")
SPF = Records(
    Question(NAME, "TXT"),
    (Record(Txt((b"v=spf1 ", b"\xff-all")), 300, RESOLVER),),
    RESOLVER,
    authentic=True,
)
REFUSED = Failed(Question(NAME, "MX"), Reason.REFUSED, "192.0.2.53", RESOLVER)
HOST = Records(
    Question(Domain("mail.example.com"), "A"),
    (Record(Address(ipaddress.ip_address("192.0.2.1")), 60, FILE),),
    FILE,
)


async def test_a_recording_gives_the_same_answers_time_and_seed(tmp_path: Path) -> None:
    """What a resolver said names the recording; a zone file's line stays what it was."""
    path = tmp_path / "run.json"
    replay = await record([SPF, REFUSED, HOST], path)
    assert await replay.ask(SPF.question) == replayed(SPF, str(path))
    assert await replay.ask(REFUSED.question) == replayed(REFUSED, str(path))
    assert await replay.ask(HOST.question) == HOST
    assert replay.time == TIME
    assert replay.seed == "seed"


async def test_what_is_not_in_the_recording_is_not_asked(tmp_path: Path) -> None:
    """A replay asks nobody: another name, type, bit or server is unknown, not absent."""
    replay = await record([SPF], tmp_path / "run.json")
    for question in [
        Question(NAME, "MX"),
        Question(Domain("example.net"), "TXT"),
        Question(NAME, "TXT", checking_disabled=True),
        Question(NAME, "TXT", server="192.0.2.1"),
    ]:
        expected = Failed(question, Reason.NOT_ASKED, "not in the recording")
        assert await replay.ask(question) == expected


async def test_the_same_run_writes_the_same_file(tmp_path: Path) -> None:
    """The order of asking does not show: one answer a line, sorted, in ASCII."""
    await record([SPF, REFUSED, HOST], tmp_path / "a.json")
    await record([HOST, SPF, REFUSED], tmp_path / "b.json")
    text = (tmp_path / "a.json").read_bytes()
    assert text == (tmp_path / "b.json").read_bytes()
    assert text.isascii()
    assert text.startswith(
        b'{"format": "sendgate.dns/1", "time": "2026-11-23T21:00:00.123456Z", "seed": "seed",\n'
    )
    assert len(text.splitlines()) == 2 + 3 + 1


async def test_a_recording_of_a_replay_replays_alike(tmp_path: Path) -> None:
    """Recording what is replayed gives a recording of the same answers."""
    first = await record([SPF, HOST], tmp_path / "a.json")
    again = await record([await first.ask(q) for q in first.questions], tmp_path / "b.json")
    assert await again.ask(SPF.question) == replayed(SPF, str(tmp_path / "b.json"))
    assert await again.ask(HOST.question) == HOST


async def test_a_run_without_questions_makes_a_recording(tmp_path: Path) -> None:
    """No answers is a list of none."""
    assert (await record([], tmp_path / "run.json")).questions == ()


async def test_the_time_is_written_in_utc(tmp_path: Path) -> None:
    """Whatever zone the clock was read in."""
    east = TIME.astimezone(timezone(timedelta(hours=5)))
    RecordingSource(Table([]), east, "seed").write(tmp_path / "run.json")
    assert "21:00:00.123456Z" in (tmp_path / "run.json").read_text(encoding="utf-8")


HEAD = '{"format": "sendgate.dns/1", "time": "2026-11-23T21:00:00Z", "seed": "s", "answers": '
GOOD = '{"name": "example.com", "type": "MX", "answer": "nodata"}'


async def test_a_recording_written_by_hand_may_leave_out_what_is_usual(tmp_path: Path) -> None:
    """Name, type and kind of answer are enough; the origin is then the recording."""
    path = tmp_path / "hand.json"
    path.write_text(f"{HEAD}[{GOOD}]}}", encoding="utf-8")
    replay = ReplaySource.read(path)
    question = Question(NAME, "MX")
    assert await replay.ask(question) == NoData(question, Origin("recording", str(path)))


def mx(**changes: object) -> str:
    """One answer, with some keys changed or (None) left out."""
    form = {
        "name": "example.com",
        "type": "MX",
        "answer": "records",
        "records": [{"ttl": 60, "mx": [10, "mail.example.com"]}],
        **changes,
    }
    return json.dumps({key: value for key, value in form.items() if value is not None})


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "not JSON"),
        (f"{HEAD}[\n{GOOD}\n{GOOD}]}}", 3, "not JSON"),
        ("[" * 100_000, None, "nests too deep"),
        ("[]", None, '"format" is not "sendgate.dns/1"'),
        ('{"format": "sendgate.dns/2"}', None, '"format" is not "sendgate.dns/1"'),
        (f'{HEAD}[], "extra": 1}}', None, 'unknown key "extra"'),
        (f"{HEAD}{{}}}}", None, '"answers" a list'),
        (f"{HEAD}[]}}".replace("2026-11-23T21:00:00Z", "yesterday"), None, '"time" must be'),
        (f"{HEAD}[]}}".replace("21:00:00Z", "21:00:00"), None, '"time" must be'),
        (f"{HEAD}[{GOOD},\n{GOOD}]}}", None, "answer 2: example.com MX is answered twice"),
        (f"{HEAD}[1]}}", None, "answer 1: an answer is an object"),
        (f"{HEAD}[{mx(name=None)}]}}", None, '"name" is missing'),
        (f"{HEAD}[{mx(name=5)}]}}", None, '"name" has a wrong type'),
        (f"{HEAD}[{mx(name='a..b')}]}}", None, "empty label"),
        (f"{HEAD}[{mx(answer='maybe')}]}}", None, '"answer" is none of'),
        (f"{HEAD}[{mx(answer='nodata')}]}}", None, "unknown key 'records'"),
        (f"{HEAD}[{mx(records=[])}]}}", None, '"records" is empty'),
        (f"{HEAD}[{mx(records=[{'mx': [1, 'a']}])}]}}", None, '"ttl" is missing'),
        (f"{HEAD}[{mx(records=[{'ttl': -1, 'mx': [1, 'a']}])}]}}", None, '"ttl" is no number'),
        (f"{HEAD}[{mx(records=[{'ttl': True, 'mx': [1, 'a']}])}]}}", None, '"ttl" is no number'),
        (f"{HEAD}[{mx(records=[{'ttl': 1}])}]}}", None, "exactly one of"),
        (f"{HEAD}[{mx(records=[{'ttl': 1, 'mx': 'a'}])}]}}", None, '"mx" is a preference'),
        (f"{HEAD}[{mx(records=[{'ttl': 1, 'txt': ['€']}])}]}}", None, "U\\+00FF"),
        (f"{HEAD}[{mx(records=[{'ttl': 1, 'txt': 'a'}])}]}}", None, '"txt" is a list'),
        (f"{HEAD}[{mx(records=[{'ttl': 1, 'address': '1.2'}])}]}}", None, "no IP address"),
        (f"{HEAD}[{mx(records=[{'ttl': 1, 'soa': [1]}])}]}}", None, '"soa" is two names'),
        (f"{HEAD}[{mx(origin={'kind': 'x', 'where': 'y'})}]}}", None, '"kind" is none of'),
        (f"{HEAD}[{mx(authentic='yes')}]}}", None, '"authentic" has a wrong type'),
        (
            f"{HEAD}[{mx(answer='failed', records=None, reason='bad luck')}]}}",
            None,
            '"reason" is none of',
        ),
    ],
)
def test_a_malformed_recording_is_refused_with_its_place(
    tmp_path: Path, text: str, line: int | None, message: str
) -> None:
    """The file, the line where JSON ends, or the answer that is wrong, and what is wrong."""
    path = tmp_path / "bad.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match=message) as caught:
        ReplaySource.read(path)
    assert caught.value.where == str(path)
    assert caught.value.line == line


def test_a_recording_that_is_missing_or_not_text_is_refused(tmp_path: Path) -> None:
    """A file that is not there, a folder, and one that is not UTF-8."""
    with pytest.raises(SourceError, match="cannot be read: no such file"):
        ReplaySource.read(tmp_path / "missing.json")
    with pytest.raises(SourceError, match="is a directory"):
        ReplaySource.read(tmp_path)
    (tmp_path / "latin.json").write_bytes(b'"\xff"')
    with pytest.raises(SourceError, match="not UTF-8"):
        ReplaySource.read(tmp_path / "latin.json")
