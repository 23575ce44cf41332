"""What a wildcard answers at a name, and answers no more once a record stands at or below it.

RFC 4592 section 2.2.1: a name that exists, were it only because another exists below it, gets
nothing from a wildcard. So a key below a name can take its mail hosts away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sendgate.dns.answers import Address, Answer, Question, Rdata, Records, Target
from sendgate.dns.source import DnsSource
from sendgate.names import Domain
from sendgate.records.plan import Edit, Key

__all__ = ["kept_from_wildcards"]

_TYPES = ("MX", "TXT", "A", "AAAA")


async def kept_from_wildcards(
    edits: Collection[Edit], source: DnsSource
) -> tuple[list[Edit], list[str]]:
    """Give the edits that keep what wildcards answer where others are to stand, and remarks.

    Names with an underscore are left out: nobody asks those for hosts.
    """
    taken: set[Key] = {edit.key for edit in edits}
    aliased = {edit.name for edit in edits if edit.rdtype == "CNAME" and edit.data}
    made: list[Edit] = []
    notes: list[str] = []
    for name in _names(edits):
        if name in aliased:
            continue
        answers = {rdtype: await source.ask(Question(name, rdtype)) for rdtype in _TYPES}
        star = _alias(name, answers.values())
        if star is not None:
            if any(key[0] == name for key in taken):
                notes.append(
                    f"an alias from a wildcard leads {name} to {star} today, and will not once "
                    "the name has records of its own: give it what else it needs"
                )
            else:
                made.append(_edit(name, "CNAME", (Target(star),)))
            continue
        for rdtype, answer in answers.items():
            if not isinstance(answer, Records) or answer.aliases or (name, rdtype) in taken:
                continue
            data = tuple(record.data for record in answer.records)
            hidden = any(isinstance(one, Address) and one.ip is None for one in data)
            if answer.wildcard is not None and not hidden:
                made.append(_edit(name, rdtype, data))
            elif await _may_be_of_wildcard(name, rdtype, data, answer, source):
                notes.append(
                    f"the {rdtype} records of {name} may be those of *.{name.parent}, which will "
                    "not answer once a record stands at or below the name: see that it has its own"
                )
    return made, notes


def _names(edits: Iterable[Edit]) -> list[Domain]:
    """Give the names at and above what is to stand, without those that are for no host."""
    every = {n for e in edits if e.data for n in (e.name, *e.name.ancestors)}
    return sorted(
        (n for n in every if len(n.labels) > 1 and not n.text.startswith(("_", "*"))
         and not any(label.startswith("_") for label in n.labels)),
        key=lambda n: n.labels[::-1],
    )  # fmt: skip


def _alias(name: Domain, answers: Iterable[Answer]) -> Domain | None:
    """Give the target of an alias that a wildcard makes at the name."""
    for answer in answers:
        star = getattr(answer, "wildcard", None)
        if star is not None and answer.aliases and answer.aliases[0].name == name:
            return answer.aliases[0].target
    return None


async def _may_be_of_wildcard(
    name: Domain, rdtype: str, data: tuple[Rdata, ...], answer: Records, source: DnsSource
) -> bool:
    """Whether a resolver's answer is that of the wildcard beside the name; it says no more."""
    from sendgate.dmarc.suffixes import is_suffix_or_above

    above = name.parent
    if answer.origin.kind != "resolver" or is_suffix_or_above(above):
        return False
    star = await source.ask(Question(Domain(f"*.{above}"), rdtype))
    return isinstance(star, Records) and {r.data for r in star.records} == set(data)


def _edit(name: Domain, rdtype: str, data: tuple[Rdata, ...]) -> Edit:
    why = "a wildcard answers so today, and will not once a record stands at or below the name"
    return Edit(name, rdtype, data, why, "kept")
