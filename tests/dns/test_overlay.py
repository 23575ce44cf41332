"""Zones over another source: each name is read where it belongs, and chains cross freely."""

from __future__ import annotations

from pathlib import Path

import pytest

from sendgate.dns.answers import (
    Address,
    Alias,
    Answer,
    Failed,
    NoData,
    NxDomain,
    Origin,
    Question,
    Reason,
    Record,
    Records,
    Target,
    Txt,
)
from sendgate.dns.double import DnsDouble
from sendgate.dns.overlay import NowhereSource, OverlaySource
from sendgate.dns.zones import ZoneSource
from sendgate.names import Domain

ZONE = """\
$TTL 300
$ORIGIN news.example.com.
@ SOA ns1 host 1 2 3 4 300
@ TXT "from the file"
out CNAME mail.example.net.
*.w CNAME mail.example.net.
away CNAME back.example.net.
round CNAME round.example.net.
gone CNAME nothing.example.net.
sick CNAME sick.example.net.
bare CNAME bare.example.net.
sub NS ns.example.net.
"""
BELOW = DnsDouble(
    {
        ("news.example.com", "TXT"): [Txt((b"from below",))],
        ("example.com", "TXT"): [Txt((b"the parent",))],
        ("a.sub.news.example.com", "TXT"): [Txt((b"the child",))],
        ("mail.example.net", "TXT"): [Txt((b"mail",))],
        ("back.example.net", "CNAME"): [Target(Domain("news.example.com"))],
        ("round.example.net", "CNAME"): [Target(Domain("round.news.example.com"))],
        ("round.news.example.com", "TXT"): [Txt((b"below, but covered",))],
        ("sick.example.net", "TXT"): Reason.SERVFAIL,
        ("bare.example.net", "MX"): [Txt((b"",))],
    }
)


@pytest.fixture
def overlay(tmp_path: Path) -> OverlaySource:
    path = tmp_path / "news.zone"
    path.write_text(ZONE)
    return OverlaySource(ZoneSource.from_files([path]), BELOW)


async def ask(source: OverlaySource | NowhereSource, name: str, rdtype: str = "TXT") -> Answer:
    return await source.ask(Question(Domain.parse(name), rdtype))


@pytest.mark.parametrize(
    ("name", "text", "chain"),
    [
        ("news.example.com", "from the file", []),
        ("example.com", "the parent", []),
        ("a.sub.news.example.com", "the child", []),
        ("out.news.example.com", "mail", ["mail.example.net"]),
        ("q.w.news.example.com", "mail", ["mail.example.net"]),
        ("back.example.net", "from the file", ["news.example.com"]),
        ("away.news.example.com", "from the file", ["back.example.net", "news.example.com"]),
    ],
)
async def test_data_comes_from_where_the_name_belongs(
    overlay: OverlaySource, name: str, text: str, chain: list[str]
) -> None:
    """Zones first, the rest from below; the aliases of both sides stand in one row."""
    answer = await ask(overlay, name)
    assert isinstance(answer, Records)
    assert [data.text for data in answer.of(Txt)] == [text]
    assert [alias.target.text for alias in answer.aliases] == chain
    assert answer.question == Question(Domain.parse(name), "TXT")


async def test_what_the_zones_say_is_final(overlay: OverlaySource) -> None:
    """A name that is missing in the zones is missing, whatever is published today."""
    assert isinstance(await ask(overlay, "news.example.com", "MX"), NoData)
    assert isinstance(await ask(overlay, "new.news.example.com"), NxDomain)


async def test_absence_and_failure_below_keep_the_aliases(overlay: OverlaySource) -> None:
    """An alias of the file to a name that is not there, is empty, or cannot be read."""
    for name, kind in [("gone", NxDomain), ("bare", NoData), ("sick", Failed)]:
        answer = await ask(overlay, f"{name}.news.example.com")
        assert isinstance(answer, kind)
        assert answer.question.name.text == f"{name}.news.example.com"
        assert answer.aliases[0].origin.kind == "file"
    assert isinstance(answer, Failed)
    assert (answer.reason, answer.detail) == (Reason.SERVFAIL, "sick.example.net")


