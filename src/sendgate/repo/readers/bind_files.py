"""Which files of a tree are zone files, and which only belong to one.

A file is a zone file by an SOA in it, or by its name (``db.example.com``,
``example.com.zone``) and records in it. What another one includes is no zone of its own;
what holds placeholders is a template.
"""

from __future__ import annotations

import contextlib
import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from sendgate.dns.master import EntryError
from sendgate.dns.zonetext import decode_zone, named_after
from sendgate.errors import DomainError, SourceError
from sendgate.names import Domain
from sendgate.repo.reading import Place, Unread
from sendgate.repo.tree import Tree

__all__ = ["Candidates", "TreeFiles", "guessed_zone", "has_soa", "stated_zone"]

MAX_OCTETS = 64 * 1024 * 1024  # of one file
_SNIFFED = 256 * 1024  # octets in which an SOA or a first record must stand

_SOA = re.compile(
    rb"^(?![ \t]*[;#/*])[^\n;\"]{0,300}[ \t]SOA[ \t]+"
    rb"(?:\(|\{\{|<%|[^\s\"']+[ \t]+(?:\(|[^\s\"']+[ \t]+[({<@$0-9]))",
    re.IGNORECASE | re.MULTILINE,
)
_RECORD = re.compile(
    rb"^(?![ \t]*[;#/]|[ \t]+\*|\*[^ \t.])[^\n;\"]{0,300}[ \t]"
    rb"(?:A|AAAA|ALIAS|CAA|CNAME|DNAME|MX|NS|PTR|SRV|TXT)[ \t]+[^\s=:]",
    re.IGNORECASE | re.MULTILINE,
)
_ORIGIN = re.compile(
    rb"^\$ORIGIN[ \t]+[^\s;]*[^\s;.]\.[ \t]*(?:;|\r?$)", re.IGNORECASE | re.MULTILINE
)
_NAMED = re.compile(r"^db\.|^named\.(?!conf)|\.(?:zone|db|hosts|signed)$", re.IGNORECASE)
_OTHERS = {  # what holds no zone, whatever its text resembles
    ".bash", ".c", ".cfg", ".css", ".csv", ".diff", ".erl", ".go", ".h", ".html", ".ini", ".ipynb",
    ".java", ".js", ".json", ".lock", ".log", ".lua", ".md", ".nix", ".patch", ".php", ".pl",
    ".pp", ".py", ".rb", ".rs", ".rst", ".sh", ".svg", ".tf", ".toml", ".ts", ".xml", ".yaml",
    ".yml",
}  # fmt: skip
_TEMPLATES = {".erb", ".in", ".j2", ".jinja", ".jinja2", ".mustache", ".template", ".tmpl", ".tpl"}
_PLACEHOLDER = re.compile(
    r"\{\{|\{%|<%|(?<![\\$%])\{[A-Za-z_][\w.]*\}|\$\{[A-Za-z_]\w*\}|@@\w+@@|(?:^|(?<=\s))@[ZF](?![\w-])",
    re.MULTILINE,
)
_INCLUDE = re.compile(r'^\$INCLUDE[ \t]+(?:"([^"\n]+)"|([^\s;]+))', re.IGNORECASE | re.MULTILINE)
_SOA_OWNER = re.compile(
    r"^([^\s;$@\"]+\.)[ \t]+(?:[\w]+[ \t]+){0,2}SOA\b", re.IGNORECASE | re.MULTILINE
)
_SOA_LINE = re.compile(r"^[^;\"\n]*\bSOA\b", re.IGNORECASE | re.MULTILINE)
_ORIGIN_NAME = re.compile(r"^\$ORIGIN[ \t]+([^\s;]+\.)", re.IGNORECASE | re.MULTILINE)


