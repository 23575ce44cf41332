"""DMARC: the one record that governs the sending domain, never made weaker than it is."""

from __future__ import annotations

from sendgate.dmarc.facts import AppliedPolicy, DmarcFacts
from sendgate.dmarc.record import DmarcRecord, Policy, ReportUri, parse
from sendgate.dmarc.walk import Step as WalkStep
from sendgate.dns.answers import Failed, Record, Records, Txt
from sendgate.names import Domain
from sendgate.observed import Absent, Observed, Present
from sendgate.records.plan import Edit, Need, text_data
from sendgate.records.task import Step, Task
from sendgate.taglist import parse_tags

__all__ = ["dmarc"]

_BAD_VALUES = frozenset({"DMARC004", "DMARC005", "DMARC020"})


def dmarc(task: Task) -> Step:
    """Propose a record where none governs the domain, and mend one that is void."""
    facts = task.facts.dmarc
    if any(isinstance(step.answer, Failed) for step in facts.walk.steps):
        return  # what was not seen may hold any policy
    said = [
        one for step in facts.walk.steps if _is_broken(task, step) for one in _mended(task, step)
    ]
    yield from said
    if any(isinstance(one, Edit) for one in said):
        return
    open_ = {one.name for one in said}
    bad = [
        s for s in facts.walk.steps if s.record is not None and _BAD_VALUES & task.faults(_at(s))
    ]
    for step in bad:
        yield from _with_values(task, step)
    new = list(_new(task, facts)) if isinstance(facts.policy, Absent) else []
    yield from (one for one in new if isinstance(one, Edit) or one.name not in open_)
    taken = {edit.name for edit in new if isinstance(edit, Edit)}
    for step in facts.walk.steps:
        if "DMARC018" in task.faults(_at(step)) and _at(step) not in taken:
            why = "the alias leads to nothing, so receivers find no record there"
            yield Edit(_at(step), "CNAME", (), why, "dmarc")


def _at(step: WalkStep) -> Domain:
    return step.answer.question.name


def _is_broken(task: Task, step: WalkStep) -> bool:
    """Whether no text there counts, and that is why the audit fails or no policy applies."""
    void = len(step.records) > 1 or (step.void and not step.records)
    fails = bool({"DMARC002", "DMARC003"} & task.faults(_at(step)))
    return bool(void) and (fails or isinstance(task.facts.dmarc.policy, Absent))


def _mended(task: Task, step: WalkStep) -> Step:
    """Make one record of several, or a record of a text that was only meant as one.

    Not where a stricter policy from above applies today, because this one is void.
    """
    if step.records:
        made = _merged([_text(record) for record in step.records])
        why = "receivers act on none of several DMARC records; this is the strictest of them"
    else:
        made = _spelt(_text(step.void[0])) if len(step.void) == 1 else None
        why = "receivers take a text for a DMARC record only where it begins with v=DMARC1"
    today, record = task.facts.dmarc.policy, None if made is None else parse(made)
    if made is None or record is None:
        yield Need(
            f"the record that the text at {_at(step)} is meant to be: it cannot be told",
            "whoever published it", None, _at(step), "TXT", "v=DMARC1; p=*",
        )  # fmt: skip
        return
    policy = record.policy_when_published("p" if step.domain == task.sending else "sp")
    applies = today.value.policy if isinstance(today, Present) else None
    if applies is not None and (policy is None or policy.rank < applies.rank):
        yield Need(
            f"a decision: the text at {_at(step)} asks for p={policy} and is void, so that "
            f"p={applies} of {_domain(today)} applies; remove it, or publish one as strict",
            "whoever published it", None, _at(step), "TXT", "v=DMARC1; p=*",
        )  # fmt: skip
        return
    if policy is not None and policy.rank > (Policy.NONE if applies is None else applies).rank:
        why += f"; receivers do not act on p={policy} today, and then will"
    yield _edit(step, [*step.records, *step.void], made, why)


def _domain(policy: Observed[AppliedPolicy]) -> str:
    return str(policy.value.domain) if isinstance(policy, Present) else ""


def _text(record: Record) -> str:
    return record.data.text if isinstance(record.data, Txt) else ""


def _edit(step: WalkStep, replaced: list[Record], text: str, why: str) -> Edit:
    """Put a record in the place of others, and keep what else stands at the name."""
    answer = step.answer
    there = answer.records if isinstance(answer, Records) and not answer.aliases else ()
    kept = [record.data for record in there if record not in replaced]
    return Edit(_at(step), "TXT", (*kept, text_data(text)), why, "dmarc")


