"""BIND's configuration, as far as it says which file is which zone, in which view."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sendgate.errors import DomainError, SourceError
from sendgate.names import Domain
from sendgate.repo.reading import Place
from sendgate.repo.tree import Tree

__all__ = ["NamedZone", "named_zones"]

MAX_OCTETS = 8 * 1024 * 1024
MAX_DEPTH = 64

_TOKEN = re.compile(
    r"""\s+ | //[^\n]* | \#[^\n]* | /\*.*?(?:\*/|\Z)
      | "(?P<string>[^"\n]*)"
      | (?P<mark>[{};])
      | (?P<word>[^\s{};"]+)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_OWN = {"master", "primary"}


@dataclass(frozen=True)
class NamedZone:
    """A zone that is served from a file of the tree."""

    zone: Domain
    path: str
    view: str
    place: Place


def named_zones(tree: Tree, files: Iterable[str]) -> list[NamedZone]:
    """List the zones that configuration files of the tree give to the zone files of it."""
    by_name: dict[str, list[str]] = {}
    for path in files:
        by_name.setdefault(posixpath.basename(path), []).append(path)
    found: list[NamedZone] = []
    for path in tree.paths():
        name = posixpath.basename(path)
        if not (name.endswith((".conf", ".zones")) or name.startswith("named.conf")):
            continue
        for zone, file, view, line in _statements(tree, path):
            match = _nearest(file, by_name.get(posixpath.basename(file), ()))
            if match is not None:
                found.append(NamedZone(zone, match, view, Place(path, line)))
    return found


def _statements(tree: Tree, path: str) -> Iterator[tuple[Domain, str, str, int]]:
    """List zone, file, view and line of the zones that a configuration file declares."""
    try:
        octets = tree.read(path)
    except SourceError:
        return
    if len(octets) > MAX_OCTETS or b"zone" not in octets:
        return
    text = octets.decode("utf-8", "replace")
    blocks: list[tuple[list[str], int, dict[str, str]]] = []
    words: list[str] = []
    begin = line = 1
    position = 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", position, match.start())
        position = match.start()
        if match["mark"] == "{":
            if len(blocks) >= MAX_DEPTH:
                return
            blocks.append((words, begin, {}))
            words = []
        elif match["mark"] == ";":
            if blocks and len(words) == 2:
                blocks[-1][2].setdefault(words[0].lower(), words[1])
            words = []
        elif match["mark"] == "}":
            if not blocks:
                return
            head, at, options = blocks.pop()
            words = []
            yield from _zone(head, at, options, blocks)
        elif match["word"] or match["string"] is not None:
            begin = begin if words else line
            words.append(match["word"] or match["string"] or "")


def _zone(
    head: list[str],
    line: int,
    options: dict[str, str],
    outer: list[tuple[list[str], int, dict[str, str]]],
) -> Iterator[tuple[Domain, str, str, int]]:
    if len(head) < 2 or head[0].lower() != "zone" or "file" not in options:
        return
    if options.get("type", "master").lower() not in _OWN:
        return
    views = [words[1] for words, _, _ in outer if len(words) > 1 and words[0].lower() == "view"]
    try:
        yield Domain.parse(head[1]), options["file"], views[0] if views else "", line
    except DomainError:
        return


def _nearest(file: str, paths: Iterable[str]) -> str | None:
    """Find the path whose end has most in common with a server's path."""
    parts = file.split("/")[::-1]
    best: tuple[int, str] | None = None
    for path in paths:
        common = 0
        for ours, theirs in zip(path.split("/")[::-1], parts, strict=False):
            if ours != theirs:
                break
            common += 1
        if best is None or common > best[0]:
            best = common, path
    return best[1] if best else None
