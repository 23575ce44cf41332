"""Fetch a policy file: HTTPS to ``mta-sts.DOMAIN``, as careful as RFC 8461 section 3.3 asks.

A recipient's domain decides where this connection goes, and an address in a contact list
names the domain: `sendgate.web` holds it to the Internet and to its limits. No redirect is
followed, and a policy must come as plain text, not packed.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable

from sendgate.dns.answers import Reason
from sendgate.dns.source import DnsSource
from sendgate.errors import DomainError
from sendgate.mtasts.record import Policy, parse_policy
from sendgate.names import Domain
from sendgate.profile import IpAddress
from sendgate.versioned import Malformed
from sendgate.web import Fetched, Fetcher, Limits, Unfetched, Web, is_public

__all__ = [
    "HttpsFetcher",
    "MalformedPolicy",
    "Unavailable",
    "fetch_policy",
    "is_public",
    "policy_of",
]

LIMITS = Limits(octets=65_536, seconds=20.0)
"""Time is a third of what section 3.3 suggests, because mail waits for it."""


class Unavailable(Unfetched):
    """There is no policy to be had from the policy host; says why."""


class MalformedPolicy(Unavailable):
    """The policy host serves a file, and it is no policy by section 3.2."""


class HttpsFetcher:
    """Fetches policies; one object for a run.

    `context` verifies policy hosts, None: by the system's authorities. `allowed` says which
    addresses may be called. `seconds` bound one fetch in all, `octets` the file,
    `concurrency` the fetches at a time.
    """

    def __init__(
        self,
        source: DnsSource,
        *,
        context: ssl.SSLContext | None = None,
        allowed: Callable[[IpAddress], bool] = is_public,
        port: int = 443,
        seconds: float = LIMITS.seconds,
        octets: int = LIMITS.octets,
        concurrency: int = 64,
    ) -> None:
        self._web = Fetcher(
            source, context=context, allowed=allowed, port=port, concurrency=concurrency
        )
        self._limits = Limits(octets, seconds)

    async def fetch(self, domain: Domain) -> Policy | Unavailable:
        """The policy that `domain` offers now; every failure is an `Unavailable`."""
        return await fetch_policy(domain, self._web, self._limits)


async def fetch_policy(domain: Domain, web: Web, limits: Limits = LIMITS) -> Policy | Unavailable:
    """The policy that `domain` offers now; every failure is an `Unavailable`."""
    try:
        host = domain.child("mta-sts")
    except DomainError as error:
        return Unavailable(str(error))
    got = await web.get(f"https://{host}/.well-known/mta-sts.txt", limits, "text/plain")
    if isinstance(got, Fetched):
        return policy_of(host, got)
    if got.reason is Reason.TIMEOUT:
        return Unavailable(f"{host}: no policy within {limits.seconds:g} s", got.reason)
    return Unavailable(got.detail, got.reason, got.private)


def policy_of(host: Domain, got: Fetched) -> Policy | Unavailable:
    """Read what the policy host gave; what is no policy by section 3.2 is an `Unavailable`."""
    if got.media_type != "text/plain":
        kind = got.media_type[:80] or "of no type"
        return Unavailable(f"{host}: the policy is {kind}, not text/plain")
    if got.encoding != "identity":
        return Unavailable(f"{host}: the policy is compressed, which nobody asked for")
    try:
        policy = parse_policy(got.body.decode("utf-8"))
    except UnicodeDecodeError:
        return MalformedPolicy(f"{host}: the policy is not UTF-8")
    if isinstance(policy, Malformed):
        return MalformedPolicy(f"{host}: malformed policy: {policy.why}")
    return policy
