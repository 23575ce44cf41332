"""Waivers that stand in the files themselves, in a comment beside the record they speak of.

    _dmarc TXT "v=DMARC1; p=none"  ; sendgate: waive DMARC006 until 2027-01-31 still rolling out

A waiver speaks of the record on its line; on a line of its own, of the record below it; and
anywhere else inside an entry of several lines, of the whole entry.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from pathlib import PurePosixPath

from sendgate.audit.report import Waiver
from sendgate.errors import SourceError
from sendgate.names import Domain, printable
from sendgate.repo.reading import Place, Reading, entry_of
from sendgate.repo.settle import InlineWaiver
from sendgate.repo.tree import Tree
from sendgate.spelling import nearest

__all__ = ["identity", "read_inline"]

_MARK = "sendgate:"
_FORM = "sendgate: waive RULE until 2027-01-31 reason"
_WAIVER = re.compile(r"waive\s+(?P<rule>\S+)\s+until\s+(?P<day>\S+)(?:\s+(?P<reason>\S.*))?\Z")
_MAX_LINE = 10_000  # characters; a comment for people is shorter
# What begins a comment, and the quotes inside which it does not, by the ending of the file.
_YAML = (("#",), "\"'")
_COMMENTS: Mapping[str, tuple[tuple[str, ...], str]] = {
    ".yaml": _YAML,
    ".yml": _YAML,
    ".js": (("//",), "\"'`"),
    ".ts": (("//",), "\"'`"),
    ".tf": (("#", "//"), '"'),
    ".hcl": (("#", "//"), '"'),
    ".json": ((), ""),
}
_MASTER = ((";",), '"')

Targets = dict[str, dict[int, set[tuple[Domain, str]]]]  # by file and line: names and types


def read_inline(
    tree: Tree, reading: Reading, rules: Collection[str]
) -> tuple[tuple[InlineWaiver, ...], tuple[str, ...]]:
    """Read the waivers in the files of a reading; and say which comments are none, and why.

    `rules` holds the ids that there are.
    """
    targets = _targets(reading)
    waivers: list[InlineWaiver] = []
    problems: list[str] = []
    for path in sorted(targets):
        for line, comment in _comments(tree, path):
            place = Place(path, line)
            made = _waiver(comment, place, rules)
            if isinstance(made, str):
                problems.append(f"{place}: {made}")
            else:
                waivers.append(InlineWaiver(made, place, _meant(place, targets, reading)))
    return tuple(waivers), tuple(problems)


def identity(waiver: InlineWaiver, reading: Reading) -> tuple[object, ...]:
    """Give what makes a waiver the same in two trees, wherever it stands in them."""
    targets = _targets(reading)
    meant = {
        owner for path, line in waiver.targets for owner in targets.get(path, {}).get(line, set())
    }
    return waiver.waiver.rule, waiver.waiver.expires, frozenset(meant)


def _targets(reading: Reading) -> Targets:
    found: Targets = defaultdict(lambda: defaultdict(set))
    for record in reading.records:
        if record.origin.line is not None:
            found[record.origin.where][record.origin.line].add((record.name, record.rdtype))
    for slip in reading.slips:
        if slip.place.line is not None:
            found[slip.place.path][slip.place.line].add((slip.name, slip.rdtype))
    return found


def _comments(tree: Tree, path: str) -> Iterator[tuple[int, str]]:
    """List the comments of a file that address sendgate: line, and what follows the address."""
    try:
        octets = tree.read(path)
    except SourceError:  # told already, by whoever read the records
        return
    if _MARK.encode() not in octets:
        return
    openers, quotes = _COMMENTS.get(PurePosixPath(path).suffix.lower(), _MASTER)
    for number, line in enumerate(octets.decode("utf-8", "replace").split("\n"), 1):
        if _MARK in line and len(line) <= _MAX_LINE:
            comment = _comment(line, openers, quotes)
            if comment is not None and comment.startswith(_MARK):
                yield number, comment.removeprefix(_MARK).strip()


def _comment(line: str, openers: tuple[str, ...], quotes: str) -> str | None:
    """Give the text of the comment on a line; what stands in quotes is none."""
    quote, spaced, at = "", "#" in openers, 0
    while at < len(line):
        character = line[at]
        before = line[at - 1] if at else " "
        if quote:
            if character == "\\" and quote != "'":
                at += 1
            elif character == quote:
                quote = ""
        elif character in quotes and (not spaced or before in " \t[{,(="):
            quote = character
        else:
            opener = next((o for o in openers if line.startswith(o, at)), None)
            # Of `#`, YAML and HCL want a space before it; a `;` or `//` needs none.
            if opener is not None and (opener != "#" or before.isspace()):
                return line[at:].lstrip("".join(openers)).strip()
        at += 1
    return None


def _waiver(comment: str, place: Place, rules: Collection[str]) -> Waiver | str:
    """Read one comment; a text says why it is no waiver."""
    read = _WAIVER.match(comment)
    if read is None:
        return f"{printable(comment)} is no waiver; write {_FORM}"
    rule = read["rule"].upper()
    if rule not in rules:
        return f"no rule is called {printable(read['rule'])}{nearest(rule, sorted(rules))}"
    try:
        expires = date.fromisoformat(read["day"])
    except ValueError:
        return f"{printable(read['day'])} is no day such as 2027-01-31"
    if read["reason"] is None:
        return f"the waiver of {rule} gives no reason; write {_FORM}"
    return Waiver(rule, str(place), read["reason"].strip(), expires)


def _meant(place: Place, targets: Targets, reading: Reading) -> frozenset[tuple[str, int]]:
    path, line = place.path, place.line or 0
    lines = targets[path]
    for near in (line, line + 1):
        if near in lines:
            return frozenset({(path, near)})
    for near in (line, line + 1):
        entry = entry_of(reading.places, path, near)
        if entry.line is not None and entry.end is not None:
            inside = range(entry.line, entry.end + 1)
            return frozenset((path, number) for number in lines if number in inside)
    return frozenset()
