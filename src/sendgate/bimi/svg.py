"""Logos: octets of an SVG file -> `Logo`, with everything in it that SVG Tiny PS does not allow.

The profile is draft-svg-tiny-ps-abrotman-08 and the schema SVG_1.2_PS.rng beside it. Where
the two leave a reader a choice: a reference is right where it names something in the same
document, spelt ``href`` or ``xlink:href``; in ``metadata`` other vocabularies may stand.
Of attributes the schema is a closed list, to which not all receivers hold: one that is not on
it is a minor fault, and attributes of editors' namespaces are none.

A logo is a stranger's file. It is read once, by events; no entity is ever expanded, nothing
that it names is fetched, and its octets, elements and faults are bounded.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sendgate.bimi.svgnames import ATTRIBUTES, ELEMENTS

if TYPE_CHECKING:
    from xml.parsers.expat import XMLParserType

__all__ = [
    "MAX_OCTETS",
    "USUAL_OCTETS",
    "Fault",
    "Kind",
    "Logo",
    "digest_of",
    "read_logo",
    "unpack",
]

MAX_OCTETS = 4 * 1024 * 1024  # unpacked; receivers that are known to say stop at 64 KiB
USUAL_OCTETS = 32_768  # unpacked; what Gmail asks for and Mail::BIMI takes
_MAX_ELEMENTS = 250_000
_MAX_NAMES = 1000  # of unknown attributes; more say no more
_MAX_FAULTS = 10  # told one by one of each kind; the others are counted
_CHUNK = 65_536
GZIP = b"\x1f\x8b"

SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
# Attributes of the root that the profile allows with one value alone.
_FIXED = {
    "externalResourcesRequired": "false",
    "focusable": "false",
    "playbackOrder": "all",
    "snapshotTime": "none",
    "timelineBegin": "onLoad",
    "zoomAndPan": "disable",
}
_OUTER_URL = re.compile(r"url\(\s*[\"']?\s*(?!#)[^\s\"')]", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\Z")


class Kind(Enum):
    """What a fault is about; each kind is one rule's."""

    FILE = "file"  # no SVG of the profile: not XML, another root, version or base profile
    TITLE = "title"
    ELEMENT = "element"
    ATTRIBUTE = "attribute"  # one that the profile does not have; told once a name
    REFERENCE = "reference"  # references, entities, scripts and styles in attributes
    POSITION = "position"
    SIZE = "size"
    SHAPE = "shape"


@dataclass(frozen=True)
class Fault:
    """One thing that the profile does not allow, in words; `line` where it stands, from 1.

    `minor` where the profile allows it and readers still stumble, or the other way round.
    """

    kind: Kind
    text: str
    line: int | None = None
    minor: bool = False


@dataclass(frozen=True)
class Logo:
    """An SVG file as read: octets unpacked, whether it was packed, what is wrong with it.

    `digest` compares files: SHA-256 of the unpacked octets, line ends and outer space aside.
    """

    size: int
    packed: bool
    digest: str
    faults: tuple[Fault, ...]


def read_logo(octets: bytes) -> Logo:
    """Read an SVG or SVGZ file; what cannot be read at all is a fault of kind FILE."""
    packed = octets.startswith(GZIP)
    unpacked = unpack(octets)
    if isinstance(unpacked, Fault):
        return Logo(len(octets), packed, digest_of(octets), (unpacked,))
    size = len(unpacked)
    if size > MAX_OCTETS:
        fault = Fault(Kind.FILE, f"has {size} octets and was not read; {USUAL_OCTETS} are usual")
        return Logo(size, packed, digest_of(unpacked), (fault,))
    faults = _Reader().read(unpacked)
    if size > USUAL_OCTETS:
        faults = (
            *faults,
            Fault(Kind.SIZE, f"has {size} octets unpacked; receivers ask for {USUAL_OCTETS}"),
        )
    return Logo(size, packed, digest_of(unpacked), faults)


def digest_of(octets: bytes) -> str:
    """Give what tells two logos apart: neither line ends nor space around them do."""
    normal = octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return hashlib.sha256(normal.removeprefix(b"\xef\xbb\xbf").strip()).hexdigest()


