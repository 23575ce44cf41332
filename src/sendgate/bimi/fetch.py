"""Fetch what a BIMI record points to: the logo (l=) and the mark certificate (a=), together."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from sendgate.bimi import certificate, svg
from sendgate.bimi.assets import Assets, CertificateSeen, Had, LogoSeen
from sendgate.bimi.facts import BimiFacts
from sendgate.bimi.record import location_of
from sendgate.dns.answers import Question, Reason
from sendgate.errors import DomainError
from sendgate.names import Domain
from sendgate.observed import Evidence, Unknown, evidence_of
from sendgate.web import Fetched, Limits, Unfetched, Web

__all__ = ["AssetReader"]

_LOGO = Limits(svg.MAX_OCTETS, seconds=20.0, redirects=3)
_CERTIFICATE = Limits(certificate.MAX_OCTETS, seconds=20.0, redirects=3)
_PLAIN = {"identity", "gzip", "x-gzip"}  # what a reader of logos unpacks itself


@dataclass(frozen=True)
class AssetReader:
    """Reads assets from a web, and judges certificates by the `roots` for `time` (aware).

    `own` is a certificate to read in the place of the record's: its path and octets.
    """

    web: Web
    roots: certificate.MarkRoots | None
    time: datetime
    own: tuple[str, bytes] | None = None

    async def read(self, facts: BimiFacts, organizational: Domain | None) -> Assets | None:
        """What the record that receivers use points to; None where it points to nothing."""
        place, record = facts.applied, facts.record
        if place is None or record is None or record.declines:
            return None
        evidence = evidence_of(place.answer, *place.records)
        logo, mark = await asyncio.gather(
            self._logo(record.location or "", evidence),
            self._certificate(record.evidence_location, evidence),
        )
        near = dict.fromkeys(d for d in (place.domain, facts.domain, organizational) if d)
        names = [str(domain) for domain in near]
        names += [f"{facts.selector}._bimi.{domain}" for domain in near]
        return self.assets(logo, mark, tuple(names))

    def assets(
        self, logo: LogoSeen | None, mark: CertificateSeen | None, names: tuple[str, ...] = ()
    ) -> Assets:
        """Put together what was seen."""
        roots = None if self.roots is None else self.roots.origin
        return Assets(self.time, logo, mark, names, roots)

    def certificate_on_disk(self) -> CertificateSeen | None:
        """The certificate that was given as a file."""
        if self.own is None:
            return None
        path, octets = self.own
        read = certificate.read_bundle(octets, self.roots, self.time)
        return CertificateSeen(Had.on_disk(path, "PEM"), read)

    async def _logo(self, url: str, evidence: tuple[Evidence, ...]) -> LogoSeen | None:
        if location_of(url) is None:
            return None  # the rules on the record speak of it
        got = await self.web.get(url, _LOGO, "image/svg+xml")
        had = _had(url, got, evidence)
        if not isinstance(got, Fetched) or had.refused is not None:
            return LogoSeen(had)
        return LogoSeen(had, await asyncio.to_thread(svg.read_logo, got.body))

    async def _certificate(
        self, url: str, evidence: tuple[Evidence, ...]
    ) -> CertificateSeen | None:
        if self.own is not None:
            return self.certificate_on_disk()
        if location_of(url) is None:
            return None
        got = await self.web.get(url, _CERTIFICATE)
        had = _had(url, got, evidence)
        if not isinstance(got, Fetched) or had.refused is not None:
            return CertificateSeen(had)
        plain = svg.unpack(got.body)  # a server may pack what it was asked not to
        octets = plain if isinstance(plain, bytes) else b""
        return CertificateSeen(had, certificate.read_bundle(octets, self.roots, self.time))


def _had(url: str, got: Fetched | Unfetched, evidence: tuple[Evidence, ...]) -> Had:
    if isinstance(got, Fetched):
        packed = None if got.encoding in _PLAIN else f"it is packed as {got.encoding[:40]}"
        return Had(url, evidence, got.redirects, packed)
    if got.reason is None:
        return Had(url, evidence, refused=got.detail)
    hint = " (--allow-private calls it all the same)" if got.private else ""
    return Had(url, evidence, unknown=_unknown(url, got.reason, got.detail + hint))


def _unknown(url: str, reason: Reason, detail: str) -> Unknown:
    parts = location_of(url)
    try:
        host = Domain.parse((parts.hostname if parts else None) or "")
    except DomainError:
        host = Domain.parse("invalid")
    return Unknown(Question(host, "HTTPS"), reason, detail)
