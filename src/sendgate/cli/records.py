"""`sendgate records`: the records to publish so that the audit of a sender passes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sendgate.cli.auditing import Target, policy_of, profile_of, targets_of
from sendgate.cli.command import Run, command
from sendgate.cli.stop import run_whole
from sendgate.errors import DomainError, InputError, SourceError
from sendgate.names import Domain, printable
from sendgate.spelling import nearest

if TYPE_CHECKING:
    from sendgate.dns.answers import Rdata
    from sendgate.profile import Profile
    from sendgate.records.plan import Proposal, Shown, Supplied

__all__ = ["records"]

_MAX_KEY_FILE = 100_000  # octets; a key of 16384 bits has a thirtieth of it
_TYPES = ("CNAME", "MX", "NS", "TXT")


@command("sender", "judging", "dns", "output", formats=("text", "json"))
def records(
    run: Run,
    domain: Annotated[str, typer.Argument(metavar="DOMAIN", help="Sending domain.")],
    form: Annotated[
        str,
        typer.Option(
            "--as", metavar="FORM",
            help="bind, octodns, dnscontrol, terraform or route53; default: bind.",
            show_default=False,
        ),
    ] = "bind",
    terraform: Annotated[
        str,
        typer.Option(
            "--terraform-provider", metavar="NAME",
            help="aws, cloudflare, google or azurerm; default: aws.", show_default=False,
        ),
    ] = "aws",
    shown: Annotated[
        list[str] | None,
        typer.Option(
            "--shown", metavar="RECORD",
            help="Record that the provider shows: 'NAME TYPE VALUE'.",
        ),
    ] = None,
    dkim_key: Annotated[
        list[str] | None,
        typer.Option("--dkim-key", metavar="[S=]FILE", help="Key of the selector S: PEM or text."),
    ] = None,
    rua: Annotated[
        list[str] | None,
        typer.Option("--rua", metavar="ADDRESS", help="Who gets reports of a new DMARC policy."),
    ] = None,
    in_zone: Annotated[
        str | None, typer.Option("--in-zone", metavar="NAME", help="Only records of this zone.")
    ] = None,
) -> int:  # fmt: skip
    """Print the records to publish so that the audit passes.

    They are a minimal difference from what is published, each with its reason; what only
    the provider or the account knows is listed as needed, and never made up. Exit 0 where
    the audit passes with them, 1 where it does not, 3 where something was not seen.
    """
    from sendgate.records.forms import FORMS, TERRAFORM

    form = _chosen("--as", form, FORMS)
    terraform = _chosen("--terraform-provider", terraform, TERRAFORM)
    zone = None if in_zone is None else _domain("--in-zone", in_zone)
    target = _target(run, domain)
    supplied = _supplied(run, target, shown or [], dkim_key or [], rua or [])
    profile = _with_keys(profile_of(run, target), supplied)
    with run.destination() as destination:
        proposal = run_whole(_propose(run, profile, supplied))
        if zone is not None:
            proposal = _only_in(proposal, zone)
        destination.write(_written(run, proposal, form, terraform))
    _tell(run, proposal)
    return 0 if run.options.exit_zero else proposal.exit_code


def _only_in(proposal: Proposal, zone: Domain) -> Proposal:
    """Leave out the changes of other zones, and say so."""
    kept = tuple(change for change in proposal.changes if change.one.zone == zone)
    others = dict.fromkeys(c.one.zone.text for c in proposal.changes if c not in kept)
    note = f"further changes, which belong to it, lie in {' and '.join(others)}"
    return replace(proposal, changes=kept, notes=(*proposal.notes, *([note] if others else [])))


def _written(run: Run, proposal: Proposal, form: str, terraform: str) -> str:
    from sendgate.records.forms import Heading, write
    from sendgate.render.json import dumps
    from sendgate.render.records import document, heading

    if run.format == "json":
        return dumps(document(proposal))
    return write(form, proposal.changes, Heading(heading(proposal)), provider=terraform)


def _tell(run: Run, proposal: Proposal) -> None:
    from sendgate.render.records import summary

    for line in summary(proposal):
        run.console.note(line)


async def _propose(run: Run, profile: Profile, supplied: Supplied) -> Proposal:
    from sendgate.audit.catalogue import RULES
    from sendgate.cli.sources import open_source
    from sendgate.records.work import propose

    policy = policy_of(run, RULES)
    async with open_source(run.options) as source:
        return await propose(
            profile,
            source.source,
            supplied,
            policy=policy,
            rules=RULES,
            time=source.time,
            seed=source.seed,
        )


def _target(run: Run, text: str) -> Target:
    """Give the sender that the domain names: one of the configuration's, where it has one."""
    found = targets_of(run, [text])
    if len(found) > 1 and run.given_here("provider"):
        named = run.options.declared.provider
        found = [t for t in found if t.sender and t.sender.given.get("provider") == named] or found
    if len(found) > 1:
        raise InputError(
            f"{found[0].domain} is the From of {len(found)} senders of the configuration; "
            "name the provider of one of them with --provider"
        )
    return found[0]


