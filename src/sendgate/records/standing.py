"""What stands at a name and serves something else, so that no proposal may take it away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sendgate.dns.answers import Failed, Question, Records, Target, Txt
from sendgate.dns.source import DnsSource
from sendgate.names import Domain
from sendgate.records.plan import Edit, Need, RecordSet
from sendgate.spf.record import is_spf

__all__ = ["BESIDE", "in_use"]

Published = Callable[[Domain, str], Awaitable[RecordSet | None]]

BESIDE = ("A", "AAAA", "MX", "TXT", "CAA", "SRV", "NS")  # what may stand where a CNAME is to be


async def in_use(edit: Edit, published: Published, source: DnsSource) -> Need | None:
    """Say that an edit would take away what is in use for something else; None: it does not.

    A key's name and a policy's serve nothing else. A return path gives up what it has of
    mail, and an alias, but no web site and no token. For what is only shown nothing goes
    but an alias that leads nowhere, or for another alias.
    """
    if not edit.data or edit.area not in {"path", "shown"}:
        return None
    own = edit.area == "path"
    if edit.rdtype == "CNAME":
        there = [await published(edit.name, rdtype) for rdtype in BESIDE]
        found = [one for one in there if one is not None and not (own and _is_of_mail(one))]
    else:
        found = [] if own else await _shown_over(edit, published, source)
    if not found:
        return None
    what = " and ".join(one.rdtype for one in found)
    return Need(
        f"a decision: {edit.rdtype} at {edit.name} would take away {what}, which may serve "
        "something else; take that away yourself, or use another name",
        "whoever keeps what is there",
        "--return-path NAME" if own else None,
        edit.name,
        edit.rdtype,
    )


def _is_of_mail(records: RecordSet) -> bool:
    """Whether a set is what a return path has: mail hosts, or SPF and no other text."""
    if records.rdtype == "TXT":
        return all(isinstance(data, Txt) and is_spf(data.text) for data in records.data)
    return records.rdtype == "MX"


async def _shown_over(edit: Edit, published: Published, source: DnsSource) -> list[RecordSet]:
    """Give the alias or the other hosts for which shown records would stand."""
    alias = await published(edit.name, "CNAME")
    if alias is not None:
        targets = [data.name for data in alias.data if isinstance(data, Target)]
        asked = [
            Question(name, rdtype) for name in targets for rdtype in ("A", "AAAA", "MX", "TXT")
        ]
        seen = [await source.ask(question) for question in asked]
        return [alias] if any(isinstance(a, Records | Failed) for a in seen) else []
    there = None if edit.rdtype == "TXT" else await published(edit.name, edit.rdtype)
    return [] if there is None or set(there.data) == set(edit.data) else [there]
