"""SPF: one record that lets the declared hosts and the provider send, and keeps what it has."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sendgate.dns.answers import Failed, Rdata, Record, Records, Txt
from sendgate.names import Domain
from sendgate.observed import Absent, Present, Unknown
from sendgate.profile import SenderKind
from sendgate.records.path import family
from sendgate.records.plan import Edit, Need, text_data
from sendgate.records.task import Step, Task
from sendgate.records.wanted import all_includes, fits, host
from sendgate.spf import record as spf1
from sendgate.spf.facts import SpfFacts, candidates, read_record
from sendgate.topology import providers

__all__ = ["joined", "spf"]

_DEFAULT = "~all"
_STRICTNESS = ("-", "~", "?", "+")


@dataclass(frozen=True)
class _Place:
    """Where the record is, and what it is to let pass."""

    name: Domain
    answer: Records | None
    terms: tuple[str, ...]
    ending: str
    unsure: bool


def spf(task: Task) -> Step:
    """Propose what the SPF record lacks, where it is void, and where it lets everybody pass."""
    name, seen = task.facts.spf_domain, task.facts.spf
    here = task.facts.names.get(name)
    if isinstance(seen, Unknown) or here is None or isinstance(here.txt, Failed):
        return
    if here.aliases or (name == task.path and family(task) in {"b", "c"}):
        return  # the record is the alias's target's, or will be
    terms, ending, needs = _asked(task, name)
    yield from needs
    place = _Place(name, here.txt if isinstance(here.txt, Records) else None, terms, ending,
                   task.provider is not None and not task.provider.is_confirmed("spf"))  # fmt: skip
    if isinstance(seen, Absent):
        yield from _new(task, place, bool(needs))
    elif isinstance(seen, Present):
        yield from _changed(task, place, seen.value)


def _asked(task: Task, name: Domain) -> tuple[tuple[str, ...], str, list[Need]]:
    """Give the terms that the provider asks for at the name, its ending, what is not known."""
    role = "a" if name == task.path and name != task.sending else None
    templates = [
        e for e in task.expected("TXT", role)
        if task.filled(e.name) == name.text and e.value.startswith("v=spf1")
    ]  # fmt: skip
    shown = [data.text for data in task.supplied.at(name, "TXT")
             if isinstance(data, Txt) and spf1.is_spf(data.text)]  # fmt: skip
    if role is None and task.facts.profile.provider is None and not shown:
        templates = []  # a provider that only shows by its records asks for nothing here
    texts = shown or [task.filled(e.value) for e in templates] or _by_include(task, name)
    ending = next((m[0] for t in texts if (m := re.search(r"[-~?]all\Z", t))), _DEFAULT)
    found = [term for text in shown for term in _mechanisms(text)]
    needs = []
    for include in all_includes(() if shown else texts):
        known = include if "*" not in include else _published(task, include)
        if known is None:
            needs.append(_need(task, name, include, templates[0].value))
        elif host(known) is not None:
            found.append(f"include:{known}")
    return tuple(dict.fromkeys(found)), ending, needs


def _by_include(task: Task, name: Domain) -> list[str]:
    """Give a record for a return path of which the provider says nothing, if it has one include."""
    known = () if task.provider is None else task.provider.spf_includes
    if name != task.path or name == task.sending or len(known) != 1:
        return []
    return [f"v=spf1 include:{known[0]} {_DEFAULT}"]


def _mechanisms(text: str) -> Iterator[str]:
    """Give the terms of a shown record that let something pass."""
    for term in spf1.parse(text.encode("latin-1", "replace")).mechanisms:
        if not isinstance(term, spf1.All) and term.qualifier is spf1.Qualifier.PASS:
            yield term.text.lstrip("+")


def _published(task: Task, include: str) -> str | None:
    """Give the include of the account, where the record has it already."""
    if not isinstance(task.facts.spf, Present):
        return None
    for record in map(read_record, task.facts.spf.value.candidates):
        for term in record.mechanisms:
            if isinstance(term, spf1.Include) and fits(include, str(term.target)):
                return str(term.target)
    return None


def _need(task: Task, name: Domain, include: str, like: str) -> Need:
    who = task.provider.name if task.provider else "the provider"
    return Need(
        f"the SPF include that {who} shows for this account (include:{include})",
        task.source,
        f'--shown "{name} TXT {like.replace(" *", " ~all")}"',
        name,
        "TXT",
        task.filled(like),
    )


def _new(task: Task, place: _Place, waits: bool) -> Step:
    """Propose a record where there is none."""
    terms = [term for term in place.terms if term not in task.refused]
    if not place.terms and not waits:
        terms += _addresses(task)
    glued = _unglued(task, place)
    if glued is not None:
        why = "its strings are joined without a space, so it is no SPF record"
        yield _edit(place, [], glued, why, drop=_version_glued)
    elif terms:
        why = f"mail with the return path {place.name} has no SPF record to pass by"
        yield _edit(place, [], " ".join(["v=spf1", *terms, place.ending]), why, unsure=place.unsure)
    elif not waits and task.path == place.name:
        yield Need(
            f"which hosts send with the return path {place.name}",
            "whoever runs them",
            "--ip ADDR, --provider NAME",
            place.name,
            "TXT",
            "v=spf1 ip4:* ~all",
        )


def _changed(task: Task, place: _Place, seen: SpfFacts) -> Step:
    """Propose one record in the place of what is there."""
    words, whys = _words(task, place, seen)
    if words is None:
        return
    missing = [x for x in place.terms if x not in task.refused and not _lists(seen, words, x)]
    if missing and not _passes(task):
        words = _before_all(words, missing)
        who = "The provider" if task.provider is None else task.provider.name
        whys.append(f"{who} sends from the hosts that {' and '.join(missing)} stands for")
    elif (addresses := _addresses(task)) and seen.permerror is None:
        words = _before_all(words, addresses)
        whys.append("a declared address does not pass")
    text = " ".join(["v=spf1", *words])
    published = [r.data.text for r in seen.candidates if isinstance(r.data, Txt)]
    if whys and [text] != published:
        unsure = bool(missing) and place.unsure
        yield _edit(place, list(seen.candidates), text, "; ".join(whys), unsure=unsure)


def _words(task: Task, place: _Place, seen: SpfFacts) -> tuple[list[str] | None, list[str]]:
    """Give the terms to start from, and why they are not those that are published.

    None where a record has errors that only its author can mend.
    """
    whys: list[str] = []
    read = [read_record(candidate) for candidate in seen.candidates]
    if len(read) == 1 and read[0].problems and (glued := _unglued(task, place)) is not None:
        read = [spf1.parse(glued.encode("latin-1"))]
        whys.append("its strings are joined without a space between two terms")
    if any(record.problems for record in read):
        return None, whys
    if len(read) > 1:
        words = _merged(read)
        if words is None:
            return None, whys
        whys.append("receivers evaluate none of several SPF records; one holds the terms of all")
    else:
        words = [term.text for term in read[0].terms]
    if len(read) == 1:
        dead = _dead(task, seen)
        if dead:
            words = [word for word in words if word not in dead]
            whys.append(f"{' and '.join(dead)} leads to no SPF record, which voids the whole")
        if task.found("SPF011") and (open_ := [w for w in words if w.lower() in {"all", "+all"}]):
            words = [_DEFAULT if word in open_ else word for word in words]
            whys.append(f"{open_[0]} lets every host on the Internet pass")
    return words, whys


def _merged(records: Iterable[spf1.SpfRecord]) -> list[str] | None:
    """Join the terms of several records in their order, with the strictest of their endings.

    A redirect becomes an include where something else has the last word. None where two of
    them redirect, or explain, for only one can.
    """
    terms: dict[str, str] = {}
    endings: list[str] = []
    redirects: list[spf1.Redirect] = []
    others: list[str] = []
    for record in records:
        for term in record.terms:
            if isinstance(term, spf1.All):
                endings.append(str(term.qualifier))
            elif isinstance(term, spf1.Redirect):
                if record.all is None:
                    redirects.append(term)
            elif isinstance(term, spf1.Modifier):
                others.append(term.text)
            else:
                terms.setdefault(str(term).lower(), term.text)
    if len({m.partition("=")[0].lower() for m in others}) < len(set(others)):
        return None
    if len(redirects) == 1 and not endings:
        return [*terms.values(), *dict.fromkeys(others), redirects[0].text]
    included = [f"include:{redirect.target}" for redirect in redirects]
    ending = min(endings, key=_STRICTNESS.index) if endings else "~"
    last = _DEFAULT if ending == "+" else f"{ending}all"  # +all would let everybody pass
    return [*terms.values(), *dict.fromkeys(included), last, *dict.fromkeys(others)]


def _dead(task: Task, seen: SpfFacts) -> list[str]:
    """Give the includes of the record itself that lead to no record, for certain."""
    if not task.found("SPF008"):
        return []
    return [
        node.via.text
        for node in seen.tree.children
        if isinstance(node.via, spf1.Include) and isinstance(node.observed, Absent)
    ]


def _before_all(words: list[str], added: Iterable[str]) -> list[str]:
    """Put terms before the first that ends the record: `all`, else a modifier at its end."""
    new = [term for term in added if term not in words]
    for index, word in enumerate(words):
        if re.fullmatch(r"[-+~?]?all", word, re.IGNORECASE):
            return [*words[:index], *new, *words[index:]]
    index = len(words)
    while index and "=" in words[index - 1].partition(":")[0]:
        index -= 1
    ending = [] if any(w.lower().startswith("redirect=") for w in words) else [_DEFAULT]
    return [*words[:index], *new, *ending, *words[index:]]


def _lists(seen: SpfFacts, words: list[str], term: str) -> bool:
    """Whether the record lets the hosts of a term pass: by it, or by another include of theirs."""
    if term.lower() in {word.lstrip("+").lower() for word in words}:
        return True
    wanted = host(term.removeprefix("include:")) if term.startswith("include:") else None
    owner = None if wanted is None else providers.by_spf_include(wanted)
    nodes = (node.domain for node in seen.nodes[1:] if node.domain is not None)
    for domain in nodes:
        found = providers.by_spf_include(domain)
        if domain == wanted or (owner is not None and found is not None and found.id == owner.id):
            return True
    return False


def _passes(task: Task) -> bool:
    """Whether all declared addresses pass as it is."""
    checks = task.facts.spf_checks
    return bool(checks) and all(check.passes for check in checks)


def _addresses(task: Task) -> list[str]:
    """Give terms for the declared addresses that do not pass; a shared sender's are not its own."""
    profile = task.facts.profile
    if profile.sender is SenderKind.SHARED:
        return []
    if profile.envelope is None:
        own = not isinstance(task.facts.spf, Present) and profile.sender is SenderKind.OWN
        failing = list(profile.ips) if own else []
    else:
        failing = [check.ip for check in task.facts.spf_checks if check.passes is False]
    return [f"ip{ip.version}:{ip}" for ip in dict.fromkeys(failing)]


