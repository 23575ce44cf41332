"""How severely a DKIM fault is judged, at named and at guessed selectors, and what is unknown."""

from __future__ import annotations

from typing import Any

from audits import TIME, options_of
from worlds import SENDER, Table, cname, dkim_key, healthy, txt

from sendgate.audit.infer import build_profile
from sendgate.audit.report import Report
from sendgate.audit.run import audit
from sendgate.dkim.rules import RULES
from sendgate.dns.answers import Reason
from sendgate.dns.double import DnsDouble
from sendgate.dns.source import RunSource
from sendgate.names import Domain

S1 = ("s1._domainkey.news.example.com", "TXT")
GUESS = ("default._domainkey.news.example.com", "TXT")
ANY = "*._domainkey.news.example.com"
SELECTORS = {"selector1": "selector1._domainkey.news.example.com"}


class Wild(DnsDouble):
    """The double, with every name below ``_domainkey`` answered as by a wildcard."""

    def __init__(self, table: Table, *texts: str) -> None:
        super().__init__(table)
        self._texts = [txt(text) for text in texts]

    def _answer(self, question: Any) -> Any:
        below = question.name.text.endswith("._domainkey.news.example.com")
        key = (question.name.text, "TXT")
        if below and key not in self._table and question.rdtype == "TXT":
            self._table[key] = list(self._texts)
        return super()._answer(question)


async def report(source: DnsDouble | Table, **given: Any) -> Report:
    options = {k: v for k, v in (SENDER | given).items() if v is not None}
    profile = build_profile(Domain.parse("news.example.com"), options_of(options))
    double = source if isinstance(source, DnsDouble) else DnsDouble(source)
    return await audit(profile, RunSource(double), rules=RULES, time=TIME)


async def found(source: DnsDouble | Table, **given: Any) -> dict[str, str]:
    seen = await report(source, **given)
    assert len({f.rule.id for f in seen.findings}) == len(seen.findings), seen.findings
    return {f.rule.id: str(f.severity) for f in seen.findings}


def with_key(text: str, at: tuple[str, str] = S1) -> Table:
    table = healthy()
    del table[S1]
    return table | {at: [txt(text)]}


async def test_a_healthy_key_has_no_finding() -> None:
    assert await found(healthy()) == {}


async def test_a_fault_at_a_named_selector_is_an_error_and_at_a_guessed_one_a_note() -> None:
    texts = {
        "DKIM002": "v=DKIM1; p=",
        "DKIM003": f"v=dkim1; p={dkim_key()}",
        "DKIM004": f"v=DKIM1; k=dsa; p={dkim_key()}",
        "DKIM005": "v=DKIM1; p=AAAA",
        "DKIM006": f"v=DKIM1; p={dkim_key(1023)}",
        "DKIM008": f"v=DKIM1; h=sha1; p={dkim_key()}",
        "DKIM009": f"v=DKIM1; s=tlsrpt; p={dkim_key()}",
    }
    for rule_id, text in texts.items():
        assert await found(with_key(text)) == {rule_id: "error"}
        guessed = await found(with_key(text, GUESS), selectors=None)
        assert guessed == {rule_id: "note"}


async def test_short_keys_and_test_mode_are_warnings_never_more() -> None:
    assert await found(with_key(f"v=DKIM1; p={dkim_key(1024)}")) == {"DKIM007": "warning"}
    assert await found(with_key(f"v=DKIM1; t=y; p={dkim_key()}")) == {"DKIM010": "warning"}


async def test_of_a_revoked_key_nothing_else_is_said() -> None:
    assert await found(with_key("v=DKIM1; k=dsa; h=sha1; s=x; t=y; g=*; p=")) == {
        "DKIM002": "error"
    }


async def test_texts_that_are_no_keys_have_one_finding_at_a_named_selector_and_none_elsewhere() -> (
    None
):
    for text in ("k1.dkim.example.net", "v=DKIM1", 'v=DKIM1; p=AB""CD', "o=~", "v=spf1 -all"):
        assert await found(with_key(text)) == {"DKIM024": "error"}
        assert "DKIM024" not in await found(with_key(text, GUESS), selectors=None)


