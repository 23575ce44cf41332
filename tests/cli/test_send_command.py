"""sendgate send, whole: a sender that passes, hosts on loopback, and every way to end."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dkim
import pytest
from send.peer import Act
from send_setup import written
from send_world import Worlds, ended

from sendgate.cli.gatekeeper import Gatekeeper
from sendgate.cli.job import now, prepare
from sendgate.message.keys import load_key
from sendgate.send.store import visit_store

MANY = [f"user{number}@example.net" for number in range(30)]


async def test_a_campaign_arrives_once_and_signed(world: Worlds, tmp_path: Path) -> None:
    """Exit 0, each message once, its signature good; run again, it sends nothing more.

    The audit is stored with it, and so are the DNS answers that it rests on.
    """
    async with world() as w:
        w.setup.contacts(["joe@example.net", "ann@example.net", "x@example.org", "no address"])
        done = await w.send()
        assert done.code == 0, done.err
        assert json.loads(done.out)["state"] == "finished"
        assert done.counts == {"eligible": 2, "excluded": 2, "delivered": 2}
        record = load_key(w.setup.folder / "s1.pem").record_text.encode()
        assert len(w.peer.bodies) == 2
        assert w.peer.port in w.dialled  # so the test of a refusal would see it, too
        for body in w.peer.bodies:
            assert dkim.verify(body, dnsfunc=lambda _name, timeout=5: record)
        again = await w.send()
        assert again.code == 0, again.err
        assert len(set(w.peer.accepted)) == len(w.peer.accepted) == 2
        log = [json.loads(x) for x in w.campaign("log", "--format", "jsonl").out.splitlines()]
        assert sorted(entry["event"] for entry in log) == [
            "delivered", "delivered", "excluded", "excluded",
        ]  # fmt: skip
    with visit_store(tmp_path / "store.db") as visit:
        kept = visit.last_audit(visit.campaigns()[0])
    assert kept is not None
    assert kept.decision == "allow"
    assert json.loads(kept.report)["verdict"] == "pass"
    assert json.loads(kept.recording)["format"] == "sendgate.dns/1"


@pytest.mark.parametrize("options", [[], ["--test-to", "me@example.net"], ["--dry-run"]])
async def test_a_refused_campaign_dials_nobody(world: Worlds, options: list[str]) -> None:
    """Exit 1 with the findings; every port but the name server's is denied, none was tried."""
    async with world(spf="v=spf1 ip4:192.0.2.1 -all", dmarc="v=DMARC1; p=bogus") as w:
        done = await w.run(*w.setup.arguments, *options, only=[w.dns_port])
        assert done.code == 1, done.out + done.err
        assert "november-news: refused" in done.out
        assert "fix " in done.out
        assert w.dialled == {w.dns_port}
        assert w.peer.connections == 0
        if not options:
            assert w.status()["state"] == "refused"
            assert "the audit fails: " in w.campaign("status").out


async def test_a_campaign_that_cannot_be_audited_is_held(world: Worlds) -> None:
    """Exit 3, and nobody is dialled; once DNS answers, running it again sends."""
    async with world() as w:
        held = await w.run("send", str(w.setup.file), "--nameserver", "127.0.0.1:1",
                           "--dns-timeout", "0.3", only=[1])  # fmt: skip
        assert held.code == 3, held.err
        assert "november-news: held" in held.out
        assert w.dialled == {1}
        assert w.peer.connections == 0
        assert w.status()["state"] == "held"
        assert (await w.send()).code == 0
        assert len(w.peer.accepted) == 1


async def test_a_pause_during_an_audit_that_is_held_stands(world: Worlds) -> None:
    """Only `campaign resume` takes a pause back, whatever the audit comes to."""
    async with world() as w:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            silent.settimeout(30)
            place = f"127.0.0.1:{silent.getsockname()[1]}"
            arguments = ("send", str(w.setup.file), "--nameserver", place, "--dns-timeout", "0.4")
            process = await w.start(*arguments)
            await asyncio.to_thread(silent.recv, 1)  # the audit asks: the campaign is entered
            assert w.campaign("pause").code == 0
            assert (await ended(process)).code == 3
        assert w.status()["state"] == "paused"
        assert (await w.send()).code == 4
        assert w.peer.connections == 0


@pytest.mark.parametrize("options", [[], ["--test-to", "me@example.net"], ["--dry-run"]])
async def test_a_signal_before_anything_is_sent(world: Worlds, options: list[str]) -> None:
    """SIGINT during the audit: exit 4 in words, whatever the run was to come to."""
    async with world() as w:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            silent.settimeout(30)
            place = f"127.0.0.1:{silent.getsockname()[1]}"
            arguments = ("send", str(w.setup.file), "--nameserver", place, *options)
            process = await w.start(*arguments)
            await asyncio.to_thread(silent.recv, 1)
            process.send_signal(signal.SIGINT)
            done = await ended(process)
        assert (done.code, done.out) == (4, ""), done.err
        assert done.err == "sendgate: error: stopped before sending began\n"
        assert w.peer.connections == 0


