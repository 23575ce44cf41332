"""What is proposed for a sender in trouble, and what never is: on small zones, one fault each."""

from __future__ import annotations

import asyncio
import ipaddress
from pathlib import Path
from typing import Any

import pytest
from audits import REVERSE, SEED, TIME, options_of

from sendgate.audit.infer import build_profile
from sendgate.dmarc.suffixes import is_suffix_or_above
from sendgate.dns.answers import Address, Answer, Failed, Mx, Question, Reason, Soa, Target
from sendgate.dns.double import DnsDouble
from sendgate.dns.overlay import NowhereSource, OverlaySource
from sendgate.dns.source import DnsSource
from sendgate.dns.zones import ZoneSource
from sendgate.names import Domain
from sendgate.records.forms import Heading, write
from sendgate.records.plan import Change, Proposal, Shown, Supplied, text_data
from sendgate.records.work import propose
from sendgate.render.records import summary

KEY = (
    '"v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA1klNo/SRbAf6sV9OrXFBDvu5NcSVp'
    "o+Lhl+ryGtDTchH0/RvJ1yO6j8apdwR7Q2WZcRbRi+7hprCH9G2IC+k9qt8pvWuCcGjlDtsVizcaO/JRfG+Uvzs+SAyKy"
    'M2cJXk2bKKE2dPAiiTA6aZaFVq7cWP57Fi" "ujgdpD1xS0lt4ykMc/gXQieR1eZ/2mVi/BkvE/ShTXmtww0ZmkC9FYM9'
    "WhGnTjb+1Z5kQMt/eWPiKixt5Jh5gI6fVYWr26wfplejphWIBfmVko0xojPPHx9o5PNPJGjMKMphYzivx8lv6yAbjtN3R"
    'Ed0oSxn96bpuEH7CAxzFnZw4aNWhQD5TDGYwQIDAQAB"'
)
BASE = """$TTL 300
$ORIGIN example.com.
@ SOA ns1 h 1 7200 3600 1209600 300
  NS ns1
  MX 10 mail
ns1 A 192.0.2.53
mail A 192.0.2.10
www A 192.0.2.80
"""
OWN = {
    "return-path": "news.example.com",
    "sender": "own",
    "ips": ["192.0.2.10"],
    "selectors": ["s1"],
}
SPF = 'news TXT "v=spf1 ip4:192.0.2.10 -all"'
DMARC = '_dmarc TXT "v=DMARC1; p=reject; rua=mailto:d@example.com"'
SIGNED = [f"s1._domainkey.news TXT {KEY}", "news MX 10 mail"]
GIVEN: dict[str, dict[str, Any]] = {
    "front": {"provider": "front", "return-path": "em.example.com", "selectors": ["fnt"]},
    "sendgrid": {
        "provider": "sendgrid",
        "return-path": "em.example.com",
        "selectors": ["s1", "s2"],
    },
    "google": {"provider": "google-workspace", "selectors": ["s1"]},
}
OUTSIDE = [
    "$ORIGIN .",
    "sendgrid.net TXT \"v=spf1 ip4:192.0.2.10 -all\"",
    "mx.sendgrid.net A 192.0.2.9",
    "u1.sendgrid.net MX 10 mx.sendgrid.net",
    "u1.sendgrid.net TXT \"v=spf1 ip4:192.0.2.10 -all\"",
    "host.example.net A 192.0.2.4",
    "_spf.google.com TXT \"v=spf1 ip4:192.0.2.99 -all\"",
]  # fmt: skip
FRONT = [f"fnt._domainkey.news TXT {KEY}", "news MX 10 mail", DMARC]


class Broken:
    """A source of which some questions get no answer."""

    def __init__(self, below: DnsSource, *dead: tuple[str, str]) -> None:
        self._below, self._dead = below, dead

    async def ask(self, question: Question) -> Answer:
        if (question.name.text, question.rdtype) in self._dead:
            return Failed(question, Reason.TIMEOUT)
        return await self._below.ask(question)