def _unglued(task: Task, place: _Place) -> str | None:
    """Give the text with a space between its strings, where that alone makes it a record."""
    if place.answer is None or not task.found("SPF018"):
        return None
    made = []
    for txt in place.answer.of(Txt):
        if _version_glued(txt):
            text = b" ".join(s.strip(b" ") for s in txt.strings).decode("latin-1")
            if not spf1.parse(text.encode("latin-1")).problems:
                made.append(text)
    return made[0] if len(made) == 1 else None


def _version_glued(data: Rdata) -> bool:
    """Whether the first string begins as an SPF record does, and others follow it."""
    return (
        isinstance(data, Txt)
        and len(data.strings) > 1
        and spf1.is_spf(data.strings[0].decode("latin-1").split(" ")[0])
    )


def _edit(
    place: _Place,
    replaced: list[Record],
    text: str,
    why: str,
    *,
    unsure: bool = False,
    drop: Callable[[Rdata], bool] | None = None,
) -> Edit:
    """Put a record in the place of others, and keep the texts that are no SPF records."""
    kept = [] if place.answer is None else list(_others(place.answer, replaced))
    kept = [data for data in kept if drop is None or not drop(data)]
    return Edit(place.name, "TXT", (*kept, text_data(text)), why, "spf", unsure)


def _others(answer: Records, replaced: list[Record]) -> Iterator[Rdata]:
    gone = {record.data for record in (*replaced, *candidates(answer))}
    return (record.data for record in answer.records if record.data not in gone)


def joined(texts: Iterable[str]) -> str | None:
    """Make one record of several; None where only their author can."""
    read = [spf1.parse(text.encode("latin-1")) for text in texts]
    words = None if any(record.problems for record in read) else _merged(read)
    return None if words is None else " ".join(["v=spf1", *words])
