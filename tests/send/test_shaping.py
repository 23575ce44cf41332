"""The provider table: sendgate's own, whose site a host is, and what a table may not say."""

from __future__ import annotations

import pytest

from sendgate.errors import InternalError
from sendgate.names import Domain
from sendgate.send.classify import Scope, load_classifier
from sendgate.send.shaping import Limits, Shaping, Site, load_shaping, read_shaping

HEAD = """
[default]
connections = 20
messages = 100
failures = 10
source = "x"
date = 2026-01-01
"""
ROW = """
[[provider]]
id = "a"
mx = ["a.example"]
source = "x"
date = 2026-01-01
"""
REACTION = '[[reaction]]\ncategories = ["throttled"]\ncount = 1\nwithin = "1h"\npause = "1h"\n'


def site(*hosts: str) -> Site:
    return load_shaping().site(Domain(host) for host in hosts)


def test_all_hosts_of_a_provider_are_one_site() -> None:
    """Gmail and Google Workspace answer with one voice, whatever the domain."""
    gmail = site("gmail-smtp-in.l.google.com")
    workspace = site("aspmx.l.google.com", "alt1.aspmx.l.google.com")
    assert gmail == workspace == Site("google", "google")
    assert load_shaping().limits(gmail) == Limits(5, 50, None, True, 5)


def test_the_longest_suffix_wins_at_a_label_boundary() -> None:
    """Outlook.com and Office 365 share a suffix, and a look-alike belongs to nobody."""
    assert site("outlook-com.olc.protection.outlook.com").key == "outlook"
    assert site("example-com.mail.protection.outlook.com").key == "office365"
    assert site("notgoogle.com").provider is None
    assert site("google.com.example.net").provider is None


def test_elsewhere_the_set_of_hosts_is_the_site() -> None:
    """Two domains with the same hosts share one, in whatever order; others do not."""
    assert site("mx2.example.net", "mx1.example.net").key == "mx1.example.net,mx2.example.net"
    assert site("mx1.example.net") != site("mx2.example.net")
    assert load_shaping().limits(site("mx1.example.net")).connections == 20


def test_a_provider_that_is_not_rolled_up_keeps_its_limits() -> None:
    """Mimecast's regions are sites of their own, each with the provider's limits."""
    one, other = site("eu-smtp-1.mimecast.com"), site("us-smtp-1.mimecast.com")
    assert one != other
    assert load_shaping().limits(one).connections == 10


def test_hosts_of_several_owners_are_nobodys_site() -> None:
    """A provider's limits hold only where all of the preferred hosts are the provider's."""
    assert site("mx.example.net", "aspmx.l.google.com").provider is None


def test_a_long_set_of_hosts_has_a_short_key() -> None:
    """The key is bounded and still tells sets apart."""
    hosts = [f"{'m' * 60}{number}.example.net" for number in range(16)]
    one, other = site(*hosts), site(*hosts[:-1])
    assert len(one.key) == len(other.key) == 255
    assert one != other


def test_the_table_speaks_the_classifiers_words() -> None:
    """A reaction to a category that no reply can have would never happen."""
    table, known = load_shaping(), load_classifier().book.categories
    named = {*table.reactions, *(c for p in table.providers.values() for c in p.reactions)}
    assert named <= set(known)
    senders = {name for name, category in known.items() if category.scope is Scope.SENDER}
    assert senders <= set(table.reactions)


def test_a_providers_reaction_stands_in_place_of_the_general_one() -> None:
    """Apple: fifteen minutes after three; elsewhere thirty after five."""
    table = load_shaping()
    apple = table.reaction(site("mx01.mail.icloud.com"), "throttled")
    general = table.reaction(site("mx.example.net"), "throttled")
    assert apple is not None
    assert general is not None
    assert (apple.count, apple.pause) == (3, 900.0)
    assert (general.count, general.pause) == (5, 1800.0)
    yahoo = table.reaction(site("mta5.am0.yahoodns.net"), "throttled")
    assert yahoo is not None
    assert (yahoo.count, yahoo.pause) == (1, 7200.0)
    assert table.reaction(site("mx01.mail.icloud.com"), "policy") == table.reactions["policy"]
    assert table.reaction(site("mx.example.net"), "unknown_user") is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[", "no TOML"),
        (HEAD + "[x]", "unknown key 'x'"),
        (HEAD.replace("messages", "massages"), "unknown key 'massages'"),
        (HEAD.replace("20\n", "0\n"), "1 or more"),
        (HEAD.replace("date", "#"), "source and a date"),
        (HEAD + ROW + ROW, "two providers have the id 'a'"),
        (HEAD + ROW + ROW.replace('"a"', '"b"'), "two providers claim 'a.example'"),
        (HEAD + ROW.replace('"a"', '"a.b"'), "without dots"),
        (HEAD + ROW.replace("a.example", "example"), "no suffix"),
        (HEAD + ROW.replace("a.example", "A.example"), "no suffix"),
        (HEAD + ROW.replace("a.example", "a..example"), "empty label"),
        (HEAD + ROW.replace('["a.example"]', "[]"), "names no suffix"),
        (HEAD + ROW + 'rate = "fast"', "not a rate"),
        (HEAD + ROW + 'tls = "maybe"', "opportunistic"),
        (HEAD + ROW + 'rollup = "all"', "rollup"),
        (HEAD + REACTION + REACTION, "two reactions to 'throttled'"),
        (HEAD + REACTION.replace("count = 1\n", ""), "needs 'count'"),
        (HEAD + REACTION.replace("1h", "soon"), "not a duration"),
        (HEAD + REACTION + "slow = 1", "true or false"),
        (HEAD + REACTION + "share = 0.2", "part of all replies"),
        (HEAD + REACTION + 'share = "100%"', "part of all replies"),
        (HEAD + ROW + 'per = "host"', "'site' or 'source'"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(text: str, why: str) -> None:
    """A slip in the data is found when it is loaded, and named."""
    with pytest.raises(InternalError, match=why):
        read_shaping(text)


def test_the_pieces_of_those_tables_are_right() -> None:
    """Else each refusal above could be for another reason."""
    assert isinstance(read_shaping(HEAD + ROW + REACTION), Shaping)


def test_a_few_unwell_mailboxes_are_no_reason_to_slow_a_site() -> None:
    """What speaks of a recipient alone counts by its share; what speaks of the rate at once."""
    table = load_shaping()
    assert table.reactions["temporary"].share == 0.2
    assert table.reactions["throttled"].share == 0.0
    assert "greylisted" not in table.reactions
    assert "mailbox_full" not in table.reactions
    office = table.reaction(site("example-com.mail.protection.outlook.com"), "policy")
    assert office is not None
    assert office.share == 0.1  # one customer's rules are not everybody's


def test_limits_are_of_all_addresses_or_of_each() -> None:
    """At an unknown site all share what it bears; providers count each address."""
    table = load_shaping()
    assert table.limits(site("mx.example.net")).of_all(3) == (20, None)
    assert table.limits(site("mx.yahoo.co.jp")).of_all(3) == (6, 30.0)
    assert table.limits(site("aspmx.l.google.com")).of_all(3) == (5, None)
