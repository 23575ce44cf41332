"""The DMARC result of one message (RFC 9989 section 5.3), from facts alone.

A pass needs one authenticated identifier that aligns with the Author Domain. What fails for
want of an answer is a temporary error, and never a failure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sendgate.dmarc.alignment import Mode, aligned
from sendgate.dmarc.discover import Discovery, Verdict, discovery_of
from sendgate.dmarc.facts import DmarcFacts
from sendgate.message.connection import ReceivedSpf
from sendgate.message.headers import mailboxes
from sendgate.message.record import Message
from sendgate.message.verify import Result as DkimResult
from sendgate.message.verify import SignatureResult
from sendgate.names import Domain
from sendgate.observed import Present, Unknown

__all__ = [
    "DmarcResult",
    "MessageDmarc",
    "author_of",
    "dkim_identifiers",
    "identifiers",
    "judge_dmarc",
]


class DmarcResult(StrEnum):
    """The results for one message (RFC 8601 section 2.7, RFC 9989 section 5.3)."""

    PASS = "pass"
    FAIL = "fail"
    NONE = "none"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True)
class MessageDmarc:
    """What DMARC comes to; `reason` says why it is no pass.

    `author` is the Author Domain, None where the message has not exactly one; then nothing
    was looked up. `spf` and `dkim` say whether an identifier that passed aligns; None where
    none passed, or where DNS did not tell. `spf_checked`: a connection was given.
    """

    result: DmarcResult
    reason: str = ""
    author: Domain | None = None
    facts: DmarcFacts | None = None
    spf: Verdict | None = None
    dkim: Verdict | None = None
    spf_checked: bool = False
    unknown: tuple[Unknown, ...] = ()

    @property
    def discovery(self) -> Discovery | None:
        """The policy that applies, as `sendgate dmarc` shows it."""
        return None if self.facts is None else discovery_of(self.facts, None, None)

    def aligns(self, signer: Domain) -> bool | None:
        """Whether a signing domain aligns with the author; None where that is not known."""
        return (
            None
            if self.facts is None
            else aligned(signer, self.facts, _mode(self.facts, is_spf=False))
        )


def author_of(message: Message) -> Domain | str:
    """Give the Author Domain, or say why the message has not exactly one (section 5.3.1)."""
    fields = message.all("From")
    if len(fields) != 1:
        return "the message has no From field" if not fields else (
            f"the message has {len(fields)} From fields"
        )  # fmt: skip
    found = mailboxes(fields[0].text)
    domains = dict.fromkeys(mailbox.domain for mailbox in found)
    if not found or None in domains:
        return "the From field holds an address without a domain that can be read"
    if len(domains) > 1:
        return f"the From field names {len(domains)} domains"
    (author,) = domains
    assert author is not None
    return author


def dkim_identifiers(results: Sequence[SignatureResult]) -> tuple[Domain, ...]:
    """Give the signing domains that passed, or might have passed had DNS answered."""
    wanted = (DkimResult.PASS, DkimResult.TEMPERROR)
    found = (one.signature.domain for one in results if one.result in wanted)
    return tuple(dict.fromkeys(domain for domain in found if domain is not None))


def identifiers(results: Sequence[SignatureResult], spf: ReceivedSpf | None) -> tuple[Domain, ...]:
    """Give the names whose alignment matters, each once."""
    open_spf = spf is not None and (spf.passed or spf.result.unknown is not None)
    own = (spf.domain,) if spf is not None and spf.domain is not None and open_spf else ()
    return tuple(dict.fromkeys((*own, *dkim_identifiers(results))))


def judge_dmarc(
    author: Domain | str,
    facts: DmarcFacts | None,
    results: Sequence[SignatureResult],
    spf: ReceivedSpf | None,
) -> MessageDmarc:
    """Come to a result; `author` as `author_of` gave it, `facts` None where it is no domain."""
    checked = spf is not None
    if isinstance(author, str) or facts is None:
        return MessageDmarc(DmarcResult.PERMERROR, str(author), spf_checked=checked)
    policy = facts.policy
    mechanisms = [*_dkim(facts, results), *_spf(facts, spf)]
    dkim = _word([m.aligned for m in mechanisms if not m.is_spf and m.passed])
    by_spf = _word([m.aligned for m in mechanisms if m.is_spf and m.passed])

    def said(result: DmarcResult, reason: str = "", *unknown: Unknown) -> MessageDmarc:
        return MessageDmarc(result, reason, author, facts, by_spf, dkim, checked, unknown)

    if isinstance(policy, Unknown):
        text = f"the policy could not be looked up: {policy.question}, {policy.text}"
        return said(DmarcResult.TEMPERROR, text, policy)
    if not isinstance(policy, Present):
        return said(DmarcResult.NONE, f"no DMARC record applies to {author}")
    if policy.value.effective_policy is None:
        text = f"the record at {policy.value.domain} is not acted on"
        return said(DmarcResult.NONE, text)
    if any(m.passed and m.aligned for m in mechanisms):
        return said(DmarcResult.PASS)
    open_ones = tuple(dict.fromkeys(m.unknown for m in mechanisms if m.unknown is not None))
    if open_ones:
        return said(DmarcResult.TEMPERROR, f"{open_ones[0].question}, {open_ones[0].text}",
                    *open_ones)  # fmt: skip
    return said(DmarcResult.FAIL, _failure(author, mechanisms, checked=checked))


@dataclass(frozen=True)
class _Mechanism:
    """One identifier: whether it is authenticated, whether it aligns, what left either open."""

    name: Domain
    is_spf: bool
    passed: bool
    aligned: bool | None
    unknown: Unknown | None


def _mode(facts: DmarcFacts, *, is_spf: bool) -> Mode:
    if not isinstance(facts.policy, Present):
        return "relaxed"
    record = facts.policy.value.record
    return "strict" if (record.aspf if is_spf else record.adkim) == "s" else "relaxed"


def _dkim(facts: DmarcFacts, results: Sequence[SignatureResult]) -> Iterator[_Mechanism]:
    for one in results:
        domain = one.signature.domain
        if domain is not None and (one.passed or one.unknown is not None):
            yield _mechanism(facts, domain, one.unknown, is_spf=False)


def _spf(facts: DmarcFacts, spf: ReceivedSpf | None) -> Iterator[_Mechanism]:
    if spf is None or spf.domain is None:
        return
    if spf.passed or spf.result.unknown is not None:
        yield _mechanism(facts, spf.domain, spf.result.unknown, is_spf=True)


def _mechanism(
    facts: DmarcFacts, name: Domain, unknown: Unknown | None, *, is_spf: bool
) -> _Mechanism:
    fits = aligned(name, facts, _mode(facts, is_spf=is_spf))
    if fits is False:
        unknown_here = None  # whatever the mechanism came to, it would not count
    elif fits is None:
        unknown_here = unknown or facts.unknown_of(name) or facts.organizational_unknown
    else:
        unknown_here = unknown
    return _Mechanism(name, is_spf, unknown is None, fits, unknown_here)


def _word(found: Sequence[bool | None]) -> Verdict | None:
    if True in found:
        return "aligned"
    return "unaligned" if found and None not in found else None


def _failure(author: Domain, mechanisms: Sequence[_Mechanism], *, checked: bool) -> str:
    passed = [
        f"{'SPF' if m.is_spf else 'DKIM'} passes for {m.name}" for m in mechanisms if m.passed
    ]
    if passed:
        text = f"{', '.join(dict.fromkeys(passed))}, which does not align with {author}"
    elif checked:
        text = "neither SPF nor a DKIM signature passes"
    else:
        text = "no DKIM signature passes"
    return text if checked else f"{text}; SPF was not checked"
