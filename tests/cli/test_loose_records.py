"""Records given by --zone without a zone around them say only themselves."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dns_servers import knot

Run = Callable[..., Any]

SENDER = ["news.example.com", "--return-path", "12345m.example.com", "--sender", "dedicated",
          "--ip", "192.0.2.10", "--selector", "s1", "--format", "json"]  # fmt: skip
SPF = '12345m.example.com. 300 IN TXT "v=spf1 ip4:192.0.2.9 ip4:192.0.2.10 -all"\n'


@pytest.fixture
def broken(fixtures: Path, tmp_path: Path) -> Path:
    """The zone of the first audit, whose return path has a second SPF record."""
    text = (fixtures / "first-audit.zone").read_text(encoding="utf-8")
    path = tmp_path / "current.zone"
    more = '        TXT   "v=spf1 ip4:192.0.2.10 ~all"\n'
    assert more in text
    path.write_text(text.replace(more, more + more.replace("~all", "-all")), encoding="utf-8")
    return path


def errors(done: Any) -> list[str]:
    """The rules with an error in an audit's JSON."""
    findings = json.loads(done.stdout)["findings"]
    return [f"{f['rule']} {f['evidence'][0]['name']}" for f in findings if f["severity"] == "error"]


def test_they_take_the_place_of_those_in_a_zone(
    sendgate: Run, broken: Path, tmp_path: Path
) -> None:
    """A corrected set replaces the zone's own, and hides nothing beside it or below it."""
    options = ["audit", *SENDER, "--zone", str(broken), "--offline"]
    assert errors(sendgate(*options)) == ["SPF002 12345m.example.com"]
    (tmp_path / "changes.zone").write_text(SPF)
    done = sendgate(*options, "--zone", "changes.zone")
    assert (done.exit_code, errors(done)) == (0, [])
    assert "changes.zone" in sendgate(*options, "--zone", "changes.zone", "--verbose").stdout


def test_what_records_writes_is_laid_over_the_zone_that_it_mends(
    sendgate: Run, broken: Path, tmp_path: Path
) -> None:
    """The proposal of `records --as bind`, saved, makes the audit pass."""
    shared = [*SENDER[:-2], "--zone", str(broken), "--offline"]
    done = sendgate("records", *shared, "--as", "bind", "--output", "changes.zone")
    assert done.exit_code == 0, done.stderr
    assert sendgate("audit", *shared, "--zone", "changes.zone").exit_code == 0


def test_beside_live_dns_they_hide_nothing(sendgate: Run, broken: Path, tmp_path: Path) -> None:
    """The MX at the same name, and the key below another, are the servers' as before."""
    zone, cut, reverse = broken.read_text(encoding="utf-8").partition("$ORIGIN 2.0.192")
    root = ". 300 SOA ns.example.com. h.example.com. 1 60 60 60 60\n. NS ns1.example.com.\n"
    zones = {"example.com": zone, "2.0.192.in-addr.arpa": f"$TTL 60\n{cut}{reverse}", ".": root}
    with knot(tmp_path, zones) as server:
        options = ["audit", *SENDER, "--nameserver", server.place]
        assert "SPF002 12345m.example.com" in errors(sendgate(*options))
        (tmp_path / "changes.zone").write_text(SPF + 'news.example.com. 60 IN TXT "a token"\n')
        done = sendgate(*options, "--zone", "changes.zone")
    assert errors(done) == []
    document = json.loads(done.stdout)
    assert document["facts"]["dkim"]["keys"][0]["state"] == "present"


def test_alone_and_offline_they_are_all_that_is_known_of_their_names(
    sendgate: Run, tmp_path: Path
) -> None:
    """Without a zone and without DNS, a name that is given is read whole."""
    (tmp_path / "x.zone").write_text('news.example.com. 60 IN TXT "v=spf1 -all"\n')
    done = sendgate("spf", "news.example.com", "--ip", "192.0.2.1", "--zone", "x.zone", "--offline")
    assert done.exit_code == 1
    assert "fail" in done.stdout


def test_two_of_one_set_stay_together(sendgate: Run, broken: Path, tmp_path: Path) -> None:
    """Two loose records of one name and type are one set, and may be one too many."""
    (tmp_path / "changes.zone").write_text(SPF + SPF.replace("-all", "~all"))
    options = ["audit", *SENDER, "--zone", str(broken), "--offline", "--zone", "changes.zone"]
    assert errors(sendgate(*options)) == ["SPF002 12345m.example.com"]


def test_a_record_that_is_given_twice_is_one(sendgate: Run, broken: Path, tmp_path: Path) -> None:
    """In one file, and in the same file named twice (RFC 2181 section 5)."""
    (tmp_path / "changes.zone").write_text(SPF * 2)
    again = ["--zone", "changes.zone"] * 2
    done = sendgate("audit", *SENDER, "--zone", str(broken), "--offline", *again)
    assert errors(done) == []


def test_very_many_of_them_take_little_time(sendgate: Run, tmp_path: Path) -> None:
    """A long list of records is laid in time that grows with its length alone."""
    many = "".join(f"n{i}.example.com. 60 IN TXT x{i}\n" for i in range(40_000))
    (tmp_path / "x.zone").write_text(many + 'example.com. 60 IN TXT "v=spf1 -all"\n')
    began = time.monotonic()
    done = sendgate("spf", "example.com", "--ip", "192.0.2.1", "--zone", "x.zone", "--offline")
    assert done.exit_code == 1
    assert time.monotonic() - began < 30