async def test_a_dry_run_plans_and_sends_nothing(world: Worlds, tmp_path: Path) -> None:
    """Who may be mailed, to which receivers; no store is made, and nothing but DNS is asked.

    So the host of the unsubscribe address is looked up, and not visited.
    """
    async with world() as w:
        w.setup.contacts([*MANY, "x@example.org", "no address"])
        done = await w.run(*w.setup.arguments, "--dry-run", only=[w.dns_port])
        assert done.code == 0, done.err
        assert w.dialled == {w.dns_port}
        assert "november-news: may be sent" in done.out
        assert "       30  mx.example.net" in done.out
        assert "        1  cannot be called: null_mx_domain" in done.out
        assert "invalid_address           1 excluded" in done.out
        assert "time to finish" in done.out
        assert w.peer.connections == 0
        assert not (tmp_path / "store.db").exists()


async def test_a_dry_run_counts_what_a_run_does(world: Worlds) -> None:
    """Every row is rendered, and whoever has no mail is left out, for the same reasons."""
    async with world() as w:
        text = w.setup.folder / "news.txt.j2"
        text.write_text(text.read_text("utf-8") + "{{ 12 // (first_name | length - 3) }}", "utf-8")
        w.setup.contacts(
            ["ann@example.net", *MANY[:5], "x@example.org", "y@gone.example.net", "no address"]
        )
        path = w.setup.folder / "contacts.csv"
        rows = path.read_text("utf-8")
        path.write_text(rows.replace("ann@example.net,Joe", "ann@example.net,Anne"), "utf-8")
        rehearsed = await w.run(*w.setup.arguments, "--dry-run")
        assert rehearsed.code == 0, rehearsed.err
        said = {
            words[0]: int(words[1])
            for line in rehearsed.out.splitlines()
            if len(words := line.split()) > 1 and words[1].isdigit()
        }
        done = await w.send()
        excluded = {code: n for code, n in json.loads(done.out)["excluded_by"].items() if n}
        assert excluded == {
            "invalid_address": 1, "null_mx_domain": 1, "no_such_domain": 1, "render_error": 5,
        }  # fmt: skip
        assert said["eligible"] == done.counts["eligible"] == 1
        assert {code: said.get(code) for code in excluded} == excluded


async def test_a_trial_goes_to_one_address(world: Worlds, tmp_path: Path) -> None:
    """--test-to: the first recipient's message, and the campaign is not begun by it."""
    async with world() as w:
        w.setup.contacts(MANY)
        done = await w.run(*w.setup.arguments, "--test-to", "me@example.net")
        assert done.code == 0, done.err
        assert "delivered  me@example.net" in done.out
        assert [c for c in w.peer.commands if c.startswith("RCPT")] == ["RCPT TO:<me@example.net>"]
        assert not (tmp_path / "store.db").exists()


async def test_what_may_have_arrived_waits_for_a_person(world: Worlds) -> None:
    """A lost reply to the dot: exit 3 until it is resolved; nothing is sent again by itself."""
    async with world({"accepted": Act(end="drop", on=(1,))}) as w:
        assert (await w.send()).code == 3
        again = await w.send()
        assert (again.code, again.counts) == (3, {"eligible": 1, "unknown": 1})
        assert len(w.peer.accepted) == 1
        assert w.campaign("resolve", "--assume-delivered").code == 0
        assert (await w.send()).counts == {"eligible": 1, "delivered": 1}
        assert len(w.peer.accepted) == 1


async def test_no_wait_ends_while_deferrals_remain(world: Worlds) -> None:
    """Exit 4 saying when something is due; an earlier run calls nobody."""
    async with world({"rcpt": Act(reply="451 4.7.1 greylisted")}) as w:
        done = await w.send("--no-wait")
        assert (done.code, done.counts) == (4, {"eligible": 1, "deferred": 1})
        assert "the next attempt is at 20" in done.err
        before = w.peer.connections
        assert (await w.send("--no-wait")).code == 4
        assert w.peer.connections == before


async def test_a_signal_ends_in_good_order(world: Worlds) -> None:
    """SIGTERM: what is under way ends and is written down; the next run does the rest."""
    async with world({"accepted": Act(delay=0.5)}) as w:
        w.setup.contacts(MANY)
        process = await w.start(*w.setup.arguments, "--format", "json")
        await w.until_accepted()
        process.send_signal(signal.SIGTERM)
        done = await ended(process)
        assert done.code == 4, done.err
        assert done.counts["delivered"] == len(w.peer.accepted) < len(MANY)
        assert "unknown" not in done.counts
        w.peer.script = {}
        assert (await w.send()).counts == {"eligible": 30, "delivered": 30}
        assert len(set(w.peer.accepted)) == len(w.peer.accepted) == 30


async def test_a_second_signal_breaks_off(world: Worlds) -> None:
    """What had no reply to its dot is written down as unknown, and is not sent again."""
    async with world({"accepted": Act(delay=60)}) as w:
        process = await w.start(*w.setup.arguments, "--format", "json")
        await w.until_accepted()
        process.send_signal(signal.SIGINT)
        await asyncio.sleep(0.3)
        assert process.returncode is None
        process.send_signal(signal.SIGINT)
        done = await ended(process)
        assert (done.code, done.counts) == (4, {"eligible": 1, "unknown": 1})


