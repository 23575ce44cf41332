"""The JSON files of a tree that may be of one format, found by words that they hold."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sendgate.errors import SourceError
from sendgate.repo.readers.jsontext import MAX_OCTETS, Obj, read_json
from sendgate.repo.reading import Place, Unread
from sendgate.repo.tree import Tree

__all__ = ["Found", "json_files", "read_files"]

Marks = tuple[tuple[str, ...], ...]  # all of the words of one of the tuples must be there
Found = list[tuple[str, Obj]]  # path, and the object that the file holds


def json_files(tree: Tree, marks: Marks) -> Iterator[tuple[str, bytes]]:
    """List the files, with their octets, that hold the words; a tree's only file of any name."""
    paths = tree.paths()
    for path in paths:
        if len(paths) > 1 and not path.lower().endswith(".json"):
            continue
        octets = b""
        with contextlib.suppress(SourceError):  # what cannot be read is not of this format
            octets = tree.read(path)
        if octets.startswith((b"\xff\xfe", b"\xfe\xff")) and len(octets) <= MAX_OCTETS:
            octets = octets.decode("utf-16", "replace").encode("utf-8", "replace")
        if any(all(f'"{word}"'.encode() in octets for word in words) for words in marks):
            yield path, octets


def read_files(tree: Tree, marks: Marks) -> tuple[Found, list[Unread]]:
    """Read the files that hold the words; those that are no JSON are told of."""
    found: Found = []
    unread: list[Unread] = []
    for path, octets in json_files(tree, marks):
        try:
            whole = read_json(octets, path)
        except SourceError as error:
            problem = str(error).split(": ", 1)[1]
            unread.append(Unread(Place(path, error.line), problem))
            continue
        if isinstance(whole, Obj):
            found.append((path, whole))
    return found, unread
