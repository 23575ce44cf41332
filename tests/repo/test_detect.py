"""A repository's format is decided, the decision is said, and nothing is asked for twice."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from sendgate.errors import InputError, SourceError
from sendgate.repo.detect import FORMATS, Detected, detect, read_repository
from sendgate.repo.gittree import GitTree
from sendgate.repo.tree import FolderTree

ZONE = "$TTL 60\n$ORIGIN example.com.\n@ SOA ns1 host 1 2 3 4 5\n@ TXT x\n"
YAML = "a: {type: TXT, value: x}\n"


def tree(folder: Path, files: dict[str, str]) -> FolderTree:
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return FolderTree(folder)


@pytest.mark.parametrize(
    ("repository", "name"),
    [
        ("moj-octodns", "octodns"),
        ("ocf-bind", "bind"),
        ("nixos-dnscontrol", "dnscontrol"),
        ("gsa-terraform", "terraform"),
    ],
)
def test_real_repositories_are_recognised(suites: Path, repository: str, name: str) -> None:
    """Each as the one format that it has."""
    assert [seen.name for seen in detect(FolderTree(suites / "dns-repos" / repository))] == [name]


def test_the_first_of_several_formats_is_read_and_the_others_are_said(tmp_path: Path) -> None:
    """What names itself comes before master files; --source chooses another."""
    both = tree(tmp_path, {"octo/example.net.yaml": YAML, "bind/db.example.com": ZONE})
    assert detect(both) == (
        Detected(
            "octodns", "'octo/example.net.yaml' is named after a zone and holds octoDNS records"
        ),
        Detected("bind", "'bind/db.example.com' is a master file"),
    )
    reading = read_repository(both)
    assert reading.source == "octodns"
    assert "octo/example.net.yaml" in reading.why
    assert reading.notes[-1].startswith("read as octodns (")
    assert "also looks like bind ('bind/db.example.com' is a master file)" in reading.notes[-1]
    assert read_repository(both, "bind").source == "bind"
    assert [zone.apex.text for zone in read_repository(both, "bind").zones] == ["example.com"]


def test_a_format_without_anything_to_read_gives_way_and_that_is_said(tmp_path: Path) -> None:
    """octoDNS that publishes master files: its configuration holds no record."""
    config = """\
providers:
  files: {class: octodns_bind.ZoneFileSource, directory: ./zones}
  out: {class: octodns_route53.Route53Provider}
zones:
  example.com.: {sources: [files], targets: [out]}
"""
    reading = read_repository(tree(tmp_path, {"config.yaml": config, "zones/example.com.": ZONE}))
    assert reading.source == "bind"
    assert any(note.startswith("not read as octodns: ") for note in reading.notes)


def test_nothing_to_read_says_what_was_looked_for(tmp_path: Path) -> None:
    """With the repository as it was named; so does a format that is asked for by name."""
    empty = FolderTree(tmp_path)
    assert detect(empty) == ()
    with pytest.raises(SourceError, match=r"^my/dns: holds no DNS records .* looked for octoDNS"):
        read_repository(empty, where="my/dns")
    for name in FORMATS:
        with pytest.raises(SourceError) as caught:
            read_repository(empty, name, "my/dns")
        assert caught.value.where == "my/dns"


def test_a_repository_of_no_zone_at_all_is_refused(tmp_path: Path) -> None:
    """With the first place and the number of others; a zone that is unknown is something."""
    broken = {"parking": ZONE.replace("$ORIGIN example.com.\n", ""), "park": "@ SOA n. h. (\n"}
    with pytest.raises(SourceError) as caught:
        read_repository(tree(tmp_path, broken))
    assert caught.value.where == "park"
    assert "1 more problems, and nothing else could be read" in str(caught.value)
    reading = read_repository(tree(tmp_path, {"db.example.net": "@ 60 SOA n. h. (\n"}))
    assert [zone.text for zone in reading.unread_zones] == ["example.net"]


def test_a_format_that_is_none(tmp_path: Path) -> None:
    """A slip of the keyboard is told from a format."""
    with pytest.raises(InputError, match=r"--source: 'octdns' is no format.*octodns"):
        read_repository(FolderTree(tmp_path), "octdns")


@pytest.mark.parametrize("repository", ["moj-octodns", "ocf-bind"])
def test_a_revision_is_read_as_the_folder_is(suites: Path, tmp_path: Path, repository: str) -> None:
    """Includes, links and all: git's files give the same reading."""
    root = tmp_path / "r"
    shutil.copytree(suites / "dns-repos" / repository, root)
    git = ["git", "-C", str(root), "-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "x"], check=True)
    with GitTree(root, "HEAD") as revision:
        assert read_repository(revision) == read_repository(FolderTree(root))