async def test_pause_resume_and_a_second_sender(world: Worlds) -> None:
    """From another terminal: paused within a second, exit 4; a store has one sender."""
    async with world(toml='[limits]\nrate = "4/s"\n') as w:
        w.setup.contacts(MANY)
        process = await w.start(*w.setup.arguments)
        await w.until_accepted()
        second = await w.send()
        assert second.code == 2
        assert "is in use" in second.err
        assert w.campaign("pause").code == 0
        done = await ended(process)
        assert done.code == 4, done.err
        assert "sendgate campaign resume" in done.err
        so_far = len(w.peer.accepted)
        assert so_far < len(MANY)
        text = w.setup.file.read_text("utf-8")
        w.setup.file.write_text(text.replace('"4/s"', '"900/s"'), "utf-8")
        assert (await w.send()).code == 4
        assert len(w.peer.accepted) == so_far
        assert w.campaign("resume").code == 0
        assert (await w.send()).code == 0
        assert len(set(w.peer.accepted)) == len(w.peer.accepted) == 30


async def test_a_failing_audit_on_the_way_pauses(world: Worlds) -> None:
    """The campaign waits for a deferral; a record is broken meanwhile; exit 4, paused."""
    script = {"rcpt": Act(reply="451 4.7.1 greylisted")}
    async with world(script, toml='[gate]\nrecheck = "1s"\n', own_names=True) as w:
        process = await w.start(*w.setup.arguments)
        await w.until(lambda: w.peer.connections > 0)
        w.setup.break_spf()
        done = await ended(process)
        assert done.code == 4, done.err
        found = w.status()
        assert found["state"] == "paused"
        assert "the audit fails: " in found["reason"]


async def test_a_resumed_campaign_is_audited_again(world: Worlds) -> None:
    """A record was broken during the pause: refused, and nobody else is mailed."""
    async with world(toml='[limits]\nrate = "4/s"\n', own_names=True) as w:
        w.setup.contacts(MANY)
        process = await w.start(*w.setup.arguments)
        await w.until_accepted()
        assert w.campaign("pause").code == 0
        assert (await ended(process)).code == 4
        so_far, calls = len(w.peer.accepted), w.peer.connections
        w.setup.break_spf()
        assert w.campaign("resume").code == 0
        done = await w.run(*w.setup.arguments)
        assert done.code == 1, done.err
        assert "november-news: refused" in done.out
        assert w.status()["state"] == "refused"
        assert (len(w.peer.accepted), w.peer.connections) == (so_far, calls)


class _Engine:
    """Takes note of a pause."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    async def pause(self, reason: str) -> None:
        self.reasons.append(reason)


async def test_an_unknown_audit_is_tried_again_before_it_pauses(tmp_path: Path, pem: bytes) -> None:
    """Held audits pause once the last pass is older than twice `recheck`; not at once."""
    from sendgate.config import load_config
    from sendgate.dns.overlay import NowhereSource
    from sendgate.send.campaign_file import load_campaign

    file = written(tmp_path, 25, pem, '[gate]\nrecheck = "1s"\n')
    campaign = load_campaign(file, load_config(None, lambda _: None), lambda _: None)
    keeper = Gatekeeper(
        prepare(campaign, lambda _: None), NowhereSource(lambda _: False), passed=now()
    )
    engine = _Engine()
    started = asyncio.get_running_loop().time()
    await keeper.keep_watch(engine)
    assert asyncio.get_running_loop().time() - started > 2
    assert len(engine.reasons) == 1
    assert "the audit could not be completed: " in engine.reasons[0]


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (("", ""), ["--zone", "x.zone"], "No such option: --zone"),
        (("", ""), ["--offline"], "No such option: --offline"),
        (("", ""), ["--dry-run", "--test-to", "a@example.net"], "not both"),
        (("", ""), ["--dry-run", "--format", "json"], "format text only"),
        (("", ""), ["--test-to", "nobody"], "has no @"),
        (('helo = "mail.example.com"', ""), [], "transport.helo is missing"),
        (('"127.0.0.1"', '"192.0.2.10"'), [], "192.0.2.10 is no address of this machine"),
        (("{{ first_name }}", "{{ surname }}"), [], "surname"),
        (('file = "s1.pem"', 'file = "s2.pem"'), [], "s2.pem: the private key cannot be read"),
        (('name = "november', 'nam = "november'), [], "did you mean 'name'?"),
    ],
)
def test_what_cannot_be_sent_is_said_before_anything_is_asked(
    sendgate: Callable[..., Any],
    tmp_path: Path,
    pem: bytes,
    change: tuple[str, str],
    options: list[str],
    said: str,
) -> None:
    """Exit 2 in words; no store is made."""
    file = written(tmp_path, 25, pem)
    text = file.read_text("utf-8")
    file.write_text(text.replace(*change) if change[0] else text, "utf-8")
    done = sendgate("send", str(file), *options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert not (tmp_path / "store.db").exists()
