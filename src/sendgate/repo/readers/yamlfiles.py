"""YAML of a repository as nodes that know their lines, read from files that nobody vouches for.

The parser gives events, and this module makes nodes of them, so that no depth, alias or
size of a hostile file costs more than its limit. An alias is the node itself, never a copy.
`!include` stays inside the tree. Merging (``<<``) is done as octoDNS does it: the merged
keys stand where the ``<<`` stands, and of two equal keys the later one counts.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sendgate.errors import SourceError
from sendgate.names import printable
from sendgate.repo.tree import Tree

__all__ = ["Lost", "Node", "Pair", "YamlFiles", "YamlProblem"]

MAX_OCTETS = 32 * 1024 * 1024  # of one file
MAX_NODES = 1_000_000  # of one file: some 200,000 records
MAX_DEPTH = 64  # of collections in each other; records come to about 8
MAX_INCLUDES = 32  # of includes that lead to includes
MAX_MERGED = 200_000  # keys that the merges of one file may write out
MAX_STEPS = 4_000_000  # values looked at in reading one file, those of aliases each time
MAX_KEPT = 200_000  # nodes of files that are kept for the next one who includes them

_CORE = "tag:yaml.org,2002:"
_KINDS = {"str", "int", "float", "bool", "null", "timestamp", "map", "seq", "merge", "value"}
INCLUDE = "!include"


class YamlProblem(Exception):  # noqa: N818 - it becomes an `Unread`, never an error of the run
    """A file, or a place in it, cannot be read; the text says why, for people."""

    def __init__(self, problem: str, path: str, line: int | None = None) -> None:
        super().__init__(problem)
        self.path = path
        self.line = line


@dataclass(slots=True, eq=False)
class Node:
    """One value of a file: a scalar's text, a sequence's nodes, or a mapping's pairs.

    `kind` is ``seq``, ``map``, ``!include``, or what a scalar is in YAML 1.1: ``str``,
    ``int``, ``null`` and so on. `line` and `end` count from 1. `tail` is what stands behind
    a plain scalar on its last line, where a comment does.
    """

    kind: str
    text: str
    items: Sequence[Node]
    pairs: Sequence[tuple[Node, Node]]
    path: str
    line: int
    end: int
    tail: str = ""

    @property
    def is_scalar(self) -> bool:
        """Whether this is neither a sequence nor a mapping."""
        return self.kind not in {"seq", "map", INCLUDE}


@dataclass(frozen=True, slots=True)
class Pair:
    """A key of a mapping and its value."""

    key: Node
    value: Node


@dataclass(frozen=True, slots=True)
class Lost:
    """A pair that a later pair with the same key, in the same mapping, replaces."""

    name: str
    pair: Pair
    by: Pair


class YamlFiles:
    """The YAML files of a tree."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._present = set(tree.paths())
        self._roots: dict[str, Node | YamlProblem] = {}
        self._kept = 0
        self._merged: dict[str, int] = {}
        self._steps = 0

    def begin(self) -> None:
        """Begin to read a file: what its aliases may cost is counted from here."""
        self._steps = 0

    def load(self, path: str) -> Node:
        """Read one file; an empty one is a ``null``. Raises `YamlProblem`."""
        root = self._roots.get(path)
        if root is None:
            if self._kept > MAX_KEPT:
                self._roots, self._kept = {}, 0
            try:
                root, nodes = _compose(_text(self._tree, path), path)
                self._kept += nodes
            except YamlProblem as problem:
                root = problem
            self._roots[path] = root
        if isinstance(root, YamlProblem):
            raise root
        return root

    def real(self, node: Node) -> Node:
        """Give the node itself, or what it includes."""
        for _ in range(MAX_INCLUDES):
            if node.kind != INCLUDE:
                return node
            path = _included(node)
            if path not in self._present:
                shown = printable(node.text)
                raise YamlProblem(f"!include {shown}: no such file", node.path, node.line)
            node = self.load(path)
        raise YamlProblem("its includes never end", node.path, node.line)

    def mapping(self, node: Node) -> tuple[dict[str, Pair], list[Lost]]:
        """Give a mapping's pairs by the text of their keys, merges done, and those that are lost.

        Raises `YamlProblem` where the node is no mapping.
        """
        node = self.real(node)
        if node.kind != "map":
            raise YamlProblem("a mapping is expected here", node.path, node.line)
        found: dict[str, Pair] = {}
        homes: dict[str, Node] = {}
        lost: list[Lost] = []
        self._step(node, len(node.pairs))
        for home, pair in self._flat(node, 0):
            name = _key(pair.key)
            if homes.get(name) is home:
                lost.append(Lost(name, found[name], pair))
            found[name], homes[name] = pair, home
        return found, lost

    def sequence(self, node: Node) -> list[Node]:
        """Give a sequence's nodes, includes followed; a single value is a sequence of one."""
        node = self.real(node)
        self._step(node, len(node.items))
        return [self.real(item) for item in node.items] if node.kind == "seq" else [node]

    def _flat(self, node: Node, depth: int) -> Iterator[tuple[Node, Pair]]:
        """List the pairs of a mapping, each with the mapping it is written in."""
        if depth > MAX_INCLUDES:
            raise YamlProblem("its merges (<<) never end", node.path, node.line)
        for key, value in node.pairs:
            if key.kind != "merge":
                if depth:
                    self._count(key)
                yield node, Pair(key, value)
                continue
            merged = self.real(value)
            parts = reversed(merged.items) if merged.kind == "seq" else [merged]
            for part in map(self.real, parts):
                if part.kind != "map":
                    raise YamlProblem("<< takes a mapping", part.path, part.line)
                yield from self._flat(part, depth + 1)

    def _step(self, node: Node, count: int) -> None:
        self._steps += count + 1
        if self._steps > MAX_STEPS:
            raise YamlProblem("its aliases write out too much", node.path, node.line)

    def _count(self, key: Node) -> None:
        """Count a key that a merge writes out: aliases of aliases must come to an end."""
        merged = self._merged[key.path] = self._merged.get(key.path, 0) + 1
        if merged > MAX_MERGED:
            raise YamlProblem("its merges (<<) write out too much", key.path, key.line)


