"""DEMANDS of all receivers and their RULES in the order of their ids; what DNS cannot show."""

from __future__ import annotations

from sendgate.profile import Receiver
from sendgate.receivers import google_rules, microsoft_rules, yahoo_rules
from sendgate.receivers.demand import Demand
from sendgate.vocabulary import Rule

__all__ = ["DEMANDS", "NOT_OBSERVABLE", "RULES"]

DEMANDS: tuple[Demand, ...] = (
    *google_rules.DEMANDS,
    *yahoo_rules.DEMANDS,
    *microsoft_rules.DEMANDS,
)
RULES: tuple[Rule, ...] = tuple(demand.rule for demand in DEMANDS)

# RCV008 and RCV028 would need what an audit does not see: the mail records of the content
# host, and published instead of remaining lifetimes of keys. RCV040 to RCV045 are TLS, spam
# rate, message format, one-click unsubscribing, rate and reputation, and whether Google
# counts the domain as a bulk sender already; RCV046 to RCV048 Yahoo's complaint rate,
# message format and content; RCV049 and RCV050 Microsoft's hygiene and reputation; RCV054
# what forwarders and lists do.
_GOOGLE = ("RCV008", "RCV040", "RCV041", "RCV042", "RCV044", "RCV045", "RCV054")
_YAHOO = ("RCV046", "RCV047", "RCV048", "RCV054")
_MICROSOFT = ("RCV050", "RCV054")
NOT_OBSERVABLE: dict[Receiver, tuple[str, ...]] = {
    Receiver.GOOGLE: _GOOGLE,
    Receiver.GOOGLE_BULK: (*_GOOGLE, "RCV043"),
    Receiver.YAHOO: _YAHOO,
    Receiver.YAHOO_BULK: _YAHOO,
    Receiver.MICROSOFT: _MICROSOFT,
    Receiver.MICROSOFT_BULK: (*_MICROSOFT, "RCV028", "RCV049"),
}
