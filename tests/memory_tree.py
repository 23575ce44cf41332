"""A repository that is a dictionary; files broken in a few places, and what holds even then."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from refusals import result_or

from sendgate.errors import SourceError
from sendgate.repo.reading import Reading
from sendgate.repo.tree import FolderTree, Tree


class MemoryTree:
    """The files of a dictionary, as a `Tree`."""

    def __init__(self, files: dict[str, bytes | str]) -> None:
        self.files = {
            path: content if isinstance(content, bytes) else content.encode()
            for path, content in files.items()
        }

    def paths(self) -> tuple[str, ...]:
        """Every path, sorted."""
        return tuple(sorted(self.files))

    def read(self, path: str) -> bytes:
        """Read one file."""
        if path not in self.files:
            raise SourceError("there is no such file", path)
        return self.files[path]


def write(folder: Path, files: dict[str, str | bytes]) -> FolderTree:
    """Write files below a folder, and give it as a `Tree`."""
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return FolderTree(folder)


def slips(reading: Reading) -> list[tuple[str, str, int | None, str, str | None]]:
    """The slips of a reading: kind, name, line, what is written, what is published."""
    return [(str(s.kind), s.name.text, s.place.line, s.written, s.published) for s in reading.slips]


def read_or_refused(read: Callable[[Tree], Reading], tree: MemoryTree) -> Reading | None:
    """Read a tree, whatever it holds: all that comes of it stands in a file that is there.

    Records and slips lie in declared zones and at lines of a file. None: the reader refused the
    tree, by a `SourceError` that names one of its files, or the tree as a whole.
    """
    lines = {path: content.count(b"\n") + 1 for path, content in tree.files.items()} | {".": 1}
    reading = result_or(SourceError, lambda: read(tree))
    if isinstance(reading, SourceError):
        assert 1 <= (reading.line or 1) <= lines[reading.where]
        return None
    apexes = {zone.apex for zone in reading.zones}
    for record in reading.records:
        assert record.zone in apexes
        assert record.name.is_under(record.zone)
        assert 1 <= (record.origin.line or 1) <= lines[record.origin.where]
    assert {slip.zone for slip in reading.slips} <= apexes
    for place in [item.place for item in (*reading.slips, *reading.unread, *reading.hidden)]:
        assert 1 <= (place.line or 1) <= lines[place.path]
    return reading


ODD: list[Any] = [
    None, True, 0, -1, 1.5, 1e308, 2**70, "", ".", "..", "@", "*", "\\", '"', '""', "a" * 300,
    "a." * 200, "\x00", "\ud83d\ude00", "é.example", "10", "10 mx", "-0", "[", "{", "[]", [], {},
    [[]], [None], [{}], {"a": 1}, ["x"], "\\400", "192.0.2.1", "::1", "\n", "${x}", "\u202e",
    "TYPE0", "RRSIG", "TXT", "MX", "CAA", "SOA",
]  # fmt: skip


def broken(whole: Any) -> st.SearchStrategy[bytes]:
    """Give the JSON of `whole` with one to four of its values replaced, moved or left out."""
    places = list(_places(whole))
    one = st.tuples(st.sampled_from(places), st.sampled_from(ODD) | st.just("leave out"))
    return st.lists(one, min_size=1, max_size=4).map(lambda changes: _broken(whole, changes))


def _places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(item, (*path, key))


def _broken(whole: Any, changes: list[tuple[tuple[str | int, ...], Any]]) -> bytes:
    made = copy.deepcopy(whole)
    for path, odd in changes:
        holder = made
        try:
            for key in path[:-1]:
                holder = holder[key]
            if odd == "leave out":
                del holder[path[-1]]
            else:
                holder[path[-1]] = copy.deepcopy(odd)
        except (KeyError, IndexError, TypeError):  # an earlier change took the place away
            continue
    return json.dumps(made).encode()
