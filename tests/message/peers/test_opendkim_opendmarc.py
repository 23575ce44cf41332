"""What opendkim and opendmarc make of messages signed, broken and replayed, and what sendgate does.

Debian's filters run in a network of their own, whose DNS is knot; each message is shown to
both as a mail server does it, opendmarc gets what opendkim found, and evaluates SPF itself.
Where the two sides differ, `DIFFERENT` says how, and who is right by the standard.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dns_servers import program
from message.peers.milter import judge
from message.peers.samples import BAD, Sample, samples, texts
from message.receiving import Answers
from send.peers.island import Island, island

from sendgate.message.collect import examine
from sendgate.message.connection import Connection
from sendgate.message.facts import MessageFacts
from sendgate.message.record import parse

NAME = "mx.example.org"
SAMPLES = samples()
_NEITHER = "spf=fail dmarc=fail"
_FAIL, _PERM = f"dkim=fail {_NEITHER}", f"dkim=permerror {_NEITHER}"
_NONE = f"dkim=none {_NEITHER}"
_KEY = (
    "RFC 6376 section 6.1.2: without a key that serves nothing can be verified, which is "
    "`permerror` in RFC 8601 section 2.7.1; `fail` is for a check that was made"
)
_TIME = (
    "either: RFC 6376 section 6.1.1 has PERMFAIL for an expired signature and one that does "
    "not verify, and RFC 8601 says of neither which word it is"
)
_SYNTAX = (
    "RFC 8601 section 2.7.1: the message is signed, and the signature cannot be processed; "
    "`none` is for an unsigned one"
)
DIFFERENT: dict[str, tuple[str, str, str]] = {
    # name: (theirs, ours, who is right and by which standard)
    "no key": (_FAIL, _PERM, _KEY),
    "revoked": (_FAIL, _PERM, _KEY),
    "key for sha1": (_FAIL, _PERM, _KEY),
    "key for TLS reports": (_FAIL, _PERM, _KEY),
    "key of version 2": (_FAIL, _PERM, _KEY),
    "key of unknown type": (_FAIL, _PERM, _KEY),
    "identity forbidden": (_FAIL, _PERM, _KEY),
    "no key record": (
        f"dkim=temperror {_NEITHER}", _PERM,
        ("RFC 6376 section 6.1.2: a record that is no key is a permanent failure; asking "
        "again brings the same answer"),
    ),
    "expired": (_PERM, _FAIL, _TIME),
    "expires before": (_PERM, _FAIL, _TIME),
    "future": (_PERM, _FAIL, _TIME),
    "rsa-sha1": (
        "dkim=pass spf=fail dmarc=pass", _PERM,
        "RFC 8301 section 3.1: verifiers MUST NOT accept rsa-sha1",
    ),
    "no b=": (_NONE, _PERM, _SYNTAX),
    "no number": (_NONE, _PERM, _SYNTAX),
    "SPF soft": (
        _NONE, "dkim=none spf=softfail dmarc=fail",
        "RFC 7208 section 2.6.5: ~all is softfail; to DMARC the two are the same",
    ),
    "two domains": (
        "dkim=pass spf= dmarc=(a)", "dkim=pass spf=pass dmarc=permerror",
        ("both: RFC 9989 sections 5.3.1 and 11.5 leave the message outside of DMARC; opendmarc "
        "then says nothing, and RFC 8601 has permerror for what a retry will not change"),
    ),
    "no author": (
        "dkim=permerror spf= dmarc=(a)", "dkim=none spf=pass dmarc=permerror",
        "as above for DMARC; of DKIM RFC 8601 section 2.7.1 has `none`: the message is not signed",
    ),
    "two From fields": (
        "dkim=pass spf=pass dmarc=fail", "dkim=fail spf=pass dmarc=permerror",
        ("RFC 6376 section 8.15: a verifier should not take a signature for one of two From "
        "fields; RFC 9989 section 11.5: such a message has no Author Domain"),
    ),
}  # fmt: skip


def _zone() -> str:
    head = (
        "$ORIGIN .\n$TTL 300\n@ SOA ns.example.org. h.example.org. 1 3600 600 86400 300\n"
        "@ NS ns.example.org.\nns.example.org. A 127.0.0.1\nmail.example.com. A 198.51.100.25\n"
    )
    lines = []
    for name, text in texts().items():
        strings = " ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200))
        lines.append(f"{name}. TXT {strings}\n")
    return head + "".join(lines)


def _serve(place: Island) -> None:
    folder = place.folder
    (folder / "root.zone").write_text(_zone(), "ascii")
    (folder / "knot.conf").write_text(
        f"server:\n    listen: 127.0.0.1@53\n    rundir: {folder}\n    udp-workers: 1\n"
        "    tcp-workers: 1\n    background-workers: 1\nlog:\n  - target: stderr\n"
        f"    any: warning\ndatabase:\n    storage: {folder}\n    journal-db-max-size: 4M\n"
        f"template:\n  - id: default\n    storage: {folder}\nzone:\n  - domain: .\n"
        "    file: root.zone\n"
    )
    (folder / "libunbound.conf").write_text(
        "server:\n  do-not-query-localhost: no\nforward-zone:\n  name: .\n"
        "  forward-addr: 127.0.0.1\n"
    )
    (folder / "opendkim.conf").write_text(
        f"Mode v\nSyslog no\nSocket local:{folder}/opendkim.sock\nAuthservID {NAME}\nUMask 000\n"
        f"AlwaysAddARHeader yes\nResolverConfiguration {folder}/libunbound.conf\n"
    )
    (folder / "suffixes").write_text("com\nnet\norg\n")
    (folder / "opendmarc.conf").write_text(
        f"Syslog no\nSocket local:{folder}/opendmarc.sock\nAuthservID {NAME}\nUMask 000\n"
        f"TrustedAuthservIDs {NAME}\nPublicSuffixList {folder}/suffixes\n"
        "SPFIgnoreResults yes\nSPFSelfValidate yes\n"
    )
    place.start("knot", [program("knotd"), "-c", str(folder / "knot.conf")])
    place.wait_for({"127.0.0.1:53": "knot"})
    for name in ("opendkim", "opendmarc"):
        option = "-x" if name == "opendkim" else "-c"
        place.start(name, [program(name), "-f", option, str(folder / f"{name}.conf")])
        end = time.monotonic() + 20
        while not (folder / f"{name}.sock").exists():
            assert time.monotonic() < end, place.log(name).read_text()
            time.sleep(0.02)


@pytest.fixture(scope="module")
def filters() -> Iterator[Path]:
    """The folder with the sockets of both, started once for all messages."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        folder.chmod(0o755)
        with island(folder, ["198.51.100.25/32"]) as place:
            _serve(place)
            yield folder


