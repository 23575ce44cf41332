"""What the tries of one attempt mean: an outcome for the recipient, and what else follows.

| scope of the reply | to the recipient                | besides                                |
|--------------------|---------------------------------|----------------------------------------|
| recipient          | bounced (5xx) or deferred (4xx) | a hard bounce is suppressed            |
| sender             | the same, never hard            | a rejected authentication is audited   |
| message            | the same, never hard            | the campaign stops, if refused (5xx)   |
| transient          | the same, never hard            |                                        |

A host that refuses to talk at all (banner, EHLO, STARTTLS) has heard of no message: that is
a deferral whatever the code's class. How a reply slows or pauses its path is the pace's to
say. Pure: time and dice are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sendgate.send import schedule
from sendgate.send.classify import Classification, Scope, classify, load_classifier
from sendgate.send.deliver.parts import NoRoute, WhyNoRoute
from sendgate.send.outcome import (
    Bounced,
    Deferred,
    Delivered,
    NotSent,
    Outcome,
    Phase,
    Reply,
    Unknown,
)
from sendgate.send.schedule import History, Schedule
from sendgate.send.smtp.result import Attempt, Broken, Fault, Refused, Unfit, Unfitness

__all__ = [
    "ABOUT_THE_MESSAGE",
    "Excluded",
    "Judge",
    "Verdict",
    "hard_after",
    "is_definite",
    "is_put_off",
    "refuses_the_message",
]

_TOO_LARGE = "too_large"
ABOUT_THE_MESSAGE = frozenset({"spam", "content", _TOO_LARGE})  # refused for what is in it
_AUTH = frozenset({"auth_dmarc", "auth_other"})
_ABOUT_THE_HOST = frozenset({Phase.BANNER, Phase.EHLO, Phase.STARTTLS})
_ASKS_TO_WAIT = frozenset({"throttled", "greylisted"})
_SERVICE_CLOSING = 421
_HOST_TROUBLE = frozenset({"4.3.1", "4.3.2"})  # RFC 3463 section 3.4: full; not accepting mail


@dataclass(frozen=True)
class Excluded:
    """The recipient must not be mailed after all: `code` as in a campaign's counts."""

    code: str
    detail: str


@dataclass(frozen=True)
class Verdict:
    """An outcome, and what it asks for beyond its recipient.

    `suppress` is the reason to put the address on the suppression list, `rejects_auth` says
    that the sender is to be audited, `stop` why the campaign pauses.
    """

    outcome: Outcome | Excluded
    meaning: Classification | None = None
    suppress: str = ""
    rejects_auth: bool = False
    stop: str = ""

    @property
    def hard_after(self) -> int | None:
        """In how many campaigns a soft bounce like this one makes a hard one; None: in none."""
        if self.meaning is not None:
            return self.meaning.hard_after
        # Silence at the end of 72 hours ends them for what had been said before it.
        if isinstance(self.outcome, Bounced):
            return hard_after(self.outcome.category)
        return None


def hard_after(category: str) -> int | None:
    """In how many campaigns a soft bounce of this category makes a hard one; None: in none."""
    known = load_classifier().book.categories.get(category)
    return None if known is None else known.hard_after


def refuses_the_message(bounced: Bounced) -> bool:
    """Whether a bounce stops the campaign: a host will not have what is in the message.

    It says so with a 5xx reply, or before it is asked, by a SIZE that is too small
    (RFC 1870). What was put off for 72 hours, or does not suit one address, does not.
    """
    reply, phase, peer = bounced.reply, bounced.phase, bounced.peer
    if peer is None:
        return False
    if reply is None:
        return bounced.category == _TOO_LARGE
    is_refusal = reply.code >= 500 and phase not in _ABOUT_THE_HOST
    return is_refusal and classify(reply, phase, peer.mx).scope is Scope.MESSAGE


def is_definite(result: Attempt) -> bool:
    """Whether a try ends the attempt, so that no other host may be called.

    A reply about the message, the recipient or the sender does, and so does all that comes
    once the final dot may have left. A host that hangs up, breaks down or refuses to talk
    before it, one that is full, takes no mail for now or has trouble of its own, and one that
    lacks an extension, leave the next host to be called (RFC 5321 section 5.1).
    """
    match result:
        case Delivered() | Unknown():
            return True
        case Refused(phase, reply):
            if phase is Phase.DOT:
                return True
            if phase in _ABOUT_THE_HOST or _is_host_trouble(reply):
                return False
            return not is_put_off(result)
        case Unfit(Unfitness.UNSENDABLE | Unfitness.TOO_LARGE):
            return True
        case _:
            return False


def is_put_off(result: Attempt) -> bool:
    """Whether a host that talks has trouble with this message, and another one may not.

    A 4xx reply before the final dot that speaks of the recipient, the sender or the message,
    or asks to wait, is every host's of that site: to call the next one would not heed it.
    """
    match result:
        case Refused(phase, reply, peer) if reply.code < 500:
            if phase in _ABOUT_THE_HOST or phase is Phase.DOT or _is_host_trouble(reply):
                return False
            meaning = classify(reply, phase, peer.mx)
            is_asked = meaning.category in _ASKS_TO_WAIT or meaning.retry_after is not None
            return meaning.scope is Scope.TRANSIENT and not is_asked
        case _:
            return False


def _is_host_trouble(reply: Reply) -> bool:
    """Whether a host says that it is closing, full or not taking mail, whoever it is for."""
    return reply.code == _SERVICE_CLOSING or (reply.code < 500 and reply.enhanced in _HOST_TROUBLE)