async def test_several_records_are_one_finding() -> None:
    table = healthy()
    table[S1] = [txt("v=DKIM1; k=rsa"), txt("p=AAAA")]
    assert await found(table) == {"DKIM012": "error"}
    seen = await report(table)
    assert "cut into pieces" in seen.findings[0].message
    table[S1] = [txt("v=spf1 -all"), txt("v=DKIM1; p=")]
    assert await found(table) == {"DKIM012": "error"}


async def test_one_of_several_records_may_do_so_that_nothing_is_certain() -> None:
    table = healthy()
    table[S1] = [txt("v=spf1 -all"), txt(f"v=DKIM1; p={dkim_key()}")]
    key = (await report(table)).facts.dkim.keys[0]
    assert key.usable is None
    table[S1] = [txt("v=spf1 -all"), txt("v=DKIM1; p=")]
    key = (await report(table)).facts.dkim.keys[0]
    assert key.usable is False


async def test_a_failed_question_is_unknown_and_never_a_missing_key() -> None:
    for reason in (Reason.TIMEOUT, Reason.SERVFAIL, Reason.REFUSED):
        seen = await report(healthy() | {S1: reason})
        assert seen.findings == ()
        assert {u.rule.id for u in seen.unknown} == {"DKIM001", "DKIM005"}
        assert all(u.decisive for u in seen.unknown)


async def test_a_dangling_alias_is_dkim014_and_not_dkim001() -> None:
    table = healthy()
    del table[S1]
    name = S1[0]
    assert await found(table | {(name, "CNAME"): [cname("gone.example.net")]}) == {
        "DKIM014": "error"
    }
    # The target exists without TXT: the alias is sound, the key is missing.
    empty: Table = {(name, "CNAME"): [cname("www.example.com")]}
    assert await found(table | empty) == {"DKIM001": "error"}


async def test_an_idle_half_of_a_microsoft_365_pair_is_only_noted() -> None:
    home = "selector{n}-news-example-com._domainkey.tenant.onmicrosoft.com"
    pair: Table = {
        (f"selector{n}._domainkey.news.example.com", "CNAME"): [cname(home.format(n=n))]
        for n in (1, 2)
    }
    serving: Table = {(home.format(n=1), "TXT"): [txt(f"v=DKIM1; p={dkim_key()}")]}
    given = {"selectors": ["selector1", "selector2"]}
    assert await found(healthy() | pair | serving, **given) == {"DKIM014": "note"}
    # Without an alias for the idle half the pair is told by the serving one's target.
    missing = {k: v for k, v in pair.items() if "selector2" not in k[0]}
    assert await found(healthy() | missing | serving, **given) == {"DKIM001": "note"}
    # Where neither serves, the fault is real.
    both = await report(healthy() | pair, **given)
    assert [(f.rule.id, str(f.severity)) for f in both.findings] == [("DKIM014", "error")] * 2


async def test_selectors_of_that_name_elsewhere_get_no_such_mercy() -> None:
    table = with_key(f"v=DKIM1; p={dkim_key()}", (SELECTORS["selector1"], "TXT"))
    assert await found(table, selectors=["selector1", "selector2"]) == {"DKIM001": "error"}


async def test_a_wildcard_makes_guesses_worthless() -> None:
    table = healthy()
    del table[S1]
    key = f"v=DKIM1; p={dkim_key(1024)}"
    assert await found(Wild(table, key), selectors=None) == {"DKIM015": "note"}
    # A wildcard that revokes everything is said once, whatever the number of guesses.
    assert await found(Wild(table, "v=DKIM1; p="), selectors=None) == {"DKIM002": "note"}
    # A named selector lives by what the wildcard says.
    assert await found(Wild(table, "v=DKIM1; p=")) == {"DKIM002": "error"}
    assert await found(Wild(table, key)) == {"DKIM007": "warning"}


