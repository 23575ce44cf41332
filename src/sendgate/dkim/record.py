"""DKIM key records: octets of a TXT record -> `KeyRecord` or `NotAKey` (RFC 6376 section 3.6.1).

A record that is meant as a key is always a `KeyRecord`; what is wrong with it is in
`problems`, typed, so that each rule finds its own fault and no fault is told twice. Text
that was never meant as a key (policy records of abandoned protocols, a pasted alias
target, another protocol's record under a wildcard) is `NotAKey`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from sendgate.taglist import TagList, parse_tags, without_space

__all__ = [
    "Ed25519Key",
    "Fault",
    "KeyProblem",
    "KeyRecord",
    "NotAKey",
    "NotAKeyKind",
    "RsaKey",
    "is_key_text",
    "parse",
]

VERSION = "DKIM1"
ED25519_OCTETS = 32  # RFC 8463 section 4

# Versions of other records that a wildcard may bring to a selector's name.
_OTHER_PROTOCOLS = re.compile(r"spf1|spf2\.|dmarc|bimi|sts|tlsrpt", re.IGNORECASE)
_ADSP = re.compile(r"dkim\s*=\s*(unknown|all|discardable)\b", re.IGNORECASE)  # RFC 5617
# Tags of the sender policy that DomainKeys kept at ``_domainkey`` (RFC 4870 section 3.6).
_DOMAINKEYS_POLICY = re.compile(r"(\s*t\s*=[^;]*;)?\s*o\s*=\s*[~\-!.^]", re.IGNORECASE)
_HOST_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+\.?\Z")
# Straight quotes, backslashes, and the UTF-8 octets of curly quotes as latin-1 shows them.
_QUOTES = ('"', "\\", "\xe2\x80\x9c", "\xe2\x80\x9d")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}\Z")


class Fault(Enum):
    """What can be wrong with a text that is meant as a key; each belongs to one rule."""

    VERSION = "version"  # v= is not the first tag, or not DKIM1
    KEY_TYPE = "key type"  # k= is neither rsa nor ed25519
    KEY_DATA = "key data"  # p= holds no key of that type
    REPEATED = "repeated tag"  # void by RFC 6376 section 3.2
    NO_KEY = "no key"  # no p= tag
    QUOTED = "quoted"  # quotes or backslashes of a zone file became part of the text


@dataclass(frozen=True)
class KeyProblem:
    """One thing wrong; `text` is a clause that can follow "the record at NAME"."""

    fault: Fault
    text: str


@dataclass(frozen=True)
class RsaKey:
    """An RSA public key; `bare`: RSAPublicKey alone, without SubjectPublicKeyInfo around it."""

    bits: int
    bare: bool = False

    def __str__(self) -> str:
        return f"RSA, {self.bits} bits"


@dataclass(frozen=True)
class Ed25519Key:
    """An Ed25519 public key (RFC 8463)."""

    octets: bytes

    def __str__(self) -> str:
        return "Ed25519"


PublicKey = RsaKey | Ed25519Key


@dataclass(frozen=True)
class KeyRecord:
    """A text meant as a DKIM key; ``str()`` gives it back as published.

    `data` is p= without white space, None without the tag, empty where the key is revoked.
    `key` is None where p= is missing, empty or holds no key of the type.
    """

    tags: TagList
    data: str | None
    key: PublicKey | None
    problems: tuple[KeyProblem, ...]

    @property
    def version(self) -> str | None:
        """The value of v= as published, or None."""
        return self.tags.get("v")

    @property
    def is_dkim(self) -> bool:
        """Whether the record says nothing against being a DKIM record: no other version."""
        return self.version in (None, VERSION)

    @property
    def key_type(self) -> str:
        """The value of k=, lower case; ``rsa`` where the tag is absent."""
        value = self.tags.get("k")
        return "rsa" if value is None else value.lower()

    @property
    def hashes(self) -> tuple[str, ...] | None:
        """The values of h=, lower case; None where the tag is absent and all are allowed."""
        value = self.tags.get("h")
        return None if value is None else _values(value)

    @property
    def services(self) -> tuple[str, ...]:
        """The values of s=, lower case; ``*`` where the tag is absent."""
        value = self.tags.get("s")
        return ("*",) if value is None else _values(value)

    @property
    def flags(self) -> tuple[str, ...]:
        """The values of t=, lower case."""
        return _values(self.tags.get("t") or "")

    @property
    def notes(self) -> str | None:
        """The value of n=, meant for people, or None."""
        return self.tags.get("n")

    @property
    def granularity(self) -> str | None:
        """The value of g=, which RFC 6376 dropped, or None."""
        return self.tags.get("g")

    @property
    def revoked(self) -> bool:
        """Whether p= is there and empty (RFC 6376 section 3.6.1)."""
        return self.data == ""

    @property
    def testing(self) -> bool:
        """Whether t=y marks the domain as testing DKIM."""
        return "y" in self.flags

    @property
    def same_domain_only(self) -> bool:
        """Whether t=s forbids an i= in a subdomain of d=."""
        return "s" in self.flags

    @property
    def for_email(self) -> bool:
        """Whether s= lets the key be used for e-mail."""
        return "*" in self.services or "email" in self.services

    @property
    def for_sha256(self) -> bool:
        """Whether h= lets the key be used with SHA-256, the one hash left (RFC 8301)."""
        return self.hashes is None or "sha256" in self.hashes

    @property
    def valid(self) -> bool:
        """Whether nothing is wrong with the record; a revoked key can be valid."""
        return not self.problems

    def problem(self, *faults: Fault) -> KeyProblem | None:
        """Give the first problem of one of these kinds, or None."""
        return next((p for p in self.problems if p.fault in faults), None)

    def __str__(self) -> str:
        return str(self.tags)


class NotAKeyKind(Enum):
    """What a text at a selector can be instead of a key; the value says it in words."""

    EMPTY = "is empty"
    ADSP = "is an author policy of the withdrawn ADSP protocol (RFC 5617)"
    DOMAINKEYS_POLICY = "is a policy record of the historic DomainKeys protocol (RFC 4870)"
    HOST_NAME = "is a host name: the target of an alias, published as text"
    OTHER = "is not a key record: it has no p= tag"


@dataclass(frozen=True)
class NotAKey:
    """A text that was never meant as a key record; ``str()`` gives it back."""

    kind: NotAKeyKind
    text: str

    def __str__(self) -> str:
        return self.text


def parse(octets: bytes) -> KeyRecord | NotAKey:
    """Read the joined octets of one TXT record; never raises.

    Octets above 127 are kept as latin-1 characters; unknown tags are kept and ignored.
    """
    text = octets.decode("latin-1")
    tags = parse_tags(text)
    if not _meant_as_key(tags):
        return NotAKey(_kind_of(text), text)
    data = tags.get("p")
    bare_data = None if data is None else without_space(data)
    key, problems = _judge(tags, bare_data)
    return KeyRecord(tags, bare_data, key, problems)


def is_key_text(octets: bytes) -> bool:
    """Tell whether the text begins as a key record does: with the tag ``v=DKIM1``."""
    first = parse_tags(octets.decode("latin-1")).first
    return first is not None and (first.name, first.value) == ("v", VERSION)


def _meant_as_key(tags: TagList) -> bool:
    version = tags.get("v")
    if version is not None:
        return not _OTHER_PROTOCOLS.match(version)
    return "p" in tags or "k" in tags


def _kind_of(text: str) -> NotAKeyKind:
    body = text.strip()
    if not body:
        return NotAKeyKind.EMPTY
    if _ADSP.match(body):
        return NotAKeyKind.ADSP
    if _DOMAINKEYS_POLICY.match(body):
        return NotAKeyKind.DOMAINKEYS_POLICY
    return NotAKeyKind.HOST_NAME if _HOST_NAME.match(body) else NotAKeyKind.OTHER


def _judge(tags: TagList, data: str | None) -> tuple[PublicKey | None, tuple[KeyProblem, ...]]:
    """Read the key and name what is wrong, each cause once."""
    quoted = _quoted(tags)
    if quoted is not None:
        # The quotes are the cause; a version or key that they spoil is their effect.
        return None, (KeyProblem(Fault.QUOTED, quoted),)
    if data is None:
        return None, (KeyProblem(Fault.NO_KEY, _why_no_key(tags)),)
    problems: list[KeyProblem] = []
    if tags.repeated:
        names = " and ".join(f"{name}=" for name in tags.repeated)
        problems.append(KeyProblem(Fault.REPEATED, f"repeats {names}"))
    version = _version_problem(tags)
    if version is not None:
        problems.append(KeyProblem(Fault.VERSION, version))
    key_type = tags.get("k")
    if key_type is not None and key_type.lower() not in ("rsa", "ed25519"):
        problems.append(KeyProblem(Fault.KEY_TYPE, f"has the key type k={key_type}"))
        return None, tuple(problems)
    key: PublicKey | None = None
    if data and not tags.repeated:
        read = _read_key(data, (key_type or "rsa").lower())
        if isinstance(read, str):
            problems.append(KeyProblem(Fault.KEY_DATA, read))
        else:
            key = read
    return key, tuple(problems)


def _quoted(tags: TagList) -> str | None:
    """Say where quotes or backslashes got into the text, n= left aside, or None."""
    spoiled = [f"{tag.name}=" for tag in tags.tags if tag.name != "n" and _has_quotes(tag.value)]
    spoiled += ["a tag name" for stray in tags.strays if _has_quotes(stray.raw)]
    if not spoiled:
        return None
    return f"has literal quotes or backslashes in {' and '.join(dict.fromkeys(spoiled))}"


def _has_quotes(text: str) -> bool:
    return any(mark in text for mark in _QUOTES)


def _why_no_key(tags: TagList) -> str:
    for tag in tags.tags:
        if re.search(r"\sp\s*=", tag.value):
            return f"has no p= tag: a semicolon is missing after {tag.name}="
    if "P" in tags:
        return "has no p= tag: tag names are case-sensitive, and P= is not p="
    return "has no p= tag"


def _version_problem(tags: TagList) -> str | None:
    # RFC 6376 section 3.6.1: if v= is there, it is the first tag and exactly DKIM1.
    version = tags.get("v")
    if version is None:
        return None
    if version != VERSION:
        return f"has the version v={version}, not v={VERSION}"
    if tags.first is None or tags.first.name != "v":
        return f"has v={VERSION}, but not as its first tag"
    return None


def _read_key(data: str, key_type: str) -> PublicKey | str:
    """Read p=; return the key, or a clause that says why it holds none."""
    import binascii

    if not _BASE64.match(data):
        return "has a p= that is not base64"
    try:
        # The ABNF of base64string (section 2.10) lets the final padding go.
        octets = binascii.a2b_base64(data.rstrip("=") + "=" * (-len(data.rstrip("=")) % 4))
    except binascii.Error:
        return "has a p= that is not base64: it was cut off or has a character too many"
    return _read_ed25519(octets) if key_type == "ed25519" else _read_rsa(octets)


def _read_ed25519(octets: bytes) -> PublicKey | str:
    if len(octets) == ED25519_OCTETS:
        return Ed25519Key(octets)
    hint = "; k=ed25519 takes the bare key, without its ASN.1 wrapping" if len(octets) == 44 else ""
    return f"has a p= of {len(octets)} octets, and an Ed25519 key has {ED25519_OCTETS}{hint}"


def _read_rsa(octets: bytes) -> PublicKey | str:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        if len(octets) == ED25519_OCTETS:
            return f"has a p= of {len(octets)} octets, an Ed25519 key perhaps, but no k=ed25519"
        return f"has a p= of {len(octets)} octets that hold no RSA key"
    if not isinstance(key, RSAPublicKey):
        return "has a p= that holds a key of another kind than RSA"
    return RsaKey(key.key_size, bare=_is_bare(octets))


def _is_bare(octets: bytes) -> bool:
    """Tell RSAPublicKey from SubjectPublicKeyInfo: the first inner element is an INTEGER.

    Only called on DER that was read already, so the outer SEQUENCE is sound.
    """
    header = 2 + (octets[1] & 0x7F if octets[1] & 0x80 else 0)
    return octets[header] == 0x02


def _values(value: str) -> tuple[str, ...]:
    """Split a colon-separated value; literals in ABNF ignore case (RFC 5234 section 2.3)."""
    return tuple(part.strip().lower() for part in value.split(":") if part.strip())
