"""What the auditing commands share: who is audited, how strictly, and how many at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from sendgate.cli.command import Run
from sendgate.config import ConfiguredSender
from sendgate.errors import ConfigError, InputError
from sendgate.names import Domain, printable, read_domain
from sendgate.spelling import nearest

if TYPE_CHECKING:
    from sendgate.audit.judge import Policy
    from sendgate.profile import Profile
    from sendgate.vocabulary import AnyRule

__all__ = ["Target", "in_parallel", "policy_of", "profile_of", "targets_of", "typed_domain"]

_WHOLE_NAMES = {"ALIGNMENT": "ALN", "TOPOLOGY": "TOP"}

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Target:
    """One audit to run: a domain, and the `[[sender]]` that supplies what options leave out."""

    domain: Domain
    sender: ConfiguredSender | None = None


def typed_domain(run: Run, text: str) -> Domain:
    """Read a domain that the user typed; a remark on it goes to stderr."""
    domain, remark = read_domain(text)
    if remark:
        run.console.note(remark)
    return domain


def targets_of(run: Run, texts: Iterable[str]) -> list[Target]:
    """Give the audits that the domains ask for; without any, every `[[sender]]`.

    A domain that several senders use is audited for each of them. Raises `InputError` where
    there is none at all.
    """
    targets = [target for text in texts for target in _for_domain(run, typed_domain(run, text))]
    if not targets:
        targets = [Target(sender.domain, sender) for sender in run.config.senders]
    if not targets:
        where = run.config.path or "sendgate.toml"
        raise InputError(
            "no domain to audit: give a DOMAIN (sendgate audit news.example.com), or list "
            f"senders as [[sender]] tables in {where}"
        )
    return list(dict.fromkeys(targets)) if all(t.sender is None for t in targets) else targets


def _for_domain(run: Run, domain: Domain) -> list[Target]:
    senders = run.config.senders_from(domain)
    return [Target(domain, sender) for sender in senders] or [Target(domain)]


def profile_of(run: Run, target: Target) -> Profile:
    """Build the profile of one target; `ConfigError` where its provider is not known."""
    from sendgate.audit.infer import build_profile

    return build_profile(target.domain, run.options_for(target.sender).declared)


def policy_of(run: Run, rules: Sequence[AnyRule]) -> Policy:
    """Build the policy; rules and areas that do not exist are errors naming the nearest."""
    from sendgate.audit.judge import Policy
    from sendgate.send.catalogue import EVERY_RULE

    # One configuration serves an audit, the check of a repository, and a message.
    every = list(dict.fromkeys((*rules, *EVERY_RULE)))
    ids = {rule.id for rule in every}
    select = _rules_or_areas("--select", run.options.select, every)
    if select and not any({rule.id, rule.area} & select for rule in rules):
        raise InputError(f"--select: this command has no rule of {', '.join(sorted(select))}")
    ignore = _rules_or_areas("--ignore", run.options.ignore, every)
    for number, waiver in enumerate(run.config.waivers, 1):
        if waiver.rule not in ids:
            place = f"{run.config.path}: [[waive]] {number}: rule"
            near = nearest(waiver.rule, sorted(ids))
            raise ConfigError(f"{place}: no rule is called {printable(waiver.rule)}{near}")
    return Policy(
        fail_on=run.options.fail_on,
        select=select,
        ignore=ignore,
        waivers=run.config.waivers,
    )


def _rules_or_areas(flag: str, words: Iterable[str], rules: Sequence[AnyRule]) -> frozenset[str]:
    """Read rule ids and areas in any case; an area may be given by its whole name."""
    known = {rule.id: rule.id for rule in rules} | {rule.area: rule.area for rule in rules}
    known |= {whole: area for whole, area in _WHOLE_NAMES.items() if area in known}
    for word in words:
        if word.upper() not in known:
            near = nearest(word, sorted(known))
            raise InputError(f"{flag}: no rule or area is called {printable(word)}{near}")
    return frozenset(known[word.upper()] for word in words)


async def in_parallel(
    items: Iterable[T],
    work: Callable[[T], Awaitable[R]],
    *,
    jobs: int,
    ordered: bool,
) -> AsyncGenerator[tuple[T, R], None]:
    """Run `work` on the items, at most `jobs` at a time, and give each result as it comes.

    With `ordered` the results keep the order of the items. Items are taken as they are
    needed. Leaving the loop cancels what is under way.
    """
    waiting = iter(items)
    running: deque[tuple[T, asyncio.Future[R]]] = deque()

    def start() -> None:
        for item in waiting:
            running.append((item, asyncio.ensure_future(work(item))))
            if len(running) >= jobs:
                return

    try:
        start()
        while running:
            if not ordered:
                await asyncio.wait(
                    [task for _, task in running], return_when=asyncio.FIRST_COMPLETED
                )
            done = 0 if ordered else next(i for i, (_, t) in enumerate(running) if t.done())
            item, task = running[done]
            result = await task
            del running[done]
            start()
            yield item, result
    finally:
        for _, task in running:
            task.cancel()
        await asyncio.gather(*(task for _, task in running), return_exceptions=True)
