"""What is to be sent, prepared before anything is asked: keys, names, messages to be audited."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sendgate.errors import InputError, RenderError

if TYPE_CHECKING:
    from sendgate.message.keys import SigningKey
    from sendgate.send.campaign import Campaign, DkimKey

__all__ = ["Job", "helo_of", "now", "prepare", "usual_store"]

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
    return Job(campaign, keys, _make_samples(campaign, keys, now()))


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


def _make_samples(
    campaign: Campaign, keys: Mapping[DkimKey, SigningKey], date: datetime
) -> list[bytes]:
    """Compose and sign what the first recipients would get; none where nobody may be mailed.

    Their tokens are no store's: a click in one unsubscribes nobody. Raises `InputError`
    where templates and contacts do not fit together, or no message can be made.
    """
    from sendgate.message.sign import Signer, sign
    from sendgate.send.address import Address
    from sendgate.send.compose import Composer
    from sendgate.send.enlist import enlist
    from sendgate.send.store import NewRecipient
    from sendgate.send.tokens import Tokens

    composer = Composer(campaign, Tokens(secrets.token_bytes(32)), 1)
    signers = [Signer(key.domain, key.selector, secret) for key, secret in keys.items()]
    samples: list[bytes] = []
    failed: list[RenderError] = []
    with enlist(campaign, composer, date) as enlisting:
        for row in enlisting:
            if isinstance(row, NewRecipient):
                address = Address.parse(row.address)
                try:
                    data = composer.compose(0, address, row.fields, date).data
                except RenderError as error:
                    failed.append(error)
                else:
                    samples.append(sign(data, signers, date) if signers else data)
            if len(samples) == _SAMPLES or len(failed) == _LOOKED_AT:
                break
    if failed and not samples:
        raise InputError(f"{campaign.path}: no message can be made: {failed[0]}")
    return samples


@dataclass(frozen=True)
class Job:
    """What is to be sent: the campaign, its private keys, and messages of it to be audited."""

    campaign: Campaign
    keys: Mapping[DkimKey, SigningKey]
    samples: Sequence[bytes]


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