class TreeFiles:
    """The files of a tree, as the zone reader asks for them."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._present = set(tree.paths())

    def text(self, where: str) -> str:
        """Read one file; raise `SourceError`."""
        octets = self._tree.read(where)
        if len(octets) > MAX_OCTETS:
            raise SourceError(f"has more than {MAX_OCTETS >> 20} MiB; it is not read", where)
        return decode_zone(octets, where)

    def included(self, where: str, target: str) -> str:
        """Find an included file: beside the one that includes it, else further up.

        Servers read it relative to the directory they run in, which a repository does not
        show; of an absolute path the end must match. Raises `EntryError`.
        """
        absolute = target.startswith("/")
        folder = posixpath.dirname(where)
        bases = [folder]
        while bases[-1]:
            bases.append(posixpath.dirname(bases[-1]))
        names = [target]
        if absolute:
            parts = [part for part in target.split("/") if part not in {"", ".", ".."}]
            names = ["/".join(parts[i:]) for i in range(min(len(parts), 32))]
        outside = False
        for name in names:
            for base in bases:
                path = posixpath.normpath(posixpath.join(base, name))
                outside = outside or (path.startswith("../") and base == folder)
                if path in self._present:
                    return path
        if outside:
            raise EntryError("leads out of the repository")
        raise EntryError("there is no such file in the repository")

    def identity(self, where: str) -> str:
        """Paths of a tree are normal already."""
        return where


@dataclass
class Candidates:
    """The zone files of a tree."""

    tree: Tree
    roots: list[str] = field(default_factory=list)
    templates: list[str] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)

    def find(self) -> Candidates:
        """Look at every file of the tree once."""
        paths = self.tree.paths()
        self._includes: dict[str, list[str]] = {}
        files = TreeFiles(self.tree)
        found = [path for path in paths if self._is_zone(path, only=len(paths) == 1)]
        waiting = list(found)
        while waiting:
            path = waiting.pop()
            if path in self._includes:
                continue
            self._includes[path] = list(_targets(files, path))
            waiting += self._includes[path]
        self._settle(found)
        return self

    def _settle(self, found: list[str]) -> None:
        """Keep what nothing includes; of files that include each other, the first."""
        inside = {target for targets in self._includes.values() for target in targets}
        reached: set[str] = set()
        for path in [*(p for p in found if p not in inside), *found]:
            if path in reached:
                continue
            self.roots.append(path)
            waiting = [path]
            while waiting:
                here = waiting.pop()
                if here not in reached:
                    reached.add(here)
                    waiting += self._includes.get(here, ())
        self.roots.sort()

    def _is_zone(self, path: str, *, only: bool) -> bool:
        """Whether a file is a zone; templates, and what cannot be read, are put aside."""
        name = posixpath.basename(path)
        extension = posixpath.splitext(name)[1].lower()
        if extension in _OTHERS and not only:
            return False
        named = _NAMED.search(name) is not None and named_after(name) is not None
        try:
            octets = self.tree.read(path)
        except SourceError as error:
            if named:
                self._put_aside(path, str(error).removeprefix(f"{path}: "))
            return False
        head = octets[:_SNIFFED]
        if b"\0" in head:
            if named and not name.endswith(".db"):  # many databases are called .db
                self._put_aside(path, "holds a NUL octet; not a zone file")
            return False
        known = _SOA.search(head) or (_ORIGIN.search(head) and _RECORD.search(head))
        if not known and not ((named or only) and _RECORD.search(head)):
            return False
        if len(octets) > MAX_OCTETS:
            self._put_aside(path, f"has more than {MAX_OCTETS >> 20} MiB; it is not read")
            return False
        if extension in _TEMPLATES or _holds_placeholders(head.decode("utf-8", "replace")):
            self.templates.append(path)
            return False
        return True

    def _put_aside(self, path: str, problem: str) -> None:
        zone = guessed_zone("", path)
        self.unread.append(Unread(Place(path), problem, (zone,) if zone else ()))


def has_soa(text: str) -> bool:
    """Whether a line of the text looks like an SOA record."""
    return _SOA_LINE.search(text) is not None


def stated_zone(text: str) -> Domain | None:
    """Tell which zone a file's own text says that it is: by its SOA, or the `$ORIGIN` before it."""
    soa = _SOA_LINE.search(text)
    head = text if soa is None else text[: soa.end()]
    for pattern in (_SOA_OWNER, _ORIGIN_NAME):
        match = pattern.search(head)
        if match is not None:
            with contextlib.suppress(DomainError):
                zone = Domain.parse(match[1])
                if len(zone.labels) > 1:
                    return zone
    return None


def guessed_zone(text: str, path: str) -> Domain | None:
    """Tell which zone a file that cannot be read would have been; None where nothing says it."""
    return stated_zone(text) or named_after(path)


def _targets(files: TreeFiles, path: str) -> Iterable[str]:
    """List the files that one includes, as far as they are there."""
    try:
        text = files.text(path)
    except SourceError:
        return
    for match in _INCLUDE.finditer(text):
        try:
            yield files.included(path, match[1] or match[2])
        except EntryError:
            continue  # told of when the zone is read


def _holds_placeholders(text: str) -> bool:
    """Whether a line holds one, comments behind its last quote and `$GENERATE` left out."""
    for line in text.split("\n"):
        end = line.find(";", line.rfind('"') + 1)
        if _PLACEHOLDER.search(line if end < 0 else line[:end]) and line[:9] != "$GENERATE":
            return True
    return False
