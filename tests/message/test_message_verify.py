"""Verifying: real signed messages, our own, and what was changed on the way."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from message.signing import (
    DOMAIN,
    NOW,
    PLAIN,
    ed_signer,
    key_of,
    pem,
    published,
    rsa_signer,
    txt_answer,
)

from sendgate.dns.answers import Failed, Reason, Txt
from sendgate.dns.double import DnsDouble
from sendgate.message.collect import collect_keys
from sendgate.message.record import parse
from sendgate.message.sign import Signer, sign
from sendgate.message.signature import MAX_SIGNATURES, Cause, signatures
from sendgate.message.verify import Result, SignatureResult, key_questions, verify
from sendgate.names import Domain

SIGNED = sign(PLAIN, [rsa_signer(), ed_signer()], NOW)
KEYS = published([rsa_signer(), ed_signer()])


def results(octets: bytes, answers: Any = None) -> list[SignatureResult]:
    return list(verify(parse(octets), KEYS if answers is None else answers, NOW))


@pytest.mark.parametrize(("name", "count"), [("001", 2), ("002", 1), ("003", 2)])
def test_published_samples_pass(suites: Path, name: str, count: int) -> None:
    """Signatures that others made (RFC 8463's sample among them) verify, each by itself."""
    head, _, message = (suites / "dkim" / f"{name}.txt").read_bytes().partition(b"\n\n")
    lines = (line.decode().partition(" ") for line in head.splitlines())
    answers = dict(txt_answer(owner, text) for owner, _, text in lines)
    message = re.sub(rb"\r?\n", b"\r\n", message)
    found = verify(parse(message), answers, datetime(2022, 12, 1, tzinfo=UTC))
    assert [one.result for one in found] == [Result.PASS] * count, [one.reason for one in found]
    local = verify(parse(message.replace(b"\r\n", b"\n")), answers, NOW)
    assert all(one.passed for one in local), "a file with LF line ends reads the same"


def test_both_of_our_signatures_pass_and_say_what_they_are() -> None:
    """Each signature has its own result, with the algorithm, the key's bits and the fields."""
    rsa, ed = results(SIGNED)
    assert (rsa.passed, ed.passed) == (True, True)
    assert (rsa.key_bits, ed.key_bits) == (2048, 256)
    assert (rsa.signature.algorithm, ed.signature.algorithm) == ("rsa-sha256", "ed25519-sha256")
    assert rsa.signature.domain == DOMAIN
    assert (rsa.signature.selector, ed.signature.selector) == ("s1", "ed1")
    assert rsa.signature.time == int(NOW.timestamp())
    assert rsa.signature.length is None
    assert rsa.signature.signed.count("from") == 2, "one more From would break it"


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        (b"there is  news", b"there is old news", Cause.BODY),
        (b"Subject: What is new", b"Subject: What is old", Cause.SIGNATURE),
        (b"To: <ann", b"To: <bob", Cause.SIGNATURE),
        (b"MIME-Version: 1.0\r\n", b"", Cause.SIGNATURE),
        (b"\r\nTo:", b"\r\nFrom: <x@example.org>\r\nTo:", Cause.SIGNATURE),
        (b"\r\nTo:", b"\r\nSubject: another\r\nTo:", Cause.SIGNATURE),
        (b"/u/1>", b"/u/2>", Cause.SIGNATURE),
    ],
)
def test_a_change_on_the_way_fails(old: bytes, new: bytes, cause: Cause) -> None:
    """A changed body and a changed, added or removed field are told apart."""
    assert old in SIGNED
    found = results(SIGNED.replace(old, new))
    assert [one.result for one in found] == [Result.FAIL] * 2
    assert {one.problem.cause for one in found if one.problem} == {cause}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"there is  news. \r\n", b"there is news.\r\n"),
        (b"Subject: What is new", b"subject:  What\r\n is  new "),
        (b"\r\n\r\n", b"\r\nX-Spam: no\r\n\r\n"),
    ],
)
def test_what_relaxed_canonicalization_forgives_passes(old: bytes, new: bytes) -> None:
    """White space, folds and the case of names may change on the way (RFC 6376 3.4.2, 3.4.4)."""
    assert old in SIGNED
    assert all(one.passed for one in results(SIGNED.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("texts", "result", "cause"),
    [
        ((), Result.PERMERROR, Cause.NO_KEY),
        (("v=DKIM1; p=",), Result.PERMERROR, Cause.NO_KEY),
        (("v=DKIM1; p=AAAA",), Result.PERMERROR, Cause.NO_KEY),
        (("some other text",), Result.PERMERROR, Cause.NO_KEY),
        ((key_of().record_text + "; s=tlsrpt",), Result.PERMERROR, Cause.NO_KEY),
        ((key_of().record_text + "; h=sha1",), Result.PERMERROR, Cause.NO_KEY),
        ((key_of().record_text, key_of("rsa", 1024).record_text), Result.PERMERROR, Cause.NO_KEY),
        ((key_of("rsa", 1024).record_text,), Result.FAIL, Cause.SIGNATURE),
        ((key_of("ed25519").record_text,), Result.PERMERROR, Cause.NO_KEY),
    ],
)
def test_a_key_that_does_not_serve(texts: tuple[str, ...], result: Result, cause: Cause) -> None:
    """No key, a revoked, broken, foreign or ambiguous one: never a pass, and it says why."""
    found = results(SIGNED, dict([txt_answer("s1._domainkey.news.example.com", *texts)]))[0]
    assert (found.result, found.problem and found.problem.cause) == (result, cause)
    assert found.reason


def test_a_key_that_nobody_could_look_up_is_a_temperror() -> None:
    """A failed question is no proof of anything: temperror, and the question is named."""
    question = key_questions(parse(SIGNED))[0]
    rsa, ed = results(SIGNED, {question: Failed(question, Reason.SERVFAIL)})
    assert rsa.result is Result.TEMPERROR
    assert rsa.unknown is not None
    assert rsa.unknown.reason is Reason.SERVFAIL
    assert ed.unknown is not None
    assert ed.unknown.reason is Reason.NOT_ASKED


def test_a_short_key_is_a_matter_of_policy() -> None:
    """A key below 1024 bits is refused before anything is computed (RFC 8301 section 3.2)."""
    from worlds import dkim_key

    record = f"v=DKIM1; p={dkim_key(768)}"
    found = results(SIGNED, dict([txt_answer("s1._domainkey.news.example.com", record)]))[0]
    assert (found.result, found.key_bits) == (Result.POLICY, 768)


def test_expiry_follows_the_time_given() -> None:
    """x= is held against the caller's clock, not the machine's; t= in the future fails too."""
    field = signatures(parse(SIGNED))[0].field.raw
    expiring = field.replace(b"; t=", b"; x=%d; t=" % (NOW.timestamp() + 60))
    assert expiring != field
    message = parse(SIGNED.replace(field, expiring))
    before = verify(message, KEYS, NOW)[0]
    after = verify(message, KEYS, NOW + timedelta(minutes=2))[0]
    assert before.problem is not None
    assert after.problem is not None
    assert before.problem.cause is Cause.SIGNATURE, "not expired yet, only changed"
    assert after.problem.cause is Cause.EXPIRED
    early = verify(parse(SIGNED), KEYS, NOW - timedelta(days=1))[0]
    assert early.problem is not None
    assert early.problem.cause is Cause.EXPIRED


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        (b"a=rsa-sha256", b"a=rsa-sha1", Cause.SHA1),
        (b"a=rsa-sha256", b"a=rsa-md5", Cause.SYNTAX),
        (b"v=1;", b"v=2;", Cause.SYNTAX),
        (b"v=1;", b"v=1; v=1;", Cause.SYNTAX),
        (b"d=news.example.com;", b"", Cause.SYNTAX),
        (b"d=news.example.com", b"d=..", Cause.SYNTAX),
        (b"s=s1", b"s=s/1", Cause.SYNTAX),
        (b"s=s1", b"s=s1; i=@example.org", Cause.SYNTAX),
        (b"s=s1", b"s=s1; q=ldap", Cause.SYNTAX),
        (b"s=s1", b"s=s1; l=many", Cause.SYNTAX),
        (b"c=relaxed/relaxed", b"c=loose", Cause.SYNTAX),
        (b"s=s1", b"s=s1; l=999999", Cause.BODY),
        (b"bh=", b"bh=!", Cause.SYNTAX),
        (b"s=s1", b"s=s1; z=" + b" " * 5000, Cause.SYNTAX),
        (b"s=s1", b"s=s1; z=" + b"x" * 50_000, Cause.SYNTAX),
    ],
)
def test_a_signature_that_cannot_be_read_has_its_cause(
    old: bytes, new: bytes, cause: Cause
) -> None:
    """Every fault of the field ends as a result with one cause, never as an exception."""
    changed = SIGNED.replace(old, new, 1)
    assert changed != SIGNED
    first = results(changed)[0]
    assert first.problem is not None
    assert first.problem.cause is cause, first.reason
    assert not first.passed


