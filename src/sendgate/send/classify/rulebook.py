"""The rules of classification, read from their files and checked.

    rules/vocabulary.toml   categories, MX sites of the providers
    rules/*.toml            one array of tables a stage, in the order in which they are tried

A rule applies where all that it names is given: a pattern in the reply's normal text, its
status code, its code, the step of the session, the provider that speaks. The first one of the
first stage wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sendgate.errors import InternalError
from sendgate.send.classify.normal import Evidence
from sendgate.send.outcome import Phase

__all__ = ["Category", "Classification", "Rule", "RuleBook", "Scope", "Stage", "read_rules"]


class Scope(StrEnum):
    """Whom a reply tells something about, and so what is to be done."""

    RECIPIENT = "recipient"  # the address: suppress it when the bounce is hard
    SENDER = "sender"  # source address, domain or its authentication: pause the path, audit
    MESSAGE = "message"  # the content: the campaign stops until it is changed
    TRANSIENT = "transient"  # nobody for good: try again
    NONE = "none"  # no failure


class Stage(StrEnum):
    """The kinds of evidence, the strongest first."""

    PROVIDER = "provider"  # words or codes of one provider's own
    TEXT = "text"  # words that leave no doubt, whoever says them
    ENHANCED = "enhanced"  # status codes that name a reason
    HINT = "hint"  # words that leave some doubt
    BROAD = "broad"  # status codes that name a field only
    COMMAND = "command"  # codes with the step of the session
    CLASS = "class"  # the first digit


# Before RCPT the receiver has not heard of any recipient (RFC 5321 section 4.1.4).
_BEFORE_RECIPIENT = frozenset({Phase.CONNECT, Phase.BANNER, Phase.EHLO, Phase.STARTTLS, Phase.MAIL})

# A host that replies in a session has answered, whatever it says of the hosts behind it.
_UNANSWERED = frozenset({None, Phase.RESOLVE, Phase.CONNECT})


@dataclass(frozen=True)
class Category:
    """A category: its scope, HubSpot's name for it, and when the contact is given up.

    `hard_after` is the number of campaigns that must bounce this way before the contact is
    suppressed: 1 is a hard bounce, None never.
    """

    name: str
    scope: Scope
    hubspot: str | None
    hard_after: int | None


@dataclass(frozen=True)
class Classification:
    """What a reply means.

    `hard` is whether a bounce with this reply is a hard one; the reply's class decides whether it
    is a bounce at all (a 4xx is tried again first, whatever its category). `hard_after` is the
    number of campaigns bouncing this way that make it hard: 1 where it is hard at once, None never.
    `hubspot` is HubSpot's bounce category, None for what HubSpot does not count as a bounce.
    `retry_after` is the wait that the reply asks for, in seconds.
    """

    category: str
    scope: Scope
    hard: bool
    hubspot: str | None
    rule_id: str
    hard_after: int | None = None
    retry_after: int | None = None


@dataclass(frozen=True)
class Rule:
    """One rule. What is empty or None is not asked for."""

    id: str
    stage: Stage
    category: Category
    source: str
    examples: tuple[Mapping[str, str], ...]
    near: tuple[Mapping[str, str], ...] = ()
    pattern: re.Pattern[str] | None = None
    enhanced: re.Pattern[str] | None = None
    code: re.Pattern[str] | None = None
    phases: frozenset[Phase] = frozenset()
    provider: str | None = None
    anywhere: bool = False

    def applies(self, evidence: Evidence, phase: Phase | None, provider: str | None) -> bool:
        """Whether everything that the rule names is given."""
        if self.category.scope is Scope.RECIPIENT and phase in _BEFORE_RECIPIENT:
            return False
        if self.category.name == "no_answer" and phase not in _UNANSWERED:
            return False
        if self.provider and self.provider != provider and not self.anywhere:
            return False
        if self.phases and phase not in self.phases:
            return False
        if self.code and not self.code.fullmatch(f"{evidence.code:03d}"):
            return False
        if self.enhanced and not self.enhanced.fullmatch(evidence.enhanced or ""):
            return False
        return self.pattern is None or self.pattern.search(evidence.text) is not None


@dataclass(frozen=True)
class RuleBook:
    """All rules in the order in which they are tried, and whose MX a name is."""

    rules: tuple[Rule, ...]
    categories: Mapping[str, Category]
    sites: Mapping[str, str]  # suffix of an MX host name -> provider

    def provider(self, mx: str | None) -> str | None:
        """The provider whose MX host `mx` is, by the longest suffix at a label boundary."""
        labels = (mx or "").rstrip(".").lower().split(".")
        names = (".".join(labels[start:]) for start in range(len(labels)))
        return next((self.sites[name] for name in names if name in self.sites), None)


def read_rules(texts: Iterable[str]) -> RuleBook:
    """Read and check the rules of several TOML texts, one of which holds the vocabulary.

    Raise `InternalError` for what cannot be meant: a key, provider, category, scope, phase, word or
    stage nobody knows, a pattern that is none or that capital letters keep from ever matching, a
    code in a pattern that would also match inside a longer number, a rule without condition,
    source or example, one with codes but without a near miss, two of one id.
    """
    import tomllib

    documents = []
    for text in texts:
        try:
            documents.append(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise InternalError(f"the classifier's rules are no TOML: {error}") from None
    known = {"category", "provider-mx", "word", *Stage}
    if unknown := {key for document in documents for key in document} - known:
        raise InternalError(f"the classifier's rules have an unknown table {min(unknown)!r}")
    categories = {
        name: _category(name, row)
        for document in documents
        for name, row in document.get("category", {}).items()
    }
    words = _words(document.get("word", {}) for document in documents)
    sites = _sites(document.get("provider-mx", {}) for document in documents)
    rules = tuple(
        _rule(row, stage, categories, frozenset(sites.values()), words)
        for stage in Stage
        for document in documents
        for row in document.get(stage, [])
    )
    ids = [rule.id for rule in rules]
    if twice := {one for one in ids if ids.count(one) > 1}:
        raise InternalError(f"two rules have the id {min(twice)!r}")
    if not rules or rules[-1].stage is not Stage.CLASS:
        raise InternalError("the classifier's rules have none for the class of a code")
    return RuleBook(rules, categories, sites)


def _sites(tables: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    sites: dict[str, str] = {}
    for table in tables:
        for provider, suffixes in table.items():
            for suffix in _strings(suffixes, f"provider-mx {provider!r}"):
                if "." not in suffix or suffix != suffix.lower().strip("."):
                    raise InternalError(f"{suffix!r} of provider {provider!r} is no suffix")
                if sites.setdefault(suffix, provider) != provider:
                    raise InternalError(f"two providers claim {suffix!r}")
    return sites


def _category(name: str, row: Mapping[str, Any], base: Category | None = None) -> Category:
    """A category's row, or a rule's deviations from its category `base`."""
    try:
        scope = Scope(row["scope"]) if base is None or "scope" in row else base.scope
    except (KeyError, ValueError):
        raise InternalError(f"{name!r} has no scope, or one nobody knows") from None
    if base is None and (unknown := set(row) - {"scope", "hubspot", "hard-after"}):
        raise InternalError(f"category {name!r} has an unknown key {min(unknown)!r}")
    hubspot = row.get("hubspot", base.hubspot if base else None)
    hard_after = row.get("hard-after", base.hard_after if base else None)
    if hard_after is not None and (not isinstance(hard_after, int) or hard_after < 0):
        raise InternalError(f"{name!r}: hard-after is a number of campaigns, 0 for never")
    if hard_after and scope is not Scope.RECIPIENT:
        raise InternalError(f"{name!r} is hard, but not about the recipient")
    return Category(base.name if base else name, scope, hubspot or None, hard_after or None)


_KEYS = {
    "id", "category", "source", "examples", "near", "pattern", "enhanced", "code", "phase",
    "provider", "anywhere", "scope", "hubspot", "hard-after",
}  # fmt: skip


def _rule(
    row: Mapping[str, Any],
    stage: Stage,
    categories: Mapping[str, Category],
    providers: frozenset[str],
    words: Mapping[str, str],
) -> Rule:
    where = f"rule {row.get('id', '?')!r}"
    if unknown := set(row) - _KEYS:
        raise InternalError(f"{where} has an unknown key {min(unknown)!r}")
    if not row.get("id") or not row.get("source"):
        raise InternalError(f"{where} needs an id and a source")
    if row.get("category") not in categories:
        raise InternalError(f"{where} has the unknown category {row.get('category')!r}")
    provider = row.get("provider")
    if (provider is not None) != (stage is Stage.PROVIDER):
        raise InternalError(f"{where}: a provider belongs to the rules of that stage, and to them")
    if provider is not None and provider not in providers:
        raise InternalError(f"{where} has the unknown provider {provider!r}")
    try:
        phases = frozenset(Phase(name) for name in _strings(row.get("phase", []), where))
    except ValueError as error:
        raise InternalError(f"{where}: {error}") from None
    rule = Rule(
        id=row["id"],
        stage=stage,
        category=_category(where, row, categories[row["category"]]),
        source=row["source"],
        examples=_replies(row.get("examples", []), where),
        near=_replies(row.get("near", []), where),
        pattern=_pattern(row["pattern"], words, where) if "pattern" in row else None,
        enhanced=_codes(row, "enhanced", r"[245x]\.\d{1,3}\.(?:\d{1,3}|x)", where),
        code=_codes(row, "code", r"[0-9](?:\d\d|xx)", where),
        phases=phases,
        provider=provider,
        anywhere=row.get("anywhere") is True,
    )
    _check(rule, where)
    return rule


def _check(rule: Rule, where: str) -> None:
    if not rule.examples:
        raise InternalError(f"{where} has no example")
    if rule.pattern is None and rule.enhanced is None and rule.code is None:
        raise InternalError(f"{where} asks for nothing")
    coded = rule.enhanced or (rule.pattern and _CODE.search(_plain(rule.pattern.pattern)))
    if coded and not rule.near:
        raise InternalError(f"{where} names codes, but no near miss")


def _strings(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InternalError(f"{where}: a list of strings is wanted, not {value!r}")
    return tuple(value)


def _replies(value: Any, where: str) -> tuple[Mapping[str, str], ...]:
    """Replies as texts, or as tables with `text`, `phase` and `mx`."""
    replies = [{"text": item} if isinstance(item, str) else item for item in value]
    for reply in replies:
        if not isinstance(reply, dict) or not reply.get("text"):
            raise InternalError(f"{where} has an example without text")
        if unknown := set(reply) - {"text", "phase", "mx"}:
            raise InternalError(f"{where}: an example has an unknown key {min(unknown)!r}")
    return tuple(replies)


# A code of SMTP or RFC 3463 in a pattern, and what stands around it; `_plain` makes \b one
# character.
_CODE = re.compile(
    r"(?P<before>.{0,2}?)"
    r"(?P<code>\b[245](?:\d\d(?:\\\.\d+)*\b|\\\.\d{1,3}\\\.\d{1,3}))(?P<after>.{0,2})"
)
_CAPITALS = re.compile(r"\\[A-Za-z]|(?<![A-Z])(?:ADDR|IP|ID)(?![A-Z])")


def _plain(pattern: str) -> str:
    return re.sub(r"\{[\d,]*\}", "", pattern).replace(r"\b", "\b")


def _words(tables: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Named lists of alternatives, as the groups that stand for them in patterns."""
    words: dict[str, str] = {}
    for table in tables:
        for name, alternatives in table.items():
            if name in words:
                raise InternalError(f"two words have the name {name!r}")
            words[name] = f"(?:{'|'.join(_strings(alternatives, f'word {name!r}'))})"
    return words


