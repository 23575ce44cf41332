"""sendgate campaign: seen and steered from outside the process that sends."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from stores import DELIVERED, HARD, MINUTE, NOW, PEER, SILENT, campaign_with, deferred, people

from sendgate.cli.schema import read_schema
from sendgate.send.outcome import Bounced, Outcome, Phase, Reply, Unknown
from sendgate.send.state import CampaignState
from sendgate.send.store import Exclusion, Store, open_store

Run = Callable[..., Any]
EVIL = "::error::x\x1b[2J\r\n ::error::x \u202e\x00"
OUTCOMES: tuple[Outcome, ...] = (
    DELIVERED, HARD, deferred(NOW + MINUTE), SILENT, Unknown("no reply to the dot", PEER),
    Unknown("no reply to the dot", PEER),
)  # fmt: skip


async def _fill(store: Store, name: str, outcomes: tuple[Outcome, ...]) -> None:
    rows = [*people(len(outcomes)), Exclusion("no@example.net", "no_consent", 9)]
    campaign = await campaign_with(store, rows, name)
    for outcome in outcomes:
        (held,) = (await store.lease(campaign.key, NOW, 1)).leases
        if isinstance(outcome, (Unknown, type(DELIVERED))):
            await store.commit(held, PEER, f"<{held.recipient}@example.com>", "digest", NOW)
        await store.settle(held, outcome, NOW)
    await store.keep_audit(campaign.key, NOW, "allow", "{}", "{}")
    standing = await store.standing(campaign.key)
    after = CampaignState.FINISHED if standing.is_finished else CampaignState.QUEUED
    await store.change(campaign.key, after, NOW)


@pytest.fixture
def campaigns(tmp_path: Path) -> Callable[..., str]:
    """Make a store with campaigns and give its address."""

    def make(*names: str, outcomes: tuple[Outcome, ...] = OUTCOMES) -> str:
        async def work() -> None:
            async with open_store(tmp_path / "store.db", clock=lambda: NOW) as store:
                for name in names:
                    await _fill(store, name, outcomes)

        asyncio.run(work())
        return f"sqlite:///{tmp_path / 'store.db'}"

    return make


@pytest.fixture
def campaign(sendgate: Run) -> Run:
    """Run one of the campaign commands."""
    return lambda *arguments, **options: sendgate("campaign", *arguments, **options)


def test_status_is_what_its_schema_says(campaign: Run, campaigns: Callable[..., str]) -> None:
    """JSON on stdout alone, valid, with the numbers of the store; exit 0."""
    store = campaigns("news")
    done = campaign("status", "news", "--store", store, "--format", "json")
    assert (done.exit_code, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    jsonschema.Draft202012Validator(json.loads(read_schema("campaign"))).validate(found)
    assert found["state"] == "queued"
    assert found["counts"] == {
        "eligible": 6, "excluded": 1, "queued": 0, "sending": 0, "delivered": 1, "deferred": 1,
        "bounced_hard": 1, "bounced_soft": 0, "not_sent": 1, "unknown": 2, "cancelled": 0,
    }  # fmt: skip
    assert {code: n for code, n in found["excluded_by"].items() if n} == {"no_consent": 1}
    assert found["excluded_by"]["not_direct"] == 0, "every code is there"
    assert found["bounces_by"] == {"unknown_user": 1}
    (line,) = campaign("list", "--store", store, "--format", "jsonl").stdout.splitlines()
    assert json.loads(line) == found


def test_a_campaign_may_be_left_unnamed_where_there_is_one(
    campaign: Run, campaigns: Callable[..., str]
) -> None:
    """With several, their names are given, and a wrong name gets the nearest."""
    store = campaigns("news")
    assert campaign("status", "--store", store).stdout.startswith("news: queued\n")
    store = campaigns("offers")
    several = campaign("status", "--store", store)
    assert several.exit_code == 2
    assert "'news', 'offers'" in several.stderr
    wrong = campaign("log", "nwes", "--store", store)
    assert wrong.exit_code == 2
    assert "no campaign is called 'nwes'; did you mean 'news'?" in wrong.stderr
    listed = campaign("list", "--store", store).stdout.splitlines()
    assert [line.split()[-1] for line in listed] == ["news", "offers"]


def test_without_a_store_nothing_was_sent(campaign: Run, tmp_path: Path) -> None:
    """Exit 2 with the path looked at, and no store is made by looking; the usual one is found."""
    for arguments in (["status"], ["list"], ["pause", "news"], ["resolve", "--resend"]):
        done = campaign(*arguments, env={"XDG_DATA_HOME": str(tmp_path / "data")})
        assert done.exit_code == 2
        assert str(tmp_path / "data" / "sendgate" / "campaigns.db") in done.stderr
    assert not (tmp_path / "data").exists()
    elsewhere = campaign("list", "--store", "postgresql://u:secret@db.example.com/x")
    assert elsewhere.exit_code == 2
    assert "secret" not in elsewhere.stderr


def test_the_log_has_a_line_an_attempt(campaign: Run, campaigns: Callable[..., str]) -> None:
    """The contract's keys in every line, exclusions among them; or lines to read."""
    store = campaigns("news")
    done = campaign("log", "--store", store, "--format", "jsonl")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(line["event"] for line in lines) == sorted(
        ["excluded", "delivered", "bounced", "deferred", "not_sent", "unknown", "unknown"]
    )
    assert {tuple(line) for line in lines} == {tuple(lines[0])}
    bounced = next(line for line in lines if line["event"] == "bounced")
    assert (bounced["code"], bounced["enhanced"], bounced["hard"]) == ("550", "5.1.1", True)
    text = campaign("log", "--store", store).stdout
    assert len(text.splitlines()) == len(lines)
    assert '"550 5.1.1 no such user"' in text


