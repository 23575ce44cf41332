"""`sendgate repo` on the command line: exit codes, filters, baselines, waivers, hostile input."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from repo.repositories import Repository, rules, sendgate, txt, write, zone

OPEN = "---\n'':\n" + txt("v=spf1 +all")
NAME = "zones/example.net.yaml"


def run(folder: Path, *arguments: str) -> Any:
    """Check a folder and give the process."""
    return sendgate(folder, "repo", *arguments)


def check(folder: Path, *arguments: str) -> Any:
    """Check a folder and give the document."""
    return json.loads(run(folder, "--format", "json", *arguments).stdout)


@pytest.fixture
def healthy(tmp_path: Path) -> Path:
    return write(tmp_path / "healthy", {"zones/example.com.yaml": zone()})


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    return write(tmp_path / "faulty", {"zones/example.com.yaml": zone(), NAME: OPEN})


def test_a_sound_repository_passes(healthy: Path) -> None:
    """Exit 0; what lies outside is listed as not checked and decides nothing."""
    document = check(healthy)
    assert document["verdict"] == "pass"
    assert [domain["domain"] for domain in document["domains"]] == [
        "example.com", "news.example.com", "shop.example.com"
    ]  # fmt: skip
    assert run(healthy).exit_code == 0


def test_an_error_fails_at_its_file_and_line(faulty: Path) -> None:
    """Exit 1, with the place relative to the root."""
    done = run(faulty, "zones", "--format", "json")
    assert done.exit_code == 1
    (finding,) = [f for d in json.loads(done.stdout)["domains"] for f in d["findings"]
                  if f["rule"] == "SPF011"]  # fmt: skip
    assert finding["evidence"][0]["origin"] == {
        "kind": "file", "where": "example.net.yaml", "line": 4
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--exit-zero"], 0),
        (["--ignore", "SPF"], 0),
        (["--ignore", "SPF011"], 0),
        (["--select", "DKIM"], 0),
        (["--select", "SPF011"], 1),
        (["--ignore", "SPF", "--fail-on", "warning"], 1),
        (["--ignore", "SPF,DMARC,MX", "--fail-on", "warning"], 0),
        (["--select", "REPO", "--fail-on", "note"], 0),
        (["--select", "NONE"], 2),
        (["--source", "zonefile"], 2),
        (["--authoritative"], 2),
        (["--write-baseline"], 2),
        (["--write-baseline", "--baseline", "b.json", "--base", "HEAD"], 2),
        (["--live", "--offline"], 2),
        (["gone"], 2),
    ],
)
def test_options_decide_as_in_an_audit(faulty: Path, arguments: list[str], code: int) -> None:
    """What is selected, ignored and failed on decides the exit code."""
    done = run(faulty, *arguments)
    assert done.exit_code == code, done.stderr + done.stdout


def test_strict_lets_the_outside_decide(tmp_path: Path) -> None:
    """An include that is in no zone of the repository is not checked, unless --strict."""
    spf = "  - type: TXT\n    value: v=spf1 include:_spf.example.net -all\n"
    write(tmp_path, {"example.com.yaml": zone(news=spf)})
    assert run(tmp_path).exit_code == 0
    (domain,) = [d for d in check(tmp_path)["domains"] if d["domain"] == "news.example.com"]
    outside = [u for u in domain["unknown"] if u["question"] == "_spf.example.net TXT"]
    assert outside
    assert not any(u["decisive"] for u in outside)
    assert run(tmp_path, "--strict").exit_code == 3


def test_further_zones_lie_outside(tmp_path: Path) -> None:
    """--zone answers for names that the repository does not have."""
    spf = "  - type: TXT\n    value: v=spf1 include:_spf.example.net -all\n"
    write(tmp_path / "r", {"example.com.yaml": zone(news=spf)})
    text = '$ORIGIN example.net.\n_spf 300 TXT "v=spf1 +all"\n'
    write(tmp_path, {"example.net.zone": text})
    done = run(tmp_path / "r", "--zone", "../example.net.zone", "--format", "json")
    found = [f for d in json.loads(done.stdout)["domains"] for f in d["findings"]]
    assert "SPF011 news.example.com" in rules(found)


def test_a_sender_of_the_configuration_has_its_exact_roles(tmp_path: Path) -> None:
    """A declared selector must be there; one that nobody declares need not."""
    table = '[[sender]]\nfrom = "news.example.com"\nselectors = ["s1", "s2"]\n'
    write(tmp_path, {"example.com.yaml": zone(), "sendgate.toml": table})
    found = [f for d in check(tmp_path)["domains"] for f in d["findings"]]
    assert rules(found, "error") == ["DKIM001 news.example.com"]


def test_a_sender_elsewhere_is_not_audited(tmp_path: Path) -> None:
    """A [[sender]] of another repository is none of this one's."""
    table = '[[sender]]\nfrom = "news.example.net"\nselectors = ["s1"]\n'
    write(tmp_path, {"example.com.yaml": zone(), "sendgate.toml": table})
    assert all("example.net" not in d["domain"] for d in check(tmp_path)["domains"])