def unpack(octets: bytes) -> bytes | Fault:
    """Give what is packed with gzip unpacked, up to the limit, and everything else as it is."""
    if not octets.startswith(GZIP):
        return octets
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(octets, MAX_OCTETS + 1)
    except zlib.error:
        return Fault(Kind.FILE, "is packed with gzip and cannot be unpacked")
    if len(unpacked) > MAX_OCTETS:
        return Fault(Kind.FILE, f"has more than {MAX_OCTETS} octets unpacked and was not read")
    if not unpacker.eof:
        return Fault(Kind.FILE, "is packed with gzip and ends too early")
    return unpacked


class _StopReading(Exception):  # noqa: N818 - not an error: there is nothing more to be said
    """What follows would say nothing more."""


class _Reader:
    """One reading of one file, by the events of expat."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._counts: Counter[Kind] = Counter()
        self._open: list[str] = []  # names of open elements; "" for those that are not judged
        self._elements = 0
        self._unknown: set[str] = set()  # names of attributes outside of the profile
        self._foreign = 0  # elements open below metadata
        self._first: str | None = None  # the root's first child
        self._title: tuple[int, list[str]] | None = None
        self._parser: XMLParserType

    def read(self, octets: bytes) -> tuple[Fault, ...]:
        """Give the faults in the order of the file."""
        from xml.parsers import expat

        self._parser = parser = expat.ParserCreate(namespace_separator=" ")
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._entity
        parser.SkippedEntityHandler = self._skipped
        parser.ProcessingInstructionHandler = self._instruction
        try:
            for begin in range(0, len(octets), _CHUNK):
                parser.Parse(octets[begin : begin + _CHUNK], False)
            parser.Parse(b"", True)
            self._finish()
        except _StopReading:
            pass
        except expat.ExpatError as error:
            said = expat.ErrorString(error.code)
            self._fault(Kind.FILE, f"is not well-formed XML: {said}", error.lineno)
        except (ValueError, LookupError):
            self._fault(Kind.FILE, "is in an encoding that cannot be read", 1)
        return (*self._faults, *self._untold())

    def _untold(self) -> tuple[Fault, ...]:
        return tuple(
            Fault(
                kind,
                f"has {count - _MAX_FAULTS} more faults of this kind",
                minor=kind is Kind.ATTRIBUTE,
            )
            for kind, count in self._counts.items()
            if count > _MAX_FAULTS
        )

    def _fault(self, kind: Kind, text: str, line: int | None = None, minor: bool = False) -> None:
        self._counts[kind] += 1
        if self._counts[kind] <= _MAX_FAULTS:
            at = self._parser.CurrentLineNumber if line is None else line
            self._faults.append(Fault(kind, text, at, minor))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > _MAX_ELEMENTS:
            self._fault(Kind.FILE, f"has more than {_MAX_ELEMENTS} elements and was not read on")
            raise _StopReading
        space, _, local = name.rpartition(" ")
        if not self._open:
            self._root(space, local, attributes)
            self._open.append("svg")
            return
        if len(self._open) == 1 and self._first is None:
            self._first = local
            if (space, local) == (SVG, "title"):
                self._title = (self._parser.CurrentLineNumber, [])
        if self._foreign or (self._open[-1] == "metadata" and space != SVG):
            self._foreign += 1
            self._open.append("")
            return
        self._open.append(local)
        if space != SVG or local not in ELEMENTS:
            self._fault(Kind.ELEMENT, f"has the element {_shown(local)}")
        else:
            self._attributes(attributes)

    def _root(self, space: str, local: str, attributes: dict[str, str]) -> None:
        if (space, local) != (SVG, "svg"):
            of = "" if local != "svg" else f" of the namespace {_shown(space)}"
            self._fault(Kind.FILE, f"has the root {_shown(local)}{of}, not svg of {SVG}")
            raise _StopReading
        for name, wanted in (("version", "1.2"), ("baseProfile", "tiny-ps")):
            value = attributes.get(name)
            if value != wanted:
                has = f"no {name}" if value is None else f"{name}={_shown(value)}"
                self._fault(Kind.FILE, f'has {has} on the root, not {name}="{wanted}"')
        for name, wanted in _FIXED.items():
            value = attributes.get(name, wanted)
            if value != wanted:
                self._fault(Kind.FILE, f'has {name}={_shown(value)}, not {name}="{wanted}"')
        for name in ("x", "y"):
            if name in attributes:
                self._fault(Kind.POSITION, f"has {name}={_shown(attributes[name])} on the root")
        self._shape(attributes.get("viewBox"))
        self._attributes(attributes)

    def _shape(self, box: str | None) -> None:
        if box is None:
            self._fault(Kind.SHAPE, "has no viewBox")
            return
        numbers = re.split(r"[\s,]+", box.strip())
        if len(numbers) != 4 or not all(_NUMBER.match(number) for number in numbers):
            self._fault(Kind.SHAPE, f"has viewBox={_shown(box)}, which is not four numbers")
            return
        width, height = float(numbers[2]), float(numbers[3])
        if abs(width - height) > 1e-6 * max(abs(width), abs(height)):
            self._fault(Kind.SHAPE, f"is not square: viewBox={_shown(box)}")
        elif "," in box:
            self._fault(Kind.SHAPE, f"separates the numbers of viewBox={_shown(box)} by commas")

    def _attributes(self, attributes: dict[str, str]) -> None:
        for name, value in attributes.items():
            space, _, local = name.rpartition(" ")
            if local == "href" and space in {"", _XLINK}:
                if not re.match(r"\s*#\S", value):
                    self._fault(Kind.REFERENCE, f"refers to {_shown(value)} outside of itself")
            elif not space and local == "style":
                self._fault(Kind.REFERENCE, "has a style attribute")
            elif not space and local[:2].lower() == "on":
                self._fault(Kind.REFERENCE, f"has the script attribute {_shown(local)}")
            elif not space and _OUTER_URL.search(value):
                self._fault(Kind.REFERENCE, f"refers to {_shown(value)} outside of itself")
            elif not space and local not in ATTRIBUTES and local not in self._unknown:
                self._unknown_attribute(local)

    def _unknown_attribute(self, name: str) -> None:
        """Tell of a name once, as editors leave many; those of their own namespaces do no harm."""
        if len(self._unknown) < _MAX_NAMES:
            self._unknown.add(name)
            self._fault(Kind.ATTRIBUTE, f"has the attribute {_shown(name)}", minor=True)

    def _end(self, _name: str) -> None:
        if self._open.pop() == "" and self._foreign:
            self._foreign -= 1

    def _text(self, text: str) -> None:
        if self._title is not None and self._open == ["svg", "title"] and len(self._title[1]) < 9:
            self._title[1].append(text)

    def _doctype(
        self, _name: str, _system: str | None, _public: str | None, has_subset: bool
    ) -> None:
        inner = " with declarations of its own" if has_subset else ""
        self._fault(Kind.REFERENCE, f"has a DOCTYPE{inner}")
        if has_subset:
            raise _StopReading  # what its entities stand for is nobody's business

    def _entity(self, *_: object) -> None:
        raise _StopReading

    def _skipped(self, name: str, _is_parameter: bool) -> None:
        self._fault(Kind.REFERENCE, f"uses the entity {_shown(name)}")

    def _instruction(self, target: str, _data: str) -> None:
        if target.lower() == "xml-stylesheet":
            self._fault(Kind.REFERENCE, "names a style sheet")

    def _finish(self) -> None:
        """Say what is missing, which only the end of a whole file can show."""
        if self._title is None:
            before = "" if self._first is None else f"; the first is {_shown(self._first)}"
            self._fault(Kind.TITLE, f"has no title as the first element in the root{before}", 1)
        elif not "".join(self._title[1]).strip():
            self._fault(Kind.TITLE, "has an empty title", self._title[0], minor=True)


def _shown(text: str) -> str:
    """Quote what the file says, at a length that a sentence bears."""
    return f'"{text if len(text) <= 60 else text[:57] + "..."}"'