def test_what_receivers_say_is_shown_never_obeyed(
    campaign: Run, campaigns: Callable[..., str], tmp_path: Path
) -> None:
    """Escapes and line breaks of a receiver reach no terminal, and no line of a log."""
    evil = Bounced(EVIL, False, Phase.RCPT, Reply(550, (EVIL,), EVIL), PEER, EVIL)
    store = campaigns(EVIL, outcomes=(evil, Unknown(EVIL, PEER), deferred(NOW + MINUTE, EVIL)))
    for command in ("list", "status", "log", "report", "pause", "resume", "cancel"):
        done = campaign(command, "--store", store)
        assert done.exit_code == 0, done.stderr
        shown = done.stdout + done.stderr
        assert all(c == "\n" or c.isprintable() for c in shown), command
        assert "::error::" not in shown
    assert len(campaign("log", "--store", store, "--format", "jsonl").stdout.splitlines()) == 4


def test_pause_resume_and_cancel(campaign: Run, campaigns: Callable[..., str]) -> None:
    """Each says what comes next; what cannot be done any more is refused with the state."""
    store = campaigns("news")

    def state() -> str:
        done = campaign("status", "--store", store, "--format", "json")
        return str(json.loads(done.stdout)["state"])

    assert "cannot be resumed" in campaign("resume", "--store", store).stderr
    paused = campaign("pause", "news", "--store", store)
    assert (paused.exit_code, state()) == (0, "paused")
    assert paused.stdout.startswith("news is paused")
    assert "paused by hand" in campaign("status", "--store", store).stdout
    assert campaign("resume", "--store", store).exit_code == 0
    assert state() == "queued"
    assert campaign("cancel", "--store", store).exit_code == 0
    assert state() == "cancelled"
    for command in ("pause", "resume"):
        refused = campaign(command, "--store", store)
        assert refused.exit_code == 2
        assert f"'news' is cancelled: it cannot be {command}d" in refused.stderr
    counts = json.loads(campaign("status", "--store", store, "--format", "json").stdout)["counts"]
    assert (counts["cancelled"], counts["deferred"], counts["unknown"]) == (1, 0, 2)


def test_unknown_recipients_are_resolved(campaign: Run, campaigns: Callable[..., str]) -> None:
    """One by its address, or all; exactly one way must be given."""
    store = campaigns("news")
    for wrong in ([], ["--resend", "--assume-delivered"]):
        done = campaign("resolve", *wrong, "--store", store)
        assert done.exit_code == 2
        assert "either --resend or --assume-delivered" in done.stderr
    stranger = campaign("resolve", "--resend", "--recipient", "user0@example.net", "--store", store)
    assert stranger.exit_code == 2
    assert "is no unknown recipient" in stranger.stderr
    one = campaign(
        "resolve", "--assume-delivered", "--recipient", "User4@EXAMPLE.net", "--store", store
    )
    assert (one.exit_code, one.stdout) == (
        0, "news has 1 recipient more that counts as delivered\n",
    )  # fmt: skip
    rest = campaign("resolve", "--resend", "--store", store)
    assert rest.stdout.startswith("news has 1 recipient to send to again")
    done = campaign("status", "--store", store, "--format", "json")
    counts = json.loads(done.stdout)["counts"]
    assert (counts["delivered"], counts["queued"], counts["unknown"]) == (2, 1, 0)
    none = campaign("resolve", "--resend", "--store", store)
    assert none.stdout == "news has no unknown recipients\n"