@pytest.fixture
def proposed(tmp_path: Path) -> Any:
    """Propose for a zone of some lines."""

    def run(
        *lines: str,
        domain: str = "news.example.com",
        given: dict[str, Any] = OWN,
        base: str = BASE,
        dead: tuple[tuple[str, str], ...] = (),
        **supplied: Any,
    ) -> Proposal:
        path = tmp_path / "x.zone"
        path.write_text(base + "\n".join([*lines, *OUTSIDE]) + "\n", encoding="utf-8")
        zones = ZoneSource.from_files([path, REVERSE])
        source = Broken(OverlaySource(zones, NowhereSource(is_suffix_or_above)), *dead)
        profile = build_profile(Domain.parse(domain), options_of(given))
        return asyncio.run(propose(profile, source, Supplied(**supplied), time=TIME, seed=SEED))

    return run


def after(made: Proposal, name: str = "", rdtype: str = "TXT") -> list[str]:
    """What a set will be; the only change, where no name is given."""
    sets = [r for r in made.records if not name or (r.name.text, r.rdtype) == (name, rdtype)]
    assert len(sets) == 1, [str(change) for change in made.changes]
    return [str(data) for data in sets[0].data]


def show(name: str, rdtype: str, data: Any) -> Shown:
    return Shown(Domain(name), rdtype, data)


# SPF


@pytest.mark.parametrize(
    ("records", "one"),
    [
        (["ip4:192.0.2.10 include:a.example.com ~all", "mx include:a.example.com -all"],
         "ip4:192.0.2.10 include:a.example.com mx -all"),
        (["ip4:192.0.2.10 ?all", "ip4:192.0.2.11"], "ip4:192.0.2.10 ip4:192.0.2.11 ?all"),
        (["ip4:192.0.2.10 -all", "redirect=a.example.com"],
         "ip4:192.0.2.10 include:a.example.com -all"),
        (["ip4:192.0.2.10", "redirect=a.example.com"], "ip4:192.0.2.10 redirect=a.example.com"),
        (["ip4:192.0.2.10 exp=e.%{d} -all", "exists:%{i}._s.%{d2} ~all"],
         "ip4:192.0.2.10 exists:%{i}._s.%{d2} -all exp=e.%{d}"),
    ],
)  # fmt: skip
def test_several_spf_records_become_one(proposed: Any, records: list[str], one: str) -> None:
    """All terms in their order, each once, and the strictest ending."""
    lines = [f'news TXT "v=spf1 {text}"' for text in records]
    made = proposed(*SIGNED, DMARC, *lines, 'a TXT "v=spf1 ip4:192.0.2.99 -all"')
    assert after(made) == [f"v=spf1 {one}"]
    assert made.exit_code == 0
    assert made.changes[0].mends[:1] == ("SPF002",)


@pytest.mark.parametrize(
    ("record", "mended"),
    [
        ("redirect=a.example.com", "ip4:192.0.2.10 redirect=a.example.com"),
        (
            "exists:%{i}._s.%{d2} exp=e.%{d} ?all",
            "exists:%{i}._s.%{d2} exp=e.%{d} ip4:192.0.2.10 ?all",
        ),
        ("-all", "ip4:192.0.2.10 -all"),
        ("a:mail.example.com/32 +all", "a:mail.example.com/32 ~all"),
        ("include:gone.example.com IP4:192.0.2.10 -ALL", "IP4:192.0.2.10 -ALL"),
        ("ip4:192.0.2.99", "ip4:192.0.2.99 ip4:192.0.2.10 ~all"),
        ("ip4:192.0.2.99 x-mod=1", "ip4:192.0.2.99 ip4:192.0.2.10 ~all x-mod=1"),
    ],
)
def test_an_spf_record_keeps_what_it_has(proposed: Any, record: str, mended: str) -> None:
    """Terms keep their order and spelling; what is added stands before the ending."""
    made = proposed(
        *SIGNED, DMARC, f'news TXT "v=spf1 {record}"', 'a TXT "v=spf1 ip4:192.0.2.99 -all"'
    )
    assert after(made) == [f"v=spf1 {mended}"]
    assert made.exit_code == 0