def test_a_baseline_is_written_and_read(faulty: Path) -> None:
    """Known findings are counted and fail nothing; a new one does."""
    missing = run(faulty, "--baseline", "known.json")
    assert missing.exit_code == 2
    assert "--write-baseline makes it" in missing.stderr
    assert run(faulty, "--baseline", "known.json", "--write-baseline").exit_code == 0
    kept = json.loads((faulty / "known.json").read_text())
    assert kept["format"] == "sendgate.baseline/1"
    assert set(kept["findings"][0]) == {"rule", "domain", "name", "type", "fingerprint"}
    again = run(faulty, "--baseline", "known.json")
    assert again.exit_code == 0
    assert "findings are known to the baseline" in again.stderr
    write(faulty, {"zones/example.org.yaml": OPEN})
    found = check(faulty, "--baseline", "known.json")
    assert rules([f for d in found["domains"] for f in d["findings"]], "error") == [
        "SPF011 example.org"
    ]
    assert "SPF011 example.net" in rules(found["known"])


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_an_earlier_report_is_a_baseline(faulty: Path, form: str) -> None:
    """Whatever JSON the check has written serves, also one that a baseline had shortened."""
    run(faulty, "--format", form, "--output", "first.json")
    run(faulty, "--format", form, "--output", "second.json", "--baseline", "first.json")
    assert run(faulty, "--baseline", "second.json", "--fail-on", "note").exit_code == 0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "sarif"}', "\x00"])
def test_a_baseline_that_is_none(faulty: Path, text: str) -> None:
    """Exit 2 names the file."""
    write(faulty, {"known.json": text})
    done = run(faulty, "zones", "--baseline", "known.json")
    assert done.exit_code == 2
    assert "known.json" in done.stderr


WAIVER = "# sendgate: waive SPF011 until 2099-01-01 x"


def waived(comment: str) -> str:
    return "---\n'':\n  - type: TXT\n    value: v=spf1 +all" + comment


@pytest.mark.parametrize(
    "text",
    [
        waived(" # sendgate: waive SPF011 until 2099-01-01 a test\n"),
        waived("\n").replace(
            "    value", "    # sendgate: waive SPF011 until 2099-01-01 x\n    value"
        ),
        waived("\n").replace("  - type", "  # sendgate: waive spf011 until 2099-01-01 x\n  - type"),
    ],
)
def test_an_inline_waiver_speaks_of_its_record(tmp_path: Path, text: str) -> None:
    """On the record's line, the line before, or elsewhere in its entry."""
    write(tmp_path, {"example.net.yaml": text})
    document = check(tmp_path)
    assert rules([f for d in document["domains"] for f in d["findings"]], "error") == []
    (item,) = [w for d in document["domains"] for w in d["waived"]]
    assert item["rule"] == "SPF011"
    assert item["expires"] == "2099-01-01"


