"""From what a user gave to a `Profile`: declared things taken, safe guesses marked as such.

SenderOptions (options over a [[sender]]) + provider catalogue ──► Profile
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from sendgate.names import Domain
from sendgate.profile import IpAddress, Profile, Receiver, Role, Selector, SenderKind

if TYPE_CHECKING:
    from sendgate.topology.providers import Provider

__all__ = ["SenderOptions", "build_profile"]


@dataclass(frozen=True)
class SenderOptions:
    """What can be declared about a sender; None and () mean "not given".

    The keys of a `[[sender]]` and the options of `audit` both end here.
    """

    content: tuple[Domain, ...] = ()
    return_path: Domain | None = None
    sender: SenderKind | None = None
    provider: str | None = None
    selectors: tuple[str, ...] = ()
    dkim_domains: tuple[Domain, ...] = ()
    ips: tuple[IpAddress, ...] = ()
    helo: Domain | None = None
    bimi_selector: str | None = None
    receivers: tuple[Receiver, ...] = ()
    authoritative: bool = False
    blocklists: tuple[Domain, ...] = ()

    def over(self, other: SenderOptions) -> SenderOptions:
        """These options, and from `other` what they leave out."""
        missing = {
            f.name: getattr(other, f.name) for f in fields(self) if not getattr(self, f.name)
        }
        return replace(self, **missing)

    @property
    def declares(self) -> bool:
        """Whether anything says that the domain is meant to send."""
        return bool(
            self.return_path
            or self.sender
            or self.provider
            or self.selectors
            or self.dkim_domains
            or self.ips
            or self.helo
            or self.receivers
        )


def build_profile(sending: Domain, given: SenderOptions) -> Profile:
    """The profile of one sender; raises `ConfigError` for an unknown provider."""
    from sendgate.topology import providers

    provider = providers.find(given.provider) if given.provider else None
    own_names = provider.return_path_domains if provider else ()
    declared = given.return_path
    if declared is not None:
        return_path = Role(declared)
        providers_own = any(declared.is_under(name) for name in own_names)
    elif own_names and given.sender in (None, SenderKind.SHARED):
        # The provider's own return path, named by its domain: the host below it varies.
        return_path, providers_own = Role(own_names[0], assumed=True), True
    else:
        return_path, providers_own = None, False
    domains = given.dkim_domains or (sending,)
    return Profile(
        sending=sending,
        content=_content(sending, given),
        return_path=return_path,
        provider_return_path=providers_own,
        sender=given.sender,
        provider=provider.id if provider else None,
        selectors=_selectors(given, domains, provider),
        dkim_domains=domains,
        ips=given.ips,
        helo=given.helo,
        bimi_selector=given.bimi_selector or "default",
        bimi_declared=given.bimi_selector is not None,
        receivers=given.receivers,
        declared=given.declares,
        authoritative=given.authoritative,
        blocklists=given.blocklists,
    )


def _content(sending: Domain, given: SenderOptions) -> tuple[Role, ...]:
    if given.content:
        return tuple(Role(name) for name in dict.fromkeys(given.content))
    from sendgate.dmarc.suffixes import registrable

    organizational = registrable(sending) or sending
    return (Role(organizational.child("www"), assumed=True),)


def _selectors(
    given: SenderOptions, domains: tuple[Domain, ...], provider: Provider | None
) -> tuple[Selector, ...]:
    from sendgate.topology import providers

    if given.selectors:
        names, named = given.selectors, True
    elif provider is not None and provider.selectors:
        names, named = provider.selectors, True
    else:
        names, named = providers.likely_selectors(provider), False
    return tuple(Selector(name, d, named) for d in domains for name in dict.fromkeys(names))
