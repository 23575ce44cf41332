"""What is known of one message: its octets, its signatures' results, and what it is meant to be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from sendgate.dns.answers import Origin
from sendgate.message.arc import ArcResult
from sendgate.message.connection import ReceivedSpf
from sendgate.message.dmarc import MessageDmarc
from sendgate.message.headers import MailboxText, angle_uris, decode_words, mailboxes
from sendgate.message.record import Field, Message
from sendgate.message.signature import Cause
from sendgate.message.verify import SignatureResult
from sendgate.names import ROOT, Domain
from sendgate.observed import Evidence

__all__ = ["MessageFacts", "MessageKind"]

MAX_READ = 10  # fields of a name that should stand once
SHOWN = 200  # characters of a field that evidence shows


class MessageKind(StrEnum):
    """What the mail is; the unsubscribe rules are for marketing, others are milder for the rest."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"
    ONE_TO_ONE = "one-to-one"


@dataclass(frozen=True)
class MessageFacts:
    """One message, read and verified, and what was declared of it.

    `where` is the name for people: a file, or "the message". `results` are those of
    `verify`, one for each DKIM-Signature field; empty for an unsigned message.
    `bulk`: a receiver that asks for bulk rules was declared. `smtputf8`: it is sent to
    systems that take UTF-8 in headers (RFC 6531). `envelope` is the return path's domain.
    `kind_assumed`: nobody declared the kind, the message looks like it. `spf`, `arc` and
    `dmarc` are None where they were not looked at, as of a message that is yet to leave.
    """

    message: Message
    where: str
    kind: MessageKind
    results: tuple[SignatureResult, ...] = ()
    bulk: bool = False
    smtputf8: bool = False
    envelope: Domain | None = None
    kind_assumed: bool = False
    spf: ReceivedSpf | None = None
    arc: ArcResult | None = None
    dmarc: MessageDmarc | None = None

    @cached_property
    def authors(self) -> tuple[MailboxText, ...]:
        """The mailboxes of every From field; there should be one."""
        fields = self.message.all("From")[:MAX_READ]
        return tuple(mailbox for field in fields for mailbox in mailboxes(field.text))

    @property
    def author_domains(self) -> tuple[Domain, ...]:
        """The domains in From, each once (RFC 9989: Author Domains)."""
        found = (author.domain for author in self.authors)
        return tuple(dict.fromkeys(domain for domain in found if domain is not None))

    @property
    def domain(self) -> Domain:
        """The domain that findings are about: the first author's, the root where there is none."""
        return next(iter(self.author_domains), ROOT)

    @property
    def must_unsubscribe(self) -> bool:
        """Whether the unsubscribe rules are for this message: marketing, or declared bulk."""
        if self.kind is MessageKind.MARKETING:
            return True
        return self.bulk and self.kind is not MessageKind.TRANSACTIONAL

    @property
    def unsubscribe_uris(self) -> tuple[str, ...]:
        """The URIs of the first List-Unsubscribe field."""
        field = self.message.first("List-Unsubscribe")
        return () if field is None else angle_uris(field.text)

    @property
    def subject(self) -> str:
        """The subject as a reader sees it; empty where there is none."""
        field = self.message.first("Subject")
        return "" if field is None else decode_words(field.text)

    @property
    def passing(self) -> tuple[SignatureResult, ...]:
        """The signatures that verify."""
        return tuple(result for result in self.results if result.passed)

    @property
    def expired(self) -> tuple[SignatureResult, ...]:
        """The signatures that fail for the time at which they are judged."""
        return tuple(
            result
            for result in self.results
            if result.problem is not None and result.problem.cause is Cause.EXPIRED
        )

    def at(self, name: str, field: Field | None = None, line: int | None = None) -> Evidence:
        """Give a field as evidence; without `field`, evidence that `name` is not there."""
        values = () if field is None else (field.text[:SHOWN],)
        place = line if field is None else field.line
        return Evidence(self.domain, name[:SHOWN], values, Origin("file", self.where, place))
