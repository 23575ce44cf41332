"""The rules on text against mistakes that real repositories have made, one finding a fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from repo.repositories import KEY, Repository, rules, txt, write, zone

START = (
    "$ORIGIN example.com.\n$TTL 300\n@ SOA ns h 1 7200 3600 1209600 300\n@ NS ns\nns A 192.0.2.53\n"
)
SOUND = (
    START + '@ MX 10 mail\n@ TXT "v=spf1 mx -all"\nmail A 192.0.2.25\n'
    '_dmarc TXT "v=DMARC1; p=reject; rua=mailto:d@example.com"\n'
)


def found(folder: Path, files: dict[str, str]) -> list[str]:
    """The rules and domains of all findings but notes."""
    document = Repository(write(folder, files)).check()
    return rules([f for domain in document["domains"] for f in domain["findings"]])


def yaml(name: str, *values: str, rdtype: str = "TXT") -> str:
    listed = "".join(f"    - {value}\n" for value in values)
    return f"'{name}':\n  - type: {rdtype}\n    values:\n{listed}"


POLICY = r"v=DMARC1\; p=none\; rua=mailto:d@example.com"


# The domains are other ones than where these were seen.
@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(yaml("_dmarc.shop.example.com", POLICY),
                     "REPO006 example.com", id="a DMARC name that repeats its zone"),
        pytest.param(yaml("counter", POLICY),
                     "DMARC017 counter.example.com", id="a policy at the domain itself"),
        pytest.param(yaml("dmarc", POLICY),
                     "DMARC017 dmarc.example.com", id="a policy at dmarc"),
        pytest.param(yaml("_dmarc.shop", r"nv=DMARC1\; p=reject\;"),
                     "DMARC003 shop.example.com", id="nv=DMARC1"),
        pytest.param(yaml("_dmarc.shop", r"=DMARC1\; p=reject\;"),
                     "DMARC003 shop.example.com", id="=DMARC1"),
        pytest.param(yaml("shop", "v=spf1 nclude:_spf.example.net ~all"),
                     "SPF003 shop.example.com", id="nclude"),
        pytest.param(yaml("k1._domainkey", r"v=DKIM1\;", "k=rsa", KEY.rpartition(" ")[2]),
                     "DKIM012 example.com", id="a key spread over items"),
        pytest.param(yaml("k1._domainkey", "k1.dkim.example.net."),
                     "DKIM024 example.com", id="an alias target as text"),
        pytest.param(yaml("k1.domainkey", KEY.replace(";", r"\;")),
                     "DKIM025 k1.domainkey.example.com", id="a key at the wrong label"),
        pytest.param(yaml("_shop", KEY.replace(";", r"\;")),
                     "REPO010 example.com", id="a key where no audit looks"),
        pytest.param(yaml("shop", "nv=spf1 include:_spf.example.net ~all"),
                     "REPO009 shop.example.com", id="nv=spf1"),
        pytest.param(yaml("shop", "v=spf1 -all") + yaml("shop", "a remark"),
                     "REPO007 example.com", id="an SPF record that a later entry replaces"),
        pytest.param(yaml("shop", "v=spf1 ip4:192.0.2.1 #x -all"),
                     "REPO001 shop.example.com", id="a YAML comment in an SPF record"),
    ],
)  # fmt: skip
def test_a_real_mistake_is_one_finding(tmp_path: Path, record: str, expected: str) -> None:
    """Each is told once, by the rule that knows it best."""
    sound = zone(news="  type: A\n  value: 192.0.2.80\n", s1___domainkey__news=txt(KEY))
    base = sound.replace("shop:\n", "other:\n")
    told = [x for x in found(tmp_path, {"example.com.yaml": base + record}) if "MX001" not in x]
    assert expected in told
    mistakes = ("REPO", "DMARC003", "DMARC017", "DKIM012", "DKIM02", "SPF003")
    assert [x for x in told if x.startswith(mistakes)] == [expected], told


def bind(record: str) -> dict[str, str]:
    return {"db.example.com": SOUND + record}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (r"news MX 10 mail.example.com" + "\n", ["REPO006 news.example.com"]),
        ("www.example.com A 192.0.2.80\n", []),
        ('a TXT google-site-verification=x ; a remark\n', []),
        ('news TXT "v=spf1 ip4:192.0.2.0/24" "include:_spf.example.net -all"\n',
         ["SPF018 news.example.com"]),
        ('_dmarc.news TXT "v=DMARC1; p=none; rua=mailto:d@example.com" ; p=reject in May\n', []),
        ('*.old._domainkey TXT "v=DKIM1; p="\n', []),
        ('old._domainkey TXT "v=DKIM1; p="\n', []),
        ('example.net._report._dmarc TXT "v=DMARC1"\n', []),
        ('_rawspf TXT "v=spf1 ip4:192.0.2.0/24 -all"\n', []),
        ('x TXT "google-dkim1-verification=1"\n', []),
        ('x TXT "spf record of the old provider, please keep"\n', []),
    ],
)  # fmt: skip
def test_what_is_sound_or_no_business_of_mail_is_left_alone(
    tmp_path: Path, record: str, expected: list[str]
) -> None:
    """Real habits that look like mistakes make no finding."""
    told = found(tmp_path, bind(record))
    assert [x for x in told if x.startswith(("REPO", "DMARC017", "DKIM", "SPF0"))] == expected


def test_a_delegation_within_the_repository_answers_for_itself(tmp_path: Path) -> None:
    """The child's zone counts, the parent's left-over is told once, as a note where both agree."""
    policy = '_dmarc TXT "v=DMARC1; p=reject; rua=mailto:d@example.com"\n'
    child = START.replace("example.com", "shop.example.com") + '@ TXT "v=spf1 -all"\n' + policy
    parent = "shop NS ns.shop\nns.shop A 192.0.2.54\n"
    left = policy.replace("_dmarc", "_dmarc.shop")
    files = bind(parent + left) | {"db.shop.example.com": child}
    assert "TOP015 example.com" not in found(tmp_path / "same", files)
    other = bind(parent + left.replace("reject", "none")) | {"db.shop.example.com": child}
    told = found(tmp_path / "other", other)
    assert [x for x in told if x.startswith("TOP015")] == ["TOP015 shop.example.com"]
    assert not [x for x in told if x.startswith("DMARC006")]


def test_a_name_with_a_policy_alone_needs_no_way_back(tmp_path: Path) -> None:
    """Nothing says that it sends, so no replies can be lost; with a selector they can."""
    policy = '_dmarc.quiet TXT "v=DMARC1; p=reject; rua=mailto:d@example.com"\n'
    assert "MX001 quiet.example.com" not in found(tmp_path / "a", bind(policy))
    key = "s1._domainkey.quiet CNAME s1.dkim.example.net.\n"
    assert "MX001 quiet.example.com" in found(tmp_path / "b", bind(policy + key))


def test_a_reverse_zone_need_not_speak_of_mail(tmp_path: Path) -> None:
    """Nobody has an address in a reverse zone."""
    zone_text = START.replace("example.com", "2.0.192.in-addr.arpa").replace(
        "ns A 192.0.2.53\n", ""
    )
    files = {"db.2.0.192.in-addr.arpa": zone_text, "db.example.com": SOUND}
    assert not [x for x in found(tmp_path, files) if "arpa" in x]


def test_text_findings_do_not_move_with_their_lines(tmp_path: Path) -> None:
    """A remark put above a fault changes nothing: neither new nor mended."""
    git = Repository.made(tmp_path)
    stray = '_policy TXT "v=DMARC1; p=none"\nwww TXT "v=DMARC1; p=none"\n'
    git.commit("start", bind(stray + 'x TXT "=spf1 mx -all"\n'))
    write(tmp_path, {"db.example.com": "; a remark\n" + (tmp_path / "db.example.com").read_text()})
    document = git.check("--base", "HEAD", code=0)
    assert document["new"] == document["fixed"] == []
    assert {"REPO009", "REPO010", "DMARC017"} <= {f["rule"] for f in document["still"]}


def test_views_of_one_zone_are_audited_apart(tmp_path: Path) -> None:
    """A fault of one view is not hidden by the other."""

    def domain(tag: str, spf: str) -> dict[str, Any]:
        return {
            "name": "example.com", "uniquename": f"example.com!{tag}", "tag": tag,
            "records": [{"type": "TXT", "name": "@", "target": spf, "ttl": 300}],
        }  # fmt: skip

    plan = {
        "registrars": [], "dns_providers": [],
        "domains": [domain("inside", "v=spf1 -all"), domain("outside", "v=spf1 +all")],
    }  # fmt: skip
    told = found(tmp_path, {"print-ir.json": json.dumps(plan)})
    assert told.count("SPF011 example.com") == 1


def test_a_text_that_something_unseen_may_lead_to_is_no_stray(tmp_path: Path) -> None:
    """Where not all of a zone is shown, an alias may lead to a name of its own."""
    policy = '_policy TXT "v=DMARC1; p=reject"\n'
    assert "REPO010 example.com" in found(tmp_path / "whole", bind(policy))
    assert "REPO010 example.com" not in found(tmp_path / "part", bind(policy + "$INCLUDE gone\n"))


def test_a_part_of_an_spf_record_needs_no_way_back(tmp_path: Path) -> None:
    """Nothing is sent from a name that only holds what another record includes."""
    part = 'spf1 TXT "v=spf1 ip4:192.0.2.0/26 -all"\n'
    whole = 'news TXT "v=spf1 include:spf1.example.com -all"\nnews MX 10 mx.example.net.\n'
    assert "MX001 spf1.example.com" in found(tmp_path / "alone", bind(part))
    assert "MX001 spf1.example.com" not in found(tmp_path / "included", bind(part + whole))


def test_the_view_of_an_inner_network_is_not_judged_as_the_public_one(tmp_path: Path) -> None:
    """A private address and no DMARC record are in order inside; a broken record is not."""
    text = START + '@ MX 10 mail\nmail A 10.0.0.5\n@ TXT "v=spf1 +all"\n'
    other = text.replace("10.0.0.5", "10.0.0.6")
    both = {"internal/db.example.com": text, "external/db.example.com": other}
    told = found(tmp_path, both)
    names = ("MX009 example.com", "DMARC001 example.com", "SPF011 example.com")
    assert [told.count(name) for name in names] == [1, 1, 2]
