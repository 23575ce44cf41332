"""What Google asks of all senders, and of those in bulk: RCV001 to RCV007, RCV009 to RCV013."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.dmarc.alignment_rules import from_at_mailbox_provider
from sendgate.names import Domain
from sendgate.observed import nothing_seen
from sendgate.receivers import states
from sendgate.receivers.demand import Demand, Family, demand
from sendgate.receivers.reverse import reverse_faults, shows_addresses
from sendgate.receivers.scripts import mixed_label
from sendgate.receivers.shared import rejected_by_own_policy
from sendgate.spf.text_rules import broad_or_private_range
from sendgate.spf.tree_rules import authorises_everyone
from sendgate.vocabulary import CannotTell, Document, Hit, Severity, Verdicts

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["DEMANDS"]

_GUIDELINES = Document(
    "Email sender guidelines, Google", "https://support.google.com/a/answer/81126"
)
_CODES = Document("SMTP error reference, Google", "https://support.google.com/a/answer/3726730")
_GMAIL = (Domain("gmail.com"), Domain("googlemail.com"))


@demand(
    "RCV001",
    Severity.ERROR,
    _GUIDELINES,
    of=Family.GOOGLE,
    replies="451 or 421 4.7.26, then 550 5.7.26",
    remedy="Let SPF pass at the return path, or sign with DKIM.",
    state=states.either_passes,
)
def google_neither_spf_nor_dkim(facts: DomainFacts) -> Verdicts:
    """Google asks every sender for SPF or DKIM, and neither can pass.

    Such mail is taken as unauthenticated: it is deferred, refused or put into spam.
    """
    said = f"Google asks for SPF or DKIM: {states.spf_what(facts)}, and no key can pass"
    yield Hit(said, states.spf_evidence(facts))


@demand(
    "RCV002",
    Severity.ERROR,
    _GUIDELINES,
    of=Family.GOOGLE,
    replies="451 or 421 4.7.23, then 550 5.7.25",
    remedy="Have the holder of the address set a PTR record whose name leads back to it.",
    shows=shows_addresses,
)
def google_reverse_dns_missing(facts: DomainFacts) -> Verdicts:
    """Google asks every sender for reverse DNS that leads back, and an address has none.

    Mail from the address is deferred and then refused, whatever its authentication.
    """
    yield from reverse_faults(facts, "Google")


@demand(
    "RCV003",
    Severity.WARNING,
    _CODES,
    of=Family.GOOGLE,
    replies="451 4.7.24, then 550 5.7.24",
    remedy="Name only the hosts that send for the domain.",
)
def google_suspicious_spf(facts: DomainFacts) -> Verdicts:
    """The SPF record has entries that Google may take for suspicious.

    Google refuses mail for suspicious entries without saying what these are. Judged here:
    whatever lets everybody pass, and ranges that are private or far too broad.
    """
    for rule in (authorises_everyone, broad_or_private_range):
        for said in rule.judge(facts):
            if isinstance(said, CannotTell):
                yield CannotTell(said.unknown, Severity.WARNING)
            elif (said.severity or rule.severity) >= Severity.WARNING:
                yield Hit(f"Google may find it suspicious: {said.message}", said.evidence)


@demand(
    "RCV004",
    Severity.ERROR,
    _GUIDELINES,
    of=Family.GOOGLE,
    replies="550 5.7.30, or 550 5.7.26 where SPF fails too",
    remedy="Publish an RSA key of 2048 bits and sign with it.",
    state=states.long_enough_key,
)
def google_dkim_key_too_short(facts: DomainFacts) -> Verdicts:
    """Google takes DKIM keys from 1024 bits on, and every key is shorter.

    The signature then counts as failed. 1024 bits are accepted, 2048 recommended.
    """
    yield Hit(
        f"Google takes no RSA key below 1024 bits: {states.signers(facts)}",
        states.key_evidence(facts),
    )


@demand(
    "RCV005",
    Severity.ERROR,
    _GUIDELINES,
    of=Family.GOOGLE,
    remedy="Send from a domain of your own.",
)
def google_from_at_gmail(facts: DomainFacts) -> Verdicts:
    """From is at gmail.com, and another service sends the mail.

    Google asks senders not to use Gmail addresses in From. The DMARC policy of gmail.com
    has such mail put into quarantine.
    """
    if facts.profile.sending not in _GMAIL:
        return
    for said in from_at_mailbox_provider.judge(facts):
        if isinstance(said, Hit):
            said = Hit(f"Google asks not to send as gmail.com: {said.message}", said.evidence)
        yield said


@demand(
    "RCV006",
    Severity.ERROR,
    _CODES,
    of=Family.GOOGLE,
    replies="550 5.7.26",
    remedy="Align the return path or a DKIM signature with the From domain.",
)
def google_rejected_by_own_policy(facts: DomainFacts) -> Verdicts:
    """The From domain's own DMARC policy is reject, and nothing aligns.

    Google then refuses the mail as the domain itself asks. With quarantine it goes into
    spam. What forwarding does to mail is not meant here.
    """
    yield from rejected_by_own_policy(facts, "Google")


@demand(
    "RCV007",
    Severity.WARNING,
    _GUIDELINES,
    of=Family.GOOGLE,
    remedy="Send from a name whose labels keep to one script each.",
)
def google_mixed_scripts(facts: DomainFacts) -> Verdicts:
    """A label of the sending domain mixes scripts.

    Google asks that international names keep to "Highly Restrictive" of UTS #39: one
    script, or Latin with the scripts of Chinese, Japanese or Korean. Others look like
    names made to deceive.
    """
    label = mixed_label(facts.profile.sending)
    if label is not None:
        yield Hit(
            f"the label {label} of {facts.profile.sending} mixes scripts, which Google asks not to",
            (nothing_seen(facts.profile.sending, "TXT"),),
        )


@demand(
    "RCV009",
    Severity.ERROR,
    _GUIDELINES,
    of=Family.GOOGLE,
    bulk=True,
    replies="421 4.7.27, then 550 5.7.27",
    remedy="Publish an SPF record at the return path that passes every sending address.",
    state=states.spf_pass,
)
def google_bulk_without_spf(facts: DomainFacts) -> Verdicts:
    """Google asks bulk senders for SPF, and it does not pass.

    The return path counts here, not From. Such mail is deferred, then refused.
    """
    said = f"Google asks bulk senders for an SPF pass: {states.spf_what(facts)}"
    yield Hit(said, states.spf_evidence(facts))


@demand(
    "RCV010",
    Severity.ERROR,
    _GUIDELINES,
    of=Family.GOOGLE,
    bulk=True,
    replies="421 4.7.30, then 550 5.7.30",
    remedy="Publish a valid key at the selector and sign with it.",
    state=states.dkim_pass,
)
def google_bulk_without_dkim(facts: DomainFacts) -> Verdicts:
    """Google asks bulk senders for DKIM, and no declared key can be verified.

    A signature of the sending service under its own name meets this demand, though not the
    one for alignment. Such mail is deferred, then refused.
    """
    said = f"Google asks bulk senders for DKIM, and {states.signers(facts)} cannot be verified"
    yield Hit(said, states.key_evidence(facts))


@demand(
    "RCV011",
    Severity.ERROR,
    _GUIDELINES,
    of=Family.GOOGLE,
    bulk=True,
    replies="421 4.7.31 or 4.7.40, then 550 5.7.40",
    remedy="Publish a DMARC record; p=none is enough.",
    state=states.dmarc_record,
)
def google_bulk_without_dmarc(facts: DomainFacts) -> Verdicts:
    """Google asks bulk senders for a DMARC record, and none applies.

    A policy of none is enough. Without one there is no help with delivery from Google, and
    mail is being deferred and refused.
    """
    said = f"Google asks bulk senders for a DMARC record, and none counts for {_author(facts)}"
    yield Hit(said, states.dmarc_evidence(facts))


@demand(
    "RCV012",
    Severity.ERROR,
    _GUIDELINES,
    of=Family.GOOGLE,
    bulk=True,
    replies="421 4.7.32, then 421 5.7.32",
    remedy="Align the return path or a DKIM signature with the From domain; relaxed is enough.",
    state=states.aligned_pass,
)
def google_bulk_not_aligned(facts: DomainFacts) -> Verdicts:
    """Google asks bulk senders that From align with SPF or DKIM, and nothing aligned passes.

    The organizational domain has to be the same, no more. Such mail is deferred.
    """
    said = f"Google asks that {_author(facts)} align with SPF or DKIM, and neither passes for it"
    yield Hit(said, states.dmarc_evidence(facts))


@demand(
    "RCV013",
    Severity.NOTE,
    Document("Email sender guidelines FAQ, Google", "https://support.google.com/a/answer/14229414"),
    of=Family.GOOGLE,
    bulk=True,
    remedy="Nothing has to be done now; where it can be had, let both align.",
)
def google_bulk_aligned_once(facts: DomainFacts) -> Verdicts:
    """Only one of SPF and DKIM aligns with From.

    That is all that Google asks for today; it has announced that both will likely be asked
    for. With a provider's shared addresses it is normal.
    """
    spf, dkim = states.spf_aligned(facts), states.dkim_aligned(facts)
    # Where one of them fails, that is another demand's to say.
    if states.both_pass(facts) is True and {spf, dkim} == {True, False}:
        one, other = ("SPF", "DKIM") if spf is True else ("DKIM", "SPF")
        said = f"{one} aligns with {_author(facts)} and {other} does not; Google may ask for both"
        yield Hit(said, states.dmarc_evidence(facts))


def _author(facts: DomainFacts) -> Domain:
    return facts.profile.sending


DEMANDS: tuple[Demand, ...] = (
    google_neither_spf_nor_dkim,
    google_reverse_dns_missing,
    google_suspicious_spf,
    google_dkim_key_too_short,
    google_from_at_gmail,
    google_rejected_by_own_policy,
    google_mixed_scripts,
    google_bulk_without_spf,
    google_bulk_without_dkim,
    google_bulk_without_dmarc,
    google_bulk_not_aligned,
    google_bulk_aligned_once,
)