def test_terms_glued_at_a_string_border_are_parted(proposed: Any) -> None:
    """A missing space is the whole fault."""
    made = proposed(*SIGNED, DMARC, 'news TXT "v=spf1 ip4:192.0.2.10" "mx -all"')
    assert after(made) == ["v=spf1 ip4:192.0.2.10 mx -all"]


def test_a_record_only_its_author_can_mend_is_left(proposed: Any) -> None:
    """A syntax error is named with its remedy, and nothing is guessed."""
    made = proposed(*SIGNED, DMARC, 'news TXT "v=spf1 ip4:192.0.2.x -all"')
    assert made.changes == ()
    assert made.exit_code == 1
    assert any("SPF003" in line for line in summary(made))


def test_the_other_texts_of_the_name_stay(proposed: Any) -> None:
    """A set is written whole, with every octet of the texts that are no SPF."""
    lines = ['news TXT "MS=ms1"', 'news TXT "a\\"; b\\\\\\000" "c"', 'news TXT "v=spf1 -all"']
    made = proposed(*SIGNED, DMARC, *lines)
    (records,) = made.records
    strings = [getattr(data, "strings", ()) for data in records.data]
    assert strings == [(b"MS=ms1",), (b'a"; b\\\x00', b"c"), (b"v=spf1 ip4:192.0.2.10 -all",)]


def test_ten_lookups_are_not_exceeded(proposed: Any) -> None:
    """An include that would be the eleventh is not proposed, and that is said."""
    names = [f"i{n}" for n in range(10)]
    record = " ".join(f"include:{name}.example.com" for name in names)
    given = GIVEN["google"] | {"return-path": "news.example.com"}
    lines = [f'{name} TXT "v=spf1 ip4:203.0.113.1 -all"' for name in names]
    made = proposed(*SIGNED, DMARC, f'news TXT "v=spf1 {record} -all"', *lines, given=given)
    assert made.changes == ()
    assert any("include:_spf.google.com is not proposed" in note for note in made.notes)
    assert any("11 DNS lookups" in line for line in summary(made))
    made = proposed(*SIGNED, DMARC, f'news TXT "v=spf1 {record} +all"', *lines, given=given)
    assert after(made) == [f"v=spf1 {record} ~all"]
    assert made.changes[0].why == ("+all lets every host on the Internet pass",)


def test_a_provider_is_included_before_the_ending(proposed: Any) -> None:
    """Also where the last word is a redirect's."""
    for ending in ("~all", "redirect=a.example.com"):
        lines = [f'news TXT "v=spf1 mx {ending}"', 'a TXT "v=spf1 -all"']
        made = proposed(*SIGNED, DMARC, *lines, given=GIVEN["google"])
        assert after(made) == [f"v=spf1 mx include:_spf.google.com {ending}"]


# DMARC


@pytest.mark.parametrize(
    ("records", "one"),
    [
        (["v=DMARC1; p=none; rua=mailto:a@example.com",
          "v=DMARC1; p=reject; sp=quarantine; rua=mailto:b@example.com; t=n"],
         "v=DMARC1; p=reject; sp=quarantine; rua=mailto:b@example.com,mailto:a@example.com; t=n"),
        (["v=DMARC1; p=reject; adkim=s", "v=DMARC1; p=quarantine; rua=mailto:a@example.com"],
         "v=DMARC1; p=reject; adkim=s; rua=mailto:a@example.com"),
        (["v=DMARC1; p=reject; sp=none", "v=DMARC1; p=reject"], "v=DMARC1; p=reject"),
        (["DMARC1; p=reject; rua=mailto:a@example.com"],
         "v=DMARC1; p=reject; rua=mailto:a@example.com"),
        (["v=dmarc1; p=quarantine"], "v=DMARC1; p=quarantine"),
        (["v=DMARC1; p=rejct; rua=mailto:a@example.com; adkim=s"],
         "v=DMARC1; p=none; rua=mailto:a@example.com; adkim=s"),
    ],
)  # fmt: skip
def test_dmarc_is_mended_and_never_weakened(proposed: Any, records: list[str], one: str) -> None:
    """The strictest policy stays, with every tag and every address for reports."""
    lines = [f'_dmarc TXT "{text}"' for text in records]
    made = proposed(*SIGNED, SPF, *lines, '_dmarc TXT "other"')
    assert after(made) == ["other", one]
    assert made.exit_code == 0


