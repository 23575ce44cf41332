"""The return path: the MX records or the CNAME that the sending provider asks for there."""

from __future__ import annotations

from sendgate.dns.answers import Failed, Mx, NoData, NxDomain, Target
from sendgate.mx.facts import MxFacts
from sendgate.names import Domain
from sendgate.records.plan import Edit, Need
from sendgate.records.task import Step, Task
from sendgate.records.wanted import fits, host, target_of
from sendgate.topology.facts import NameFacts
from sendgate.topology.judging import is_apex
from sendgate.topology.providers import Expected, Provider

__all__ = ["family", "mail_hosts", "path"]

_HOSTS_WRONG = frozenset({
    "MX001", "MX004", "MX005", "MX006", "MX008", "TOP008", "TOP009", "TOP017", "TOP018", "TOP021",
})  # fmt: skip
_ALIAS_WRONG = frozenset({"TOP010", "TOP011", "TOP013", "DNS001", "DNS003", "DNS004", "TOP024"})
_DEFAULT_PREFERENCE = 10


def family(task: Task) -> str | None:
    """Choose how the return path is kept: by MX and SPF (a), by a CNAME (b), delegated (c).

    What its page shows decides, then what is published, where the provider knows several;
    None: the provider says nothing of a return path of one's own, or nothing is known of it.
    """
    provider, name = task.provider, task.path
    if provider is None or name is None or name == task.sending:
        return None
    shown = {s.rdtype for s in task.supplied.shown if s.name == name}
    for rdtype, one in (("MX", "a"), ("CNAME", "b"), ("NS", "c")):
        if rdtype in shown:
            return one
    known = [f for f in provider.families if f in {"a", "b", "c"}]
    here = task.facts.names[name]
    if len(known) > 1 and "a" in known and not here.aliases and task.facts.mx[name].hosts:
        return "a"
    return known[0] if known else None


def path(task: Task) -> Step:
    """Propose what the return path lacks, and what is in its way there."""
    name, provider = task.path, task.provider
    if name is None or name == task.sending:
        return
    here, kept = task.facts.names[name], family(task)
    if all(isinstance(answer, Failed) for answer in here.answers):
        return
    if provider is None or kept is None:
        yield from _bounces(task, here)
    elif kept == "b":
        yield from _alias(task, provider, here)
    elif kept == "a":
        yield from _hosts(task, provider, here)
    elif kept == "c" and not task.supplied.at(name, "NS"):
        if _serves(task, name):
            return
        like = next((task.filled(e.value) for e in task.expected("NS", "c")), None)
        yield Need(
            f"the name servers of {provider.name} to which {name} is to be delegated",
            task.source, f'--shown "{name} NS {like or "*"}"', name, "NS", like,
        )  # fmt: skip


def _bounces(task: Task, here: NameFacts) -> Step:
    """Propose the hosts that are shown for the bounces of a sender without a known provider."""
    name, mx = here.name, task.facts.mx[here.name]
    hosts = [data for data in task.supplied.at(name, "MX") if isinstance(data, Mx)]
    if hosts and not isinstance(mx.answer, Failed):
        if sorted(map(str, hosts)) != sorted(map(str, mx.records)) or here.aliases:
            yield Edit(name, "MX", tuple(hosts), f"bounces to {name} then arrive", "path")
    elif {"MX001", "MX008"} & task.faults(name):
        yield Need(
            f"the host that takes the bounces to {name}",
            "whoever runs the sending system", f'--shown "{name} MX 10 HOST"', name, "MX",
        )  # fmt: skip


def mail_hosts(task: Task) -> Step:
    """Say what the sending domain lacks to take replies; what is there is never replaced."""
    name = task.sending
    mx = task.facts.mx[name]
    shown = [data for data in task.supplied.at(name, "MX") if isinstance(data, Mx)]
    if (
        mx.records
        and not mx.is_null
        and shown
        and sorted(map(str, shown)) != sorted(map(str, mx.records))
    ):
        there = " and ".join(map(str, mx.records))
        yield Need(
            f"a decision: {name} takes its mail by {there}, which is never replaced here",
            "whoever keeps its inboxes", None, name, "MX",
        )  # fmt: skip
    if mx.answer.aliases or not (mx.is_null or isinstance(mx.answer, NoData | NxDomain)):
        return
    asked = [(_preference(e), host(_value(task, e))) for e in task.expected("MX")
             if task.filled(e.name) == name.text]  # fmt: skip
    found = shown or [Mx(number, target) for number, target in asked if target is not None]
    if found and (shown or (mx.can_receive is False and not mx.is_null)):
        who = "" if shown or task.provider is None else f", at hosts of {task.provider.name}"
        why = f"replies to {name} then arrive{who}"
        unsure = not shown and task.provider is not None and not task.provider.is_confirmed("mx")
        yield Edit(name, "MX", tuple(found), why, "mx", unsure)
    elif mx.can_receive is False and {"MX001", "MX008"} & task.faults(name):
        none = ", which says by a null MX that it takes no mail" if mx.is_null else ""
        yield Need(
            f"the host that takes replies to {name}{none}",
            "whoever keeps its inboxes",
            f'--shown "{name} MX 10 HOST"',
            name,
            "MX",
        )


