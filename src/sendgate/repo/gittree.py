"""The files of a revision, as git keeps them: no checkout, nothing of the repository run.

Git is asked two things, `ls-tree` for the names and `cat-file` for the contents, which run no
hook, no filter and no program that a repository's configuration names. No remote is asked
for an object that a partial clone lacks.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from sendgate.errors import InputError, SourceError
from sendgate.files import is_file, is_folder, why
from sendgate.names import printable
from sendgate.repo.tree import MAX_OCTETS, SKIPPED

__all__ = ["GitTree", "prefix_of", "top_of"]

_SAFE = (
    "git", "--no-pager", "--no-optional-locks", "--no-replace-objects", "--literal-pathspecs",
    "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "protocol.allow=never",
    "-c", "core.pager=cat", "-c", "safe.bareRepository=explicit",
)  # fmt: skip
# Set by git for its hooks; they would lead from the folder that was asked for to another one.
_LEADING = {
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_NAMESPACE",
    "GIT_CEILING_DIRECTORIES", "GIT_EXTERNAL_DIFF", "GIT_TRACE",
}  # fmt: skip
_SECONDS = 120  # for one answer of git
_MAX_LINKS = 40  # links followed for one name
_PLAIN, _LINK = ("100644", "100755", "100664"), "120000"


def top_of(folder: Path) -> Path | None:
    """Find the top of the version-controlled tree that a folder lies in; None outside of any."""
    places = (folder, *folder.parents)
    return next((x for x in places if is_folder(x / ".git") or is_file(x / ".git")), None)


def prefix_of(root: Path) -> str:
    """Give the path from the top of the version-controlled tree to a folder in it.

    ``""`` at the top itself and outside of any such tree, else with a final slash.
    """
    top = top_of(root)
    relative = "." if top is None else root.relative_to(top).as_posix()
    return "" if relative == "." else f"{relative}/"


class GitTree:
    """The files of one revision below `folder`, or the single file `only` in it.

    A context manager: git runs until it is left. Raises `InputError` where there is no git,
    the folder is in no repository, or there is no such revision.
    """

    def __init__(self, folder: Path, revision: str, only: str | None = None) -> None:
        self._folder = folder
        self._only = only
        self._git: subprocess.Popen[bytes] | None = None
        self._ask("rev-parse", "--is-inside-work-tree", wrong="is in no git repository")
        wrong = f"--base: there is no revision {printable(revision)} in the repository"
        if revision.startswith("-") or "\0" in revision or not revision.strip():
            raise InputError(wrong)
        try:
            commit = self._ask("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        except InputError:
            raise InputError(
                f"{wrong}; in CI, a shallow clone lacks it: fetch it first "
                f"(git fetch origin REVISION, or fetch-depth: 0)"
            ) from None
        self.commit = commit.decode("ascii", "replace").strip()
        self._entries = dict(self._list())

    def __enter__(self) -> GitTree:
        return self

    def __exit__(self, *_: object) -> None:
        if self._git is not None:
            if self._git.stdin is not None:
                self._git.stdin.close()
            if self._git.stdout is not None:
                self._git.stdout.close()
            self._git.wait(_SECONDS)
            self._git = None

    def paths(self) -> tuple[str, ...]:
        """Every plain file and every link to one, sorted; folders of tools left out."""
        found = [
            path
            for path in self._entries
            if not SKIPPED & set(PurePosixPath(path).parts[:-1]) and self._real(path) is not None
        ]
        if self._only is not None:
            return tuple(path for path in found if path == self._only)
        return tuple(sorted(found))

    def read(self, path: str) -> bytes:
        """Read one file of the revision, links within the tree followed; raise `SourceError`."""
        real = self._real(str(PurePosixPath(path)))
        if real is None:
            raise SourceError("there is no such file", path)
        return self._blob(self._entries[real][1], path)

    def _list(self) -> Iterator[tuple[str, tuple[str, str]]]:
        """List path, mode and object of each entry below the folder; submodules left out."""
        # Without --full-tree, names are relative to the folder that git runs in.
        for line in self._ask("ls-tree", "-r", "-z", self.commit).split(b"\0"):
            described, _, name = line.partition(b"\t")
            if name:
                mode, kind, sha = described.decode("ascii", "replace").split(" ")
                if kind == "blob":
                    yield os.fsdecode(name), (mode, sha)

    def _real(self, path: str) -> str | None:
        """Follow the links in a path; None where it leads to no plain file of this tree."""
        done: list[str] = []
        left = [part for part in path.split("/") if part not in {"", "."}][::-1]
        followed = 0
        while left:
            part = left.pop()
            if part == "..":
                if not done:
                    return None
                done.pop()
                continue
            done.append(part)
            entry = self._entries.get("/".join(done))
            if entry is not None and entry[0] == _LINK:
                followed += 1
                target = self._target(entry[1])
                if followed > _MAX_LINKS or target is None:
                    return None
                done.pop()
                left += [step for step in target.split("/") if step not in {"", "."}][::-1]
        entry = self._entries.get("/".join(done))
        return "/".join(done) if entry is not None and entry[0] in _PLAIN else None

    def _target(self, sha: str) -> str | None:
        target = os.fsdecode(self._blob(sha, "a link"))
        return None if target.startswith("/") or len(target) > 4096 else target

    def _blob(self, sha: str, path: str) -> bytes:
        git = self._git = self._git or self._start()
        if git.stdin is None or git.stdout is None:
            raise SourceError("git cannot be asked", path)
        try:
            git.stdin.write(f"{sha}\n".encode())
            git.stdin.flush()
            header = git.stdout.readline().split()
            if len(header) != 3 or header[1] != b"blob":
                raise SourceError("is missing from the git repository", path)
            size = int(header[2])
            if size > MAX_OCTETS:
                self.__exit__(None, None, None)  # rather than read it all
                raise SourceError(f"has more than {MAX_OCTETS >> 20} MiB; not a zone", path)
            octets = git.stdout.read(size)
            git.stdout.read(1)
        except OSError as error:
            raise SourceError(f"git ended while it was asked: {why(error)}", path) from None
        return octets

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - fixed words, no shell
            [*_SAFE, "-C", str(self._folder), "cat-file", "--batch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        )

    def _ask(self, *words: str, wrong: str = "cannot be read by git") -> bytes:
        try:
            done = subprocess.run(  # noqa: S603 - fixed words, a checked revision, no shell
                [*_SAFE, "-C", str(self._folder), *words],
                capture_output=True,
                check=False,
                timeout=_SECONDS,
                env=_environment(),
            )
        except FileNotFoundError:
            raise InputError("--base needs git, and there is none on this machine") from None
        except subprocess.TimeoutExpired:
            raise InputError(f"--base: git gave no answer within {_SECONDS} seconds") from None
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip().split("\n")[0]
            why = f": {printable(said)}" if said else ""
            raise InputError(f"--base: {printable(str(self._folder))} {wrong}{why}")
        return done.stdout


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _LEADING}
    return kept | {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C",
    }
