"""sendgate bimi: files on disk, and a record whose files are fetched from a real HTTPS server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from bimi.marks import LOGO, YEAR, MarkAuthority
from send.certificates import Authority
from webs import reply, serving

from sendgate.bimi.certificate import USAGE
from sendgate.cli.schema import read_schema

Run = Callable[..., Any]
ROOT = MarkAuthority(years=30)
ISSUING = MarkAuthority("Example Verified Mark CA 1", ROOT, [USAGE], years=29)
NOW = datetime.now(UTC).replace(microsecond=0)
LATER = NOW + 2 * YEAR
HOST = "www.example.com"
ZONE = """$ORIGIN com.
$TTL 300
@ SOA ns hostmaster 1 7200 3600 1209600 300
  NS ns.example.com.
$ORIGIN example.com.
ns A 192.0.2.53
www A 127.0.0.1
_dmarc TXT "v=DMARC1; p=reject; rua=mailto:d@example.com"
@ MX 10 mx
mx A 192.0.2.25
default._bimi TXT "v=BIMI1; l=https://www.example.com:{port}/logo.svg; a=https://www.example.com:{port}/mark.pem"
"""


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """A logo, its certificate and the roots, and the arguments that name them."""
    (tmp_path / "logo.svg").write_bytes(LOGO)
    (tmp_path / "mark.pem").write_bytes(ISSUING.issue("example.com", until=LATER))
    (tmp_path / "roots.pem").write_bytes(ROOT.pem)
    return ["logo.svg", "--certificate", "mark.pem", "--mark-roots", "roots.pem"]


def document(done: Any) -> dict[str, Any]:
    """Read a report, which holds to its schema."""
    read: dict[str, Any] = json.loads(done.stdout)
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    schema = json.loads(read_schema("bimi"))
    jsonschema.Draft202012Validator(schema, format_checker=checker).validate(read)
    return read


def test_files_that_go_together_pass(sendgate: Run, files: list[str]) -> None:
    """A logo before it is published, with its certificate, as text and as JSON."""
    done = sendgate("bimi", *files)
    assert done.exit_code == 0, done.stdout
    assert done.stdout.startswith("logo.svg: pass\n")
    assert "Example Inc. for example.com, until" in done.stdout
    assert "Example Verified Mark Root (roots: roots.pem)" in done.stdout
    said = document(sendgate("bimi", *files, "--format", "json"))
    assert (said["domain"], said["verdict"], said["findings"]) == (None, "pass", [])
    assert said["logo"] == {
        "where": "logo.svg",
        "state": "read",
        "redirects": [],
        "octets": len(LOGO),
        "packed": False,
    }
    assert said["certificate"]["certificate"]["root"] == "Example Verified Mark Root"


def test_each_violation_is_a_finding_with_its_line(sendgate: Run, tmp_path: Path) -> None:
    """The file is named with the line, where an editor goes to it."""
    bad = LOGO.replace(b"<rect", b"<script/>\n<image/>\n<rect")
    (tmp_path / "logo.svg").write_bytes(bad)
    done = sendgate("bimi", "logo.svg")
    assert done.exit_code == 1
    assert "error BIMI014 element-outside-profile  logo.svg\n" in done.stdout
    assert 'the logo at logo.svg has the element "script", in line 3' in done.stdout
    assert "  at  logo.svg:3\n" in done.stdout
    said = document(sendgate("bimi", "logo.svg", "--format", "json"))
    assert [entry["rule"] for entry in said["findings"]] == ["BIMI014", "BIMI014"]
    assert [entry["evidence"][0]["origin"]["line"] for entry in said["findings"]] == [3, 4]


FORGED = {
    "own authority bearing a mark root's name": (
        MarkAuthority("Example Verified Mark Root").issue("example.com", until=LATER)
    ),
    "bundled authority": MarkAuthority("Own Root").issue("example.com", until=LATER) + ROOT.pem,
    "expired": ISSUING.issue("example.com", until=NOW - YEAR / 9),
    "wrong name": ISSUING.issue("example.net", until=LATER),
    "missing purpose": ISSUING.issue("example.com", until=LATER, usages=()),
    "no logo": ISSUING.issue("example.com", until=LATER, logo=None),
    "a thousand entries": ROOT.pem * 1000,
}
SWAPPED = ISSUING.issue("example.com", until=LATER, logo=LOGO.replace(b"07c", b"c70"))


@pytest.mark.parametrize("case", [case for case in FORGED if case != "wrong name"])
def test_forged_certificates_on_disk_are_refused(
    sendgate: Run, files: list[str], tmp_path: Path, case: str
) -> None:
    """Each is one finding of BIMI020 and exit 1."""
    (tmp_path / "mark.pem").write_bytes(FORGED[case])
    done = sendgate("bimi", *files, "--format", "json")
    assert done.exit_code == 1
    assert [entry["rule"] for entry in document(done)["findings"]] == ["BIMI020"]


def test_a_swapped_logo_on_disk_is_told(sendgate: Run, files: list[str], tmp_path: Path) -> None:
    """The certificate is good, and another logo's."""
    (tmp_path / "mark.pem").write_bytes(SWAPPED)
    done = sendgate("bimi", *files, "--format", "json")
    assert done.exit_code == 1
    assert [entry["rule"] for entry in document(done)["findings"]] == ["BIMI021"]


