"""The tables of a store, their version, and how a connection to it is opened.

Times are milliseconds since 1970 (UTC). A recipient is in one of the states of
`sendgate.send.state`; `due` is set exactly where it waits for an attempt (queued or
deferred), so that what is due is found by an index that shrinks as the campaign proceeds.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sendgate.errors import StoreOpenError
from sendgate.names import printable

__all__ = ["MIGRATIONS", "connect", "once", "ready", "transaction", "wait_until_ready"]

T = TypeVar("T")

APPLICATION_ID = 0x53474154  # marks the file as a store of sendgate
CACHE_KIB = 48 * 1024  # of the writer; a list of a million is loaded through it
READER_CACHE_KIB = 4 * 1024  # of those who only look
BUSY_SECONDS = 30.0  # how long one writer waits for another

_FIRST = """
CREATE TABLE campaign (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL UNIQUE,
  content TEXT NOT NULL,          -- hash of all that decides what is sent to whom
  config TEXT NOT NULL,           -- the campaign as configured, for the record
  state TEXT NOT NULL,
  reason TEXT,                    -- why it is paused, refused or held
  loaded INTEGER NOT NULL DEFAULT 0,
  created INTEGER NOT NULL,
  changed INTEGER NOT NULL
);
CREATE TABLE recipient (
  id INTEGER PRIMARY KEY,
  campaign INTEGER NOT NULL,
  address TEXT NOT NULL,          -- normalised
  domain TEXT NOT NULL,
  state TEXT NOT NULL,
  due INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  answered INTEGER NOT NULL DEFAULT 0,
  first INTEGER,                  -- when the first attempt began
  attempt INTEGER,                -- the latest row of attempt
  category TEXT,
  hard INTEGER,
  message_id TEXT,
  line INTEGER,
  UNIQUE (campaign, address)
);
CREATE INDEX due_by_time ON recipient (campaign, due) WHERE due IS NOT NULL;
CREATE INDEX due_by_domain ON recipient (campaign, domain, due) WHERE due IS NOT NULL;
CREATE INDEX held ON recipient (campaign, state)
  WHERE state IN ('leased', 'committing', 'unknown');  -- served where a query says just this
CREATE TABLE tally (               -- how many recipients stand where, kept by each step
  campaign INTEGER NOT NULL,
  state TEXT NOT NULL,
  hard INTEGER NOT NULL,          -- this and the category of bounces alone
  category TEXT NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (campaign, state, hard, category)
) WITHOUT ROWID;
CREATE TRIGGER recipient_moves AFTER UPDATE OF state ON recipient
WHEN NEW.state <> OLD.state BEGIN
  UPDATE tally SET number = number - 1
    WHERE campaign = OLD.campaign AND state = OLD.state AND hard = 0 AND category = '';
  INSERT INTO tally VALUES (
      NEW.campaign, NEW.state,
      CASE NEW.state WHEN 'bounced' THEN NEW.hard ELSE 0 END,
      CASE NEW.state WHEN 'bounced' THEN NEW.category ELSE '' END, 1)
    ON CONFLICT DO UPDATE SET number = number + 1;