def test_the_report_names_who_was_not_reached(campaign: Run, campaigns: Callable[..., str]) -> None:
    """Sums, the audit, and who bounced, was not sent to, or waits; or those asked for."""
    store = campaigns("news")
    text = campaign("report", "--store", store).stdout
    assert "allow at 2026-11-23T12:00:00Z" in text
    assert "bounced    user1@example.net  hard  unknown_user\n" in text
    assert "not sent   user3@example.net" in text
    assert "user4@example.net at mx.example.net since" in text
    assert "user0@example.net" not in text
    only = campaign("report", "--result", "delivered", "--store", store).stdout
    assert "delivered  user0@example.net" in only
    assert "user1@example.net" not in only
    by_reason = campaign("report", "--reason", "unknown_user", "--store", store).stdout
    assert "user1@example.net" in by_reason
    wrong = campaign("report", "--result", "deliverd", "--store", store)
    assert wrong.exit_code == 2
    assert "did you mean 'delivered'?" in wrong.stderr


async def _hear(store: Store, name: str, texts: Sequence[tuple[str, str]]) -> None:
    """A campaign whose replies have these texts and categories, deferred and bounced in turn."""
    campaign = await campaign_with(store, people(len(texts)), name)
    for number, (text, category) in enumerate(texts):
        (held,) = (await store.lease(campaign.key, NOW, 1)).leases
        outcome = deferred(NOW + MINUTE, category) if number % 2 else replace(HARD, hard=False)
        reply = Reply(550 - 99 * (number % 2), (text,), None)
        await store.settle(held, replace(outcome, category=category, reply=reply), NOW)


@pytest.mark.parametrize("form", ["text", "html"])
def test_the_report_lists_replies_that_no_rule_knows(
    campaign: Run, tmp_path: Path, form: str
) -> None:
    """Each once, however it names its recipient, the frequent first; what is known is left out."""
    texts = [
        ("queer fish <a@example.net> 0123456789abcdef01", "uncategorized"),
        ("gone fishing", "uncategorized"),
        ("queer fish <b@example.net> fedcba9876543210aa", "uncategorized"),
        ("mailbox full", "mailbox_full"),
        (f"odd <script> {EVIL}", "uncategorized"),
    ]

    async def work() -> None:
        async with open_store(tmp_path / "store.db", clock=lambda: NOW) as store:
            await _hear(store, "news", texts)

    asyncio.run(work())
    store = f"sqlite:///{tmp_path / 'store.db'}"
    done = campaign("report", "--store", store, "--format", form)
    assert done.exit_code == 0
    assert "eplies that no rule knows" in done.stdout
    assert done.stdout.count("queer fish") == 1
    assert done.stdout.index("queer fish") < done.stdout.index("gone fishing")
    assert "mailbox full" not in done.stdout
    assert all(c == "\n" or c.isprintable() for c in done.stdout)
    if form == "text":
        assert '        2  "550 queer fish <a@example.net>' in done.stdout
        assert '        1  "451 gone fishing" (mx.example.net)' in done.stdout
    else:
        assert "script" not in _Page(done.stdout).tags
        assert {"550", "451", "gone fishing"} <= set(_Page(done.stdout).texts)
    only = campaign("report", "--store", store, "--format", form, "--result", "deferred")
    assert "no rule knows" not in only.stdout


FORMULA = '=HYPERLINK("https://evil.example")\r\nx,"y'