def _merged(texts: list[str]) -> str | None:
    """Keep the strictest record, and add the report addresses of the others."""
    read = [record for text in texts if (record := parse(text)) is not None]
    if len(read) != len(texts):
        return None

    def rank(record: DmarcRecord) -> tuple[bool, int, int, bool]:
        p, sp = record.policy_when_published("p"), record.policy_when_published("sp")
        return (
            record.processed,
            -1 if p is None else p.rank,
            -1 if sp is None else sp.rank,
            not record.testing,
        )

    best = max(read, key=rank)
    others = [record for record in read if record is not best]
    return _with_reports(best, others)


def _with_reports(best: DmarcRecord, others: list[DmarcRecord]) -> str:
    known = [str(uri) for uri in best.rua]
    more: list[ReportUri] = [uri for record in others for uri in record.rua if uri.is_valid]
    added = [text for text in dict.fromkeys(map(str, more)) if text not in known]
    text = str(best)
    if not added:
        return text
    written = best.tag("rua")
    if written is None:
        return f"{text.rstrip().rstrip(';')}; rua={','.join(added)}"
    return text.replace(written.raw, f"{written.raw.rstrip()},{','.join(added)}", 1)


def _spelt(text: str) -> str | None:
    """Give a void text the beginning that makes it a record; None where that is not enough."""
    tags = [tag for tag in parse_tags(text).tags if tag.name.lower() != "v"]
    made = "; ".join(["v=DMARC1", *(f"{tag.name}={tag.value}" for tag in tags)])
    record = parse(made)
    return made if record is not None and record.processed and tags else None


def _with_values(task: Task, step: WalkStep) -> Step:
    """Put a valid policy where there is none, and take away what makes the record void.

    A policy that nobody can read counts as none today, so nothing becomes weaker.
    """
    record = step.record
    assert record is not None
    wrong = {tag.name.lower() for tag in record.invalid}
    parts = []
    for tag in record.tags.tags[1:]:
        name = tag.name.lower()
        if name in {"sp", "np"} & wrong or (name == "psd" and "DMARC020" in task.faults(_at(step))):
            continue
        if name != "p":
            parts.append(f"{tag.name}={tag.value}")
    policy = record.p or Policy.NONE
    text = "; ".join(["v=DMARC1", f"p={policy}", *parts])
    parsed = parse(text)
    if text != str(record) and parsed is not None and parsed.processed:
        said = record.value("p")
        what = "has no policy" if said is None else f"says p={said[:40]}, which is no policy"
        why = f"the record {what}; receivers treat it as p={policy} at best"
        if policy is record.p:
            why = "receivers are misled by a tag of the record; its policy stays as it is"
        yield _edit(step, list(step.records), text, why)


def _new(task: Task, facts: DmarcFacts) -> Step:
    """Propose a record at the organizational domain, where alignment counts from."""
    misplaced = _misplaced(facts)
    parked = task.facts.is_parked
    own = parked or misplaced is not None
    domain = facts.author if own else facts.suffix_organizational
    step = facts.steps.get(domain)
    if step is None or isinstance(step.answer, Failed):
        return
    if step.records or step.void:
        yield Need(
            f"which of the texts at {_at(step)} is to be the DMARC policy",
            "whoever published them", None, _at(step), "TXT", "v=DMARC1; p=*",
        )  # fmt: skip
        return
    reports = ",".join(f"mailto:{address}" for address in task.supplied.rua)
    asked = Policy.REJECT if parked else Policy.NONE
    text = misplaced or f"v=DMARC1; p={asked}" + (f"; rua={reports}" if reports else "")
    why = f"without a DMARC record receivers have no policy for {facts.author}"
    if misplaced is not None:
        why = "the record stands where no receiver looks; here they do"
    elif parked:
        why += ", which sends nothing: whatever bears its name, or one below it, is forged"
    elif task.supplied.rua:
        why += "; p=none asks for reports and nothing else, until they show that all mail aligns"
    else:
        why += "; p=none asks for nothing else; --rua names who gets reports"
    yield _edit(step, [], text, why)


def _misplaced(facts: DmarcFacts) -> str | None:
    """Give the one valid record that stands at the name with the zone's name appended."""
    if not isinstance(facts.misplaced, Records):
        return None
    texts = [data.text for data in facts.misplaced.of(Txt)]
    valid = [text for text in texts if (r := parse(text)) is not None and r.processed]
    return valid[0] if len(valid) == len(texts) == 1 else None
