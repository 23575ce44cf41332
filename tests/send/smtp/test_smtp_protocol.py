"""The conversation without a socket: which bytes go out for which replies."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendgate.errors import InputError
from sendgate.send.outcome import Delivered, Peer, Phase, Reply, Unknown
from sendgate.send.smtp.payload import Envelope, Payload
from sendgate.send.smtp.protocol import (
    Capabilities,
    Commit,
    Conversation,
    Read,
    StartTls,
    Write,
    WriteHead,
    WriteLast,
)
from sendgate.send.smtp.result import Broken, Fault, Refused, Unfit, Unfitness

PEER = Peer("mx.example.com", "192.0.2.1")
ENVELOPE = Envelope("b+1@m.example.com", "a@example.net")
MESSAGE = Payload.of(b"Subject: hello\r\n\r\n.dot\r\n")
ALL = "x\nPIPELINING\nSIZE 1000\n8BITMIME\nSMTPUTF8\nENHANCEDSTATUSCODES"
GROUP = b"MAIL FROM:<b+1@m.example.com> SIZE=24\r\nRCPT TO:<a@example.net>\r\nDATA\r\n"


def reply(text: str) -> Reply:
    return Reply(int(text[:3]), tuple(text[4:].split("\n")))


def run(steps: Generator[Any, Reply | None, Any], *replies: str) -> tuple[list[Any], Any]:
    """Drive the steps with these replies: what was done (bytes, or the step), and the end."""
    done, waiting, answer = [], list(replies), None
    try:
        while True:
            step = steps.send(answer)
            answer = reply(waiting.pop(0)) if isinstance(step, Read) else None
            if isinstance(step, Write | WriteHead | WriteLast):
                done.append(step.data)
            elif not isinstance(step, Read):
                done.append(type(step))
    except StopIteration as end:
        assert not waiting, "every reply was read"
        return done, end.value


def talk(extensions: str = ALL, tls: bool | None = False) -> Conversation:
    """A conversation after its opening."""
    conversation = Conversation("mail.example.com", PEER, tls=tls)
    done, failure = run(conversation.opening(), "220 hi", f"250 {extensions}")
    assert (done, failure) == ([b"EHLO mail.example.com\r\n"], None)
    return conversation


def test_one_group_then_the_message_then_the_dot() -> None:
    """MAIL, RCPT and DATA go together; the commit comes after the 354 and before the block."""
    conversation = talk()
    steps = conversation.transaction(ENVELOPE, MESSAGE)
    done, attempt = run(steps, "250 ok", "250 ok", "354 go", "250 ok")
    assert done == [GROUP, Commit, b"Subject: hello\r\n\r\n..dot\r\n.\r\n"]
    assert attempt == Delivered(reply("250 ok"), PEER)
    assert not conversation.is_over


def test_without_pipelining_each_command_waits() -> None:
    """One write a command, each after the reply to the one before."""
    steps = talk("x").transaction(ENVELOPE, MESSAGE)
    kinds, answers, answer = [], iter(["250 ok", "250 ok", "354 go", "250 ok"]), None
    with contextlib.suppress(StopIteration):
        while True:
            step = steps.send(answer)
            kinds.append(type(step).__name__)
            answer = reply(next(answers)) if isinstance(step, Read) else None
    assert kinds == ["Write", "Read"] * 3 + ["Commit", "WriteLast", "Read"]


def test_the_head_of_a_long_message_goes_before_the_commit() -> None:
    """Only the last block waits for the commit."""
    payload = Payload.of(b"x\r\n" * 20_000)
    done, _ = run(talk("x").transaction(ENVELOPE, payload), "250 a", "250 b", "354 c", "250 d")
    assert done[3:] == [payload.head, Commit, payload.last]
    assert payload.head + payload.last == b"x\r\n" * 20_000 + b".\r\n"


@pytest.mark.parametrize("extensions", [ALL, "x"])
@pytest.mark.parametrize(
    ("replies", "phase"),
    [
        (["550 no", "503 no", "503 no"], Phase.MAIL),
        (["250 ok", "550 no", "554 no"], Phase.RCPT),
        (["250 ok", "250 ok", "451 no"], Phase.DATA),
    ],
)
def test_a_refusal_is_definite_and_the_connection_goes_on(
    extensions: str, replies: list[str], phase: Phase
) -> None:
    """The first refusal counts, no message leaves, and RSET makes room for the next."""
    conversation = talk(extensions)
    first = next(index for index, text in enumerate(replies) if text[0] in "45")
    heard = replies if extensions == ALL else replies[: first + 1]
    done, attempt = run(conversation.transaction(ENVELOPE, MESSAGE), *heard)
    assert attempt == Refused(phase, reply(replies[first]), PEER)
    assert Commit not in done
    assert not conversation.is_over
    done, attempt = run(
        conversation.transaction(ENVELOPE, MESSAGE), "250 reset", "250 a", "250 b", "354 c", "250 d"
    )
    assert done[0].startswith(b"RSET\r\n")
    assert isinstance(attempt, Delivered)
    done, _ = run(conversation.transaction(ENVELOPE, MESSAGE), "250 a", "250 b", "354 c", "250 d")
    assert done[0].startswith(b"MAIL "), "after a message no RSET is needed"


@pytest.mark.parametrize("extensions", [ALL, "x"])
def test_a_refused_rset_says_nothing_about_the_recipient(extensions: str) -> None:
    """The connection is broken; the recipient must not bounce for it."""
    conversation = talk(extensions)
    run(
        conversation.transaction(ENVELOPE, MESSAGE), "550 no", *["503 no"] * 2 * (extensions == ALL)
    )
    done, attempt = run(conversation.transaction(ENVELOPE, MESSAGE), "500 what")
    assert done[0].startswith(b"RSET\r\n")
    assert isinstance(attempt, Broken)
    assert attempt.reply == reply("500 what")
    assert conversation.is_over


def test_input_wanted_after_a_refusal_is_not_given() -> None:
    """A 354 although the recipient was refused: we hang up, nobody gets an empty message."""
    conversation = talk()
    done, attempt = run(conversation.transaction(ENVELOPE, MESSAGE), "250 a", "550 no", "354 go")
    assert attempt == Refused(Phase.RCPT, reply("550 no"), PEER)
    assert done == [GROUP]
    assert conversation.is_over


@pytest.mark.parametrize(
    ("replies", "phase"),
    [
        (["421 bye"], Phase.MAIL),
        (["250 ok", "421 bye"], Phase.RCPT),
        (["250 ok", "250 ok", "421 bye"], Phase.DATA),
        (["250 ok", "250 ok", "354 go", "421 bye"], Phase.DOT),
    ],
)
def test_421_ends_the_connection_at_any_time(replies: list[str], phase: Phase) -> None:
    """It is a definite refusal, also to the dot, and no further reply is waited for."""
    conversation = talk()
    _, attempt = run(conversation.transaction(ENVELOPE, MESSAGE), *replies)
    assert attempt == Refused(phase, reply("421 bye"), PEER)
    assert conversation.is_over


@pytest.mark.parametrize(
    "replies", [["354 what"], ["250 ok", "354 what"], ["250 ok", "250 ok", "250 what"]]
)
def test_a_reply_that_makes_no_sense_before_the_dot_is_a_definite_failure(
    replies: list[str],
) -> None:
    """Both sides no longer agree where they are: no message leaves, the connection is over."""
    conversation = talk()
    _, attempt = run(conversation.transaction(ENVELOPE, MESSAGE), *replies)
    assert isinstance(attempt, Broken)
    assert attempt.fault is Fault.PROTOCOL
    assert conversation.is_over


def test_a_reply_that_makes_no_sense_after_the_dot_is_in_doubt() -> None:
    """354 to the final dot is neither yes nor no."""
    conversation = talk()
    steps = conversation.transaction(ENVELOPE, MESSAGE)
    _, attempt = run(steps, "250 a", "250 b", "354 c", "354 d")
    assert isinstance(attempt, Unknown)
    assert conversation.is_over


@pytest.mark.parametrize("code", [450, 451, 452, 550, 552, 554])
def test_a_refusal_of_the_dot_is_definite(code: int) -> None:
    """A 4xx or 5xx reply means that the receiver does not have it."""
    conversation = talk()
    steps = conversation.transaction(ENVELOPE, MESSAGE)
    _, attempt = run(steps, "250 a", "250 b", "354 c", f"{code} no")
    assert attempt == Refused(Phase.DOT, reply(f"{code} no"), PEER)
    assert not conversation.is_over


@pytest.mark.parametrize(
    ("extensions", "envelope", "message", "why"),
    [
        ("x\nSIZE 25", ENVELOPE, b"a: b\r\n\r\n" + b"x" * 17 + b"\r\n", Unfitness.TOO_LARGE),
        ("x\n8BITMIME", Envelope("", "ü@example.com"), b"a: b\r\n", Unfitness.NEEDS_SMTPUTF8),
        (
            "x\n8BITMIME",
            Envelope("ü@example.com", "a@b.test"),
            b"a: b\r\n",
            Unfitness.NEEDS_SMTPUTF8,
        ),
        ("x\n8BITMIME", ENVELOPE, "a: ü\r\n".encode(), Unfitness.NEEDS_SMTPUTF8),
        ("x\nSMTPUTF8", ENVELOPE, "a: b\r\n\r\nü\r\n".encode(), Unfitness.NEEDS_8BITMIME),
        ("x", ENVELOPE, "a: b\r\n\r\nü\r\n".encode(), Unfitness.NEEDS_8BITMIME),
    ],
)
def test_what_a_receiver_cannot_take_is_not_offered_to_it(
    extensions: str, envelope: Envelope, message: bytes, why: Unfitness
) -> None:
    """Nothing is sent, and the connection can serve the next message."""
    conversation = talk(extensions)
    done, attempt = run(conversation.transaction(envelope, Payload.of(message)))
    assert done == []
    assert isinstance(attempt, Unfit)
    assert attempt.why is why
    assert not conversation.is_over


def test_the_mail_command_declares_what_the_message_is() -> None:
    """SIZE where offered, BODY and SMTPUTF8 where needed; the recipient goes as UTF-8."""
    message = Payload.of("Subject: ü\r\n\r\nü\r\n".encode())
    envelope = Envelope("", "ü@example.com")
    done, _ = run(talk().transaction(envelope, message), "550 no", "503 no", "503 no")
    assert (
        done[0]
        == (
            f"MAIL FROM:<> SIZE={message.size} BODY=8BITMIME SMTPUTF8\r\n"
            "RCPT TO:<ü@example.com>\r\nDATA\r\n"
        ).encode()
    )


def test_a_size_that_just_fits_is_sent() -> None:
    """The limit itself is allowed (RFC 1870)."""
    _, attempt = run(
        talk(f"x\nSIZE {MESSAGE.size}").transaction(ENVELOPE, MESSAGE),
        "250 a",
        "250 b",
        "354 c",
        "250 d",
    )
    assert isinstance(attempt, Delivered)


@pytest.mark.parametrize(
    ("line", "size"),
    [
        ("SIZE", None),
        ("SIZE 0", None),
        ("size 77", 77),
        ("SIZE ١٢", None),
        ("SIZE " + "9" * 5000, None),
        ("SIZE -1", None),
        ("SIZE x", None),
    ],
)
def test_a_size_is_a_limit_only_where_it_is_a_number(line: str, size: int | None) -> None:
    """No number, 0 and nonsense announce no limit."""
    capabilities = Capabilities.read(reply(f"250 x\n{line}"))
    assert (capabilities.sized, capabilities.size) == (True, size)


def test_capabilities_are_not_read_from_the_greeting_line() -> None:
    """The first line of the reply names the host, whatever it is called."""
    assert Capabilities.read(reply("250 PIPELINING")) == Capabilities()


def test_helo_where_ehlo_is_unknown() -> None:
    """An old receiver is greeted with HELO and offers nothing."""
    conversation = Conversation("mail.example.com", PEER, tls=None)
    done, failure = run(conversation.opening(), "220 hi", "502 what", "250 x\nPIPELINING")
    assert failure is None
    assert done == [b"EHLO mail.example.com\r\n", b"HELO mail.example.com\r\n"]
    assert conversation.capabilities == Capabilities()


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        (["554 go away"], (Phase.BANNER, Refused)),
        (["421 busy"], (Phase.BANNER, Refused)),
        (["250 what"], (Phase.BANNER, Broken)),
        (["220 hi", "421 busy"], (Phase.EHLO, Refused)),
        (["220 hi", "450 later"], (Phase.EHLO, Refused)),
        (["220 hi", "554 no", "554 no"], (Phase.EHLO, Refused)),
        (["220 hi", "220 hi"], (Phase.EHLO, Broken)),
    ],
)
def test_an_opening_that_fails(replies: list[str], expected: tuple[Phase, type]) -> None:
    """A refusal says in which phase; nonsense is a broken connection."""
    conversation = Conversation("mail.example.com", PEER, tls=None)
    _, failure = run(conversation.opening(), *replies)
    assert (failure.phase, type(failure)) == expected
    assert conversation.is_over


def test_ehlo_is_said_again_after_tls() -> None:
    """What was offered in the clear counts no more."""
    conversation = Conversation("mail.example.com", PEER, tls=True)
    done, failure = run(
        conversation.opening(), "220 hi", f"250 {ALL}\nSTARTTLS", "220 go", "250 x\nSIZE 5"
    )
    ehlo = b"EHLO mail.example.com\r\n"
    assert (done, failure) == ([ehlo, b"STARTTLS\r\n", StartTls, ehlo], None)
    assert conversation.capabilities == Capabilities(sized=True, size=5)


def test_nothing_offered_in_the_clear_is_used_after_tls() -> None:
    """Not even where the receiver then knows only HELO."""
    conversation = Conversation("h.example", PEER, tls=True)
    replies = ["220 hi", f"250 {ALL}\nSTARTTLS", "220 go", "502 what", "250 x"]
    assert run(conversation.opening(), *replies)[1] is None
    assert conversation.capabilities == Capabilities()


@pytest.mark.parametrize(
    "replies",
    [["220 hi", "250 x"], ["220 hi", "250 x\nSTARTTLS", "454 no"], ["220 hi", "500 x", "250 x"]],
)
def test_tls_that_is_not_given(replies: list[str]) -> None:
    """Opportunistic goes on in the clear; a demand for TLS ends the connection."""
    assert run(Conversation("h.example", PEER, tls=None).opening(), *replies)[1] is None
    conversation = Conversation("h.example", PEER, tls=True)
    failure = run(conversation.opening(), *replies)[1]
    assert (failure.phase, failure.fault) == (Phase.STARTTLS, Fault.TLS_POLICY)
    assert conversation.is_over


def test_tls_that_is_not_wanted() -> None:
    """In the clear by choice: STARTTLS is not said."""
    done, _ = run(Conversation("h.example", PEER, tls=False).opening(), "220 hi", "250 x\nSTARTTLS")
    assert done == [b"EHLO h.example\r\n"]


@pytest.mark.parametrize("helo", ["", "a b", "a\r\nMAIL FROM:<x@example.com>", "ü.example"])
def test_a_name_that_is_none_cannot_greet(helo: str) -> None:
    """The name comes from a configuration: a wrong one is an input error."""
    with pytest.raises(InputError):
        Conversation(helo, PEER, tls=None)


CODES = st.sampled_from(["250", "220", "354", "421", "450", "550", "503", "251"])


@given(st.lists(CODES, min_size=12, max_size=12), st.sampled_from([ALL, "x"]))
def test_whatever_is_answered_the_dot_follows_a_commit_and_three_yeses(
    codes: list[str], extensions: str
) -> None:
    """No sequence of replies makes a final dot leave without its commit, or twice."""
    conversation = talk(extensions)
    steps = conversation.transaction(ENVELOPE, MESSAGE)
    done, read, answer = [], [], None
    try:
        while True:
            step = steps.send(answer)
            answer = None
            if isinstance(step, Read):
                answer = reply(f"{codes[len(read)]} x")
                read.append(answer.code)
            elif not isinstance(step, Write):
                done.append(type(step))
    except StopIteration as end:
        attempt = end.value
    assert done in ([], [Commit, WriteLast])
    if done:
        assert [code // 100 for code in read[:3]] == [2, 2, 3]
        assert len(read) == 4
    assert isinstance(attempt, Delivered) == (bool(done) and 200 <= read[-1] < 300)
    assert not (isinstance(attempt, Unknown) and not done)
