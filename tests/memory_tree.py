"""A repository that is a dictionary, and whole files broken in one place."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from sendgate.errors import SourceError


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
