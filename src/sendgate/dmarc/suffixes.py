"""The public suffix list: the reading of a name that RFC 7489 relied on.

RFC 9989 walks the tree instead, but receivers of both kinds will live side by side for
years, so both answers are given and compared. The list is the data file of
publicsuffixlist (ICANN and private part), read by tldextract without any network. Two
things that tldextract leaves out are mended here: the default rule ``*`` for a TLD that
the list lacks, and names that begin with a dot, which have no suffix at all.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from sendgate.names import Domain

if TYPE_CHECKING:
    from requests import Response
    from tldextract import TLDExtract

__all__ = [
    "is_icann_suffix",
    "is_listed",
    "is_public_suffix",
    "is_suffix_or_above",
    "list_date",
    "public_suffix",
    "registrable",
    "registrable_text",
]

_PLAIN = re.compile(r"[a-z0-9_-]+\Z")


def public_suffix(name: Domain) -> Domain:
    """Give the longest public suffix that `name` is or lies under; the root for the root."""
    return _suffix(name, private=True)


def registrable(name: Domain) -> Domain | None:
    """Give the suffix and one label more: RFC 7489's organizational domain; None for a suffix."""
    depth = len(public_suffix(name).labels) + 1
    labels = name.labels
    return Domain(".".join(labels[-depth:])) if len(labels) >= depth > 1 else None


def is_public_suffix(name: Domain) -> bool:
    """Whether `name` is itself a public suffix, by either part of the list."""
    return name.labels != () and public_suffix(name) == name


def is_icann_suffix(name: Domain) -> bool:
    """Whether `name` is a suffix by the ICANN part alone: a registry's, not a company's."""
    return name.labels != () and _suffix(name, private=False) == name


def is_suffix_or_above(name: Domain) -> bool:
    """Whether `name` is a public suffix or lies above one, as amazonaws.com does."""
    return is_public_suffix(name) or name.text in _above_suffixes()


def is_listed(name: Domain) -> bool:
    """Whether the list itself knows a suffix of `name`: its TLD exists, as `js` does not."""
    return name.labels != () and _listed(name, private=True) != ""


def registrable_text(text: str | None) -> str | None:
    """Give the registrable part of a name as a person wrote it, in lower-case A-labels.

    None for no name, for a suffix, and for a text with a leading dot or another empty label.
    """
    from sendgate.errors import DomainError

    if text is None:
        return None
    try:
        found = registrable(Domain.parse(text))
    except DomainError:
        return None
    return None if found is None else found.text


def list_date() -> str:
    """Give the date of the list, as in its own header: ``2026-10-22``; empty where it has none."""
    return _list_header().partition("_")[0]


@lru_cache(maxsize=4096)
def _suffix(name: Domain, *, private: bool) -> Domain:
    if not name.labels:
        return name
    found = _listed(name, private=private)
    # A TLD that the list lacks falls under the list's default rule.
    depth = found.count(".") + 1
    return Domain(".".join(name.labels[-depth:]))


def _listed(name: Domain, *, private: bool) -> str:
    """Give the longest listed suffix of `name`, empty where the list knows none."""
    # A label outside letters, digits and hyphens matches no listed name, only a wildcard;
    # tldextract would take its characters for parts of a URL.
    plain = (label if _PLAIN.match(label) else "x" for label in name.labels)
    return _extractor().extract_str(".".join(plain), include_psl_private_domains=private).suffix


@lru_cache(maxsize=1)
def _extractor() -> TLDExtract:
    from requests import Session
    from requests_file import FileAdapter
    from tldextract import TLDExtract

    extractor = TLDExtract(
        suffix_list_urls=(_list_path().as_uri(),), cache_dir=None, fallback_to_snapshot=False
    )
    with Session() as session:
        session.mount("file://", FileAdapter())
        session.hooks["response"] = [_read_and_close]
        extractor.update(fetch_now=True, session=session)
    return extractor


def _read_and_close(response: Response, *_: object, **__: object) -> None:
    """Close the list's file once it is read; left alone, it stays open until collected."""
    assert response.content
    response.close()


def _list_path() -> Path:
    from importlib.resources import files

    return Path(str(files("publicsuffixlist") / "public_suffix_list.dat"))


@lru_cache(maxsize=1)
def _above_suffixes() -> frozenset[str]:
    above: set[str] = set()
    with _list_path().open(encoding="utf-8") as lines:
        for line in lines:
            rule = line.strip().lstrip("!")
            if rule and not rule.startswith("//") and rule.isascii():
                above.update(name.text for name in Domain.parse(rule).ancestors)
    return frozenset(above)


@lru_cache(maxsize=1)
def _list_header() -> str:
    with _list_path().open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("// VERSION:"):
                return line.partition(":")[2].strip()
            if line and not line.startswith(("//", "\n")):
                break
    return ""
