"""What the forms share: names, character-strings, comments, and what none of them can write."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sendgate.dns.answers import Mx, Rdata, Target, Txt
from sendgate.errors import InputError
from sendgate.names import Domain
from sendgate.records.plan import Change, RecordSet, is_plain

__all__ = [
    "Heading", "by_zone", "comment", "data_of", "label_of", "plain", "quoted", "reasons", "removed",
    "text_of", "unfit",
]  # fmt: skip

_WIDTH = 96  # columns of a comment


@dataclass(frozen=True)
class Heading:
    """What is said above all records: lines without marks of a comment."""

    lines: tuple[str, ...] = ()


def comment(text: str) -> str:
    """Make a text fit for one line of a comment in any form: printable ASCII alone."""
    shown = "".join(c if " " <= c <= "~" else f"\\u{ord(c):04x}" for c in text)
    return re.sub(r"#(?=#)|(?<=#)#", r"\\u0023", shown)  # CI runners obey ## in a log


def wrapped(text: str) -> list[str]:
    """Cut a comment into lines at its spaces."""
    import textwrap

    return textwrap.wrap(comment(text), _WIDTH, break_long_words=False, break_on_hyphens=False)


def reasons(change: Change) -> list[str]:
    """Say why a set changes, what that mends, and what stood there."""
    mends = f" (mends {', '.join(change.mends)})" if change.mends else ""
    lines = wrapped("; ".join(why for why in change.why if why) + mends)
    if change.unconfirmed:
        lines.append("the catalogue's sources do not confirm this: compare the provider's page")
    if change.kind == "change" and change.before is not None:
        lines += [f"in the place of: {line}" for line in removed(change.before)]
    return [line for line in lines if line.strip()]


def removed(records: RecordSet) -> Iterator[str]:
    """Write the records of a set as comments, shortened where they are long."""
    for data in records.data:
        text = quoted(data.strings) if isinstance(data, Txt) else str(data)
        shown = comment(text)
        shown = shown if len(shown) <= 200 else f"{shown[:150]}[...]{shown[-40:]}"
        yield f"{records.name} {records.rdtype} {shown}"


def by_zone(changes: Iterable[Change]) -> dict[Domain, list[Change]]:
    """Sort changes to their zones, in the order of the first of each."""
    found: dict[Domain, list[Change]] = {}
    for change in changes:
        found.setdefault(change.one.zone, []).append(change)
    return found


def unfit(name: Domain, rdtype: str, form: str, why: str) -> InputError:
    """Make the error of data that a form cannot hold."""
    return InputError(
        f"the {rdtype} records of {name} cannot be written as {form}: {why}; use --as bind"
    )


def plain(name: Domain) -> str:
    """Give a name with its final dot; only names that every form writes alike are proposed."""
    if not is_plain(name):
        raise InputError(f"{name} cannot be written in this form; use --as bind")
    return f"{name}."


def label_of(name: Domain, zone: Domain, apex: str = "@") -> str:
    """Give a name below its zone; `apex` for the zone's own name."""
    plain(name)
    return apex if name == zone else name.text.removesuffix(f".{zone}")


def text_of(records: RecordSet, data: Txt, form: str, *, ascii_only: bool = False) -> str:
    """Give a TXT record as text, for the forms that hold no octets."""
    try:
        return data.octets.decode("ascii" if ascii_only else "utf-8")
    except UnicodeDecodeError:
        what = "ASCII" if ascii_only else "UTF-8"
        raise unfit(records.name, "TXT", form, f"a text there is not {what}") from None


def quoted(strings: Iterable[bytes], base: int = 10) -> str:
    r"""Write character-strings in quotes (RFC 1035 section 5.1), `\DDD` in the base given."""
    digits = "03d" if base == 10 else "03o"

    def one(string: bytes) -> str:
        escaped = re.sub(rb'(["\\])', rb"\\\1", string).decode("latin-1")
        return "".join(c if " " <= c <= "~" else f"\\{ord(c):{digits}}" for c in escaped)

    return " ".join(f'"{one(string)}"' for string in strings)


def data_of(data: Rdata) -> str:
    """Write the data of a record that is no TXT in presentation form, names absolute."""
    match data:
        case Mx():
            return f"{data.preference} {plain(data.exchange) if not data.is_null else '.'}"
        case Target():
            return plain(data.name)
        case _:
            return str(data)
