"""The identity that SPF checks: which domain, on behalf of which sender (RFC 7208 2.3, 2.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sendgate.errors import DomainError
from sendgate.names import Domain

__all__ = ["Identity", "identity_domain", "read_identity"]

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\Z")


@dataclass(frozen=True)
class Identity:
    """Whose record is evaluated (`domain`), and the sender and HELO name that macros see."""

    domain: Domain
    local: str
    sender_domain: str
    helo: str


def identity_domain(text: str) -> Domain | None:
    """Read the domain of an identity; None where it is malformed (RFC 7208 section 4.3).

    A domain literal, a single label, an empty or an overlong label are; an underscore is
    not, as return paths have them.
    """
    body = text.removesuffix(".")
    try:
        if body.isascii():
            name = Domain.from_labels(tuple(label.encode("ascii") for label in body.split(".")))
        else:
            name = Domain.parse(body)
    except DomainError:
        return None
    fit = len(name.labels) > 1 and all(_LABEL.match(label) for label in name.labels)
    return name if fit else None


def read_identity(
    mail_from: str | None, helo: str | None, domain: Domain | None
) -> Identity | None:
    """Choose the identity to check; None where it has no well-formed domain.

    The null sender (an empty `mail_from`) is postmaster at the HELO name.
    """
    local, tail = "postmaster", ""
    if mail_from:
        head, _, tail = mail_from.rpartition("@")
        local = head or "postmaster"
    elif mail_from is None and domain is not None:
        tail = str(domain)
    else:
        tail = helo or ""
    checked = domain if domain is not None else identity_domain(tail)
    if checked is None:
        return None
    return Identity(checked, local, tail if tail.isascii() else str(checked), helo or "unknown")
