"""Files that users name: read with a bound, written whole or not at all, refused with reasons."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from sendgate.errors import InputError, SourceError
from sendgate.names import printable

__all__ = ["is_file", "is_folder", "read_file", "why", "write_atomically"]


def why(error: Exception) -> str:
    """What is wrong with a file, as a part of a sentence: ``permission denied``."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    return str(getattr(error, "strerror", None) or error).lower()


def read_file(path: str | Path, limit: int) -> bytes:
    """Read a file, but no more than `limit` + 1 octets: its reader refuses what is too large.

    Raises `SourceError`, naming the file as the user did, where it cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return file.read(limit + 1)
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot be read: {why(error)}", str(path)) from None


def is_file(path: str | Path) -> bool:
    """Whether a path leads to a plain file; where nobody may look, reading it says so."""
    with contextlib.suppress(OSError):
        return Path(path).is_file()
    return False


def is_folder(path: str | Path) -> bool:
    """Whether a path leads to a folder; where nobody may look, reading it says so."""
    with contextlib.suppress(OSError):
        return Path(path).is_dir()
    return False


def write_atomically(path: str | Path, lines: Iterable[str]) -> None:
    """Write the texts, one after the other, as UTF-8; a reader sees the old file or the new one.

    A link is followed, an existing file's permissions are kept, and a device or pipe is
    written to as it is. Raises `InputError` where the file cannot be written.
    """
    try:
        target = Path(os.path.realpath(path))
        if target.exists() and not target.is_file():
            with target.open("w", encoding="utf-8", newline="") as stream:
                stream.writelines(lines)
            return
        _replace(target, lines)
    except OSError as error:
        raise InputError(f"{printable(str(path))} cannot be written: {why(error)}") from None


def _replace(target: Path, lines: Iterable[str]) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.writelines(lines)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(_mode(target))
        Path(name).replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def _mode(target: Path) -> int:
    """Keep the permissions of what is replaced; a new file gets what the umask leaves."""
    with contextlib.suppress(OSError):
        return target.stat().st_mode & 0o7777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