def test_a_log_and_a_report_as_tables(campaign: Run, campaigns: Callable[..., str]) -> None:
    """--format csv: the keys of the JSON as columns; a formula in a reply is text, in one cell."""
    evil = Bounced("+SUM(1)", False, Phase.RCPT, Reply(550, (FORMULA,), "@x"), PEER, FORMULA)
    store = campaigns("news", outcomes=(*OUTCOMES, evil))
    done = campaign("log", "--store", store, "--format", "csv")
    assert (done.exit_code, done.stderr) == (0, "")
    rows = list(csv.DictReader(done.stdout.splitlines()))
    lines = campaign("log", "--store", store, "--format", "jsonl").stdout.splitlines()
    assert len(rows) == len(lines) == 8
    assert list(rows[0]) == list(json.loads(lines[0]))
    found = next(row for row in rows if row["category"] == "'+SUM(1)")
    assert found["text"].startswith("'=HYPERLINK(")
    assert "\\x0d\\x0a" in found["text"]
    assert found["hard"] == "false"
    report = campaign("report", "--store", store, "--format", "csv")
    told = {row["recipient"]: row for row in csv.DictReader(report.stdout.splitlines())}
    assert told["user4@example.net"]["state"] == "unknown"
    assert (told["user1@example.net"]["hard"], told["user1@example.net"]["category"]) == (
        "true", "unknown_user",
    )  # fmt: skip
    assert "user0@example.net" not in told
    assert not any(
        cell[:1] in set("=+-@") for row in (*rows, *told.values()) for cell in row.values()
    )


class _Page(HTMLParser):
    """What a browser would make of a page: its elements, and its texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


HOSTILE = "<script src=//evil.example></script>'\"><img onerror=x> {{7*7}} ]]> --> </td></table>"


def test_a_report_is_a_page_of_its_own(campaign: Run, campaigns: Callable[..., str]) -> None:
    """--format html: the same facts as the text, in a page that loads nothing."""
    store = campaigns("news")
    done = campaign("report", "--store", store, "--format", "html")
    assert (done.exit_code, done.stderr) == (0, "")
    page = _Page(done.stdout)
    for text in ("news", "allow at 2026-11-23T12:00:00Z", "unknown_user", "hard"):
        assert any(text in one for one in page.texts), text
    for number in (1, 3, 4, 5):
        assert f"user{number}@example.net" in page.texts
    assert "user0@example.net" not in page.texts
    only = campaign("report", "--store", store, "--format", "html", "--result", "delivered")
    assert "user0@example.net" in _Page(only.stdout).texts
    assert not page.attributes & {"src", "href", "action", "onclick"}
    assert "default-src 'none'" in done.stdout


def test_no_text_in_a_page_is_markup(campaign: Run, campaigns: Callable[..., str]) -> None:
    """Names, categories and the words of receivers, whatever they hold, stay what they are."""
    evil = Bounced(HOSTILE, False, Phase.RCPT, Reply(550, (HOSTILE,), HOSTILE), PEER, HOSTILE)
    outcomes = (evil, Unknown(HOSTILE, PEER), deferred(NOW + MINUTE, EVIL))
    store = campaigns(HOSTILE, outcomes=outcomes)
    assert campaign("pause", "--store", store).exit_code == 0
    shown = campaign("report", "--store", store, "--format", "html").stdout
    page = _Page(shown)
    assert not set(page.tags) & {"script", "img"}
    assert page.tags.count("table") == shown.count("</table>")
    assert page.texts.count(HOSTILE) >= 3  # the title, the heading, the category
    assert all(c == "\n" or c.isprintable() for c in shown)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["report", "--format", "json"],
            "'json' is no format of this command; it has text, html, csv",
        ),
        (["status", "--format", "html"], "'html' is no format of this command; it has text"),
        (["status", "--nameserver", "127.0.0.1"], "No such option"),
        (["pause", "--offline"], "No such option"),
        (["log", "--format", "json"], "it has text, jsonl, csv"),
        (["status", "--watch"], "--watch needs a terminal"),
    ],
)
def test_forms_that_there_are_not(
    campaign: Run, campaigns: Callable[..., str], arguments: list[str], said: str
) -> None:
    """Usage errors that say what there is."""
    done = campaign(*arguments, "--store", campaigns("news"))
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_report_goes_to_a_file(
    campaign: Run, campaigns: Callable[..., str], tmp_path: Path
) -> None:
    """--output, as everywhere."""
    out = tmp_path / "log.jsonl"
    done = campaign("log", "--store", campaigns("news"), "--format", "jsonl", "--output", str(out))
    assert (done.exit_code, done.stdout) == (0, "")
    assert len(out.read_text(encoding="utf-8").splitlines()) == 7


def test_campaign_alone_shows_its_help(campaign: Run) -> None:
    """Exit 2, the commands on stderr; a wrong one is a usage error."""
    alone = campaign()
    assert (alone.exit_code, alone.stdout) == (2, "")
    assert "resolve" in alone.stderr
    assert campaign("stats").exit_code == 2