def test_a_signature_without_from_is_void() -> None:
    """h= without From is a permanent error (RFC 6376 section 5.4)."""
    field = signatures(parse(SIGNED))[0].field.raw
    without = re.sub(rb"h=from : from : ", b"h=", field)
    assert without != field
    found = results(SIGNED.replace(field, without))[0]
    assert found.result is Result.PERMERROR
    assert found.problem is not None
    assert found.problem.cause is Cause.FROM_NOT_SIGNED


def test_only_so_many_signatures_are_tried() -> None:
    """A message with very many signatures costs no more than twenty; each has a result."""
    field = signatures(parse(SIGNED))[0].field.raw
    found = results(field * 50 + PLAIN)
    assert len(found) == 50
    assert all(one.passed for one in found[:MAX_SIGNATURES])
    assert {one.result for one in found[MAX_SIGNATURES:]} == {Result.POLICY}


async def test_keys_are_asked_for_together_and_once() -> None:
    """All keys of a message take one round; two signatures with one key ask once."""
    field = signatures(parse(SIGNED))[0].field.raw
    double = DnsDouble(
        {("s1._domainkey.news.example.com", "TXT"): [Txt((key_of().record_text.encode(),))]}
    )
    message = parse(field + SIGNED)
    answers = await collect_keys(message, double)
    assert len(double.rounds) == 1
    assert len(double.log) == 2
    assert [one.result for one in verify(message, answers, NOW)] == [
        Result.PASS, Result.PASS, Result.PERMERROR,
    ]  # fmt: skip


