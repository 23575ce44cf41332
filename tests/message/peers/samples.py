"""Messages signed, broken and replayed, and the DNS that they are judged by."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass, replace
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from message.peers.signer import FIELDS, sign
from message.signing import key_of, pem

GOOD, BAD = "198.51.100.25", "203.0.113.9"
NEWS, ESP = "news.example.com", "esp.example.net"
PLAIN = (
    b"From: Example News <hello@news.example.com>\r\n"
    b"To: <ann@example.org>\r\n"
    b"Subject: What is new\r\n"
    b"Date: Mon, 23 Nov 2026 12:00:00 +0000\r\n"
    b"Message-ID: <1@news.example.com>\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=us-ascii\r\n"
    b"\r\n"
    b"Hello Ann,\r\n\r\nthere is  news. \r\n\r\n"
)


@functools.cache
def private(kind: str = "rsa", bits: int = 2048) -> Any:
    """A private key of `message.signing`, loaded."""
    return load_pem_private_key(pem(kind, bits), None)


@dataclass(frozen=True)
class Sample:
    """One message and the session that brings it."""

    octets: bytes
    ip: str = BAD
    mail_from: str = f"b@{NEWS}"
    helo: str = "mail.example.com"


def record(kind: str = "rsa", bits: int = 2048) -> str:
    """The key record of a key."""
    return key_of(kind, bits).record_text


def texts() -> dict[str, str]:
    """Every TXT record, by its name."""
    rsa = record()
    half = rsa.partition("p=")[2]
    keys = {
        "s1": rsa,
        "ed": record("ed25519"),
        "old": record("rsa", 1024),
        "none": "v=DKIM1; k=rsa; p=",
        "broken": "v=DKIM1; k=rsa; p=" + half[:60],
        "text": "this is no key",
        "sha1": rsa + "; h=sha1",
        "sha256": rsa + "; h=sha256",
        "tlsrpt": rsa + "; s=tlsrpt",
        "email": rsa + "; s=email",
        "strict": rsa + "; t=s",
        "test": rsa + "; t=y",
        "v2": rsa.replace("DKIM1", "DKIM2"),
        "late": "k=rsa; p=" + half + "; v=DKIM1",
        "nov": "p=" + half,
        "ec": rsa.replace("k=rsa", "k=ec"),
    }
    found = {f"{name}._domainkey.{NEWS}": text for name, text in keys.items()}
    spf = f"v=spf1 ip4:{GOOD} -all"
    return {
        **found,
        f"s1._domainkey.{ESP}": rsa,
        "s1._domainkey.example.com": rsa,
        NEWS: spf, ESP: spf, "mail.example.com": spf, "soft.example.com": f"v=spf1 ip4:{GOOD} ~all",
        "sub.news.example.com": spf,
        "_dmarc.example.com": "v=DMARC1; p=reject; sp=quarantine",
        "_dmarc.strict.example.org": "v=DMARC1; p=reject; aspf=s; adkim=s",
        "sub.strict.example.org": spf, "strict.example.org": spf,
        "s1._domainkey.sub.strict.example.org": rsa,
        "s1._domainkey.strict.example.org": rsa,
        "_dmarc.none.example.org": "v=DMARC1; p=none",
        "none.example.org": spf,
        "nothing.example.org": spf,
        "s1._domainkey.nothing.example.org": rsa,
    }  # fmt: skip


def _by(selector: str = "s1", octets: bytes = PLAIN, **more: Any) -> bytes:
    domain = more.pop("domain", NEWS)
    return sign(
        octets, more.pop("key", None) or private(), domain=domain, selector=selector, **more
    )


def _from(address: str) -> bytes:
    return PLAIN.replace(b"hello@news.example.com", address.encode())


def samples() -> dict[str, Sample]:
    """All of them by name, made for the time at which they are asked for."""
    now = int(time.time())
    ed = private("ed25519")
    good = _by()
    upper = tuple(name.title() for name in FIELDS)
    fine = {
        "rsa": good,
        "ed25519": _by("ed", key=ed),
        "both": _by("ed", octets=good, key=ed),
        "simple": _by(form="simple/simple"),
        "simple header": _by(form="simple/relaxed"),
        "simple body": _by(form="relaxed/simple"),
        "1024 bits": _by("old", key=private("rsa", 1024)),
        "names in capitals": _by(names=upper),
        "oversigned": _by(names=("from", *FIELDS, "subject", "to")),
        "part of the body": _by(length=10),
        "identity": _by(tags=f" i=joe@{NEWS};"),
        "identity below": _by(tags=f" i=joe@sub.{NEWS};"),
        "time": _by(tags=f" t={now - 60}; x={now + 86400};"),
        "key for sha256": _by("sha256"),
        "key for mail": _by("email"),
        "key in test mode": _by("test"),
        "key without version": _by("nov"),
        "unknown tags": _by(tags=" n=note; z=From:x;"),
        "no body": _by(octets=PLAIN.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"),
        "empty lines below": good + b"\r\n\r\n",
        "a field added": b"X-Spam: no\r\n" + good,
        "blanks changed": good.replace(b"there is  news. ", b"there is news."),
        "refolded": good.replace(b"Subject: What is", b"Subject:  What\r\n  is"),
        "appended": _by(length=10) + b"more\r\n",
        "exact domain": _by("strict", tags=f" i=joe@{NEWS};"),
        "parent signs": _by(domain="example.com"),
    }
    broken = {
        "body changed": good.replace(b"there is", b"there was"),
        "subject changed": good.replace(b"Subject: What", b"Subject: Not what"),
        "To removed": good.replace(b"To: <ann@example.org>\r\n", b""),
        "a second subject": good.replace(b"Subject:", b"Subject: other\r\nSubject:"),
        "oversigned, added": _by(names=("from", *FIELDS, "cc")).replace(
            b"Subject:", b"Cc: <x@example.org>\r\nSubject:"
        ),
        "simple, blanks changed": _by(form="simple/simple").replace(b"is  news", b"is news"),
        "simple, refolded": _by(form="simple/simple").replace(b"What is", b"What\r\n is"),
        "another key": _by("s1", key=private("rsa", 1024)),
        "another algorithm": _by("ed"),
        "no key": _by("missing"),
        "revoked": _by("none"),
        "broken key": _by("broken"),
        "no key record": _by("text"),
        "key for sha1": _by("sha1"),
        "key for TLS reports": _by("tlsrpt"),
        "key of version 2": _by("v2"),
        "key of unknown type": _by("ec"),
        "identity elsewhere": _by(tags=" i=joe@example.org;"),
        "identity forbidden": _by("strict", tags=f" i=joe@sub.{NEWS};"),
        "expired": _by(tags=f" t={now - 7200}; x={now - 3600};"),
        "expires before": _by(tags=f" t={now - 3600}; x={now - 7200};"),
        "future": _by(tags=f" t={now + 86400};"),
        "rsa-sha1": _by(algorithm="rsa-sha1"),
        "From not signed": _by(names=FIELDS[1:]),
        "unknown algorithm": good.replace(b"a=rsa-sha256", b"a=rsa-sha512"),
        "version 2": good.replace(b"v=1;", b"v=2;"),
        "no b=": good.replace(b"\tb=", b"\tq=dns/txt; z="),
        "longer than the body": _by().replace(b" s=s1;", b" s=s1; l=99999;"),
        "no number": _by(tags=" t=now;"),
        "not signed": PLAIN,
    }
    found = {name: Sample(octets) for name, octets in {**fine, **broken}.items()}
    mixed = _by(octets=good.replace(b"there is", b"there was"))
    found["broken and mended"] = Sample(mixed)
    return {**found, **_replayed(good)}


def _replayed(good: bytes) -> dict[str, Sample]:
    """What the session and the author domain decide."""
    esp = Sample(_by(domain=ESP))
    at = Sample(good, ip=GOOD)
    strict, below = _from("hello@strict.example.org"), "sub.strict.example.org"
    return {
        "all pass": at,
        "sent again from elsewhere": replace(at, ip=BAD, mail_from="x@esp.example.net"),
        "SPF alone": replace(at, octets=PLAIN),
        "SPF of a subdomain": replace(at, octets=PLAIN, mail_from=f"b@sub.{NEWS}"),
        "SPF of another": replace(at, octets=PLAIN, mail_from=f"b@{ESP}"),
        "SPF soft": replace(at, octets=PLAIN, ip=BAD, mail_from="b@soft.example.com"),
        "null sender": replace(at, octets=PLAIN, mail_from=""),
        "null sender, elsewhere": replace(at, octets=PLAIN, mail_from="", ip=BAD),
        "signed by another": esp,
        "signed by another, SPF": replace(esp, ip=GOOD),
        "strict, itself": Sample(_by(octets=strict, domain="strict.example.org")),
        "strict, below": Sample(_by(octets=strict, domain=below)),
        "strict, SPF below": Sample(strict, GOOD, f"b@{below}"),
        "strict, SPF itself": Sample(strict, GOOD, "b@strict.example.org"),
        "policy none": Sample(_from("hello@none.example.org")),
        "no policy": Sample(_from("hello@nothing.example.org")),
        "no policy, signed": Sample(
            _by(octets=_from("hello@nothing.example.org"), domain="nothing.example.org")
        ),
        "changed author": Sample(
            good.replace(b"hello@news.example.com", b"hello@none.example.org")
        ),
        "two domains": Sample(_by(octets=_from("a@news.example.com>, <b@none.example.org")), GOOD),
        "one domain twice": Sample(_by(octets=_from("a@news.example.com>, <b@news.example.com"))),
        "no author": Sample(PLAIN.partition(b"\r\n")[2], GOOD),
        "two From fields": Sample(b"From: <x@none.example.org>\r\n" + good, GOOD),
    }
