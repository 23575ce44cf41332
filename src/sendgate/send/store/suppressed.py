"""The suppression list: addresses, domains, and addresses known by their hash alone.

Addresses are compared without regard to case, local part included: of two people whose
addresses differ in case alone nobody has heard, and who asked not to be mailed is not.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime

from sendgate.errors import InputError
from sendgate.names import printable
from sendgate.send.store.rows import Suppression, clean, from_ms, to_ms

__all__ = ["add", "hash_of", "is_suppressed", "iterate", "remove"]

_PAGE = 1000


def hash_of(address: str) -> str:
    """The hash by which an address is suppressed: SHA-256 of it in lower case, in hex."""
    return hashlib.sha256(address.lower().encode("utf-8", "backslashreplace")).hexdigest()


def _key(kind: str, value: str) -> tuple[str, str]:
    value = value.strip().lower()
    well_formed = {
        "address": "@" in value.strip("@"),
        "domain": bool(value) and "@" not in value,
        "hash": re.fullmatch(r"[0-9a-f]{64}", value) is not None,
    }
    if kind not in well_formed:
        raise InputError(f"a suppression is of an address, a domain or a hash, not {kind}")
    if not well_formed[kind]:
        expected = "64 hexadecimal digits (SHA-256)" if kind == "hash" else f"a whole {kind}"
        raise InputError(f"{printable(value[:320])} cannot be suppressed: expected {expected}")
    return kind, clean(value, 400)


def add(db: sqlite3.Connection, kind: str, value: str, reason: str, now: datetime) -> bool:
    """Put one on the list; False where it is there already (its reason and time stay)."""
    done = db.execute(
        "INSERT OR IGNORE INTO suppression (kind, value, reason, time) VALUES (?, ?, ?, ?)",
        (*_key(kind, value), clean(reason), to_ms(now)),
    )
    return done.rowcount > 0


def remove(db: sqlite3.Connection, kind: str, value: str) -> bool:
    """Take one off the list; False where it was not on it."""
    done = db.execute("DELETE FROM suppression WHERE kind = ? AND value = ?", _key(kind, value))
    return done.rowcount > 0


def iterate(db: sqlite3.Connection) -> Iterator[Suppression]:
    """All of the list, by kind and value; it may be changed meanwhile."""
    last = ("", "")
    while rows := db.execute(
        "SELECT kind, value, reason, time FROM suppression WHERE (kind, value) > (?, ?)"
        " ORDER BY kind, value LIMIT ?",
        (*last, _PAGE),
    ).fetchall():
        for kind, value, reason, time in rows:
            yield Suppression(kind, value, reason, from_ms(time))
        last = rows[-1][:2]


def is_suppressed(db: sqlite3.Connection, addresses: Iterable[tuple[str, str]]) -> set[str]:
    """Those of the addresses, each given with its domain, that must not be mailed."""
    if db.execute("SELECT NOT EXISTS (SELECT 1 FROM suppression)").fetchone()[0]:
        return set()
    return {
        address
        for address, domain in addresses
        if db.execute(
            "SELECT 1 FROM suppression WHERE (kind, value) IN"
            " (VALUES ('address', ?), ('domain', ?), ('hash', ?)) LIMIT 1",
            (clean(address.lower(), 400), clean(domain.lower(), 400), hash_of(address)),
        ).fetchone()
    }
