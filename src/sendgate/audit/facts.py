"""DomainFacts: all that was seen about one sender, and nothing that was thought about it.

Every rule is a function of this one value. What a protocol's own `collect` saw is under
its name; what belongs to names rather than to a protocol is in `names`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from sendgate.bimi.assets import Assets
from sendgate.bimi.facts import BimiFacts
from sendgate.dane.facts import DaneFacts
from sendgate.dkim.facts import DkimFacts
from sendgate.dmarc.alignment import Alignment
from sendgate.dmarc.facts import DmarcFacts
from sendgate.hosts.facts import HostFacts
from sendgate.mtasts.facts import StsFacts
from sendgate.mx.facts import MxFacts
from sendgate.names import Domain
from sendgate.observed import Absent, Observed, Present
from sendgate.profile import Profile
from sendgate.spf.facts import SpfCheck, SpfFacts
from sendgate.tlsrpt.facts import TlsrptFacts
from sendgate.topology.detect import Seen, provider_that_sends, seen_providers
from sendgate.topology.facts import NameFacts, ZoneFacts
from sendgate.topology.outcome import Topology

__all__ = ["DomainFacts"]


@dataclass(frozen=True)
class DomainFacts:
    """What was seen about the sender of `profile`.

    `spf` is the record at the return path, or at the sending domain where no return path
    is known (`spf_domain` says which). `spf_checks` is `check_host` for each declared
    address. `helo_spf` is the record at the HELO name, where one was declared.
    `hosts` are the declared addresses and the HELO name, as far as the sender operates them.
    `mx` and `names` are keyed by name: the sending domain, the return path unless it is
    the provider's, and each content name. `zones` holds the zone of each mail name.
    `mtasts`, `tlsrpt` and `dane` are of mail to the sending domain; the first two are None
    where no MX record says that it takes any. `path_dane` is of the return path, and empty
    unless mail hosts are called.
    """

    profile: Profile
    spf: Observed[SpfFacts]
    spf_domain: Domain
    spf_checks: tuple[SpfCheck, ...]
    helo_spf: tuple[SpfCheck, ...]
    dkim: DkimFacts
    dmarc: DmarcFacts
    bimi: BimiFacts
    hosts: HostFacts
    mx: Mapping[Domain, MxFacts]
    names: Mapping[Domain, NameFacts]
    zones: tuple[ZoneFacts, ...]
    mtasts: StsFacts | None
    tlsrpt: TlsrptFacts | None
    dane: DaneFacts
    path_dane: DaneFacts
    alignment: Alignment
    topology: Topology

    @cached_property
    def seen(self) -> tuple[Seen, ...]:
        """The records that lead to a provider of the catalogue."""
        return seen_providers(self)

    @property
    def provider(self) -> str | None:
        """The id of the provider that sends: the declared one, else the one that records show."""
        if self.profile.provider is not None:
            return self.profile.provider
        found = provider_that_sends(self.seen)
        return None if found is None else found.id

    @property
    def sending(self) -> NameFacts:
        """The sending domain's own records."""
        return self.names[self.profile.sending]

    @property
    def return_path(self) -> NameFacts | None:
        """The return path's own records; None where it is unknown or the provider's."""
        envelope = self.profile.envelope
        return None if envelope is None else self.names[envelope]

    @property
    def assets(self) -> Assets | None:
        """The logo and the mark certificate, where they were fetched."""
        return self.bimi.assets

    @property
    def sends_nothing(self) -> bool:
        """Whether SPF says that nobody sends for the name, and nothing declared says otherwise."""
        spf = self.spf
        return not self.profile.declared and isinstance(spf, Present) and spf.value.is_deny_all

    @property
    def is_parked(self) -> bool:
        """Whether the name says, by its own records, that it neither sends nor receives mail.

        It must *say* so: a null MX (RFC 7505), or no way to receive and an SPF record that
        authorises nobody (RFC 7208 section 10.1.2). A name without any record says nothing,
        and a sender that was declared is never parked.
        """
        mx = self.mx.get(self.profile.sending)
        if self.profile.declared or mx is None:
            return False
        if mx.is_null:
            return self.sends_nothing or isinstance(self.spf, Absent)
        return self.sends_nothing and mx.can_receive is False
