"""Compose: one recipient's message as the very bytes that are signed and sent.

    Campaign + Tokens ─► Composer (templates compiled, fixed fields written, once)
    Composer + contact ─► Composed(return path, recipient, bytes)

The same recipient's message is the same at every attempt: its Message-ID, return path and
boundary follow from the store's key and numbers, its Date is the caller's. Whatever a
contact's data is, it ends inside a field or a part and never makes one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

from sendgate.errors import RenderError
from sendgate.send.address import Address
from sendgate.send.campaign import Campaign, Kind
from sendgate.send.mime import encode_part, field, mailbox_field, multipart, text_field
from sendgate.send.templates import Templates, rendered
from sendgate.send.tokens import Ticket, Tokens

if TYPE_CHECKING:
    import css_inline
    import jinja2

__all__ = ["Composed", "Composer"]

_OWN = ("email", "unsubscribe_url")  # what templates get beside the contact's columns
_HAS_STYLE = re.compile(r"<style[\s>]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Composed:
    """A message, ready to be signed. `data` ends every line, the last one too, with CRLF."""

    return_path: str  # MAIL FROM, without brackets
    recipient: Address
    message_id: str  # with its brackets
    data: bytes

    @property
    def smtputf8(self) -> bool:
        """Whether the receiver must know SMTPUTF8 (RFC 6531): the address has no ASCII form."""
        return self.recipient.needs_smtputf8

    @property
    def eight_bit(self) -> bool:
        """Whether it must travel as BODY=8BITMIME (RFC 6152); true of SMTPUTF8 headers only."""
        return not self.data.isascii()


class Composer:
    """Makes the messages of one campaign, whose number in the store is `number`.

    Raises `SourceError` where a template does not compile. Safe to use from several
    threads; nothing changes once it is made.
    """

    def __init__(self, campaign: Campaign, tokens: Tokens, number: int) -> None:
        message = campaign.message
        self._tokens = tokens
        self._number = number
        self._sending = campaign.sending
        self._return_path = campaign.return_path
        self._url = campaign.unsubscribe_url
        self._has_list_fields = campaign.kind is Kind.MARKETING and self._url is not None
        self._subject_varies = "{" in message.subject
        self._templates = Templates(message.subject, message.html, message.text, message.sources)
        self._from = mailbox_field("From", message.author)
        self._reply_to = "" if not message.reply_to else mailbox_field("Reply-To", message.reply_to)
        self._inliner = _inliner()

    @property
    def needs(self) -> frozenset[str]:
        """The columns whose values a contact's message is made of; keep these, drop the rest."""
        return self._templates.needs.difference(_OWN)

    def check(self, columns: Collection[str]) -> None:
        """Raise `InputError` naming every variable that no column gives, before any message."""
        own = _OWN if self._url is not None else _OWN[:1]
        self._templates.check({*columns, *own})

    @property
    def subject_varies(self) -> bool:
        """Whether the subject is a template, so that it may be another for every contact."""
        return self._subject_varies

    def subject(self, address: str, fields: Mapping[str, object]) -> str:
        """The subject of one contact's message; raise `RenderError` where it cannot be made.

        It is all that judges of a message look at and a contact's data can change: fields
        are otherwise the campaign's, and bodies are encoded.
        """
        values = {**fields, "email": address, "unsubscribe_url": self._url}
        return rendered(self._templates.subject, values)

    def compose(
        self, recipient: int, address: Address, fields: Mapping[str, object], date: datetime
    ) -> Composed:
        """Make one message; raise `RenderError` where this contact's cannot be made.

        `recipient` is the store's number of the recipient (a trial message takes 0, which
        is nobody's); `date` is aware, and the same at every attempt.
        """
        ticket = Ticket(self._number, recipient)
        message_id = self._tokens.message_id(ticket, self._sending)
        values: dict[str, object] = {**fields, "email": str(address)}
        list_fields = ""
        if self._url is not None:
            url = self._url.replace("{token}", self._tokens.unsubscribe(ticket))
            values["unsubscribe_url"] = url
            if self._has_list_fields:
                list_fields = _list_fields(url)
        else:
            values.pop("unsubscribe_url", None)
        subject = rendered(self._templates.subject, values)
        if not subject.strip():
            raise RenderError("the subject is empty")
        parts = []
        if self._templates.text is not None:
            parts.append(encode_part(rendered(self._templates.text, values), "plain"))
        if self._templates.html is not None:
            parts.append(encode_part(self._html(self._templates.html, values), "html"))
        whole = parts[0]
        if len(parts) > 1:
            whole = multipart(tuple(parts), self._tokens.boundary(ticket))
        head = (
            f"{self._from}{field('To', f'<{address}>')}{self._reply_to}"
            f"{text_field('Subject', subject)}"
            f"Date: {format_datetime(date)}\r\n"
            f"{field('Message-ID', message_id)}{list_fields}"
            f"MIME-Version: 1.0\r\n{whole.fields}\r\n"
        )
        return Composed(
            return_path=self._tokens.return_path(ticket, self._return_path),
            recipient=address,
            message_id=message_id,
            data=head.encode() + whole.body,
        )

    def _html(self, template: jinja2.Template, values: Mapping[str, object]) -> str:
        html = rendered(template, values)
        if not _HAS_STYLE.search(html):
            return html
        from css_inline import InlineError

        try:
            return self._inliner.inline(html)
        except (InlineError, ValueError) as error:
            raise RenderError(
                f"{template.name}: the style sheet cannot be inlined: {error}"
            ) from None


def _list_fields(url: str) -> str:
    """RFC 2369 section 3.2, RFC 8058 section 3.1; a POST goes to an https address alone."""
    fields = field("List-Unsubscribe", f"<{url}>")
    if url.startswith("https:"):
        fields += "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    return fields


def _inliner() -> css_inline.CSSInliner:
    """Style rules into attributes; what cannot be (media queries) stays. Nothing is fetched."""
    from css_inline import CSSInliner

    return CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)
