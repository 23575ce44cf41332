"""A campaign: what is sent, by whom, to whom, and under what limits; `campaign_file` reads it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from sendgate.audit.infer import SenderOptions
from sendgate.errors import InputError
from sendgate.names import Domain, printable
from sendgate.profile import IpAddress
from sendgate.send.address import Mailbox
from sendgate.send.span import Span
from sendgate.send.templates import TemplateSource

__all__ = ["Campaign", "DkimKey", "Kind", "MessageSpec", "TlsPolicy", "Transport"]


class Kind(StrEnum):
    """What a campaign's mail is; it decides who may get it."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"
    ONE_TO_ONE = "one-to-one"


class TlsPolicy(StrEnum):
    """What is asked of a receiver that publishes no policy; MTA-STS and DANE raise it."""

    OPPORTUNISTIC = "opportunistic"
    REQUIRED = "required"


@dataclass(frozen=True)
class DkimKey:
    """A key to sign with: `file` holds the private key of `selector` under `domain`."""

    domain: Domain
    selector: str
    file: Path


@dataclass(frozen=True)
class MessageSpec:
    """The message before anybody's data is in it.

    `html` and `text` name templates in `sources`; at least one of them is given.
    """

    author: Mailbox  # From
    reply_to: Mailbox | None
    subject: str
    html: str | None
    text: str | None
    sources: TemplateSource


@dataclass(frozen=True)
class Transport:
    """How mail leaves: straight to the recipients' MX hosts, which listen on `port`."""

    port: int = 25
    helo: Domain | None = None
    source_addresses: tuple[IpAddress, ...] = ()
    tls: TlsPolicy = TlsPolicy.OPPORTUNISTIC


@dataclass(frozen=True)
class Campaign:
    """A campaign file, read.

    `sending` is the domain of From, whose `sender` options are those of the [[sender]] or
    the inline [sender]. `store` is None for the usual one. `rate`
    is in messages a second, None for no limit of its own. `fingerprint` is the SHA-256 of
    what is sent and to whom; pace, transport, keys and the gate's interval are not in it,
    so that they can be changed under a campaign's name. `contacts_digest` is the SHA-256 of
    the list alone.
    """

    path: str
    name: str
    kind: Kind
    sending: Domain
    sender: SenderOptions
    sender_name: str | None
    store: Path | None
    message: MessageSpec
    contacts: Path
    unsubscribe_url: str | None
    dkim_keys: tuple[DkimKey, ...]
    transport: Transport
    recheck: timedelta
    rate: float | None
    unengaged_after: Span | None
    fingerprint: str
    contacts_digest: str

    @property
    def return_path(self) -> Domain:
        """The domain of the envelope sender: the sender's return path, else that of From."""
        return self.sender.return_path or self.sending

    def check_contacts(self) -> None:
        """Raise `InputError` where the list is another one than when the file was read."""
        try:
            with self.contacts.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            digest = ""
        if digest != self.contacts_digest:
            raise InputError(
                f"{printable(str(self.contacts))}: the contacts changed while they were read; "
                "nothing was sent: run this again when they are complete"
            )
