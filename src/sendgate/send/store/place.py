"""Where a store is, and who owns it.

A store is one SQLite file. The process that sends owns it by a lock of the operating
system on a file beside it (``campaigns.db.owner``), which ends with the process however
that ends; a lease in the data would have to expire first.
"""

from __future__ import annotations

import contextlib
import os
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sendgate.errors import ConfigError, StoreOpenError
from sendgate.files import why
from sendgate.names import printable

__all__ = ["Ownership", "default_path", "is_there", "own", "prepare", "store_path"]

_PATIENCE = 2.0  # seconds; a status command holds the lock for moments while it tidies up


def store_path(where: str | Path, base: Path | None = None) -> Path:
    """Read a store's address: ``sqlite:///relative.db``, ``sqlite:////absolute.db`` or a path.

    A relative path is taken from `base`. Raises `ConfigError` for any other kind of store.
    """
    text = str(where)
    scheme, sign, rest = text.partition("://")
    if sign and scheme.lower() != "sqlite":
        raise ConfigError(
            f"store: {printable(_without_password(text))} is not supported: this version keeps "
            "campaigns in SQLite files; give sqlite:///PATH"
        )
    if sign and not rest.startswith("/"):
        raise ConfigError(f"store: {printable(text)} has no path; give sqlite:///PATH")
    path = Path(unquote(rest[1:])) if sign else Path(text)
    if not path.name:
        raise ConfigError(f"store: {printable(text)} has no path; give sqlite:///PATH")
    path = path.expanduser()
    return path if base is None else base / path


def _without_password(url: str) -> str:
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        if parts.password is not None:
            return url.replace(f":{parts.password}@", ":***@", 1)
    return url


def default_path(environment: Mapping[str, str], home: Path) -> Path:
    """The store that is used where none is named: in the user's data directory."""
    data = environment.get("XDG_DATA_HOME", "")
    folder = Path(data) if data.startswith("/") else home / ".local" / "share"
    return folder / "sendgate" / "campaigns.db"


def prepare(path: Path) -> None:
    """Make the folder and the empty file where they are not there.

    The file can be read by its owner alone, as it will hold contacts and a key.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            # The new name itself must outlive a power cut, as what is committed under it does.
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            os.fsync(folder)
            os.close(folder)
    except OSError as error:
        raise _unusable(path, error) from None


def is_there(path: Path) -> bool:
    """Whether there is a file at the path; `StoreOpenError` where nobody may look."""
    try:
        return path.exists()
    except OSError as error:
        raise _unusable(path, error) from None


def _unusable(path: Path, error: OSError) -> StoreOpenError:
    return StoreOpenError(f"{printable(str(path))} cannot be used as a store: {why(error)}")


class Ownership:
    """The lock on a store, held until `release` or the end of the process."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        # A forked child shares the lock: it must not keep the store owned after its parent.
        mine = weakref.ref(self)

        def let_go() -> None:
            if (me := mine()) is not None:
                me.release()

        os.register_at_fork(after_in_child=let_go)

    def release(self) -> None:
        """Let go of the store; a second call does nothing."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> Ownership:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def own(path: Path, patience: float = _PATIENCE) -> Ownership:
    """Take the lock on the store at `path`, waiting `patience` seconds at most.

    Raises `StoreOpenError`, naming the process that has it.
    """
    import fcntl

    # One store has one lock, by whatever links it is reached.
    real = Path(os.path.realpath(path))
    beside = real.with_name(real.name + ".owner")
    try:
        handle = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(path, error) from None
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() < until:
                time.sleep(0.02)
                continue
            process = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
            os.close(handle)
            who = f" (process {process})" if process.isdigit() else ""
            raise StoreOpenError(
                f"{printable(str(path))} is in use: another sendgate{who} is sending from it; "
                "wait for its end, or stop it"
            ) from None
        except OSError as error:
            os.close(handle)
            raise StoreOpenError(f"{printable(str(path))} cannot be locked: {why(error)}") from None
    with contextlib.suppress(OSError):  # the number is a courtesy; the disk may be full
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode("ascii"), 0)
    return Ownership(handle)
