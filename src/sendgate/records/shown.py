"""Records that the provider's page shows and no other step has to do with, such as a token."""

from __future__ import annotations

from sendgate.dns.answers import Answer, Failed, Rdata, Records, Txt
from sendgate.names import Domain
from sendgate.records.plan import Edit, Need, text_data
from sendgate.records.spf import joined
from sendgate.records.task import Step, Task
from sendgate.spf.record import is_spf

__all__ = ["shown"]


def shown(task: Task) -> Step:
    """Propose the shown records at names that are no role's: they are wanted as they are."""
    wanted: dict[tuple[Domain, str], list[Rdata]] = {}
    for one in task.supplied.shown:
        if not _is_elsewhere(task, one.name, one.rdtype, one.data):
            wanted.setdefault((one.name, one.rdtype), []).append(one.data)
    why = "the provider's page shows it for this account"
    for (name, rdtype), data in wanted.items():
        if rdtype in {"CNAME", "NS"} and name in _kept_names(task):
            yield Need(
                f"another name: a {rdtype} record at {name} would take away its mail",
                "whoever sets the name up at the provider", None, name, rdtype,
            )  # fmt: skip
            continue
        made = [text_data(d.octets) if isinstance(d, Txt) else d for d in data]
        if rdtype == "TXT":
            beside = _beside(task.texts.get(name), made)
            if beside is None:
                continue
            made = beside
        yield Edit(name, rdtype, tuple(dict.fromkeys(made)), why, "shown")


def _kept_names(task: Task) -> frozenset[Domain]:
    """Give the names that hold the organization's mail, and this sender's."""
    return frozenset({task.sending, task.facts.dmarc.suffix_organizational})


def _is_elsewhere(task: Task, name: Domain, rdtype: str, data: Rdata) -> bool:
    """Whether another step takes the record: a key's, the return path's, an SPF record."""
    if rdtype == "MX":
        return name in task.facts.mx
    keys = {key.selector.owner for key in task.facts.dkim.keys}
    if rdtype == "CNAME":
        return (name == task.path and name != task.sending) or name in keys
    if isinstance(data, Txt) and is_spf(data.text):
        return name == task.facts.spf_domain
    return rdtype == "TXT" and name in keys


def _beside(answer: Answer | None, made: list[Rdata]) -> list[Rdata] | None:
    """Give the texts with those that stand there, SPF records as one; None where none was seen."""
    if answer is None or isinstance(answer, Failed):
        return None
    there = [r.data for r in answer.records] if isinstance(answer, Records) else []
    there = [] if answer.aliases else there
    known = {data.octets for data in there if isinstance(data, Txt)}
    every = [*there, *(d for d in made if not (isinstance(d, Txt) and d.octets in known))]
    spf = [d.text for d in every if isinstance(d, Txt) and is_spf(d.text)]
    if len(spf) < 2:
        return every
    one = joined(spf)
    others = [d for d in every if not (isinstance(d, Txt) and is_spf(d.text))]
    return None if one is None else [*others, text_data(one)]
