"""Receivers as data: where each one's demands are written, as of when, and what DNS hides.

The demands that DNS can show are rules; those here need a message, a connection, practice or
the receiver's own data, and are listed with each verdict, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sendgate.profile import Receiver

__all__ = ["HIDDEN", "RECEIVERS", "Hidden", "Known", "Source"]


@dataclass(frozen=True)
class Source:
    """A page of a receiver, or about it; `read` is the date of the text that was read."""

    title: str
    url: str
    read: date


@dataclass(frozen=True)
class Hidden:
    """Something that mail can fail by and DNS does not show.

    `what` in a few words, `needs` what would show it, `replies` the SMTP replies it can cause.
    """

    what: str
    needs: str
    replies: str = ""


@dataclass(frozen=True)
class Known:
    """What is known of one receiver: its name, from which volume on, sources, hidden items."""

    name: str
    threshold: str
    sources: tuple[Source, ...]
    hidden: tuple[str, ...]


HIDDEN: Mapping[str, Hidden] = {
    "RCV008": Hidden("mail authentication of the website's domain", "its own audit"),
    "RCV028": Hidden(
        "how long and how fast DKIM keys are answered", "the zone's servers", "550 5.7.515"
    ),
    "RCV040": Hidden("TLS on the connection", "the connection", "421 4.7.29, 550 5.7.29"),
    "RCV041": Hidden("spam rate", "Postmaster Tools", "421 4.7.28, 550 5.7.28"),
    "RCV042": Hidden("the message's form", "the message", "a refusal, or spam"),
    "RCV043": Hidden("one-click unsubscribing", "the message, and practice"),
    "RCV044": Hidden("rate and reputation", "Google's data", "421 4.7.28, 550 5.7.28"),
    "RCV045": Hidden("whether Google counts the domain as a bulk sender", "Google's data"),
    "RCV046": Hidden(
        "complaint rate",
        "the feedback loop",
        "421 4.7.0 [TSS04], 553 5.7.2 [TSS09], [TSS11]",
    ),
    "RCV047": Hidden("the message's form, List-Unsubscribe", "the message, and practice"),
    "RCV048": Hidden("blocks of URLs or content", "Yahoo's data", "554 [PH01]"),
    "RCV049": Hidden("unsubscribing, list hygiene", "the message, and practice"),
    "RCV050": Hidden(
        "rate and reputation",
        "Microsoft's data",
        "421 RP-001 to RP-003, 550 SC-001 to SC-004, DY-001, DY-002, OU-001, OU-002, 4.7.650",
    ),
    "RCV051": Hidden("consent, unsubscribing, bounce handling", "the message, and practice"),
    "RCV052": Hidden(
        "reputation and blocklists",
        "Apple's data",
        "550 5.7.1 [CS01], 421 4.7.1, 550 5.7.0",
    ),
    "RCV053": Hidden("reputation, and the choice of folder", "La Poste's data"),
    "RCV054": Hidden("what forwarders and lists change", "aggregate reports"),
}

_GOOGLE_SOURCES = (
    Source(
        "Email sender guidelines", "https://support.google.com/a/answer/81126", date(2026, 3, 21)
    ),
    Source(
        "Email sender guidelines FAQ",
        "https://support.google.com/a/answer/14229414",
        date(2026, 3, 11),
    ),
    Source(
        "SMTP error reference", "https://support.google.com/a/answer/3726730", date(2026, 2, 15)
    ),
)
_YAHOO_SOURCES = (
    Source(
        "Sender best practices",
        "https://senders.yahooinc.com/best-practices/",
        date(2025, 4, 10),
    ),
    Source("Sender FAQ", "https://senders.yahooinc.com/faqs/", date(2025, 8, 2)),
    Source("SMTP error codes", "https://senders.yahooinc.com/smtp-error-codes/", date(2026, 2, 15)),
)
_MICROSOFT_SOURCES = (
    Source(
        "Outlook's requirements for high-volume senders",
        "https://techcommunity.microsoft.com/blog/MicrosoftDefenderforOffice365Blog/"
        "strengthening-email-ecosystem-outlook%E2%80%99s-new-requirements-for-high%E2%80%90volume-"
        "senders/4399730",
        date(2025, 4, 30),
    ),
    Source(
        "Policies of Outlook.com",
        "https://substrate.office.com/ip-domain-management-snds/Postmaster/Policies",
        date(2026, 6, 15),
    ),
)
_GOOGLE = ("RCV008", "RCV040", "RCV041", "RCV042", "RCV044", "RCV045", "RCV054")
_YAHOO = ("RCV046", "RCV047", "RCV048", "RCV054")
_MICROSOFT = ("RCV049", "RCV050", "RCV054")

RECEIVERS: Mapping[Receiver, Known] = {
    Receiver.GOOGLE: Known("Google", "none", _GOOGLE_SOURCES, _GOOGLE),
    Receiver.GOOGLE_BULK: Known(
        "Google, bulk", "about 5,000 a day, for good", _GOOGLE_SOURCES, (*_GOOGLE, "RCV043")
    ),
    Receiver.YAHOO: Known("Yahoo", "none", _YAHOO_SOURCES, _YAHOO),
    Receiver.YAHOO_BULK: Known("Yahoo, bulk", "not disclosed", _YAHOO_SOURCES, _YAHOO),
    Receiver.MICROSOFT: Known("Microsoft", "none", _MICROSOFT_SOURCES, _MICROSOFT),
    Receiver.MICROSOFT_BULK: Known(
        "Microsoft, bulk",
        "more than 5,000 a day",
        _MICROSOFT_SOURCES,
        (*_MICROSOFT, "RCV028"),
    ),
    Receiver.APPLE: Known(
        "Apple iCloud Mail",
        "none",
        (
            Source(
                "Postmaster information for iCloud Mail",
                "https://support.apple.com/en-us/102322",
                date(2025, 2, 25),
            ),
        ),
        ("RCV051", "RCV052", "RCV054"),
    ),
    Receiver.LAPOSTE: Known(
        "La Poste",
        "none",
        (
            Source(
                "La Poste's new sender requirements, DMARCwise",
                "https://dmarcwise.io/blog/laposte-new-requirements-2025",
                date(2025, 9, 9),
            ),
            Source(
                "Technical specifications for senders",
                "https://postmaster.laposte.net/contents/quelles-sont-les-specifications-"
                "techniques-a-respecter-pour-emettre-des-emails-vers-laposte-net?t=p",
                date(2026, 11, 24),
            ),
        ),
        ("RCV053", "RCV054"),
    ),
}