@pytest.mark.parametrize(
    ("comment", "said"),
    [
        ("# sendgate: waive SPF011 until 2020-01-01 old", "expired on 2020-01-01"),
        ("# sendgate: waive SPF003 until 2099-01-01 x", "nothing matched it"),
        ("# sendgate: waive SPF011", "is no waiver; write"),
        ("# sendgate: waive SPF011 until tomorrow x", "'tomorrow' is no day"),
        ("# sendgate: waive SPF911 until 2099-01-01 x", "no rule is called 'SPF911'"),
        ("# sendgate: waive SPF011 until 2099-01-01", "gives no reason"),
        ("# sendgate: ignore it", "is no waiver"),
    ],
)
def test_a_waiver_without_effect_is_told_with_its_place(
    tmp_path: Path, comment: str, said: str
) -> None:
    """Unused, expired and malformed ones leave the finding, and are named."""
    write(tmp_path, {"example.net.yaml": waived(f" {comment}\n")})
    done = run(tmp_path)
    assert done.exit_code == 1
    told = " ".join((done.stdout + done.stderr).split())
    assert said in told
    assert "example.net.yaml" in told


def test_a_waiver_inside_a_value_is_text(tmp_path: Path) -> None:
    """What a record publishes waives nothing."""
    value = '"v=spf1 +all # sendgate: waive SPF011 until 2099-01-01 x"'
    write(tmp_path, {"example.net.yaml": f"---\n'':\n  - type: TXT\n    value: {value}\n"})
    assert not [w for d in check(tmp_path)["domains"] for w in d["waived"]]


@pytest.mark.parametrize(
    "files", [{}, {"README.md": "nothing"}, {"a.bin": "\x00\x01"}, {"x/.git/example.com.yaml": "x"}]
)
def test_a_repository_without_zones(tmp_path: Path, files: dict[str, str]) -> None:
    """Exit 2 says what was looked for."""
    write(tmp_path / "r", files)
    done = run(tmp_path / "r")
    assert done.exit_code == 2
    assert "holds no DNS records that can be read; looked for octoDNS" in done.stderr


@pytest.mark.parametrize("text", ["---\n'':\n  type: MX\n   value: [\n", "\x00\x01\x02 type: MX\n"])
def test_a_repository_that_is_broken_as_a_whole(tmp_path: Path, text: str) -> None:
    """Exit 2 names the files: nothing could be audited."""
    write(tmp_path, {"example.com.yaml": text})
    done = run(tmp_path)
    assert done.exit_code == 2
    assert "nothing of it could be read" in done.stderr
    assert "example.com.yaml" in done.stderr


def test_links_in_a_circle_and_out_of_the_tree_are_not_followed(tmp_path: Path) -> None:
    """Neither hangs the check, nor lets it read what is not of the repository."""
    folder = write(tmp_path / "r", {"zones/example.com.yaml": zone()})
    write(tmp_path, {"secret.yaml": OPEN})
    (folder / "zones/loop").symlink_to("../zones")
    (folder / "zones/self.yaml").symlink_to("self.yaml")
    (folder / "zones/example.net.yaml").symlink_to(tmp_path / "secret.yaml")
    (folder / "zones/example.org.yaml").symlink_to("example.com.yaml")
    git = Repository.made(folder)
    git.commit("start")
    for arguments in ([], ["--base", "HEAD"]):
        document = check(folder, *arguments)
        names = {domain["domain"] for domain in document["domains"]}
        assert "example.org" in names
        assert "example.net" not in names
        assert document["new"] == document["fixed"] == []


def test_nothing_of_the_repository_is_run(tmp_path: Path) -> None:
    """Hooks, filters, monitors and pagers that a repository configures stay asleep."""
    folder = write(tmp_path / "r", {"example.com.yaml": zone(), ".gitattributes": "* filter=f"})
    git = Repository.made(folder)
    git.commit("start")
    trap = f"touch {tmp_path}/sprung; cat"
    for key in ("filter.f.smudge", "filter.f.clean", "core.fsmonitor", "core.pager",
                "core.sshCommand", "diff.external", "filter.f.process"):  # fmt: skip
        git.git("config", key, trap)
    hook = folder / ".git/hooks/post-index-change"
    hook.write_text(f"#!/bin/sh\n{trap}\n")
    hook.chmod(0o755)
    before = sorted((folder / ".git").iterdir())
    assert check(folder, "--base", "HEAD")["new"] == []
    assert not (tmp_path / "sprung").exists()
    assert sorted((folder / ".git").iterdir()) == before


