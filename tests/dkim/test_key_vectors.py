"""DKIM key records that others wrote are read as they should be."""

from __future__ import annotations

import json
from pathlib import Path

from sendgate.dkim.record import Ed25519Key, KeyRecord, RsaKey, parse


def test_key_record_vectors(suites: Path) -> None:
    """All twelve records: meant as a key, valid, revoked as their judgement says."""
    vectors = json.loads((suites / "dkim" / "mox_keyrecord_vectors.json").read_text())["vectors"]
    assert len(vectors) == 12
    wrong = []
    for vector in vectors:
        read = parse(vector["record"].encode("latin-1"))
        is_key = isinstance(read, KeyRecord)
        valid = isinstance(read, KeyRecord) and read.valid
        allowed = vector["valid"] if isinstance(vector["valid"], list) else [vector["valid"]]
        ok = (is_key and read.is_dkim) == vector["is_dkim"] and valid in allowed
        if "revoked" in vector:
            ok = ok and is_key and read.revoked == vector["revoked"]
        if not ok or str(read) != vector["record"]:
            wrong.append((vector["record"], read))
    assert wrong == []


def test_keys_of_the_signed_messages(suites: Path) -> None:
    """The keys of the three signed messages parse: both RSA encodings, and Ed25519."""
    keys = {}
    for number in ("001", "002", "003"):
        head = (suites / "dkim" / f"{number}.txt").read_bytes().split(b"\n\n")[0]
        for line in head.splitlines():
            name, text = line.split(b" ", 1)
            read = parse(text)
            assert isinstance(read, KeyRecord)
            assert read.valid
            keys[name.decode()] = read.key
    assert isinstance(keys["brisbane._domainkey.football.example.com"], Ed25519Key)
    assert keys["test._domainkey.football.example.com"] == RsaKey(1024)
    assert keys["newengland._domainkey.example.com"] == RsaKey(1024, bare=True)
    assert keys["ietf1._domainkey.ietf.org"] == RsaKey(1024)