@pytest.mark.parametrize(
    "texts", [["DMARC1; p=none"], ["v=DMARC1; p=none", "v=DMARC1; p=quarantine"]]
)
def test_a_void_policy_is_not_revived_over_a_stricter_one(proposed: Any, texts: list[str]) -> None:
    """The organization's reject applies while the sender's own text is void: that is a decision."""
    lines = [f'_dmarc.news TXT "{text}"' for text in texts]
    made = proposed(*SIGNED, SPF, DMARC, *lines)
    assert made.changes == ()
    assert "p=reject of example.com applies" in made.needed[0].what
    made = proposed(*SIGNED, SPF, '_dmarc TXT "v=DMARC1; p=none; rua=mailto:d@example.com"', *lines)
    assert len(made.changes) == 1


def test_an_alias_that_leads_to_a_policy_stays(proposed: Any) -> None:
    """A service may keep the record; one that leads nowhere gives way."""
    where = "_dmarc CNAME d._report.example.com."
    made = proposed(*SIGNED, SPF, where, 'd._report TXT "v=DMARC1; p=reject"')
    assert made.changes == ()
    made = proposed(*SIGNED, SPF, where, rua=("r@example.com",))
    assert [(c.kind, c.one.rdtype) for c in made.changes] == [("remove", "CNAME"), ("add", "TXT")]
    assert after(made) == ["v=DMARC1; p=none; rua=mailto:r@example.com"]


def test_a_new_policy_stands_where_alignment_counts_from(proposed: Any) -> None:
    """At the organizational domain, so that a return path beside the sender aligns."""
    made = proposed(*SIGNED, SPF)
    assert [r.name.text for r in made.records] == ["_dmarc.example.com"]


def test_a_parked_domain_is_closed(proposed: Any) -> None:
    """What sends and takes nothing gets p=reject."""
    base = BASE.replace("MX 10 mail", 'MX 0 .\n  TXT "v=spf1 -all"')
    made = proposed(domain="example.com", given={}, base=base)
    assert after(made) == ["v=DMARC1; p=reject"]
    assert made.exit_code == 0


# Return path


def test_an_alias_gives_way_to_mx_and_spf(proposed: Any) -> None:
    """A CNAME where the provider needs records of the name is removed, not left beside them."""
    made = proposed(*FRONT, "em CNAME gone.example.com.", given=GIVEN["front"])
    assert [(c.kind, c.one.rdtype) for c in made.changes] == [
        ("remove", "CNAME"), ("add", "MX"), ("add", "TXT"),
    ]  # fmt: skip
    assert after(made, "em.example.com", "MX") == ["10 mx.sendgrid.net"]
    assert made.exit_code == 0
    batch = write("route53", made.changes, Heading())
    assert batch.index('"DELETE"') < batch.index('"UPSERT"')


def test_hosts_of_another_system_are_replaced(proposed: Any) -> None:
    """A return path's bounces go to the provider's hosts alone."""
    lines = ["em MX 10 aspmx.l.google.com.", 'em TXT "v=spf1 include:sendgrid.net ~all"']
    made = proposed(*FRONT, *lines, given=GIVEN["front"])
    assert after(made) == ["10 mx.sendgrid.net"]
    assert made.changes[0].kind == "change"
    assert "TOP008" in made.changes[0].mends


