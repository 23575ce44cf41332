"""What TLS a connection must have, and whether the certificate it got will do.

| policy        | without TLS     | certificate                                              |
|---------------|-----------------|----------------------------------------------------------|
| clear         | always          |                                                          |
| opportunistic | where not given | any                                                      |
| required      | no mail         | any                                                      |
| verified      | no mail         | valid for one of the names (MTA-STS, RFC 8461 section 4) |
| dane          | no mail         | matches a TLSA record (RFC 7672 section 3)               |

Python's `ssl` knows nothing of TLSA: the handshake then verifies nothing, and `Trust.check`
decides before anything is said over TLS, by the chain as the peer sent it (`sendgate.dane.chain`).
Usages 0 and 1 are unusable with SMTP (RFC 7672 section 3.1.3); a policy of nothing else only
requires TLS.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sendgate.dane.chain import covers, mismatch
from sendgate.dane.record import Tlsa

__all__ = ["TlsError", "TlsLevel", "TlsPolicy", "Tlsa", "Trust", "chain_of"]


class TlsError(Exception):
    """The peer's TLS does not meet the policy; the text says why."""


class TlsLevel(StrEnum):
    """How much TLS a policy demands, from nothing upwards."""

    CLEAR = "clear"
    OPPORTUNISTIC = "opportunistic"
    REQUIRED = "required"
    VERIFIED = "verified"
    DANE = "dane"


@dataclass(frozen=True)
class TlsPolicy:
    """The demand on one connection; `names` and `tlsa` as its level needs them."""

    level: TlsLevel = TlsLevel.OPPORTUNISTIC
    names: tuple[str, ...] = ()
    tlsa: tuple[Tlsa, ...] = ()

    @classmethod
    def clear(cls) -> TlsPolicy:
        """No TLS at all, as after opportunistic TLS failed."""
        return cls(TlsLevel.CLEAR)

    @classmethod
    def opportunistic(cls) -> TlsPolicy:
        """TLS where it is offered, with any certificate."""
        return cls()

    @classmethod
    def required(cls) -> TlsPolicy:
        """TLS or no mail, with any certificate."""
        return cls(TlsLevel.REQUIRED)

    @classmethod
    def verified(cls, names: Sequence[str]) -> TlsPolicy:
        """A certificate of a trusted authority for one of `names` (MTA-STS: the MX's name)."""
        return cls(TlsLevel.VERIFIED, names=tuple(names))

    @classmethod
    def dane(cls, tlsa: Iterable[Tlsa], names: Sequence[str]) -> TlsPolicy:
        """DANE by the records, secure ones only, of ``_25._tcp.<MX>``.

        `names` count for usage 2: the name that the records stand for, which is also asked
        for, then the MX's own and the recipient's domain (RFC 7672 section 3.2).
        No usable record among them: TLS without authentication (section 2.2).
        """
        usable = tuple(record for record in tlsa if record.is_usable)
        return cls(TlsLevel.DANE, tuple(names), usable) if usable else cls.required()

    @property
    def starttls(self) -> bool | None:
        """What `Conversation` takes: demanded, taken where offered (None), or left alone."""
        if self.level is TlsLevel.OPPORTUNISTIC:
            return None
        return self.level is not TlsLevel.CLEAR


class Trust:
    """The TLS settings of a process, made when first needed and shared by its connections.

    `authorities` is a file of PEM certificates; None means the system's.
    """

    def __init__(self, authorities: str | None = None) -> None:
        self._authorities = authorities
        self._any: ssl.SSLContext | None = None
        self._known: ssl.SSLContext | None = None

    def wrap(
        self, policy: TlsPolicy, host: str, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO
    ) -> ssl.SSLObject:
        """A TLS client over two buffers, the handshake still to come.

        SNI is `host`; with DANE it is the name that the TLSA records stand for, which is
        another one where `host` is an alias (RFC 7672 section 2.2.3).
        """
        context = self._verifying() if policy.level is TlsLevel.VERIFIED else self._lenient()
        named = policy.names[0] if policy.level is TlsLevel.DANE and policy.names else host
        return context.wrap_bio(incoming, outgoing, server_hostname=named.rstrip(".") or None)

    def check(self, policy: TlsPolicy, tls: ssl.SSLObject, at: datetime) -> str:
        """Judge the certificate after the handshake; the result names protocol and proof.

        `at`: the time by which DANE-TA certificates must be valid. Raises `TlsError`.
        """
        version = tls.version() or "TLS"
        if policy.level is TlsLevel.VERIFIED:
            _check_names(tls.getpeercert() or {}, policy.names)
            return f"{version} (verified)"
        if policy.level is TlsLevel.DANE:
            check_dane(policy, chain_of(tls), at)
            return f"{version} (dane)"
        return f"{version} (unverified)"

    def _lenient(self) -> ssl.SSLContext:
        if self._any is None:
            self._any = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._any.check_hostname = False
            self._any.verify_mode = ssl.CERT_NONE
        return self._any

    def _verifying(self) -> ssl.SSLContext:
        if self._known is None:
            self._known = ssl.create_default_context(cafile=self._authorities)
            self._known.check_hostname = False  # ours knows several names
        return self._known


def _check_names(certificate: dict[str, Any], names: Sequence[str]) -> None:
    """RFC 6125 section 6.4: a DNS-ID, a wildcard only as the whole leftmost label."""
    wanted = {name.rstrip(".").lower() for name in names}
    for kind, value in certificate.get("subjectAltName", ()):
        if kind == "DNS" and any(covers(value.lower(), name) for name in wanted):
            return
    raise TlsError(f"the certificate is not for {' or '.join(sorted(wanted))}")


def chain_of(tls: ssl.SSLObject) -> list[bytes]:
    """The certificates as the peer sent them, its own first, in DER."""
    public = getattr(tls, "get_unverified_chain", None)  # Python 3.13
    if public is not None:
        return list(public())
    private = getattr(getattr(tls, "_sslobj", None), "get_unverified_chain", None)
    if private is not None and (chain := private()):
        return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in chain]
    own = tls.getpeercert(binary_form=True)
    return [own] if own else []


def check_dane(policy: TlsPolicy, chain: Sequence[bytes], at: datetime) -> None:
    """Hold a chain of DER certificates against the policy's TLSA records; raises `TlsError`."""
    fault = mismatch(policy.tlsa, chain, policy.names, at)
    if fault is not None:
        raise TlsError(str(fault))