def test_simple_canonicalization_and_a_bare_key_are_read() -> None:
    """A signature made by stock dkimpy with c=simple/simple verifies; so does RSAPublicKey."""
    import base64

    import dkim
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_pem_private_key,
    )

    made = dkim.sign(PLAIN, b"s1", b"news.example.com", pem(), canonicalize=(b"simple", b"simple"))
    public = load_pem_private_key(pem(), None).public_key()
    bare = base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.PKCS1)).decode()
    answers = dict([txt_answer("s1._domainkey.news.example.com", f"p={bare}")])
    found = verify(parse(made + PLAIN), answers, datetime.now(UTC))
    assert [one.result for one in found] == [Result.PASS]


def test_a_key_bound_to_its_domain_forbids_identities_below_it() -> None:
    """t=s in the key and i= in a subdomain do not go together (RFC 6376 section 3.6.1)."""
    field = signatures(parse(SIGNED))[0].field.raw
    below = field.replace(b"s=s1;", b"s=s1; i=@deep.news.example.com;")
    strict = dict([txt_answer("s1._domainkey.news.example.com", key_of().record_text + "; t=s")])
    found = results(SIGNED.replace(field, below), strict)[0]
    assert found.problem is not None
    assert found.problem.cause is Cause.NO_KEY


@given(st.binary(max_size=300), st.integers(0, len(SIGNED)), st.integers(0, 40))
def test_no_octets_make_it_raise_or_pass_what_was_changed(
    noise: bytes, place: int, cut: int
) -> None:
    """Whatever is put into a signed message, there is a result for every signature field."""
    octets = SIGNED[:place] + noise + SIGNED[place + cut :]
    message = parse(octets)
    found = verify(message, KEYS, NOW)
    assert len(found) == len(message.all("DKIM-Signature"))


def test_signing_for_a_long_domain_folds_no_word() -> None:
    """A domain and a selector longer than a line stay whole, and the signature passes."""
    domain = Domain.parse(".".join(["label" * 8] * 4) + ".example.com")
    signer = Signer(domain, "selector" * 7, key_of())
    octets = sign(PLAIN, [signer, replace(signer, key=key_of("ed25519"))], NOW)
    field = parse(octets).fields[0]
    assert domain.text.encode() in field.raw
    assert max(map(len, octets.splitlines())) < 200
    answers = published([signer])
    assert results(octets, dict(answers))[0].passed


LINES = st.text(alphabet="ab \t.-", max_size=12).map(lambda line: line.encode() + b"\r\n")
BODIES = st.lists(LINES, max_size=8).map(b"".join)
FORMS = st.sampled_from([b"simple", b"relaxed"])


@settings(max_examples=20)
@given(BODIES, FORMS, FORMS, st.booleans())
def test_stock_dkimpy_and_ours_agree(
    body: bytes, header_form: bytes, body_form: bytes, length: bool
) -> None:
    """What stock dkimpy signs, over any body in any form, verifies here; and the other way."""
    import dkim

    octets = PLAIN.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body
    made = dkim.sign(
        octets, b"s1", b"news.example.com", pem(), canonicalize=(header_form, body_form),
        length=length,
    )  # fmt: skip
    theirs = verify(parse(made + octets), KEYS, datetime.now(UTC))
    assert [one.reason for one in theirs] == [""]
    assert theirs[0].signature.length is not None or not length
    ours = sign(octets, [rsa_signer()], NOW)
    record = key_of().record_text.encode()
    assert dkim.verify(ours, dnsfunc=lambda *_, **__: record)
    assert verify(parse(ours), KEYS, NOW)[0].passed


@pytest.mark.parametrize(
    "body",
    [b"a" + b" " * 3_000_000 + b"x\r\n", (b"a" + b" " * 90 + b"x\r\n") * 15_000,
     b"\r\n" * 1_000_000, b" \r\n" * 500_000],
    ids=["one gap", "many gaps", "empty lines", "blank lines"],
)  # fmt: skip
def test_a_hostile_body_is_verified_in_bounded_time(body: bytes) -> None:
    """Runs of blanks and of empty lines cost time in proportion, for twenty signatures too."""
    octets = sign(PLAIN + body, [rsa_signer()], NOW)
    field = signatures(parse(octets))[0].field.raw
    start = time.process_time()
    found = results(field * 19 + octets)
    assert time.process_time() - start < 10
    assert all(one.passed for one in found)