def _supplied(
    run: Run, target: Target, shown: list[str], keys: list[str], rua: list[str]
) -> Supplied:
    from sendgate.records.plan import Supplied

    declared = run.options_for(target.sender).declared.selectors
    texts: dict[str, str] = {}
    for given in keys:
        selector, text = _key(given, declared)
        if selector in texts:
            raise InputError(f"--dkim-key: two keys are given for the selector {selector}")
        texts[selector] = text
    return Supplied(tuple(_shown(text) for text in shown), texts, tuple(map(_mailbox, rua)))


def _key(given: str, declared: tuple[str, ...]) -> tuple[str, str]:
    """Read ``s1=key.pem``; the selector may be left out where one is declared."""
    from sendgate.settings import setting_named

    before, mark, after = given.partition("=")
    if mark and after and not Path(given).exists():
        setting = setting_named("selector")
        return str(setting.read(before, lambda _: None)), _key_text(after)
    if len(declared) != 1:
        raise InputError(f"--dkim-key: {printable(given)}: say whose key it is: SELECTOR=FILE")
    return declared[0], _key_text(given)


def _key_text(path: str) -> str:
    """Give the key record of a file; of a private key its public half."""
    from sendgate.files import why
    from sendgate.message.keys import read_private_key
    from sendgate.records.keyfile import key_text

    try:
        with Path(path).open("rb") as stream:
            octets = stream.read(_MAX_KEY_FILE + 1)
    except OSError as error:
        raise SourceError(f"the key cannot be read: {why(error)}", path) from None
    if len(octets) > _MAX_KEY_FILE:
        raise SourceError("is too large to be a key", path)
    if b"PRIVATE KEY-----" in octets:
        return read_private_key(octets, path).record_text
    return key_text(octets, path)


def _shown(text: str) -> Shown:
    """Read ``NAME TYPE VALUE`` as the page of a provider shows it; TTL and class may stand too."""
    from sendgate.records.plan import Shown, is_plain
    from sendgate.repo.readers.values import ValueProblem

    words = text.split(None, 1)
    rest = words[1] if len(words) == 2 else ""
    rest = re.sub(r"\A(?:[0-9]+\s+)?(?:IN\s+)?(?:[0-9]+\s+)?(?=[A-Za-z])", "", rest)
    kind, _, value = rest.partition(" ")
    if kind.upper() not in _TYPES or not value.strip():
        raise InputError(
            f"--shown: {printable(text)} is no record; write 'NAME TYPE VALUE', of type "
            f"{', '.join(_TYPES)}"
        )
    try:
        name, data = Domain.parse(words[0]), _data(kind.upper(), value.strip())
    except (DomainError, ValueProblem) as error:
        raise InputError(f"--shown: {printable(text)}: {error}") from None
    named = [name, *_names(data)]
    if not all(map(is_plain, named)):
        raise InputError(f"--shown: {printable(text)}: names are letters, digits, hyphens and _")
    return Shown(name, kind.upper(), data)


def _data(kind: str, value: str) -> Rdata:
    """Read data as a page shows it: a TXT text in quotes or without, names absolute."""
    from sendgate.records.plan import text_data
    from sendgate.repo.readers.values import join, other_data, words

    if kind != "TXT":
        return other_data(kind, value)[1]
    if value.startswith('"'):
        return text_data(join(words(value)).octets)
    return text_data(value.encode("utf-8"))


def _names(data: Rdata) -> list[Domain]:
    from sendgate.dns.answers import Mx, Target

    if isinstance(data, Mx):
        return [data.exchange]
    return [data.name] if isinstance(data, Target) else []


def _mailbox(text: str) -> str:
    """Read the address of a mailbox for reports."""
    from sendgate.dmarc.record import parse

    address = text.strip().removeprefix("mailto:")
    record = parse(f"v=DMARC1; p=none; rua=mailto:{address}")
    alone = record is not None and len(record.rua) == 1 and ";" not in address
    if record is None or not alone or not record.has_valid_rua or record.rua[0].size:
        raise InputError(f"--rua: {printable(text)} is no address that reports can be sent to")
    return address


def _with_keys(profile: Profile, supplied: Supplied) -> Profile:
    """Take the selectors of supplied keys for declared ones."""
    from sendgate.profile import Selector

    domains = profile.dkim_domains or (profile.sending,)
    named = [selector for selector in profile.selectors if selector.named]
    known = {selector.name for selector in named}
    more = [Selector(n, d, True) for n in supplied.keys if n not in known for d in domains]
    if not more:
        return profile
    return replace(profile, selectors=(*named, *more), declared=True)


def _domain(flag: str, text: str) -> Domain:
    try:
        return Domain.parse(text)
    except DomainError as error:
        raise InputError(f"{flag}: {printable(text)}: {error}") from None


def _chosen(flag: str, text: str, known: Sequence[str]) -> str:
    if text.lower() in known:
        return text.lower()
    near = nearest(text, known)
    raise InputError(f"{flag}: {printable(text)} is none of {', '.join(known)}{near}")
