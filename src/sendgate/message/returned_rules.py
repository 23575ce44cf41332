"""What returned mail tells its sender: DSN001."""

from __future__ import annotations

from sendgate.dns.answers import Origin
from sendgate.message.facts import SHOWN, MessageFacts
from sendgate.message.returned import Returned, returned
from sendgate.names import printable
from sendgate.observed import Evidence
from sendgate.vocabulary import Hit, Rfc, RuleOf, Severity, Verdicts, rule

__all__ = ["RULES"]

_GOOGLE = "nothing authenticates the mail, or its domain's own DMARC policy refuses it"
_CODES = {
    "7.26": _GOOGLE,
    "7.515": "Microsoft misses SPF, DKIM or an aligned DMARC pass, all of which it asks in bulk",
    "7.509": "the domain's own DMARC policy refuses the mail",
    "7.25": "the sending address has no reverse name that leads back to it",
    "7.30": "DKIM does not pass",
    "7.40": "the domain has no DMARC record",
    "7.32": "neither SPF nor DKIM aligns with the From domain",
    "1.1": "there is no such mailbox",
    "2.2": "the mailbox is full",
}
_SUBJECTS = {
    "0": "the host gives no reason",
    "1": "the reason lies in an address",
    "2": "the reason lies in the mailbox",
    "3": "the reason lies in the receiving system",
    "4": "the reason lies in the network or in routing",
    "5": "the hosts did not understand each other",
    "6": "the reason lies in the content",
    "7": "the receiver's policy or security refuses the mail",
}


def _meaning(one: Returned) -> str:
    code = one.code.partition(".")[2]
    if code == "7.27":
        said = f"{one.host} {one.text}".lower()
        if "google" in said or "gsmtp" in said:
            return "SPF does not pass at Google"
        return "the sender's domain has a null MX, so that nobody could reply"
    return _CODES.get(code) or _SUBJECTS.get(code.partition(".")[0], "the code is not a known one")


@rule(
    "DSN001",
    Severity.NOTE,
    Rfc(3464, "2.3"),
    remedy="Mend what the reply names before sending there again; an audit says how.",
)
def mail_was_returned(facts: MessageFacts) -> Verdicts:
    """The message is a report of mail that was not delivered, and says why.

    The code in the receiver's reply names the cause. What it means depends on who says it:
    5.7.27 is SPF at Google, and a null MX of the sender elsewhere (RFC 7505).
    """
    for one in returned(facts.message):
        whom = printable(one.recipient) if one.recipient else "a recipient"
        shown = (f"{one.code} {one.text}".strip() if one.code not in one.text else one.text)[:SHOWN]
        at = Origin("file", facts.where, one.line)
        yield Hit(
            f"{whom} was not reached: {one.code}, {_meaning(one)}",
            (Evidence(facts.domain, "Diagnostic-Code", (shown,), at),),
        )


RULES: tuple[RuleOf[MessageFacts], ...] = (mail_was_returned,)