def _shown(folder: Path, name: str, sample: Sample, octets: bytes) -> str:
    verdict = judge(
        folder / f"{name}.sock", octets, ip=sample.ip, helo=sample.helo,
        mail_from=sample.mail_from, recipient="ann@example.org",
    )  # fmt: skip
    results = [value for field, value in verdict.added if field == "Authentication-Results"]
    return "\n".join(results) or f"({verdict.word})"


def theirs(folder: Path, sample: Sample) -> tuple[list[str], str, str]:
    """The results of opendkim for each signature, of opendmarc for SPF and for DMARC."""
    dkim = _shown(folder, "opendkim", sample, sample.octets)
    field = f"Authentication-Results: {dkim}\n".replace("\n", "\r\n").encode()
    dmarc = _shown(folder, "opendmarc", sample, field + sample.octets)
    found = re.findall(r"\bdkim=(\w+)", dkim)
    spf = re.findall(r"\bspf=(\w+)", dmarc)
    result = re.findall(r"\bdmarc=(\w+)", dmarc) or [dmarc]
    return [one for one in found if one != "none"], "".join(spf), result[0]


def ours(sample: Sample) -> MessageFacts:
    """What sendgate makes of it."""
    session = Connection(ipaddress.ip_address(sample.ip), sample.mail_from, sample.helo)
    return asyncio.run(
        examine(
            parse(sample.octets), Answers(texts()), where="x", connection=session,
            now=datetime.now(UTC),
        )
    )  # fmt: skip


def _words(dkim: list[str], spf: str, dmarc: str) -> str:
    return f"dkim={','.join(dkim) or 'none'} spf={spf} dmarc={dmarc}"


@pytest.mark.parametrize("name", SAMPLES)
def test_both_sides_come_to_the_same(filters: Path, name: str) -> None:
    """Each signature, SPF and DMARC: the same words, or a difference that has its reason."""
    sample = SAMPLES[name]
    facts = ours(sample)
    assert facts.spf is not None
    assert facts.dmarc is not None
    mine = _words(
        [str(one.result) for one in facts.results], str(facts.spf.result.result),
        str(facts.dmarc.result),
    )  # fmt: skip
    other = _words(*theirs(filters, sample))
    known = DIFFERENT.get(name)
    assert (other, mine) == (known[:2] if known else (mine, mine)), known and known[2]


def test_the_samples_are_many_and_of_every_kind() -> None:
    """More than forty messages; every exception belongs to one of them."""
    assert len(SAMPLES) - len(DIFFERENT) >= 60
    assert set(DIFFERENT) <= set(SAMPLES)
    assert any(sample.ip == BAD for sample in SAMPLES.values())
