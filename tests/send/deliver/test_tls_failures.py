"""TLS that fails: in the clear where nobody demands it, elsewhere or later where somebody does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from send.certificates import Authority, server_context
from send.deliver.engines import bench, route
from send.peer import Act, ScriptedPeer

from sendgate.send.deliver import Why
from sendgate.send.outcome import Deferred, Delivered
from sendgate.send.smtp.tls import TlsPolicy

NAME = "mx0.example.net"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.mark.parametrize("end", ["drop", "reset"])
async def test_opportunistic_tls_that_fails_costs_no_mail(
    tmp_path: Path, authority: Authority, end: str
) -> None:
    """The same host is called again without it, and the log says that there was none."""
    file, _ = authority.issue(tmp_path, [NAME])
    async with (
        ScriptedPeer(tls=server_context(file), script={"handshake": Act(end)}) as peer,
        bench(tmp_path, route(peer.port)) as made,
    ):
        assert (await made.run()).why is Why.FINISHED
        (outcome,) = made.outcomes
        assert isinstance(outcome, Delivered)
        assert outcome.peer.tls is None
        assert peer.connections == 2


@pytest.mark.parametrize("end", ["drop", "reset"])
async def test_tls_that_is_demanded_is_never_done_without(
    tmp_path: Path, authority: Authority, end: str
) -> None:
    """No message in the clear: deferred, and for the policy's sake."""
    file, _ = authority.issue(tmp_path, [NAME])
    async with (
        ScriptedPeer(tls=server_context(file), script={"handshake": Act(end)}) as peer,
        bench(tmp_path, route(peer.port, policy=TlsPolicy.required())) as made,
    ):
        await made.run()
        assert [type(one) for one in made.outcomes] == [Deferred]
        assert not any(command.startswith("MAIL") for command in peer.commands)


async def test_a_wrong_certificate_leaves_the_next_host(
    tmp_path: Path, authority: Authority
) -> None:
    """Not verified at the first host, whose policy demands it; the second one takes the mail."""
    file, _ = authority.issue(tmp_path, ["other.example.net"])
    policy = TlsPolicy.verified([NAME])
    async with (
        ScriptedPeer(tls=server_context(file)) as first,
        ScriptedPeer() as second,
        bench(tmp_path, route(first.port)) as made,
    ):
        both = route(first.port, second.port)
        hops = replace(both.hops[0], policy=policy), both.hops[1]
        made.routes["example.net"] = replace(both, hops=hops)
        assert (await made.run()).why is Why.FINISHED
        (outcome,) = made.outcomes
        assert isinstance(outcome, Delivered)
        assert outcome.peer.mx == "mx1.example.net"
        assert made.forgotten == []
        assert first.accepted == []
    async with (
        ScriptedPeer(tls=server_context(file)) as alone,
        bench(tmp_path / "alone", route(alone.port, policy=policy)) as made,
    ):
        await made.run()
        (outcome,) = made.outcomes
        assert isinstance(outcome, Deferred)
        assert outcome.category == "tls_policy"
        assert made.forgotten == ["example.net"]  # its policy may have changed