_WORD = re.compile(r"<([a-z][a-z0-9-]*)>")


def _pattern(value: Any, words: Mapping[str, str], where: str) -> re.Pattern[str]:
    """A pattern, or several of which one must match; ``<name>`` stands for the word so named."""
    text = value if isinstance(value, str) else "|".join(_strings(value, where))
    if unknown := [name for name in _WORD.findall(text) if name not in words]:
        raise InternalError(f"{where} has the unknown word {unknown[0]!r}")
    text = _WORD.sub(lambda found: words[found[1]], text)
    if capitals := re.search(r"[A-Z]", _CAPITALS.sub("", text)):
        raise InternalError(f"{where}: {capitals.group()!r} never stands in a normal text")
    for found in _CODE.finditer(_plain(text)):
        before, after = found["before"], found["after"]
        if not before.endswith(("\b", "[", "(", "#")) or not after.startswith(("\b", r"\]", r"\)")):
            raise InternalError(f"{where}: the code {found['code']!r} is not anchored at both ends")
    try:
        return re.compile(text)
    except re.error as error:
        raise InternalError(f"{where} has a pattern that is none: {error}") from None


def _codes(row: Mapping[str, Any], key: str, form: str, where: str) -> re.Pattern[str] | None:
    if key not in row:
        return None
    codes = _strings(row[key], where)
    if not codes or not all(re.fullmatch(form, code) for code in codes):
        raise InternalError(f"{where}: {key!r} holds what is no code")
    alternatives = [
        re.sub(r"(?<=\.)x", r"\\d{1,3}", re.sub(r"^x", "[245]", code.replace(".", r"\.")))
        for code in codes
    ]
    return re.compile("|".join(alternatives).replace("xx", r"\d\d"))