async def test_a_loop_across_the_border_ends(overlay: OverlaySource) -> None:
    """File to DNS and back to the same name of the file."""
    for name in ("round.news.example.com", "round.example.net"):
        answer = await ask(overlay, name)
        assert isinstance(answer, Failed)
        assert answer.reason is Reason.ALIAS_LOOP


async def test_a_wildcard_alias_that_leaves_is_visible(overlay: OverlaySource) -> None:
    """The `*` name stays on the answer that came from below."""
    answer = await ask(overlay, "q.w.news.example.com")
    assert isinstance(answer, Records)
    assert answer.wildcard == Domain("*.w.news.example.com")


async def test_nothing_from_a_file_is_authentic(tmp_path: Path) -> None:
    """An answer whose first alias stands in a file was not vouched for by a resolver."""

    class Validating:
        async def ask(self, question: Question) -> Answer:
            record = Record(Address(None), 1, Origin("resolver", "::1"))
            return Records(question, (record,), record.origin, authentic=True)

    path = tmp_path / "news.zone"
    path.write_text(ZONE)
    source = OverlaySource(ZoneSource.from_files([path]), Validating())
    alias = await ask(source, "out.news.example.com", "A")
    plain = await ask(source, "mail.example.net", "A")
    assert isinstance(alias, Records)
    assert isinstance(plain, Records)
    assert (alias.authentic, plain.authentic) == (False, True)


async def test_offline_nothing_else_is_asked(tmp_path: Path) -> None:
    """Outside the zones every answer is unknown; an alias that leads there says where."""
    path = tmp_path / "news.zone"
    path.write_text(ZONE)
    source = OverlaySource(ZoneSource.from_files([path]), NowhereSource(lambda _: False))
    outside = await ask(source, "example.net")
    assert isinstance(outside, Failed)
    assert outside.text == "not-asked (outside the given zones (--offline))"
    left = await ask(source, "out.news.example.com")
    assert isinstance(left, Failed)
    assert left.detail == "mail.example.net: outside the given zones (--offline)"
    assert [type(alias) for alias in left.aliases] == [Alias]


@pytest.mark.parametrize(
    ("name", "rdtype", "assumed"),
    [
        ("_dmarc.com", "TXT", True),
        ("_dmarc.co.uk", "TXT", True),
        ("_dmarc.uk", "TXT", True),
        ("_dmarc.example.com", "TXT", False),
        ("_dmarc.com", "MX", False),
        ("com", "TXT", False),
        ("a._dmarc.com", "TXT", False),
    ],
)
async def test_offline_a_public_suffix_is_taken_to_have_no_dmarc_record(
    name: str, rdtype: str, assumed: bool
) -> None:
    """Only `_dmarc` TXT at a suffix is assumed absent, and the answer says that it is."""
    suffixes = {Domain("com"), Domain("co.uk"), Domain("uk")}
    answer = await ask(NowhereSource(suffixes.__contains__), name, rdtype)
    if assumed:
        assert isinstance(answer, NxDomain)
        assert answer.assumed
    else:
        assert isinstance(answer, Failed)
        assert answer.reason is Reason.NOT_ASKED


async def test_a_suffix_in_a_given_zone_is_read_not_assumed(tmp_path: Path) -> None:
    """A zone file for the root or for a suffix has the say about its names."""
    path = tmp_path / "root.zone"
    path.write_text("$TTL 1\n$ORIGIN .\n@ SOA ns host 1 2 3 4 5\n_dmarc.com TXT v=DMARC1\n")
    source = OverlaySource(ZoneSource.from_files([path]), NowhereSource(lambda _: True))
    assert isinstance(await ask(source, "_dmarc.com"), Records)
    answer = await ask(source, "_dmarc.org")
    assert isinstance(answer, NxDomain)
    assert not answer.assumed
