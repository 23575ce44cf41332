"""What a provider asks for, made concrete: templates of the catalogue and what is published.

A star stands for what belongs to the account. It is never made up: it is shown by the user,
spelt by the provider's own form, published at the name or at its sibling, or it is needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sendgate.dns.answers import Target
from sendgate.errors import DomainError
from sendgate.names import Domain
from sendgate.records.plan import is_plain
from sendgate.records.task import Task
from sendgate.topology import providers
from sendgate.topology.providers import Provider

__all__ = ["fits", "host", "target_of"]

_HUBSPOT_KEY = re.compile(
    r"(?P<head>.+\.hs[0-9]+)(?P<half>[ab])(?P<tail>\.dkim\.hubspotemail\.net)"
)


def fits(template: str, text: str) -> bool:
    """Whether a text is what a filled template asks for."""
    return _pattern(template).fullmatch(text.lower()) is not None


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile("(.*)".join(re.escape(part) for part in template.lower().split("*")))


def host(text: str) -> Domain | None:
    """Read a target; None where it is none that can be written in every form."""
    try:
        name = Domain.parse(text)
    except DomainError:
        return None
    return name if is_plain(name) and "*" not in name.text else None


def target_of(
    task: Task, name: Domain, template: str, published: Domain | None, siblings: Siblings
) -> Domain | None:
    """Give the CNAME target that should stand at a name; None where it has to be shown.

    `template` is filled; `published` is the target that stands there and does not do, if
    any; `siblings` are the templates and sound targets of the provider's other keys.
    """
    for data in task.supplied.at(name, "CNAME"):
        return data.name if isinstance(data, Target) else None
    found = [x for x in _candidates(task, name, template, published, siblings) if x is not None]
    return next((x for x in found if x != published), None)


Siblings = tuple[tuple[str, Domain], ...]


def _candidates(
    task: Task, name: Domain, template: str, published: Domain | None, siblings: Siblings
) -> Iterator[Domain | None]:
    if "*" not in template:
        yield host(template)
        return
    provider = task.provider
    owner = _owner_domain(name)
    if provider is not None:
        yield from (_unified(template, form, owner) for form in provider.dkim_forms)
    if published is not None:
        yield _without_zone(name, template, published, provider)
        yield _of_other_half(name, published)
        if provider is not None:
            yield from (_respelt(published, form, owner) for form in provider.dkim_forms)
    yield from (_like(template, *sibling) for sibling in siblings)


def _owner_domain(name: Domain) -> Domain:
    """Give the domain that a key's name is for: what stands behind ``._domainkey``."""
    labels = name.labels
    if "_domainkey" not in labels:
        return name
    return Domain(".".join(labels[labels.index("_domainkey") + 1 :]))


def _spellings(domain: Domain) -> dict[str, str]:
    return {
        "<domain>": domain.text,
        "<dashes>": domain.text.replace(".", "-"),
        "<doubled>": domain.text.replace("-", "--").replace(".", "-"),
    }


def _unified(template: str, form: str, domain: Domain) -> Domain | None:
    """Make one name of a template and of a form that spells the domain, label by label."""
    for word, spelt in _spellings(domain).items():
        form = form.replace(word, spelt)
    one, other = template.split("."), form.split(".")
    if len(one) != len(other):
        return None
    made = [b if a == "*" else a for a, b in zip(one, other, strict=True)]
    agree = all(a == b or "*" in (a, b) for a, b in zip(one, other, strict=True))
    return host(".".join(made)) if agree and not any("*" in label for label in made) else None


def _without_zone(
    name: Domain, template: str, published: Domain, provider: Provider | None
) -> Domain | None:
    """Take off the zone's name that was appended to a target written without its final dot."""
    for zone in name.ancestors:
        if len(zone.labels) < 2 or published == zone or not published.is_under(zone):
            continue
        text = published.text.removesuffix(f".{zone}")
        bare = host(text)
        if bare is None or not fits(template, text) or len(bare.labels) < 2:
            continue
        if template.endswith("*") and not _is_of(bare, provider):
            continue
        return bare
    return None


def _is_of(target: Domain, provider: Provider | None) -> bool:
    """Whether a target is the provider's, as far as the catalogue knows its names."""
    if provider is None or not (provider.dkim_targets or provider.return_path_targets):
        return True
    owner = providers.by_dkim_target(target) or providers.by_return_path_target(target)
    return owner is not None and owner.id in provider.systems


def _of_other_half(name: Domain, published: Domain) -> Domain | None:
    """Give the other key of a HubSpot pair, where a selector leads to its partner's."""
    found = _HUBSPOT_KEY.fullmatch(published.text)
    half = {"hs1": "a", "hs2": "b"}.get(name.labels[0].partition("-")[0])
    if found is None or half is None or found["half"] == half:
        return None
    return host(f"{found['head']}{half}{found['tail']}")


def _respelt(published: Domain, form: str, domain: Domain) -> Domain | None:
    """Spell this domain in a target that spells another one."""
    pattern, spelt = "", ""
    for part in re.split(r"(<[a-z]+>|\*)", form):
        if part == "*":
            pattern += "[^.]+"
        elif part.startswith("<"):
            pattern += "(?P<spelt>.+)" if part == "<domain>" else "(?P<spelt>[^.]+)"
            spelt = _spellings(domain)[part]
        else:
            pattern += re.escape(part)
    found = re.fullmatch(pattern, published.text)
    if found is None or not spelt or found["spelt"] == spelt:
        return None
    start, end = found.span("spelt")
    return host(published.text[:start] + spelt + published.text[end:])


def _like(template: str, other: str, target: Domain) -> Domain | None:
    """Fill a template with the account's part of a sibling's target.

    Only where the two templates differ, so that the account's part is all that they share.
    """
    if template.count("*") != 1 or other.count("*") != 1 or template == other:
        return None
    found = _pattern(other).fullmatch(target.text)
    return None if found is None or not found[1] else host(template.replace("*", found[1]))


def all_includes(templates: Iterable[str]) -> tuple[str, ...]:
    """Give the targets of the includes in SPF templates, stars kept, each once."""
    found = (t for text in templates for t in re.findall(r"\binclude:(\S+)", text))
    return tuple(dict.fromkeys(found))