def test_an_organizations_inboxes_are_never_given_away(proposed: Any) -> None:
    """Where the return path is the organization's own domain, its MX stays, and that is said."""
    base = BASE.replace("MX 10 mail", "MX 10 aspmx.l.google.com.")
    given = GIVEN["front"] | {"return-path": "example.com"}
    made = proposed(*FRONT, base=base, given=given)
    assert not [c for c in made.changes if c.one.rdtype == "MX"]
    assert any(need.what.startswith("another return path") for need in made.needed)


def test_the_sending_domains_inboxes_are_never_replaced(proposed: Any) -> None:
    """A shown MX does not take away what is there; it is a decision."""
    shown = (show("news.example.com", "MX", Mx(10, Domain("mx.example.net"))),)
    made = proposed(*SIGNED, SPF, DMARC, shown=shown)
    assert made.changes == ()
    assert "decision" in made.needed[0].what


@pytest.mark.parametrize("name", ["news.example.com", "example.com"])
@pytest.mark.parametrize("rdtype", ["CNAME", "NS"])
def test_no_shown_record_takes_a_mail_domain_away(proposed: Any, name: str, rdtype: str) -> None:
    """An alias or a delegation of the sending domain or of the organization's is refused."""
    shown = (show(name, rdtype, Target(Domain("host.example.net"))),)
    made = proposed(*SIGNED, SPF, DMARC, shown=shown)
    assert made.changes == ()
    assert made.needed[0].what.startswith("another name")


def test_an_alias_at_the_apex_is_not_proposed(proposed: Any) -> None:
    """No CNAME can stand there: another return path is needed."""
    given = {"provider": "postmark", "return-path": "example.com", "selectors": ["20pm"]}
    made = proposed(f"20pm._domainkey.news TXT {KEY}", "news MX 10 mail", DMARC, given=given)
    assert made.changes == ()
    assert "apex" in made.needed[0].what


def test_a_target_of_the_account_is_asked_for(proposed: Any) -> None:
    """Also where a web host's alias stands in its place."""
    lines = [f"s{n}._domainkey.news TXT {KEY}" for n in (1, 2)]
    made = proposed(
        *lines, "news MX 10 mail", DMARC, "em CNAME host.example.net.", given=GIVEN["sendgrid"]
    )
    assert [n.name.text for n in made.needed if n.name and n.rdtype == "CNAME"] == [
        "em.example.com"
    ]
    shown = (show("em.example.com", "CNAME", Target(Domain("u1.sendgrid.net"))),)
    made = proposed(*lines, "news MX 10 mail", DMARC, "em CNAME host.example.net.",
                    given=GIVEN["sendgrid"], shown=shown)  # fmt: skip
    assert after(made) == ["u1.sendgrid.net"]
    assert made.exit_code == 0


def test_a_return_path_that_no_row_speaks_of_gets_the_providers_include(proposed: Any) -> None:
    """The hosts that take its bounces are asked for."""
    given = GIVEN["google"] | {"return-path": "em.example.com"}
    made = proposed(*SIGNED, DMARC, given=given)
    assert after(made) == ["v=spf1 include:_spf.google.com ~all"]
    assert [need.rdtype for need in made.needed] == ["MX"]
    assert made.exit_code == 1


def test_a_domain_that_nobody_delegates_has_a_zone_of_its_own(proposed: Any) -> None:
    """The zone of its suffix is not its zone."""
    base = "$TTL 300\n$ORIGIN com.\n@ SOA a b 1 2 3 4 5\n  NS a\nexample NS ns1.example.net.\n"
    made = proposed(base=base, domain="news.nowhere.com", given={"provider": "mailchimp"})
    assert {record.zone.text for record in made.records} == {"nowhere.com"}