async def test_a_key_beside_a_revoking_wildcard_is_found_by_guessing() -> None:
    table = with_key(f"v=DKIM1; p={dkim_key()}", GUESS)
    seen = await report(Wild(table, "v=DKIM1; p="), selectors=None)
    assert [str(k.selector.name) for k in seen.facts.dkim.guessed_found] == ["default"]


async def test_nothing_found_by_guessing_proves_nothing_unless_dns_says_so() -> None:
    hidden = with_key(f"v=DKIM1; p={dkim_key()}", ("kx7q2._domainkey.news.example.com", "TXT"))
    seen = await report(hidden, selectors=None)
    assert [f.rule.id for f in seen.findings] == ["DKIM015"]
    assert "proves nothing" in seen.findings[0].message
    table = healthy()
    del table[S1]
    seen = await report(table, selectors=None)
    assert [f.rule.id for f in seen.findings] == ["DKIM015"]
    assert "has no DKIM key" in seen.findings[0].message
    assert seen.facts.dkim.proven_none(Domain("news.example.com"))


async def test_an_unread_guess_leaves_it_open() -> None:
    table = healthy() | {GUESS: Reason.TIMEOUT}
    del table[S1]
    seen = await report(table, selectors=None)
    assert seen.findings == ()
    assert [u.rule.id for u in seen.unknown] == ["DKIM015"]
    assert not seen.unknown[0].decisive


async def test_a_failed_probe_takes_the_proof_from_a_guess() -> None:
    class NoProbe(DnsDouble):
        def _answer(self, question: Any) -> Any:
            if question.name.labels[1:2] == ("_domainkey",) and question.name.text not in {
                name for name, _ in self._table
            }:
                self._table[question.name.text, "TXT"] = Reason.TIMEOUT
            return super()._answer(question)

    table = healthy() | {GUESS: [txt("v=DKIM1; p=")]}
    seen = await report(NoProbe(table), selectors=None)
    assert seen.findings == ()
    assert seen.facts.dkim.guessed_found == ()


async def test_a_selector_declared_in_unicode_is_a_warning_and_is_asked_in_a_labels() -> None:
    table = healthy() | {
        ("xn--s-bga._domainkey.news.example.com", "TXT"): [txt(f"v=DKIM1; p={dkim_key()}")]
    }
    assert await found(table, selectors=["s\u00e9"]) == {"DKIM023": "warning"}


async def test_the_target_of_a_selector_alias_may_hold_a_key() -> None:
    table = healthy()
    del table[S1]
    table |= {
        (S1[0], "CNAME"): [cname("key.example.com")],
        ("key.example.com", "TXT"): [txt(f"v=DKIM1; p={dkim_key()}")],
    }
    assert await found(table) == {}


async def test_key_text_at_the_domainkey_name_or_the_return_path_is_misplaced() -> None:
    for name in ("_domainkey.news.example.com", "12345m.example.com"):
        table = healthy()
        table[name, "TXT"] = [txt("v=spf1 ip4:192.0.2.10 -all"), txt("v=DKIM1; p=")]
        assert await found(table) == {"DKIM025": "warning"}


async def test_every_finding_shows_the_selector_first() -> None:
    seen = await report(with_key("v=DKIM1; p="))
    assert seen.findings[0].evidence[0].name.text == S1[0]
    assert seen.findings[0].evidence[0].values == ("v=DKIM1; p=",)


async def test_nothing_is_expected_of_a_domain_that_sends_nothing() -> None:
    parked: Table = {("news.example.com", "TXT"): [txt("v=spf1 -all")]}
    profile = build_profile(Domain.parse("news.example.com"), options_of({}))
    for double in (DnsDouble(dict(parked)), Wild(dict(parked), "v=DKIM1; p=")):
        seen = await audit(profile, RunSource(double), rules=RULES, time=TIME)
        assert seen.findings == ()
    unclear: Table = {("news.example.com", "TXT"): [txt("v=spf1 ~all")]}
    seen = await audit(profile, RunSource(DnsDouble(unclear)), rules=RULES, time=TIME)
    assert [f.rule.id for f in seen.findings] == ["DKIM015"]
