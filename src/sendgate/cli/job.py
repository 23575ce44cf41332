"""What is to be sent, prepared before anything is asked: keys, names, messages to be audited."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sendgate.errors import InputError, RenderError

if TYPE_CHECKING:
    from sendgate.message.keys import SigningKey
    from sendgate.send.campaign import Campaign, DkimKey
    from sendgate.send.eligibility import Tally
    from sendgate.send.gate_audit import Sample
    from sendgate.send.store import NewRecipient

__all__ = ["Job", "Sampler", "Spotter", "helo_of", "now", "prepare", "usual_store"]

_SAMPLES = 3  # messages that the gate looks at
_LOOKED_AT = 1000  # messages that cannot be made until none is expected to


def now() -> datetime:
    """The wall's clock, aware."""
    return datetime.now(UTC)


def prepare(campaign: Campaign, say: Callable[[str], None]) -> Job:
    """Find out all that can be wrong with a campaign before anything is asked (`InputError`)."""
    helo_of(campaign)
    keys = _read_keys(campaign, say)
    _check_sources(campaign)
    sampler = Sampler(campaign, keys)
    return Job(campaign, keys, sampler, *_make_samples(sampler, campaign, now()))


def _read_keys(campaign: Campaign, say: Callable[[str], None]) -> dict[DkimKey, SigningKey]:
    """Read the private keys; raises `SourceError`, and warns of what everybody may read."""
    from sendgate.message.keys import load_key

    keys = {key: load_key(key.file) for key in campaign.dkim_keys}
    for named, key in keys.items():
        if key.world_readable:
            say(f"warning: everybody on this machine can read {named.file}: chmod 600 it")
    return keys


def _check_sources(campaign: Campaign) -> None:
    """Find out before anything is asked that mail cannot leave from an address (`InputError`)."""
    for address in campaign.transport.source_addresses:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((str(address), 0))
            except OSError:
                raise InputError(
                    f"{campaign.path}: transport.source-addresses: {address} is no address of "
                    "this machine, so no mail can leave from it"
                ) from None


class Sampler:
    """Makes messages to be audited; their tokens are no store's, so a click does nothing."""

    def __init__(self, campaign: Campaign, keys: Mapping[DkimKey, SigningKey]) -> None:
        from sendgate.message.sign import Signer
        from sendgate.send.compose import Composer
        from sendgate.send.tokens import Tokens

        self.composer = Composer(campaign, Tokens(secrets.token_bytes(32)), 1)
        self._signers = [Signer(key.domain, key.selector, secret) for key, secret in keys.items()]

    def sample(self, row: NewRecipient, date: datetime) -> Sample:
        """Compose and sign what a recipient would get; raises `RenderError`."""
        from sendgate.message.sign import sign
        from sendgate.send.address import Address
        from sendgate.send.gate_audit import Sample

        address = Address.parse(row.address)
        made = self.composer.compose(0, address, row.fields, date)
        data = sign(made.data, self._signers, date) if self._signers else made.data
        return Sample(data, made.smtputf8)


@dataclass
class Spotter:
    """Looks at the subject of every message before the first is sent.

    It is all of a message that its rules look at and a contact's data can change. `odd`
    are a few of the messages whose subject a rule may mind: the gate is to judge them, too.
    """

    sampler: Sampler
    date: datetime
    odd: list[Sample] = field(default_factory=list)

    def look(self, row: NewRecipient) -> None:
        """Take note of a recipient's message, should its subject be odd."""
        from sendgate.message.rules import claimed_reply

        composer = self.sampler.composer
        if not composer.subject_varies or len(self.odd) == _SAMPLES:
            return
        try:
            subject = composer.subject(row.address, row.fields)
            if claimed_reply(subject):
                self.odd.append(self.sampler.sample(row, self.date))
        except RenderError:
            pass  # nobody will get it


def _make_samples(
    sampler: Sampler, campaign: Campaign, date: datetime
) -> tuple[Sequence[Sample], Tally]:
    """Make the messages of the first recipients; say how the rows ended that were looked at.

    Raises `InputError` where templates and contacts do not fit together, or no message can
    be made.
    """
    from sendgate.send.enlist import enlist
    from sendgate.send.store import NewRecipient

    samples: list[Sample] = []
    failed: list[RenderError] = []
    with enlist(campaign, sampler.composer, date) as enlisting:
        for row in enlisting:
            if isinstance(row, NewRecipient):
                try:
                    samples.append(sampler.sample(row, date))
                except RenderError as error:
                    failed.append(error)
            if len(samples) == _SAMPLES or len(failed) == _LOOKED_AT:
                break
    if failed and not samples:
        raise InputError(f"{campaign.path}: no message can be made: {failed[0]}")
    return samples, enlisting.tally


@dataclass(frozen=True)
class Job:
    """What is to be sent: the campaign, its private keys, and messages of it to be audited."""

    campaign: Campaign
    keys: Mapping[DkimKey, SigningKey]
    sampler: Sampler
    samples: Sequence[Sample]
    tally: Tally
    """How the rows ended that were looked at for samples: all of them, where there is none."""

    def nobody(self) -> InputError | None:
        """What to say where nobody may be mailed; None where somebody may."""
        if self.samples:
            return None
        place, tally = self.campaign.contacts, self.tally
        reasons = [f"{code}: {n:,}" for code, n in tally.excluded_by.items() if n]
        if tally.problems:
            reasons.append(f"rows that cannot be read: {tally.problems:,}")
        if not reasons:
            return InputError(f"{place}: the list holds no contact: nothing was sent")
        return InputError(
            f"{place}: nobody in it may be mailed, so nothing was sent ({', '.join(reasons)})"
        )


def helo_of(campaign: Campaign) -> str:
    """The name to say in EHLO; raises `InputError` where none is given."""
    name = campaign.transport.helo or campaign.sender.helo
    if name is None:
        raise InputError(
            f"{campaign.path}: transport.helo is missing: the name of the host that sends"
        )
    return name.text


def usual_store() -> Path:
    """The store that is used where none is named."""
    from sendgate.send.store import default_path

    return default_path(os.environ, Path.home())
