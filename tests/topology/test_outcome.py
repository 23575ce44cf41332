"""The layout of three names: six rows give their outcome for any names of the same shape."""

from __future__ import annotations

import pytest

from sendgate.names import Domain
from sendgate.profile import Profile, Role, SenderKind
from sendgate.topology.outcome import ROWS, Topology, outcome

# One shape a line: the root domain, and the labels of web host, mail and return path.
SHAPES = {
    "plain": ("example.com", "www", "news", "12345m"),
    "co.uk": ("example.co.uk", "shop", "mail", "bounces"),
    "IDN": ("bücher.example", "www", "grüße", "rück"),
    "deep": ("example.org", "www.eu.shop", "weekly.letters.eu", "r.bounce.eu"),
}


def judged(
    root: str,
    content: str | None,
    sending: str,
    path: str | None = None,
    sender: SenderKind | None = None,
    *,
    assumed: bool = False,
    providers_path: bool = False,
) -> Topology:
    profile = Profile(
        sending=Domain.parse(sending),
        content=(Role(Domain.parse(content), assumed),) if content else (),
        return_path=Role(Domain.parse(path)) if path else None,
        provider_return_path=providers_path,
        sender=sender,
        declared=True,
    )
    return outcome(profile, Domain.parse(root))


def rows(root: str, web: str, mail: str, path: str) -> dict[str, tuple[str, str, str | None]]:
    """The six rows of the two tables: content, sending, return path (None: the provider's)."""
    www, news, own = f"{web}.{root}", f"{mail}.{root}", f"{path}.{root}"
    return {
        "S1": (www, root, None),
        "S2": (www, news, None),
        "S3": (news, news, None),
        "D1": (www, root, own),
        "D2": (www, news, own),
        "D3": (www, news, news),
    }


EXPECTED = {
    "S1": "common",
    "S2": "recommended",
    "S3": "risky",
    "D1": "common",
    "D2": "recommended",
    "D3": "risky",
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("row", EXPECTED)
def test_six_rows_for_any_names_of_their_shape(row: str, shape: str) -> None:
    """Each row of the tables gives exactly its outcome, whatever the names are."""
    content, sending, path = rows(*SHAPES[shape])[row]
    kind = SenderKind.SHARED if row.startswith("S") else SenderKind.DEDICATED
    found = judged(SHAPES[shape][0], content, sending, path, kind)
    assert (found.outcome, found.row) == (EXPECTED[row], row)


@pytest.mark.parametrize("row", EXPECTED)
def test_without_a_kind_of_sender_the_return_path_decides_the_table(row: str) -> None:
    """A return path that is given makes it the second table, none the first."""
    content, sending, path = rows(*SHAPES["plain"])[row]
    found = judged("example.com", content, sending, path)
    assert (found.outcome, found.row) == (EXPECTED[row], row)


@pytest.mark.parametrize("row", ["S1", "S2", "S3"])
def test_the_providers_own_return_path_belongs_to_the_first_table(row: str) -> None:
    """Named or not, the provider's own return path is the provider's."""
    content, sending, _ = rows(*SHAPES["plain"])[row]
    found = judged(
        "example.com", content, sending, "25.spf05.example.net", SenderKind.SHARED,
        providers_path=True,
    )  # fmt: skip
    assert found.row == row


def test_every_row_has_its_own_reason_or_shares_it_with_its_twin() -> None:
    """The table in code has the six rows, and every one says why."""
    assert {row.id: row.outcome for row in ROWS} == EXPECTED
    assert all(row.why and not row.why.endswith(".") for row in ROWS)


def test_content_may_stand_anywhere_but_at_the_sending_domain() -> None:
    """The root domain, a sibling or another organization's name as content host: all apart."""
    for content in ("example.com", "shop.example.com", "www.news.example.com", "www.example.net"):
        assert judged("example.com", content, "news.example.com").outcome == "recommended"


def test_assumed_content_makes_no_risk() -> None:
    """www of the root domain is a guess; mail from there is not called risky for it."""
    found = judged("example.com", "www.example.com", "www.example.com", assumed=True)
    assert found.outcome == "unlisted"
    declared = judged("example.com", "www.example.com", "www.example.com")
    assert declared.outcome == "risky"


def test_an_own_server_may_use_one_name_for_from_and_return_path() -> None:
    """What is risky at a provider is usual for an own mail server."""
    args = ("example.com", "www.example.com", "news.example.com", "news.example.com")
    assert judged(*args, SenderKind.OWN).outcome == "common"
    assert judged(*args, SenderKind.DEDICATED).outcome == "risky"


def test_the_root_domain_as_its_own_return_path() -> None:
    """Common for an own or unnamed server, risky with a provider's dedicated addresses."""
    args = ("example.com", "www.example.com", "example.com", "example.com")
    assert judged(*args).outcome == "common"
    assert judged(*args, SenderKind.OWN).outcome == "common"
    assert judged(*args, SenderKind.DEDICATED).outcome == "risky"


def test_content_at_the_return_path_is_risky() -> None:
    """Content and bounces at one name shut each other out."""
    found = judged("example.com", "go.example.com", "news.example.com", "go.example.com")
    assert found.outcome == "risky"
    assert found.row is None


def test_content_and_mail_at_the_root_domain_are_common() -> None:
    """Addresses, MX and TXT stand together at an apex."""
    assert judged("example.com", "example.com", "example.com").outcome == "common"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("example.com", SenderKind.DEDICATED),  # bounces at the root domain
        ("bounces.example.net", SenderKind.DEDICATED),  # another organization's
        (None, SenderKind.DEDICATED),  # nobody said which
    ],
)
def test_what_fits_no_row_is_unlisted(path: str | None, kind: SenderKind) -> None:
    """A layout that the tables do not know is neither praised nor blamed."""
    found = judged("example.com", "www.example.com", "news.example.com", path, kind)
    assert (found.outcome, found.row) == ("unlisted", None)
    assert found.why


def test_an_unknown_root_domain_is_not_guessed() -> None:
    """Without the organizational domain nothing can be told of root or subdomain."""
    profile = Profile(sending=Domain.parse("news.example.com"))
    assert outcome(profile, None).outcome == "unlisted"