def test_a_wildcard_is_no_record_of_the_name(proposed: Any) -> None:
    """What a wildcard answers is not changed: the name gets records of its own."""
    for line in ("* CNAME host.example.net.", "* MX 10 mail"):
        made = proposed(*FRONT, line, given=GIVEN["front"])
        assert {c.kind for c in made.changes} == {"add"}
        assert {r.name.text for r in made.records} == {"em.example.com"}
        assert made.exit_code == 0


def test_nothing_is_proposed_below_a_delegation(proposed: Any) -> None:
    """The records of a delegated name are its own servers' to say."""
    made = proposed(*FRONT, "em NS ns1.example.net.", given=GIVEN["front"])
    assert made.changes == ()
    assert made.exit_code == 3


# Keys


def test_a_supplied_key_takes_the_place_of_what_is_there(proposed: Any) -> None:
    """Of an alias that leads nowhere, and of several records."""
    text = KEY.replace('" "', "").strip('"')
    for lines in (
        ["s1._domainkey.news CNAME gone.example.com."],
        [f"s1._domainkey.news TXT {KEY}", 's1._domainkey.news TXT "v=DKIM1; p=aaaa"'],
    ):
        made = proposed(*lines, "news MX 10 mail", SPF, DMARC, keys={"s1": text})
        assert after(made, "s1._domainkey.news.example.com") == [text]
        assert made.exit_code == 0
        (need,) = proposed(*lines, "news MX 10 mail", SPF, DMARC).needed
        assert need.option == "--dkim-key s1=FILE.pem"


def test_selectors_of_a_provider_are_wanted_where_nobody_signs(proposed: Any) -> None:
    """Where no key can be there, those that the catalogue names are proposed or asked for."""
    made = proposed(SPF, DMARC, given={"provider": "brevo"})
    assert {r.name.labels[0] for r in made.records} == {"brevo1", "brevo2"}
    made = proposed(SPF, DMARC, given={"provider": "sendgrid"})
    assert {n.name.labels[0] for n in made.needed if n.name} >= {"s1", "s2"}
    other = ["google._domainkey.news TXT " + KEY, "news MX 10 mail"]
    made = proposed(*other, SPF, DMARC, given={"provider": "brevo"})
    assert {r.name.labels[0] for r in made.records} == {"brevo1", "brevo2"}
    own = "s1._domainkey.news CNAME s1.domainkey.u1.sendgrid.net."
    keys = ["$ORIGIN .", f"s1.domainkey.u1.sendgrid.net TXT {KEY}"]
    made = proposed(own, "news MX 10 mail", SPF, DMARC, *keys, given={"provider": "sendgrid"})
    assert made.changes == made.needed == ()


def test_an_internationalised_name_is_written_in_a_labels(proposed: Any) -> None:
    """In every form."""
    base = BASE.replace("example.com", "xn--bcher-kva.example")
    made = proposed(domain="bücher.example", given={"provider": "mailchimp"}, base=base)
    for form in ("bind", "octodns", "dnscontrol", "terraform", "route53"):
        text = write(form, made.changes, Heading())
        assert "xn--bcher-kva.example" in text
        assert text.isascii()


# Not seen


@pytest.mark.parametrize(
    ("dead", "kept"),
    [
        ((("em.example.com", "TXT"),), {("em.example.com", "MX")}),
        ((("em.example.com", "MX"),), {("em.example.com", "TXT")}),
        ((("em.example.com", "MX"), ("em.example.com", "TXT")), set()),
        ((("_dmarc.example.com", "TXT"),), {("em.example.com", "MX"), ("em.example.com", "TXT")}),
        ((("_dmarc.news.example.com", "TXT"),),
         {("em.example.com", "MX"), ("em.example.com", "TXT")}),
    ],
)  # fmt: skip
def test_what_was_not_seen_is_not_absent(
    proposed: Any, dead: tuple[tuple[str, str], ...], kept: set[tuple[str, str]]
) -> None:
    """Nothing is proposed in the place of an answer that failed; the rest is, and exit is 3."""
    lines = [f"fnt._domainkey.news TXT {KEY}", "news MX 10 mail"]
    if not any("_dmarc" in name for name, _ in dead):
        lines.append(DMARC)
    made = proposed(*lines, given=GIVEN["front"], dead=dead)
    assert {(r.name.text, r.rdtype) for r in made.records} == kept
    assert made.exit_code in {1, 3}
    assert made.unseen