def _alias(task: Task, provider: Provider, here: NameFacts) -> Step:
    name = here.name
    expected = next(iter(task.expected("CNAME", "b")), None)
    published = here.aliases[0].target if here.aliases else None
    shown = task.supplied.at(name, "CNAME")
    wrong = _ALIAS_WRONG & task.faults(name) or _ALIAS_WRONG & task.faults(published or name)
    if not shown and not wrong and (published is not None or _serves(task, name)):
        return
    if is_apex(task.facts, here):
        yield Need(
            f"another return path: {provider.name} keeps it by a CNAME, and none can stand at "
            f"{name}, the apex of its zone",
            "whoever sets up the return path at the provider", "--return-path NAME", name, "CNAME",
        )  # fmt: skip
        return
    template = None if expected is None else task.filled(expected.value)
    target = None
    if shown or template is not None:
        target = target_of(task, name, template or "*", published, ())
    if target is None and shown:
        return
    if target is None:
        like = template or next((f"*.{t}" for t in provider.return_path_targets), "*")
        yield Need(
            f"the target that {provider.name} shows for the return path {name}",
            task.source, f'--shown "{name} CNAME {like}"', name, "CNAME", like,
        )  # fmt: skip
    elif target != published:
        why = f"{provider.name} keeps the return path by a CNAME, which stands there alone"
        unsure = not provider.is_confirmed("return-path")
        yield Edit(name, "CNAME", (Target(target),), why, "path", unsure)


def _hosts(task: Task, provider: Provider, here: NameFacts) -> Step:
    name, mx = here.name, task.facts.mx[here.name]
    expected = task.expected("MX", "a")
    shown = [data for data in task.supplied.at(name, "MX") if isinstance(data, Mx)]
    if isinstance(mx.answer, Failed) or not (expected or shown):
        return
    if shown:
        if sorted(map(str, shown)) != sorted(map(str, mx.records)) or here.aliases:
            yield _hosts_edit(provider, name, shown)
        return
    in_order = not here.aliases and not _HOSTS_WRONG & task.faults(name)
    if not in_order and mx.hosts and _is_the_organizations(task, here):
        yield Need(
            f"another return path: the MX records of {name} are the organization's own, and are "
            f"never given to {provider.name}",
            "whoever sets up the return path at the provider", "--return-path NAME", name, "MX",
        )  # fmt: skip
        return
    if in_order and mx.records and all(_has(task, e, mx) for e in expected):
        return
    if in_order and mx.records and not task.found("TOP008", "TOP009"):
        return  # other hosts of the same system
    found, missing = [], []
    for one in expected:
        target = host(_value(task, one)) or _only_published(task, one, mx)
        (missing.append(one) if target is None else found.append(Mx(_number(one, mx), target)))
    for one in missing:
        like = _value(task, one)
        yield Need(
            f"the mail host that {provider.name} shows for the bounces of this account",
            task.source, f'--shown "{name} MX {_preference(one)} {like}"', name, "MX", like,
        )  # fmt: skip
    differs = sorted(map(str, found)) != sorted(map(str, mx.records))
    if not missing and (differs or here.aliases):
        yield _hosts_edit(provider, name, found)


def _is_the_organizations(task: Task, here: NameFacts) -> bool:
    """Whether the name is where an organization's own mail goes: its domain, or a zone's apex."""
    return here.name == task.facts.dmarc.suffix_organizational or is_apex(task.facts, here)


def _hosts_edit(provider: Provider, name: Domain, data: list[Mx]) -> Edit:
    why = f"bounces of {provider.name} go to its own hosts, and to no other system"
    unsure = not provider.is_confirmed("return-path")
    return Edit(name, "MX", tuple(data), why, "path", unsure)


def _value(task: Task, expected: Expected) -> str:
    """Give the host of an MX template, filled."""
    return task.filled(expected.value).rpartition(" ")[2]


def _preference(expected: Expected) -> int:
    number = expected.value.partition(" ")[0]
    return int(number) if number.isdigit() else _DEFAULT_PREFERENCE


def _number(expected: Expected, mx: MxFacts) -> int:
    """Keep the preference that a host of the template has already."""
    pattern = expected.value.rpartition(" ")[2]
    there = [r.preference for r in mx.records if fits(pattern, r.exchange.text)]
    return there[0] if there and expected.value.startswith("* ") else _preference(expected)


def _has(task: Task, expected: Expected, mx: MxFacts) -> bool:
    return any(fits(_value(task, expected), r.exchange.text) for r in mx.records)


def _only_published(task: Task, expected: Expected, mx: MxFacts) -> Domain | None:
    """Give the one host there that the template fits; None where several do, or none."""
    fitting = {r.exchange for r in mx.records if fits(_value(task, expected), r.exchange.text)}
    return host(fitting.pop().text) if len(fitting) == 1 else None


def _serves(task: Task, name: Domain) -> bool:
    """Whether the name takes mail and has SPF, however that came about."""
    here = task.facts.names[name]
    return bool(task.facts.mx[name].hosts) and not isinstance(here.txt, NoData | NxDomain)
