"""DKIM: the CNAME or the key record that each selector needs."""

from __future__ import annotations

from collections.abc import Iterator

from sendgate.dkim.facts import DkimKey
from sendgate.dns.answers import Failed, Target, Txt
from sendgate.names import Domain
from sendgate.observed import absent
from sendgate.profile import Selector
from sendgate.records.plan import Edit, Need, text_data
from sendgate.records.task import Step, Task
from sendgate.records.wanted import Siblings, fits, target_of
from sendgate.topology import providers
from sendgate.topology.providers import Expected

__all__ = ["keys"]

# Faults of a selector that another target or another text mends.
_MENDABLE = frozenset({
    "DKIM001", "DKIM002", "DKIM003", "DKIM004", "DKIM005", "DKIM006", "DKIM008", "DKIM009",
    "DKIM012", "DKIM014", "DKIM024", "TOP030", "TOP031", "TOP032", "TOP033",
})  # fmt: skip

_BY_ALIAS = frozenset({"TOP030", "TOP031", "TOP032", "TOP033"})


def keys(task: Task) -> Step:
    """Propose what each key of the sender lacks."""
    seen = {key.selector.owner: key for key in task.facts.dkim.keys}
    known = False
    for selector, expected in _wanted(task):
        key = seen.get(selector.owner) or _none(task, selector)
        known = known or key is not None
        if key is None or not _is_seen(task, key):
            continue
        if expected is None and task.supplied.at(selector.owner, "CNAME"):
            yield from _shown_alias(task, key)
        elif expected is not None and expected.rdtype == "CNAME":
            yield from _alias(task, key, expected, _siblings(task, key, seen))
        else:
            yield from _text(task, key)
    if not known:
        yield from _nobody(task)


def _none(task: Task, selector: Selector) -> DkimKey | None:
    """Say what stands at a selector that was not asked for: nothing, where nothing is below it."""
    domain = task.facts.dkim.domain(selector.domain)
    if domain is None or domain.subtree is None or not domain.has_none:
        return None
    return DkimKey(selector, domain.subtree, absent(domain.subtree), ())


def _is_seen(task: Task, key: DkimKey) -> bool:
    """Whether it is known what stands there; of an alias, its target may tell that it is wrong."""
    if not isinstance(key.answer, Failed):
        return True
    owner = key.selector.owner
    known = _BY_ALIAS & task.faults(owner) or task.supplied.at(owner, "CNAME")
    return bool(key.answer.aliases and known)


def _wanted(task: Task) -> Iterator[tuple[Selector, Expected | None]]:
    """List the selectors that need a record, each with what the provider asks for there.

    Declared ones, and those that the named provider always uses. Of names that only some of
    its accounts use, none is wanted where a key of this provider is found already.
    """
    profile = task.facts.profile
    templates = [*task.expected("CNAME"), *task.expected("TXT")]
    named = [selector for selector in profile.selectors if selector.named]
    for selector in named:
        yield selector, _template(task, templates, selector)
    if named or profile.provider is None or _signs_already(task):
        return
    for domain in profile.dkim_domains:
        for expected in templates:
            name, mark, _ = task.filled(expected.name, domain).partition("._domainkey.")
            if mark and "*" not in name and "{" not in name:
                yield Selector(name, domain, named=True), expected


def _signs_already(task: Task) -> bool:
    """Whether a key of the provider, or one that may be it, is found at a guessed selector."""
    provider = task.provider
    for key in task.facts.dkim.guessed_found:
        owners = [providers.by_dkim_target(alias.target) for alias in key.answer.aliases]
        known = [owner for owner in owners if owner is not None]
        own = provider is not None and any(owner.id in provider.systems for owner in known)
        if own or not (provider and provider.dkim_targets):
            return True
    return False


def _template(task: Task, templates: list[Expected], selector: Selector) -> Expected | None:
    for expected in templates:
        name = task.filled(expected.name, selector.domain)
        if "._domainkey." in name and fits(name, selector.owner.text):
            return expected
    return None