def test_live_asks_for_what_is_outside(
    tmp_path: Path, serve: Callable[[dict[str, str]], str]
) -> None:
    """With --live an include is read from DNS; the repository's own names are not."""
    spf = "  - type: TXT\n    value: v=spf1 include:_spf.example.net -all\n"
    write(tmp_path, {"example.com.yaml": zone(news=spf)})
    server = serve({"_spf.example.net": "v=spf1 +all", "shop.example.com": "v=spf1 +all"})
    document = check(tmp_path, "--live", "--nameserver", server)
    found = rules([f for d in document["domains"] for f in d["findings"]])
    assert "SPF011 news.example.com" in found
    assert "SPF011 shop.example.com" not in found


@pytest.fixture
def serve() -> Any:
    """A DNS server on loopback that knows some TXT records and nothing else."""
    import dns.flags
    import dns.message
    import dns.rcode
    import dns.rrset

    sockets: list[socket.socket] = []

    def start(texts: dict[str, str]) -> str:
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.1", 0))
        sockets.append(server)

        def answer() -> None:
            while True:
                try:
                    octets, asker = server.recvfrom(4096)
                except OSError:
                    return
                query = dns.message.from_wire(octets)
                reply = dns.message.make_response(query)
                reply.flags |= dns.flags.RA
                name = query.question[0].name
                text = texts.get(name.to_text(omit_final_dot=True))
                if text is None:
                    reply.set_rcode(dns.rcode.NXDOMAIN)
                elif query.question[0].rdtype == 16:
                    reply.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", f'"{text}"'))
                server.sendto(reply.to_wire(), asker)

        threading.Thread(target=answer, daemon=True).start()
        return f"127.0.0.1:{server.getsockname()[1]}"

    yield start
    for server in sockets:
        server.close()


def test_a_repository_serves_an_audit_as_zones(healthy: Path) -> None:
    """`audit --zone FOLDER` reads the repository and names its files."""
    audit = ["audit", "news.example.com", "--selector", "s1", "--offline", "--format", "json"]
    done = sendgate(healthy, *audit, "--zone", "zones")
    document = json.loads(done.stdout)
    assert document["verdict"] == "pass", done.stderr
    origins = {e["origin"]["where"] for f in document["findings"] for e in f["evidence"]}
    assert origins == {"zones/example.com.yaml"}


def test_a_single_file_is_a_repository(faulty: Path) -> None:
    """Also with a base: only that file is compared."""
    git = Repository.made(faulty)
    git.commit("start")
    document = check(faulty, NAME)
    assert [domain["domain"] for domain in document["domains"]] == ["example.net"]
    assert document["prefix"] == "zones/"
    write(faulty, {NAME: OPEN.replace("+all", "-all"), "zones/example.com.yaml": OPEN})
    document = check(faulty, NAME, "--base", "HEAD")
    assert rules(document["new"]) == []
    assert "SPF011 example.net" in rules(document["fixed"])


def test_a_recorded_check_is_replayed(tmp_path: Path, serve: Callable[[Any], str]) -> None:
    """What was asked outside is kept, and gives the same report without DNS."""
    spf = "  - type: TXT\n    value: v=spf1 include:_spf.example.net -all\n"
    folder = write(tmp_path / "r", {"example.com.yaml": zone(news=spf)})
    server = serve({"_spf.example.net": "v=spf1 +all"})
    kept = str(tmp_path / "kept.json")
    live = check(folder, "--live", "--nameserver", server, "--record", kept)
    again = check(folder, "--live", "--replay", kept)
    assert "SPF011 news.example.com" in rules([f for d in live["domains"] for f in d["findings"]])
    assert [d["findings"] for d in again["domains"]] == [d["findings"] for d in live["domains"]]
    assert again["time"] == live["time"]