END;
CREATE TABLE contact (             -- apart, so that the rows that change stay short
  recipient INTEGER PRIMARY KEY,
  fields TEXT NOT NULL
);
CREATE TABLE exclusion (
  id INTEGER PRIMARY KEY,
  campaign INTEGER NOT NULL,
  time INTEGER NOT NULL,
  address TEXT NOT NULL,
  line INTEGER,
  code TEXT NOT NULL,
  detail TEXT NOT NULL
);
CREATE INDEX exclusion_by_code ON exclusion (campaign, code);
CREATE TABLE attempt (
  id INTEGER PRIMARY KEY,
  campaign INTEGER NOT NULL,
  recipient INTEGER NOT NULL,
  number INTEGER NOT NULL,
  started INTEGER NOT NULL,
  committed INTEGER,              -- when the final dot was allowed to leave
  ended INTEGER,
  outcome TEXT,
  phase TEXT,
  mx TEXT, address TEXT, source TEXT, tls TEXT,
  digest TEXT,                    -- hash of the message's octets
  code INTEGER, enhanced TEXT, text TEXT,
  category TEXT, hard INTEGER,
  next INTEGER
);
CREATE INDEX attempt_by_campaign ON attempt (campaign);
CREATE TABLE suppression (
  kind TEXT NOT NULL,             -- address, domain or hash
  value TEXT NOT NULL,
  reason TEXT NOT NULL,
  time INTEGER NOT NULL,
  PRIMARY KEY (kind, value)
) WITHOUT ROWID;
CREATE TABLE audit (
  id INTEGER PRIMARY KEY,
  campaign INTEGER NOT NULL,
  time INTEGER NOT NULL,
  decision TEXT NOT NULL,
  report TEXT NOT NULL,
  recording TEXT NOT NULL
);
CREATE INDEX audit_by_campaign ON audit (campaign);
CREATE TABLE secret (id INTEGER PRIMARY KEY CHECK (id = 1), key BLOB NOT NULL);
"""

_SECOND = """
CREATE TABLE sts_policy (          -- MTA-STS policies of recipients' domains (RFC 8461)
  domain TEXT PRIMARY KEY,
  id TEXT NOT NULL,               -- of the record under which it was fetched
  policy TEXT NOT NULL,
  fetched INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE strike (              -- bounces that are hard in several campaigns only
  address TEXT NOT NULL,
  category TEXT NOT NULL,
  campaign INTEGER NOT NULL,
  time INTEGER NOT NULL,
  PRIMARY KEY (address, category, campaign)
) WITHOUT ROWID;
"""

_THIRD = """
-- when somebody whose 72 hours were over was given one more attempt
ALTER TABLE recipient ADD COLUMN granted INTEGER;
"""

MIGRATIONS: tuple[str, ...] = (_FIRST, _SECOND, _THIRD)
"""What leads from each version to the next; the version is how many have been applied."""


def connect(path: Path, cache_kib: int = CACHE_KIB) -> sqlite3.Connection:
    """Open the file: write-ahead log, each commit on the disk before it counts as done.

    `cache_kib` bounds the pages that the connection holds in memory. Transactions are begun
    and ended by the caller. Raises `StoreOpenError`.
    """
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        # The version is read before anything is written: a foreign file stays as it is.
        connection.execute("PRAGMA schema_version").fetchone()
        _refuse_foreign(connection, path)
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        connection.execute(f"PRAGMA cache_size = -{cache_kib}")
    except (sqlite3.Error, StoreOpenError) as error:
        if connection is not None:
            connection.close()
        if isinstance(error, StoreOpenError):
            raise
        raise StoreOpenError(f"{printable(str(path))} cannot be used as a store: {error}") from None
    return connection


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    version, mark, tables = (
        connection.execute(query).fetchone()[0]
        for query in (
            "PRAGMA user_version",
            "PRAGMA application_id",
            "SELECT count(*) FROM sqlite_schema",
        )
    )
    if mark != APPLICATION_ID and (tables or version):
        raise StoreOpenError(f"{printable(str(path))} is an SQLite file, but no store of sendgate")
    if version > len(MIGRATIONS):
        raise StoreOpenError(
            f"{printable(str(path))} is a store from a newer version of sendgate (its schema is "
            f"{version}, this version reads up to {len(MIGRATIONS)}): use that version, or name "
            "another store"
        )


def ready(
    connection: sqlite3.Connection, path: Path, migrations: tuple[str, ...] = MIGRATIONS
) -> None:
    """Bring the tables to the present version, all or nothing; nothing to do is no write.

    Raises `StoreOpenError` where the file cannot be written, or is none.
    """
    try:
        if _version(connection) >= len(migrations):
            return
        with transaction(connection):
            for migration in migrations[_version(connection) :]:
                for statement in _statements(migration):
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {len(migrations)}")
    except sqlite3.Error as error:
        raise StoreOpenError(f"{printable(str(path))} cannot be made a store: {error}") from None


def wait_until_ready(connection: sqlite3.Connection, path: Path, patience: float = 2.0) -> None:
    """Wait until the store's owner has brought the tables to the present version.

    Raises `StoreOpenError` where that takes longer than `patience` seconds.
    """
    until = time.monotonic() + patience
    while _version(connection) < len(MIGRATIONS):
        if time.monotonic() >= until:
            raise StoreOpenError(
                f"{printable(str(path))} is not ready: the process that sends from it is still "
                "making it, or is of an older version; try again later"
            )
        time.sleep(0.02)


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _statements(script: str) -> list[str]:
    """Cut a script at its statements; sqlite3's own `executescript` would commit between."""
    found, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            found.append(current)
            current = ""
    return found


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """A transaction that is written whole or not at all."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def once(connection: sqlite3.Connection, path: Path, work: Callable[[sqlite3.Connection], T]) -> T:
    """Run one piece of work in a transaction while a store is opened; raises `StoreOpenError`."""
    try:
        with transaction(connection):
            return work(connection)
    except sqlite3.Error as error:
        raise StoreOpenError(f"{printable(str(path))} cannot be written: {error}") from None
