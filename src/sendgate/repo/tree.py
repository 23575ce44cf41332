"""The files of a repository, read from a folder or from a revision, and never run.

Paths are relative to the root and in POSIX form. A symbolic link that leads out of the
root, to itself, or to what is no plain file is not followed. Nothing here executes what a
repository holds, and git is asked with options that keep it from doing so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from sendgate.errors import SourceError
from sendgate.files import why
from sendgate.names import printable

__all__ = ["MAX_OCTETS", "SKIPPED", "FolderTree", "Tree", "program_text"]

MAX_OCTETS = 256 * 1024 * 1024  # of one file; a larger one is not a zone
SKIPPED = {".git", ".hg", ".svn", ".venv", ".terraform", "node_modules", "__pycache__"}


class Tree(Protocol):
    """A repository's files at one moment."""

    def paths(self) -> tuple[str, ...]:
        """Every plain file, sorted; folders of tools (``.git``, ``node_modules``) left out."""
        ...

    def read(self, path: str) -> bytes:
        """Read one file; raise `SourceError` where it is missing, too large, or outside."""
        ...


def program_text(tree: Tree, path: str, limit: int) -> str | None:
    """The text of a file that is only looked into; None where it is no text or over `limit`.

    Programs beside the data tell lines, and nothing is lost where they do not.
    """
    try:
        octets = tree.read(path)
    except SourceError:
        return None
    if len(octets) > limit or b"\0" in octets:
        return None
    return octets.decode("utf-8", "replace")


class FolderTree:
    """The files below a folder, or one single file, as they are on disk."""

    def __init__(self, root: str | Path) -> None:
        try:
            self._root = Path(os.path.realpath(root))
            self._root.stat()
        except OSError as error:
            raise SourceError(f"cannot be read: {why(error)}", str(root)) from None
        self._single = self._root.name if self._root.is_file() else None
        if self._single is not None:
            self._root = self._root.parent
        self._paths: tuple[str, ...] | None = None
        self._left_out: list[str] = []

    @property
    def left_out(self) -> tuple[str, ...]:
        """Links that are no files of this tree, sorted: they lead out of it, or nowhere."""
        self.paths()
        return tuple(sorted(self._left_out))

    @property
    def root(self) -> Path:
        """The folder that paths are relative to."""
        return self._root

    def paths(self) -> tuple[str, ...]:
        """Every plain file, sorted; listed once."""
        if self._paths is None:
            self._paths = (self._single,) if self._single else tuple(sorted(self._walk()))
        return self._paths

    def read(self, path: str) -> bytes:
        """Read one file, links within the root followed; raise `SourceError`."""
        real = Path(os.path.realpath(self._root / path))
        if not real.is_relative_to(self._root):
            raise SourceError("leads out of the repository", path)
        try:
            if not real.is_file():
                raise SourceError("is no plain file", path)
            with real.open("rb") as file:
                octets = file.read(MAX_OCTETS + 1)
        except OSError as error:
            raise SourceError(f"cannot be read: {why(error)}", path) from None
        if len(octets) > MAX_OCTETS:
            raise SourceError(f"has more than {MAX_OCTETS >> 20} MiB; not a zone", path)
        return octets

    def _walk(self) -> Iterator[str]:
        for folder, folders, files in os.walk(self._root, onerror=_refuse):
            folders[:] = sorted(name for name in folders if name not in SKIPPED)
            for name in files:
                path = Path(folder, name)
                real = Path(os.path.realpath(path))
                if real.is_relative_to(self._root) and real.is_file():
                    yield path.relative_to(self._root).as_posix()
                elif path.is_symlink() and not real.is_dir():
                    self._left_out.append(path.relative_to(self._root).as_posix())


def _refuse(error: OSError) -> None:
    where = printable(str(error.filename))
    raise SourceError(f"cannot be listed: {why(error)}", where)
