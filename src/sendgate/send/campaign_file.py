"""CAMPAIGN.toml as a frozen `Campaign`.

Nothing is skipped silently: an unknown key is an error that names the nearest known one, a
value of the wrong type is an error that says what is expected. Relative paths in the file
are relative to the file. Templates are read here, once, so that what is checked, what is
hashed and what is sent are the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from sendgate.audit.infer import SenderOptions
from sendgate.config import MAX_OCTETS, Config, kind_of, parse_toml, read_sender
from sendgate.errors import AddressError, ConfigError
from sendgate.files import read_file, why
from sendgate.names import Domain, printable
from sendgate.send.address import Mailbox, parse_mailbox
from sendgate.send.campaign import Campaign, DkimKey, Kind, MessageSpec, TlsPolicy, Transport
from sendgate.send.span import read_duration, read_rate, read_span
from sendgate.send.store.place import store_path
from sendgate.send.table import Table
from sendgate.send.templates import read_templates
from sendgate.settings import Options, Say, setting_named
from sendgate.spelling import nearest

__all__ = ["load_campaign"]

MAX_NAME = 100
MAX_URL = 800  # with its token it stays on one line of a header (RFC 5322 section 2.1.1)
_SCHEMES = {"https", "http", "mailto"}  # that only https will do is a rule's to say
MIN_RECHECK, MAX_RECHECK = timedelta(seconds=1), timedelta(days=1)


def load_campaign(path: str | Path, config: Config, say: Say) -> Campaign:
    """Read a campaign file, its templates, and the hash of its contact list.

    `config` supplies the [[sender]] that the file names. Raises `ConfigError` for what is
    wrong in the file, `SourceError` for a file or template that cannot be read.
    """
    named = str(path)
    document = parse_toml(named, read_file(named, MAX_OCTETS))
    return _Reader(named, Path(path).parent, config, say).campaign(document)


T = TypeVar("T")

_KEYS = {
    "": ("name", "kind", "sender", "store", "message", "contacts", "unsubscribe", "dkim",
         "transport", "gate", "limits"),
    "message": ("from", "reply-to", "subject", "html", "text"),
    "contacts": ("file",),
    "unsubscribe": ("url",),
    "dkim": ("keys",),
    "dkim.keys": ("domain", "selector", "file"),
    "transport": ("kind", "port", "helo", "source-addresses", "tls"),
    "gate": ("recheck",),
    "limits": ("rate", "unengaged-after"),
}  # fmt: skip


@dataclass(frozen=True)
class _Reader:
    path: str
    folder: Path
    config: Config
    say: Say

    def campaign(self, document: dict[str, Any]) -> Campaign:
        top = Table(document, self.path).checked(_KEYS[""])
        kind = Kind(top.choice("kind", Kind))
        message = self._message(top.table("message", _KEYS["message"]))
        sending, sender, sender_name = self._sender(top, message.author.address.domain)
        contacts, digest = self._contacts(top.table("contacts", _KEYS["contacts"]))
        limits = top.table("limits", _KEYS["limits"])
        rate, after = limits.text("rate"), limits.text("unengaged-after")
        url = self._unsubscribe(top.table("unsubscribe", _KEYS["unsubscribe"]))
        unengaged = self._read(limits, "unengaged-after", read_span, after) if after else None
        name = self._name(top)
        content = {
            "name": name,
            "kind": kind,
            "sender": [str(sending), str(sender.return_path or sending)],
            "from": _written(message.author),
            "reply-to": _written(message.reply_to),
            "subject": message.subject,
            "parts": [message.html, message.text],
            "templates": dict(message.sources),
            "contacts": digest,
            "unsubscribe": url,
            "unengaged-after": None if unengaged is None else str(unengaged),
        }
        return Campaign(
            path=self.path,
            name=name,
            kind=kind,
            sending=sending,
            sender=sender,
            sender_name=sender_name,
            store=self._store(top),
            message=message,
            contacts=contacts,
            unsubscribe_url=url,
            dkim_keys=self._keys(top.table("dkim", _KEYS["dkim"])),
            transport=self._transport(top.table("transport", _KEYS["transport"])),
            recheck=self._recheck(top.table("gate", _KEYS["gate"])),
            rate=None if rate is None else self._read(limits, "rate", read_rate, rate),
            unengaged_after=unengaged,
            fingerprint=hashlib.sha256(
                json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
            ).hexdigest(),
            contacts_digest=digest,
        )

    def _name(self, top: Table) -> str:
        name = top.needed("name").strip()
        if len(name) > MAX_NAME or not name.isprintable():
            raise ConfigError(
                f"{top.place('name')}: expected at most {MAX_NAME} printable characters"
            )
        return name

    def _store(self, top: Table) -> Path | None:
        url = top.text("store")
        try:
            return None if url is None else store_path(url, self.folder)
        except ConfigError as error:
            raise ConfigError(f"{self.path}: {error}") from None

    def _message(self, table: Table) -> MessageSpec:
        author = self._mailbox(table, "from", table.needed("from", "a mail address"))
        reply_to = table.text("reply-to", "a mail address")
        subject = table.needed("subject")
        if any(ord(c) < 32 or ord(c) == 127 for c in subject):
            raise ConfigError(f"{table.place('subject')}: a subject is one line")
        names = {key: self._file_name(table, key) for key in ("html", "text")}
        given = [name for name in names.values() if name is not None]
        if not given:
            raise ConfigError(f"{self.path}: [message] needs html or text, or both")
        return MessageSpec(
            author=author,
            reply_to=None if reply_to is None else self._mailbox(table, "reply-to", reply_to),
            subject=subject,
            html=names["html"],
            text=names["text"],
            sources=read_templates(self.folder, given),
        )

    def _file_name(self, table: Table, key: str) -> str | None:
        return None if key not in table.values else table.needed(key, "the name of a file")

    def _mailbox(self, table: Table, key: str, text: str) -> Mailbox:
        if "{{" in text or "{%" in text:
            raise ConfigError(f"{table.place(key)}: is the same for everybody, not a template")
        try:
            mailbox = parse_mailbox(text)
        except AddressError as error:
            raise ConfigError(f"{table.place(key)}: {error}") from None
        if mailbox.address.needs_smtputf8:
            raise ConfigError(
                f"{table.place(key)}: {printable(text)} could be read by receivers "
                "with SMTPUTF8 alone; use an ASCII local part"
            )
        return mailbox

    def _sender(self, top: Table, author: Domain) -> tuple[Domain, SenderOptions, str | None]:
        """Find who sends, by name, inline, or else as the one [[sender]] of From's domain."""
        given = top.values.get("sender")
        if isinstance(given, str):
            named = [s for s in self.config.senders if s.name == given]
            if not named:
                known = nearest(given, [s.name for s in self.config.senders if s.name])
                raise ConfigError(
                    f"{top.place('sender')}: the configuration has no [[sender]] named "
                    f"{printable(given)}{known}"
                )
            sender = named[0]
        elif isinstance(given, dict):
            sender = read_sender({"from": author.text, **given}, self.path, self.say)
        elif given is None:
            candidates = self.config.senders_from(author)
            if len(candidates) > 1:
                raise ConfigError(
                    f"{top.place('sender')} is missing, and several [[sender]] tables are "
                    f"from {author}: name one"
                )
            if not candidates:
                return author, SenderOptions(), None
            sender = candidates[0]
        else:
            raise ConfigError(
                f"{top.place('sender')}: expected the name of a [[sender]] or a table, "
                f"got {kind_of(given)}"
            )
        if sender.domain != author:
            raise ConfigError(
                f"{self.path}: message.from is at {author}, but the sender is {sender.domain}; "
                "what is audited must be what is sent"
            )
        return author, Options.of(sender.given).declared, sender.name

    def _contacts(self, table: Table) -> tuple[Path, str]:
        path = self.folder / table.needed("file", "the name of a file")
        try:
            with path.open("rb") as file:
                return path, hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{table.place('file')}: {printable(str(path))} cannot be read: {why(error)}"
            ) from None

    def _unsubscribe(self, table: Table) -> str | None:
        if not table.values:
            return None
        url = table.needed("url", "an address with {token} in it")
        place = table.place("url")
        rest = url.replace("{token}", "", 1)
        if rest == url or "{token}" in rest:
            raise ConfigError(f"{place}: expected {{token}} in it once, got {printable(url)}")
        # It stands between < and > in a header, and in links (RFC 2369 section 2).
        if len(url) > MAX_URL:
            raise ConfigError(f"{place}: expected at most {MAX_URL} characters, got {len(url)}")
        if not url.isascii() or not url.isprintable() or set(rest) & set(' <>"\\{}^`|,'):
            raise ConfigError(f"{place}: {printable(url)} has a character no URL may have")
        try:
            parts = urlsplit(url)
            host = parts.hostname
        except ValueError:
            raise ConfigError(f"{place}: {printable(url)} is not a URL") from None
        if parts.scheme not in _SCHEMES or not (host or parts.scheme == "mailto"):
            raise ConfigError(f"{place}: expected an https address, got {printable(url)}")
        if "{token}" in parts.netloc:
            raise ConfigError(f"{place}: {{token}} belongs behind the host's name")
        return url

    def _keys(self, table: Table) -> tuple[DkimKey, ...]:
        value = table.values.get("keys", [])
        if not isinstance(value, list) or not all(isinstance(key, dict) for key in value):
            raise ConfigError(
                f"{table.place('keys')}: expected a list of tables, got {kind_of(value)}"
            )
        keys = []
        for number, entry in enumerate(value, 1):
            key = Table(entry, self.path, f"dkim.keys {number}").checked(_KEYS["dkim.keys"])
            domain = self._setting("dkim-domain", key, "domain", key.needed("domain", "a domain"))
            selector = self._setting("selector", key, "selector", key.needed("selector"))
            assert isinstance(domain, Domain)
            file = self.folder / key.needed("file", "the name of a file")
            keys.append(DkimKey(domain, str(selector), file))
        if len({(key.domain, key.selector) for key in keys}) < len(keys):
            raise ConfigError(f"{table.place('keys')}: two keys have one domain and selector")
        return tuple(keys)

    def _transport(self, table: Table) -> Transport:
        kind = table.text("kind", "'direct'")
        if kind not in {None, "direct"}:
            raise ConfigError(f"{table.place('kind')}: expected 'direct', got {kind_of(kind)}")
        helo = table.text("helo", "a host name")
        name = None if helo is None else self._setting("helo", table, "helo", helo)
        assert name is None or isinstance(name, Domain)
        addresses = table.values.get("source-addresses", [])
        if not isinstance(addresses, list) or not all(isinstance(a, str) for a in addresses):
            raise ConfigError(
                f"{table.place('source-addresses')}: expected a list of texts, "
                f"got {kind_of(addresses)}"
            )
        place = table.place("source-addresses")
        read = setting_named("ip").value_of(addresses, place, self.say)
        assert isinstance(read, tuple)
        return Transport(
            port=table.whole("port", 25, 1, 65535),
            helo=name,
            source_addresses=tuple(dict.fromkeys(read)),
            tls=TlsPolicy(table.choice("tls", TlsPolicy, TlsPolicy.OPPORTUNISTIC)),
        )

    def _recheck(self, table: Table) -> timedelta:
        text = table.text("recheck", "a duration such as '1h'")
        if text is None:
            return timedelta(hours=1)
        recheck = self._read(table, "recheck", read_duration, text)
        if not MIN_RECHECK <= recheck <= MAX_RECHECK:
            raise ConfigError(f"{table.place('recheck')}: expected between 1s and 1d, got {text}")
        return recheck

    def _setting(self, name: str, table: Table, key: str, text: str) -> object:
        """Read a value as the setting of this name is read wherever else it stands."""
        value = setting_named(name).value_of([text], table.place(key), self.say)
        return value[0] if isinstance(value, tuple) else value

    def _read(self, table: Table, key: str, read: Callable[[str], T], text: str) -> T:
        try:
            return read(text)
        except ConfigError as error:
            raise ConfigError(f"{table.place(key)}: {error}") from None


def _written(mailbox: Mailbox | None) -> list[str] | None:
    return None if mailbox is None else [mailbox.name, str(mailbox.address)]
