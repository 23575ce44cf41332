"""What a BIMI record points to, as seen: the logo, the mark certificate, and how they were had."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from sendgate.bimi.certificate import MarkCertificate
from sendgate.bimi.svg import Logo, digest_of
from sendgate.dns.answers import Origin
from sendgate.names import ROOT
from sendgate.observed import Evidence, Unknown

__all__ = ["Assets", "Branded", "CertificateSeen", "Had", "LogoSeen"]


@dataclass(frozen=True)
class Had:
    """How a file was had: from `where`, an https address or a path, after `redirects`.

    `refused` says why nobody gets it, `unknown` why it could not be told; with neither, it
    was had. `evidence` is the record that names it, or the file.
    """

    where: str
    evidence: tuple[Evidence, ...]
    redirects: tuple[str, ...] = ()
    refused: str | None = None
    unknown: Unknown | None = None

    @classmethod
    def on_disk(cls, path: str, rdtype: str) -> Had:
        """Of a file that no record names; its finding's subject is the root."""
        return cls(path, (Evidence(ROOT, rdtype, (), Origin("file", path)),))

    def at(self, line: int | None) -> tuple[Evidence, ...]:
        """The evidence; that of a file on disk points to the line."""
        if line is None or not self.evidence or self.evidence[0].name != ROOT:
            return self.evidence
        first = self.evidence[0]
        return (replace(first, origin=replace(first.origin, line=line)), *self.evidence[1:])


@dataclass(frozen=True)
class LogoSeen:
    """The logo; None where there was none to be had."""

    had: Had
    logo: Logo | None = None


@dataclass(frozen=True)
class CertificateSeen:
    """The mark certificate; a text says why the file is none, None: there was no file."""

    had: Had
    read: MarkCertificate | str | None = None

    @property
    def certificate(self) -> MarkCertificate | None:
        """The certificate, if the file is one."""
        return self.read if isinstance(self.read, MarkCertificate) else None

    @property
    def digests(self) -> frozenset[str]:
        """What tells the logos in the certificate from others, as `Logo.digest` does."""
        from sendgate.bimi.svg import read_logo

        found = self.certificate
        octets = [logo.octets for logo in found.logos if logo.octets] if found else []
        return frozenset(
            read_logo(one).digest if one[:2] == b"\x1f\x8b" else digest_of(one) for one in octets
        )


@dataclass(frozen=True)
class Assets:
    """Logo and certificate of one record, or those given as files.

    `names` are the names that a certificate may be for, the first the one that is meant;
    none where no domain was given. `roots` says whose roots the chain was compared with.
    """

    time: datetime
    logo: LogoSeen | None = None
    certificate: CertificateSeen | None = None
    names: tuple[str, ...] = ()
    roots: str | None = None


class Branded(Protocol):
    """What the rules on assets are functions of: an audit's facts, or files alone."""

    @property
    def assets(self) -> Assets | None:
        """What was fetched or read; None where nothing was."""
        ...