def _siblings(task: Task, key: DkimKey, seen: dict[Domain, DkimKey]) -> Siblings:
    """Give the templates and targets of the provider's other keys that are in order."""
    found = []
    templates = [*task.expected("CNAME")]
    for name, other in seen.items():
        if other is key or not other.answer.aliases or other.usable is not True:
            continue
        expected = _template(task, templates, other.selector)
        if expected is None or _MENDABLE & task.faults(name):
            continue
        template = task.filled(expected.value, other.selector.domain)
        found.append((template, other.answer.aliases[0].target))
    return tuple(found)


def _alias(task: Task, key: DkimKey, expected: Expected, siblings: Siblings) -> Step:
    owner, provider = key.selector.owner, task.provider
    assert provider is not None
    template = task.filled(expected.value, key.selector.domain)
    published = key.answer.aliases[0].target if key.answer.aliases else None
    is_shown = bool(task.supplied.at(owner, "CNAME"))
    if not is_shown and key.selector.name in task.supplied.keys:
        yield from _text(task, key)
        return
    if _is_sound(task, key) and not is_shown:
        return
    target = target_of(task, owner, template, published, siblings)
    if target is not None and target != published:
        why = f"{provider.name} keeps the key of {key.selector.name} at {target}"
        unsure = not provider.is_confirmed("dkim")
        yield Edit(owner, "CNAME", (Target(target),), why, "dkim", unsure)
    elif target is None and published is not None and "*" not in template:
        yield Need(
            f"{owner} leads to {published}, as {provider.name} asks for, and there is no usable "
            "key: the provider has to publish it",
            task.source, None, owner, "CNAME", template,
        )  # fmt: skip
    elif target is None:
        yield Need(
            f"the target that {provider.name} shows for the selector {key.selector.name} of this "
            "account",
            task.source,
            f'--shown "{owner} CNAME {template}"',
            owner,
            "CNAME",
            template,
        )


def _shown_alias(task: Task, key: DkimKey) -> Step:
    """Propose the alias that is shown for a selector of which the catalogue knows nothing."""
    owner = key.selector.owner
    published = key.answer.aliases[0].target if key.answer.aliases else None
    target = target_of(task, owner, "*", published, ())
    if target is not None and target != published:
        why = f"the provider's page shows it for the selector {key.selector.name}"
        yield Edit(owner, "CNAME", (Target(target),), why, "dkim")


def _text(task: Task, key: DkimKey) -> Step:
    """Propose a key record, where its text was supplied."""
    owner, name = key.selector.owner, key.selector.name
    text = task.supplied.keys.get(name)
    for data in task.supplied.at(owner, "TXT"):
        text = data.text if isinstance(data, Txt) else text
    if text is not None:
        if key.texts != (text,) or key.answer.aliases:
            why = f"the key of the selector {name}, as it was supplied"
            yield Edit(owner, "TXT", (text_data(text),), why, "dkim")
        return
    if _is_sound(task, key):
        return
    more = ", and only one of the records there can be it" if len(key.records) > 1 else ""
    yield Need(
        f"the public key that signs with the selector {name} of {key.selector.domain}{more}",
        task.source,
        f"--dkim-key {name}=FILE.pem",
        owner,
        "TXT",
        "v=DKIM1; k=rsa; p=*",
    )


def _is_sound(task: Task, key: DkimKey) -> bool:
    """Whether a verifier finds a key there and the audit has nothing against it that fails."""
    return key.usable is True and not _MENDABLE & task.faults(key.selector.owner)


def _nobody(task: Task) -> Step:
    """Say that a key is needed where no selector is known and none was found."""
    facts = task.facts
    none = facts.dkim.proven_none(task.sending) or not any(key.records for key in facts.dkim.keys)
    unseen = any(isinstance(key.answer, Failed) for key in facts.dkim.keys)
    if not facts.profile.declared or facts.dkim.guessed_found or unseen or not none:
        return
    like = [*task.expected("CNAME"), *task.expected("TXT")]
    first = next((r for r in like if "._domainkey." in r.name), None)
    yield Need(
        "the DKIM selector that signs this mail, and its key",
        task.source,
        "--selector S with --dkim-key S=FILE.pem, or --shown RECORD",
        None,
        first.rdtype if first else "TXT",
        f"{task.filled(first.name)} {first.rdtype} {task.filled(first.value)}" if first else None,
    )