def _key(node: Node) -> str:
    """A key as text, as Python would write what YAML 1.1 takes it for (``no`` is False)."""
    if not node.is_scalar:
        raise YamlProblem("a key is no plain text", node.path, node.line)
    if node.kind in {"str", "merge", "value"}:
        return node.text
    try:
        return str(_loader()[1](node.kind, node.text))
    except (ValueError, OverflowError):
        raise YamlProblem(
            f"the key {printable(node.text[:80])} is no text; put it in quotes",
            node.path,
            node.line,
        ) from None


def _included(node: Node) -> str:
    """Name the file that an include means, relative to the one that it stands in."""
    given = node.text
    path = posixpath.normpath(posixpath.join(posixpath.dirname(node.path), given))
    if not given or given.startswith(("/", "~")) or path.startswith("../") or "\0" in given:
        raise YamlProblem(
            f"!include {printable(given)} leads out of the repository", node.path, node.line
        )
    return path


def _text(tree: Tree, path: str) -> str:
    try:
        octets = tree.read(path)
    except SourceError as error:
        raise YamlProblem(str(error).removeprefix(f"{path}: "), path) from None
    if len(octets) > MAX_OCTETS:
        raise YamlProblem(f"has more than {MAX_OCTETS >> 20} MiB; no zone is so large", path)
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise YamlProblem("is not UTF-8 text", path, line) from None


def _compose(text: str, path: str) -> tuple[Node, int]:
    """Make the nodes of the one document of a file; the root, and how many there are."""
    import yaml

    composer = _Composer(text, path)
    try:
        for event in yaml.parse(text, Loader=_loader()[0]):
            composer.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else min(mark.line + 1, text.count("\n") + 1)
        raise YamlProblem(_explained(error.problem or str(error)), path, line) from None
    except (yaml.YAMLError, ValueError) as error:
        what = str(error).partition("\n")[0]
        raise YamlProblem(f"is not YAML: {what}", path) from None
    root = composer.root or Node("null", "", (), (), path, 1, 1)
    return root, composer.nodes


def _explained(problem: str) -> str:
    if "unknown escape" in problem:
        return "is not YAML: in double quotes a backslash is written twice, as in \\\\;"
    return f"is not YAML: {problem}"


