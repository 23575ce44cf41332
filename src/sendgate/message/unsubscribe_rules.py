"""Whether a reader can leave with one click: UNS001 to UNS004, for marketing and bulk mail.

Receivers ask one-click of bulk senders; for marketing mail below their volume a missing
part is a warning. Each case has one finding: no way at all, or no https address for bulk
mail, is UNS001; a mailto address alone, where it still does, is UNS004.
"""

from __future__ import annotations

from sendgate.message.facts import MessageFacts
from sendgate.message.verify import Result
from sendgate.names import printable
from sendgate.vocabulary import Hit, Rfc, RuleOf, Severity, Verdicts, cannot_tell, rule

__all__ = ["RULES"]

ONE_CLICK = "List-Unsubscribe=One-Click"
_UNSUBSCRIBE = ("list-unsubscribe", "list-unsubscribe-post")


def _has(facts: MessageFacts, scheme: str) -> bool:
    return any(uri.lower().startswith(f"{scheme}:") for uri in facts.unsubscribe_uris)


def _degree(facts: MessageFacts) -> Severity | None:
    """Below bulk volume no receiver asks for one-click yet."""
    return None if facts.bulk else Severity.WARNING


@rule(
    "UNS001",
    Severity.ERROR,
    Rfc(8058, "3.1"),
    remedy="Add a List-Unsubscribe field with an https address that is the recipient's own.",
)
def no_unsubscribe_address(facts: MessageFacts) -> Verdicts:
    """The message has no List-Unsubscribe field, or none with an https address.

    Google and Yahoo ask bulk senders for one-click unsubscription, which needs an https
    address, and delay or filter mail without it; readers who cannot leave report spam. Mail
    that only looks like marketing, below bulk volume, is warned about.
    """
    if not facts.must_unsubscribe or _has(facts, "https"):
        return
    field = facts.message.first("List-Unsubscribe")
    if field is None:
        text = "the message has no List-Unsubscribe field"
    elif _has(facts, "mailto"):
        if not facts.bulk:
            return  # UNS004
        text = "List-Unsubscribe holds a mailto address and no https address"
    else:
        text = "List-Unsubscribe holds no https address"
    mild = facts.kind_assumed and not facts.bulk
    severity = Severity.WARNING if mild else None
    yield Hit(text, (facts.at("List-Unsubscribe", field),), severity)


@rule(
    "UNS002",
    Severity.ERROR,
    Rfc(8058, "3.1"),
    remedy=f"Add the field List-Unsubscribe-Post: {ONE_CLICK}, exactly so.",
)
def no_one_click(facts: MessageFacts) -> Verdicts:
    """List-Unsubscribe-Post is missing beside an https address, or says something else.

    Without it a mail program cannot unsubscribe by itself and opens a web page at best.
    Google and Yahoo count such bulk mail as mail without one-click unsubscription.
    """
    if not facts.must_unsubscribe or not _has(facts, "https"):
        return
    field = facts.message.first("List-Unsubscribe-Post")
    if field is None:
        text = "the message has no List-Unsubscribe-Post field"
    elif field.text != ONE_CLICK:
        text = f"List-Unsubscribe-Post says {printable(field.text[:80])} instead of {ONE_CLICK}"
    else:
        return
    yield Hit(text, (facts.at("List-Unsubscribe-Post", field),), _degree(facts))


@rule(
    "UNS003",
    Severity.ERROR,
    Rfc(8058, "4"),
    remedy="Sign List-Unsubscribe and List-Unsubscribe-Post with DKIM.",
)
def unsigned_unsubscribe_fields(facts: MessageFacts) -> Verdicts:
    """No DKIM signature that verifies covers both unsubscribe fields.

    A receiver must not offer one-click unsubscription then: somebody on the way could have
    put the address there.
    """
    if not facts.must_unsubscribe or not _has(facts, "https"):
        return
    post = facts.message.first("List-Unsubscribe-Post")
    if post is None or any(_covers(result.signature.signed) for result in facts.passing):
        return
    covering = [result for result in facts.results if _covers(result.signature.signed)]
    for result in covering:
        if result.result is Result.TEMPERROR and result.unknown is not None:
            yield cannot_tell(result.unknown, _degree(facts))
            return
    if covering:
        return  # that these do not verify is said of them
    field = facts.message.first("List-Unsubscribe")
    signed = "no DKIM signature that verifies covers" if facts.results else "nothing signs"
    yield Hit(
        f"{signed} List-Unsubscribe and List-Unsubscribe-Post",
        (facts.at("List-Unsubscribe", field), facts.at("List-Unsubscribe-Post", post)),
        _degree(facts),
    )


def _covers(signed: tuple[str, ...]) -> bool:
    return all(name in signed for name in _UNSUBSCRIBE)


@rule(
    "UNS004",
    Severity.WARNING,
    Rfc(8058, "3.1"),
    remedy="Add an https address to List-Unsubscribe, and keep the mailto address beside it.",
)
def unsubscribe_by_mail_alone(facts: MessageFacts) -> Verdicts:
    """List-Unsubscribe holds a mailto address alone.

    Mail programs then send a message, which takes its time and can be lost, and many do not
    offer it. A List-Unsubscribe-Post field beside it has no effect.
    """
    if not facts.must_unsubscribe or facts.bulk:
        return  # UNS001
    if _has(facts, "https") or not _has(facts, "mailto"):
        return
    field = facts.message.first("List-Unsubscribe")
    post = facts.message.first("List-Unsubscribe-Post")
    more = "" if post is None else ", so List-Unsubscribe-Post has no effect"
    yield Hit(
        f"List-Unsubscribe holds a mailto address alone{more}",
        (facts.at("List-Unsubscribe", field),),
    )


RULES: tuple[RuleOf[MessageFacts], ...] = (
    no_unsubscribe_address,
    no_one_click,
    unsigned_unsubscribe_fields,
    unsubscribe_by_mail_alone,
)