def test_an_interrupted_check_reports_what_is_done(
    healthy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 130, with the audits that were finished."""
    from sendgate.audit.run import audit
    from sendgate.repo import audits

    async def one_then_stop(profile: Any, source: Any, **given: Any) -> Any:
        if profile.sending.text != "example.com":
            raise KeyboardInterrupt
        return await audit(profile, source, **given)

    monkeypatch.setattr(audits, "audit", one_then_stop)
    monkeypatch.setattr(audits, "_AT_A_TIME", 1)
    done = run(healthy, "--format", "json")
    assert done.exit_code == 130
    assert [d["domain"] for d in json.loads(done.stdout)["domains"]] in (["example.com"], [])
    assert "interrupted" in done.stderr


def test_a_return_path_at_a_provider_takes_part_in_mail(tmp_path: Path) -> None:
    """An alias to where a provider takes bounces is a mail name; one to its links is not."""
    aliases = (
        "em1:\n  type: CNAME\n  value: u1.wl.sendgrid.net.\n"
        "url1:\n  type: CNAME\n  value: sendgrid.net.\n"
    )
    write(tmp_path, {"example.com.yaml": zone() + aliases})
    document = check(tmp_path)
    names = {domain["domain"] for domain in document["domains"]}
    assert "em1.example.com" in names
    assert "url1.example.com" not in names
    assert document["verdict"] == "pass"


def test_a_file_that_cannot_be_read_leaves_its_zone_unknown(healthy: Path, faulty: Path) -> None:
    """Exit 3 names file and line, the other zones are audited; an error elsewhere still fails."""
    for folder, code in ((healthy, 3), (faulty, 1)):
        write(folder, {"zones/example.org.yaml": "---\n'':\n  type: MX\n   value: [\n"})
        done = run(folder)
        assert done.exit_code == code, done.stdout
        assert "zones/example.org.yaml:" in done.stdout
        document = check(folder)
        verdicts = {domain["domain"]: domain["verdict"] for domain in document["domains"]}
        assert verdicts["example.org"] == "unknown"
        assert verdicts["example.com"] == "pass"
        (first, *_) = [d for d in document["domains"] if d["domain"] == "example.org"]
        assert {item["reason"] for item in first["unknown"]} == {"unreadable"}


def test_a_name_with_no_room_for_a_label_before_it_stops_nothing(tmp_path: Path) -> None:
    """A name of 250 octets has no selectors that could be asked for; the others are audited."""
    label = "a" * 57
    write(tmp_path, {"example.com.yaml": zone(**{".".join([label] * 4): txt("v=spf1 -all")})})
    done = sendgate(tmp_path, "repo", "--format", "json")
    document = json.loads(done.stdout)
    assert (done.exit_code, len(document["domains"])) == (3, 3)
    [unread] = document["unread"]
    assert "cannot be audited, for with a label before it the name takes" in unread["problem"]


def test_a_parked_zone_is_left_in_peace(tmp_path: Path) -> None:
    """Its null MX is what it should have, and no fault of a sender."""
    parked = (
        "---\n'':\n  - type: TXT\n    value: v=spf1 -all\n"
        "  - type: MX\n    value: {preference: 0, exchange: .}\n_dmarc:\n"
        + txt("v=DMARC1; p=reject; rua=mailto:d@reports.example.net")
    )
    write(tmp_path, {"example.org.yaml": parked})
    document = json.loads(sendgate(tmp_path, "repo", "--format", "json").stdout)
    [domain] = document["domains"]
    assert (domain["verdict"], domain["findings"]) == ("not_applicable", [])


def test_a_zone_that_is_a_link_out_of_the_repository_is_told(healthy: Path) -> None:
    """It is not followed, and not silently left unchecked either."""
    (healthy / "zones" / "example.org.yaml").symlink_to("../../elsewhere.yaml")
    (healthy / "python").symlink_to("/usr/bin/python")
    document = check(healthy)
    [note] = [note for note in document["notes"] if "link" in note]
    assert note == "'zones/example.org.yaml': not read, a link to no file of the repository"