def test_the_roots_that_are_known_are_the_default(sendgate: Run, files: list[str]) -> None:
    """Without --mark-roots a certificate of somebody's own root is refused."""
    done = sendgate("bimi", *files[:3])
    assert done.exit_code == 1
    assert "does not chain to a mark root of mvarcs" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.svg"], "none.svg: cannot be read: no such file"),
        (["./none"], "./none: cannot be read: no such file"),
        (["logo.svg", "--certificate", "none.pem"], "none.pem: cannot be read"),
        (["logo.svg", "--selector", "x"], "--selector belongs to a domain"),
        (["exa mple"], "exa mple"),
    ],
)
def test_what_cannot_be_used_is_a_usage_error(
    sendgate: Run, files: list[str], arguments: list[str], words: str
) -> None:
    """Exit 2, and nothing on stdout."""
    done = sendgate("bimi", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr


def test_an_address_gives_its_host(sendgate: Run) -> None:
    """As with the other commands, also that of a logo."""
    done = sendgate("bimi", "https://news.example.com/logo.svg", "--offline")
    assert "news.example.com: unknown" in done.stdout
    assert "is a URL; its host 'news.example.com' is used" in done.stderr


Fetch = Callable[..., Any]


@pytest.fixture
def fetched(sendgate: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fetch:
    """Run the command on a domain whose files a server on loopback gives."""
    authority = Authority()
    certificate, _ = authority.issue(tmp_path, [HOST])
    (tmp_path / "authority.pem").write_bytes(authority.pem)
    (tmp_path / "roots.pem").write_bytes(ROOT.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))

    def run(mark: bytes, *arguments: str, logo: bytes = LOGO, private: bool = True) -> Any:
        async def go() -> Any:
            replies = {"/logo.svg": reply(logo), "/mark.pem": reply(mark)}
            async with serving(certificate, replies) as server:
                (tmp_path / "x.zone").write_text(ZONE.format(port=server.port))
                given = ["example.com", "--zone", "x.zone", "--nameserver", "127.0.0.1:9"]
                given += ["--mark-roots", "roots.pem", "--format", "json", *arguments]
                given += ["--allow-private"] if private else []
                return await asyncio.to_thread(sendgate, "bimi", *given)

        return asyncio.run(go())

    return run


def test_a_record_is_judged_with_its_files(fetched: Fetch) -> None:
    """Record, logo and certificate, all three over the wire."""
    done = fetched(ISSUING.issue("example.com", until=LATER))
    said = document(done)
    assert (done.exit_code, said["verdict"], said["findings"]) == (0, "pass", []), done.stdout
    assert said["domain"] == "example.com"
    assert said["record"].startswith("v=BIMI1; l=https://www.example.com:")
    assert said["logo"]["state"] == said["certificate"]["state"] == "read"


@pytest.mark.parametrize("case", [*FORGED, "swapped logo"])
def test_forged_certificates_are_refused(fetched: Fetch, case: str) -> None:
    """Over the wire, too; the wrong name is seen where a domain is judged."""
    done = fetched(FORGED.get(case, SWAPPED))
    assert done.exit_code == 1
    rules = [entry["rule"] for entry in document(done)["findings"]]
    assert rules == ["BIMI021" if case == "swapped logo" else "BIMI020"]


def test_a_certificate_on_disk_stands_for_the_records(fetched: Fetch, tmp_path: Path) -> None:
    """Before it is published: judged for the domain, against the logo that is served."""
    (tmp_path / "new.pem").write_bytes(ISSUING.issue("example.net", until=LATER))
    done = fetched(ISSUING.issue("example.com", until=LATER), "--certificate", "new.pem")
    [finding] = document(done)["findings"]
    assert "new.pem is for example.net, not for example.com" in finding["message"]


def test_a_private_address_is_not_called_unasked(fetched: Fetch) -> None:
    """Nobody can tell then, and the option that changes it is named."""
    done = fetched(ISSUING.issue("example.com", until=LATER), private=False)
    said = document(done)
    assert done.exit_code == 3
    assert [item["rule"] for item in said["unknown"]] == ["BIMI011", "BIMI020"]
    assert "--allow-private" in said["unknown"][0]["detail"]
    assert said["logo"]["state"] == "unknown"


def test_offline_nothing_is_fetched(fetched: Fetch) -> None:
    """What was not asked for is unknown, and decides."""
    done = fetched(b"", "--offline")
    said = document(done)
    assert done.exit_code == 3
    assert {item["reason"] for item in said["unknown"]} == {"not-asked"}
