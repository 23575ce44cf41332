"""Address: a recipient's mail address, parsed once; and the keys by which it is suppressed.

The domain is kept as lower-case A-labels. The local part is kept as it was written, since
only its receiver may read it (RFC 5321 section 2.4); two spellings that differ in its case
are nevertheless one *recipient*, because no receiver in use gives them to two people and
mailing one person twice is the worse error. `Address.key` is that identity.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass

from sendgate.errors import AddressError, DomainError
from sendgate.names import Domain, printable

__all__ = ["Address", "Mailbox", "parse_mailbox", "read_suppression", "suppression_keys"]

MAX_LOCAL_OCTETS = 64  # RFC 5321 section 4.5.3.1.1
MAX_ADDRESS_OCTETS = 254  # RFC 5321 section 4.5.3.1.3: a path of 256, less its brackets

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# What nearly every address looks like; nothing more needs to be asked about it.
_PLAIN = re.compile(
    rf"(?P<local>{_ATEXT}(?:\.{_ATEXT})*)@(?P<domain>(?:{_LABEL}\.)+(?=[A-Za-z]){_LABEL})\Z"
)
_DOT_ATOM = re.compile(rf"{_ATEXT}(?:\.{_ATEXT})*\Z")
_MAILBOX = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]*)>\Z|(?P<bare>[^<>]*)\Z")
_SHA256 = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})\Z")
# Categories of characters that show nothing, or change how others show (RFC 6532, RFC 8264).
_UNSHOWN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"}


@dataclass(frozen=True, slots=True)
class Address:
    """A mail address: local part as written (NFC), domain as lower-case A-labels."""

    local: str
    domain: Domain

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``local@domain``; raise `AddressError` saying what is wrong with it.

        Quoted local parts and address literals, which RFC 5321 knows, are refused: in a
        list of contacts they are slips. White space around the address is dropped.
        """
        given = text.strip()
        plain = _PLAIN.match(given)
        if plain and len(plain["local"]) <= MAX_LOCAL_OCTETS and len(given) <= MAX_ADDRESS_OCTETS:
            domain = plain["domain"].lower()
            if "xn--" not in domain:
                return cls(plain["local"], Domain(domain))
        return cls._parse_slowly(given)

    @classmethod
    def _parse_slowly(cls, given: str) -> Address:
        local, at, host = given.rpartition("@")
        if not at:
            raise AddressError(f"{_shown(given)} has no @")
        address = cls(_read_local(local, given), _read_host(host, given))
        octets = len(str(address).encode())
        if octets > MAX_ADDRESS_OCTETS:
            raise AddressError(
                f"{_shown(given)} has {octets} octets; at most {MAX_ADDRESS_OCTETS} are allowed"
            )
        return address

    @property
    def key(self) -> str:
        """The recipient's identity in a campaign: the address with its local part folded."""
        if self.local.isascii():
            return f"{self.local.lower()}@{self.domain.text}"
        folded = unicodedata.normalize("NFC", self.local.casefold())
        return f"{folded}@{self.domain.text}"

    @property
    def needs_smtputf8(self) -> bool:
        """Whether only a receiver with SMTPUTF8 can take it (RFC 6531)."""
        return not self.local.isascii()

    def __str__(self) -> str:
        return f"{self.local}@{self.domain.text}"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address and the name shown with it, as in ``Example News <hello@example.com>``."""

    address: Address
    name: str = ""


def parse_mailbox(text: str) -> Mailbox:
    """Read one mailbox of a header (RFC 5322 section 3.4); raise `AddressError`."""
    if any(unicodedata.category(c) in {"Cc", "Cs"} for c in text):
        raise AddressError(f"{_shown(text)} holds a control character")
    match = _MAILBOX.match(text.strip())
    if match is None:
        raise AddressError(f"{_shown(text)} is not one mailbox, such as News <news@example.com>")
    if match["address"] is None:
        return Mailbox(Address.parse(match["bare"]))
    name = match["name"].strip()
    if len(name) >= 2 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return Mailbox(Address.parse(match["address"]), name)


def suppression_keys(address: Address) -> tuple[tuple[str, str], ...]:
    """Every (kind, value) by which a suppression list may hold this address.

    ``address`` (its `key`), ``domain``, and ``hash``: the SHA-256 of the key and, where it
    differs, of the address as it was written.
    """
    spellings = dict.fromkeys((address.key, str(address)))
    return (
        ("address", address.key),
        ("domain", address.domain.text),
        *(("hash", hashlib.sha256(text.encode()).hexdigest()) for text in spellings),
    )


def read_suppression(text: str) -> tuple[str, str]:
    """Read an entry of a suppression list: an address, a domain, or a SHA-256; (kind, value).

    A domain may be given as ``example.com`` or ``@example.com`` and stands for itself
    alone, not for the domains below it. A hash is 64 hexadecimal digits, of the address in
    lower case with its domain as A-labels. Raises `AddressError`.
    """
    given = text.strip()
    if hashed := _SHA256.match(given):
        return "hash", hashed[1].lower()
    if "@" in given[1:]:
        return "address", Address.parse(given).key
    return "domain", _read_host(given.removeprefix("@"), given).text


def _read_local(local: str, given: str) -> str:
    if not local:
        raise AddressError(f"{_shown(given)} has nothing before the @")
    if local.startswith('"'):
        raise AddressError(f"{_shown(given)} has a quoted local part, which is not accepted")
    normal = unicodedata.normalize("NFC", local)
    for character in normal:
        if character.isascii():
            continue
        if unicodedata.category(character) in _UNSHOWN:
            raise AddressError(f"{_shown(given)} holds a character that does not show")
    # RFC 6531 section 3.3: what is not ASCII may stand wherever atext may.
    if not _DOT_ATOM.match("".join(c if c.isascii() else "x" for c in normal)):
        raise AddressError(f"{_shown(given)} has a local part with a character out of place")
    try:
        octets = len(normal.encode())
    except UnicodeEncodeError:
        raise AddressError(f"{_shown(given)} is not valid text") from None
    if octets > MAX_LOCAL_OCTETS:
        raise AddressError(
            f"{_shown(given)} has a local part of {octets} octets; "
            f"at most {MAX_LOCAL_OCTETS} are allowed"
        )
    return normal


def _read_host(host: str, given: str) -> Domain:
    if host.startswith("["):
        raise AddressError(f"{_shown(given)} names an IP address, not a domain")
    if host.endswith("."):
        raise AddressError(f"{_shown(given)} ends in a dot")
    try:
        domain = Domain.parse(host)
    except DomainError as error:
        raise AddressError(f"{_shown(given)}: {error}") from None
    if not domain.is_hostname:
        raise AddressError(f"{_shown(given)} has a domain with a character out of place")
    if len(domain.labels) < 2 or domain.labels[-1].isdigit():
        raise AddressError(f"{_shown(given)} has no full domain after the @")
    if "xn--" in domain.text:
        _check_labels(domain, given)
    return domain


def _check_labels(domain: Domain, given: str) -> None:
    """Refuse A-labels that stand for no U-label (RFC 5891 section 5.4)."""
    import idna

    for label in domain.labels:
        if label.startswith("xn--"):
            try:
                idna.decode(label)
            except idna.IDNAError:
                raise AddressError(
                    f"{_shown(given)}: {printable(label)} is not a valid IDN label"
                ) from None


def _shown(text: str) -> str:
    """A user's text for an error: quoted, escaped, and no longer than an address may be."""
    return printable(text if len(text) <= 80 else f"{text[:60]}…{text[-19:]}")