class _Composer:
    """Events, made into nodes without recursion."""

    def __init__(self, text: str, path: str) -> None:
        self.root: Node | None = None
        self.nodes = 0
        self._text = text
        self._path = path
        self._tails = " #" in text or "\t#" in text
        self._open: list[tuple[Node, list[Node]]] = []  # collections, and what is in them so far
        self._anchors: dict[str, Node] = {}
        self._documents = 0
        self._kind = _loader()[2]
        self._texts: dict[str, str] = {}  # `type`, `value` and the like are kept once

    def take(self, event: Any) -> None:
        """Take the parser's next event."""
        name = type(event).__name__
        line = event.start_mark.line + 1
        if name == "ScalarEvent":
            self._put(self._scalar(event, line), event.anchor)
        elif name in {"MappingStartEvent", "SequenceStartEvent"}:
            kind = "map" if name[0] == "M" else "seq"
            self._plain_tag(event.tag, kind, line)
            node = Node(kind, "", (), (), self._path, line, line)
            if event.anchor:
                self._anchors[event.anchor] = node
            self._open.append((node, []))
            if len(self._open) > MAX_DEPTH:
                raise YamlProblem(f"is nested more than {MAX_DEPTH} deep", self._path, line)
        elif name in {"MappingEndEvent", "SequenceEndEvent"}:
            self._close(event)
        elif name == "AliasEvent":
            if event.anchor not in self._anchors:
                raise YamlProblem("an alias without its anchor", self._path, line)
            self._put(self._anchors[event.anchor], None)
        elif name == "DocumentStartEvent":
            self._documents += 1
            if self._documents > 1:
                raise YamlProblem("holds more than one document", self._path, line)

    def _scalar(self, event: Any, line: int) -> Node:
        plain = event.implicit[0] and not event.style
        text, tail = event.value, ""
        end = event.end_mark
        last = end.line + 1
        if event.style in {"|", ">"}:
            last = max(line, end.line)  # the mark stands behind the line end
        elif plain and self._tails:
            stop = self._text.find("\n", end.index)
            tail = self._text[end.index : stop if stop >= 0 else None].rstrip("\r")
            tail = tail if tail.lstrip().startswith("#") else ""
        if event.tag == INCLUDE:
            return Node(INCLUDE, text, (), (), self._path, line, last)
        if event.tag is None or event.tag == "!":
            kind = self._kind(text) if plain else "str"
        else:
            kind = self._plain_tag(event.tag, "", line)
        return Node(kind, self._texts.setdefault(text, text), (), (), self._path, line, last, tail)

    def _plain_tag(self, tag: str | None, kind: str, line: int) -> str:
        """Tell what a node is by its tag; only YAML's own plain ones are known."""
        if tag is None or tag == "!":
            return kind
        known = tag.removeprefix(_CORE)
        if not tag.startswith(_CORE) or known not in _KINDS or (kind and known != kind):
            raise YamlProblem(f"has the unknown tag {printable(tag[:80])}", self._path, line)
        return known

    def _put(self, node: Node, anchor: str | None) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise YamlProblem(f"has more than {MAX_NODES} values", self._path, node.line)
        if anchor:
            self._anchors[anchor] = node
        if self._open:
            self._open[-1][1].append(node)
        else:
            self.root = node

    def _close(self, event: Any) -> None:
        node, parts = self._open.pop()
        if node.kind == "seq":
            node.items = parts
        else:
            node.pairs = list(zip(parts[::2], parts[1::2], strict=True))
        # The parser's own end is where the next thing begins.
        inside = [part.end for part in parts if part.path == node.path and part.line >= node.line]
        flow = event.end_mark.index > event.start_mark.index
        node.end = max([node.line, *inside, *([event.end_mark.line + 1] if flow else [])])
        self._put(node, None)


def _loader() -> tuple[Any, Callable[[str, str], object], Callable[[str], str]]:
    """PyYAML's parser, libyaml's where there is one; its typed scalars; what a plain text is."""
    import yaml

    constructor = yaml.constructor.SafeConstructor()
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers

    def value(kind: str, text: str) -> object:
        return constructor.construct_object(yaml.ScalarNode(_CORE + kind, text))

    def kind_of(text: str) -> str:
        for tag, pattern in (*resolvers.get(text[:1], ()), *resolvers.get(None, ())):
            if pattern.match(text):
                return str(tag).removeprefix(_CORE)
        return "str"

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader), value, kind_of