@dataclass(frozen=True)
class Judge:
    """Gives verdicts by one schedule."""

    schedule: Schedule = field(default_factory=Schedule)

    def unrouted(self, found: NoRoute, history: History, now: datetime, draw: float) -> Verdict:
        """Judge a domain that nobody can be called for."""
        match found.why:
            case WhyNoRoute.NO_SUCH_DOMAIN | WhyNoRoute.NULL_MX:
                return Verdict(Excluded(found.why.value, found.detail))
            case WhyNoRoute.TLS_POLICY:
                return self._later(history, now, draw, "tls_policy", Phase.RESOLVE, found.detail)
            case WhyNoRoute.UNRESOLVED | WhyNoRoute.NO_ADDRESS:
                return self._silence(history, now, draw, Phase.RESOLVE, found.detail)

    def __call__(
        self,
        tries: Sequence[Attempt],
        history: History,
        now: datetime,
        draw: float,
        *,
        committed: bool = False,
    ) -> Verdict:
        """Judge an attempt: one try a host, in the order in which they were called.

        `committed`: the commit record was written, so whatever failed after it was heard by
        somebody, and is no silence.
        """
        result = _weightiest(tries)
        match result:
            case Delivered() | Unknown():
                return Verdict(result)
            case Refused():
                return self._refused(result, history, now, draw)
            case Unfit():
                return self._unfit(result)
            case Broken(phase, fault, detail, peer):
                if fault is Fault.TLS_POLICY:
                    return self._later(history, now, draw, "tls_policy", phase, detail, result)
                if committed or _was_answered(result):
                    return self._later(history, now, draw, "temporary", phase, detail, result)
                where = f"{peer.mx} [{peer.address}]: {detail}"
                return self._silence(history, now, draw, phase, where)
            case None:
                detail = "no address of theirs can be reached from an address of ours"
                return self._silence(history, now, draw, Phase.CONNECT, detail)

    def _refused(self, refused: Refused, history: History, now: datetime, draw: float) -> Verdict:
        reply, phase, peer = refused.reply, refused.phase, refused.peer
        meaning = classify(reply, phase, peer.mx)
        outcome: Bounced | Deferred
        if reply.code >= 500 and phase not in _ABOUT_THE_HOST:
            hard = meaning.hard and meaning.scope is Scope.RECIPIENT
            outcome = Bounced(meaning.category, hard, phase, reply, peer)
        else:
            asked = meaning.retry_after
            outcome = schedule.deferred(
                history, now, draw, category=meaning.category, phase=phase, reply=reply,
                peer=peer, asked=None if asked is None else timedelta(seconds=asked),
                schedule=self.schedule,
            )  # fmt: skip
        is_refusal = isinstance(outcome, Bounced) and reply.code >= 500
        return Verdict(
            outcome,
            meaning,
            suppress=f"{meaning.category}: {reply}" if is_refusal and _is_hard(outcome) else "",
            rejects_auth=meaning.category in _AUTH,
            stop=_stop(outcome),
        )

    def _unfit(self, unfit: Unfit) -> Verdict:
        if unfit.why is Unfitness.UNSENDABLE:
            return Verdict(Excluded("render_error", unfit.detail))
        category = _TOO_LARGE if unfit.why is Unfitness.TOO_LARGE else "content"
        outcome = Bounced(category, False, Phase.MAIL, None, unfit.peer, unfit.detail)
        return Verdict(outcome, stop=_stop(outcome))

    def _later(
        self,
        history: History,
        now: datetime,
        draw: float,
        category: str,
        phase: Phase,
        detail: str,
        broken: Broken | None = None,
    ) -> Verdict:
        return Verdict(
            schedule.deferred(
                history, now, draw, category=category, phase=phase, detail=detail,
                reply=broken.reply if broken else None, peer=broken.peer if broken else None,
                schedule=self.schedule,
            )
        )  # fmt: skip

    def _silence(
        self, history: History, now: datetime, draw: float, phase: Phase, detail: str
    ) -> Verdict:
        outcome: NotSent | Bounced = schedule.unanswered(
            history, now, draw, detail=detail, phase=phase, schedule=self.schedule
        )
        return Verdict(outcome)


def _stop(outcome: Outcome) -> str:
    """Why the campaign pauses for an outcome; empty where it does not."""
    if not isinstance(outcome, Bounced) or not refuses_the_message(outcome):
        return ""
    assert outcome.peer is not None, "somebody has refused it"
    return f"{outcome.peer.mx} refuses the message: {outcome.reply or outcome.detail}"


def _is_hard(outcome: Outcome) -> bool:
    return isinstance(outcome, Bounced) and outcome.hard


def _was_answered(broken: Broken) -> bool:
    """Whether the peer said anything: a connection without a banner is no answer."""
    if broken.reply is not None or broken.fault is Fault.PROTOCOL:
        return True
    return broken.phase not in {Phase.RESOLVE, Phase.CONNECT, Phase.BANNER}


def _weight(result: Attempt) -> int:
    """How much a try says about the recipient, when several hosts were called."""
    if is_definite(result):
        return 5
    match result:
        case Refused():
            return 4
        case Unfit():
            return 2
        case Broken(fault=Fault.TLS_POLICY):
            return 3
        case Broken() if _was_answered(result):
            return 3
        case _:
            return 1


def _weightiest(tries: Sequence[Attempt]) -> Attempt | None:
    """The try that says most; the first of equals, which was the preferred host."""
    return max(tries, key=_weight, default=None)