def test_a_key_that_was_not_seen_is_neither_needed_nor_replaced(proposed: Any) -> None:
    """A timeout at the selector proposes nothing there."""
    dead = (("s1._domainkey.news.example.com", "TXT"),)
    made = proposed(*SIGNED, SPF, DMARC, dead=dead)
    assert made.changes == ()
    assert made.needed == ()
    assert made.exit_code == 3


def test_a_shown_text_needs_its_neighbours_seen(proposed: Any) -> None:
    """The other texts of a name would be lost, had they not been read."""
    shown = (show("t.example.com", "TXT", text_data("token")),)
    assert (
        proposed(*SIGNED, SPF, DMARC, shown=shown, dead=(("t.example.com", "TXT"),)).changes == ()
    )
    assert proposed(*SIGNED, SPF, DMARC, 't TXT "tok" "en"', shown=shown).changes == ()
    made = proposed(*SIGNED, SPF, DMARC, 't TXT "v=spf1 -all"', shown=shown)
    assert after(made) == ["v=spf1 -all", "token"]


def test_every_change_is_counted_once(proposed: Any) -> None:
    """Proposals are the same each time, and a second one after them is empty."""
    first: Proposal = proposed(*FRONT, given=GIVEN["front"])
    again: Proposal = proposed(*FRONT, given=GIVEN["front"])

    def said(changes: tuple[Change, ...]) -> list[str]:
        return [f"{c.kind} {c.one}" for c in changes]

    assert said(first.changes) == said(again.changes)
    lines = [
        line for line in write("bind", first.changes, Heading()).splitlines() if line[:1] != ";"
    ]
    assert proposed(*FRONT, "$ORIGIN .", *lines, given=GIVEN["front"]).changes == ()


async def test_over_a_resolver_few_questions_are_asked() -> None:
    """A resolver shows neither TTLs nor zones' files: that is said, and asking stays small."""
    key = text_data(KEY.replace('" "', "").strip('"'))
    table: dict[tuple[str, str], list[Any]] = {
        ("example.com", "SOA"): [Soa(Domain("ns1.example.com"), Domain("h.example.com"), 1, 300)],
        ("example.com", "NS"): [Target(Domain("ns1.example.com"))],
        ("news.example.com", "MX"): [Mx(10, Domain("mail.example.com"))],
        ("mail.example.com", "A"): [Address(ipaddress.ip_address("192.0.2.10"))],
        ("fnt._domainkey.news.example.com", "TXT"): [key],
        ("em.example.com", "CNAME"): [Target(Domain("gone.example.net"))],
        ("mx.sendgrid.net", "A"): [Address(ipaddress.ip_address("192.0.2.9"))],
        ("sendgrid.net", "TXT"): [text_data("v=spf1 ip4:192.0.2.10 -all")],
        ("_dmarc.example.com", "TXT"): [text_data("v=DMARC1; p=reject")],
    }
    double = DnsDouble(table)
    profile = build_profile(Domain("news.example.com"), options_of(GIVEN["front"]))
    made = await propose(profile, double, Supplied(), time=TIME, seed=SEED)
    assert [(c.kind, c.one.rdtype, c.exact_ttl) for c in made.changes] == [
        ("remove", "CNAME", False), ("add", "MX", True), ("add", "TXT", True),
    ]  # fmt: skip
    assert made.exit_code == 0
    assert any("what a resolver has left of it" in line for line in summary(made))
    assert len(set(double.log)) == len(double.log) <= 60
