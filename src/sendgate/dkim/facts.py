"""What DNS shows of a sender's DKIM keys, and what that proves."""

from __future__ import annotations

from dataclasses import dataclass

from sendgate.dkim.record import KeyRecord, NotAKey, NotAKeyKind, RsaKey, parse
from sendgate.dns.answers import Answer, Failed, NxDomain, Record, Records, Txt
from sendgate.names import Domain
from sendgate.observed import Observed, Present, Unknown
from sendgate.profile import Selector

__all__ = ["MIN_RSA_BITS", "DkimDomain", "DkimFacts", "DkimKey"]

MIN_RSA_BITS = 1024  # RFC 8301 section 3.2: verifiers must not accept shorter keys


@dataclass(frozen=True)
class DkimKey:
    """What is published at one selector.

    `observed` is Malformed where the text there is no key record, or where there are
    several TXT records, so that the result is undefined (RFC 6376 section 3.6.2.2).
    `records` are the TXT records themselves. `wildcard` says whether a name that nobody
    published gave the same answer, so that this answer proves nothing about the selector;
    None where that could not be found out. `address` is the answer for A there, asked where
    a named selector exists without a TXT record: a proxy answers for its CNAME.
    """

    selector: Selector
    answer: Answer
    observed: Observed[KeyRecord]
    records: tuple[Record, ...]
    wildcard: bool | None = False
    address: Answer | None = None

    @property
    def proxied(self) -> bool:
        """Whether the name answers with addresses in place of the key, or of a CNAME to it."""
        return isinstance(self.address, Records)

    @property
    def texts(self) -> tuple[str, ...]:
        """The text of each TXT record, its strings joined, in the order of the answer."""
        return tuple(r.data.text for r in self.records if isinstance(r.data, Txt))

    @property
    def record(self) -> KeyRecord | None:
        """The one key record, valid or not; None where there is none or none can be told."""
        return self.observed.value if isinstance(self.observed, Present) else None

    @property
    def usable(self) -> bool | None:
        """Whether a verifier can check rsa-sha256 or ed25519-sha256 mail with this key.

        True: present, well-formed, not revoked, made for e-mail and SHA-256, long enough.
        None: DNS did not tell, or the answer proves nothing about a guessed selector, or
        one of several records would do and verifiers differ.
        """
        if isinstance(self.observed, Unknown):
            return None
        if not self.selector.named and self.wildcard is not False:
            return None
        if self.record is not None:
            return is_usable(self.record)
        if len(self.records) > 1:
            return None if any(map(is_usable, self.candidates)) else False
        return False

    @property
    def candidates(self) -> tuple[KeyRecord, ...]:
        """The key records among the TXT records; more than one where several stand there."""
        read = (parse(r.data.octets) for r in self.records if isinstance(r.data, Txt))
        return tuple(record for record in read if isinstance(record, KeyRecord))


def is_usable(record: KeyRecord) -> bool:
    """Tell whether the record alone lets a verifier check e-mail."""
    if not record.valid or record.revoked or not record.for_email or not record.for_sha256:
        return False
    return not isinstance(record.key, RsaKey) or record.key.bits >= MIN_RSA_BITS


@dataclass(frozen=True)
class DkimDomain:
    """What is known of the selectors of one `d=` as a whole.

    `subtree` answers for TXT at ``_domainkey.<domain>``; NXDOMAIN there proves that no
    selector exists (RFC 8020). `probe` answers for a name below it that is no selector: a
    random one where selectors are guessed, else that of the ADSP record. `policy` answers
    for ``_adsp._domainkey.<domain>`` (RFC 5617). What was not asked is None.
    """

    domain: Domain
    subtree: Answer | None
    probe: Answer
    policy: Answer | None = None

    @property
    def has_none(self) -> bool:
        """Whether it is proven that no selector exists below this domain."""
        return isinstance(self.subtree, NxDomain) and not self.subtree.aliases

    @property
    def has_wildcard(self) -> bool | None:
        """Whether a wildcard answers for every selector; None where DNS did not tell."""
        if isinstance(self.probe, Failed):
            return None
        own_record = self.policy is self.probe and self.holds_adsp
        return isinstance(self.probe, Records) and not own_record

    @property
    def holds_adsp(self) -> bool:
        """Whether an ADSP record is published."""
        found = self.policy.of(Txt) if isinstance(self.policy, Records) else ()
        read = [parse(text.octets) for text in found]
        return any(isinstance(x, NotAKey) and x.kind is NotAKeyKind.ADSP for x in read)

    @property
    def wildcard_revokes(self) -> bool:
        """Whether a wildcard answers for every selector with a revoked key."""
        found = self.probe.of(Txt) if isinstance(self.probe, Records) else ()
        read = [parse(text.octets) for text in found]
        return len(read) == 1 and isinstance(read[0], KeyRecord) and read[0].revoked


@dataclass(frozen=True)
class DkimFacts:
    """The keys at every selector that was asked for, and the domains they belong to."""

    keys: tuple[DkimKey, ...]
    domains: tuple[DkimDomain, ...]

    @property
    def named(self) -> tuple[DkimKey, ...]:
        """The keys at selectors that were declared or are the named provider's."""
        return tuple(key for key in self.keys if key.selector.named)

    @property
    def guessed(self) -> tuple[DkimKey, ...]:
        """The keys at selectors that were only guessed."""
        return tuple(key for key in self.keys if not key.selector.named)

    @property
    def guessed_found(self) -> tuple[DkimKey, ...]:
        """The guessed selectors at which a key record stands that no wildcard made."""
        return tuple(
            key for key in self.guessed if key.record is not None and key.wildcard is False
        )

    def domain(self, name: Domain) -> DkimDomain | None:
        """Give what is known of one `d=` as a whole, or None where it was not asked for."""
        return next((domain for domain in self.domains if domain.domain == name), None)

    def proven_none(self, name: Domain) -> bool:
        """Tell whether DNS proves that `name` publishes no selector at all (RFC 8020)."""
        known = self.domain(name)
        found = any(key.records for key in self.keys if key.selector.domain == name)
        return known is not None and known.has_none and not found
