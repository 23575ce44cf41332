"""A revision's files are those of its checkout, read without one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from repo.repositories import Repository, write

from sendgate.errors import SourceError
from sendgate.repo.gittree import GitTree, prefix_of
from sendgate.repo.tree import FolderTree

FILES = {
    "a.zone": "a", "zones/b b.zone": "b", "zones/ü.zone": "u", "zones/deep/c.zone": "c",
    "node_modules/d.zone": "d", "x.yaml": "-" * 100_000,
}  # fmt: skip


@pytest.fixture
def committed(tmp_path: Path) -> Path:
    folder = write(tmp_path / "r", FILES)
    (folder / "link.zone").symlink_to("zones/deep/c.zone")
    (folder / "zones/up.zone").symlink_to("../a.zone")
    (folder / "zones/out.zone").symlink_to("../../r/../elsewhere")
    (folder / "zones/folder").symlink_to("deep")
    (folder / "zones/via.zone").symlink_to("folder/c.zone")
    (folder / "loop").symlink_to("loop")
    (folder / "absolute.zone").symlink_to("/etc/hostname")
    (folder / "empty.zone").touch()
    Repository.made(folder).commit("start")
    return folder


@pytest.mark.parametrize("below", ["", "zones", "zones/deep"])
def test_a_revision_reads_like_its_checkout(committed: Path, below: str) -> None:
    """The same names and contents, from the top and from a folder in it."""
    folder = FolderTree(committed / below)
    with GitTree(committed / below, "HEAD") as tree:
        assert tree.paths() == folder.paths()
        assert [tree.read(path) for path in tree.paths()] == [
            folder.read(path) for path in folder.paths()
        ]


def test_a_link_is_confined_to_the_folder_that_is_read(committed: Path) -> None:
    """What leads out of the tree is no file of it, also where git knows it."""
    with GitTree(committed / "zones", "HEAD") as tree:
        assert "up.zone" not in tree.paths()
        for path in ("up.zone", "out.zone", "../a.zone", "gone", "/etc/hostname"):
            with pytest.raises(SourceError):
                tree.read(path)


def test_a_single_file_may_be_the_tree(committed: Path) -> None:
    """Only that file is listed."""
    with GitTree(committed, "HEAD", "a.zone") as tree:
        assert tree.paths() == ("a.zone",)


def test_uncommitted_changes_are_not_of_the_revision(committed: Path) -> None:
    """The work tree and the index have no say, and stay as they are."""
    write(committed, {"a.zone": "changed", "new.zone": "n"})
    Repository(committed).git("add", "new.zone")
    before = (committed / ".git/index").read_bytes()
    with GitTree(committed, "HEAD") as tree:
        assert tree.read("a.zone") == b"a"
        assert "new.zone" not in tree.paths()
    assert (committed / ".git/index").read_bytes() == before


def test_variables_of_a_hook_do_not_lead_elsewhere(
    committed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inside a git hook, GIT_DIR names another repository than the folder's."""
    other = Repository.made(write(tmp_path / "other", {"o": "o"}))
    other.commit("start")
    monkeypatch.setenv("GIT_DIR", str(other.folder / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", os.devnull)
    with GitTree(committed, "HEAD") as tree:
        assert "a.zone" in tree.paths()


def test_a_submodule_is_left_out(committed: Path, tmp_path: Path) -> None:
    """Its files are of another repository."""
    module = Repository.made(write(tmp_path / "module", {"m.zone": "m"}))
    module.commit("start")
    git = Repository(committed)
    git.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add",
            str(module.folder), "sub")  # fmt: skip
    git.commit("module")
    with GitTree(committed, "HEAD") as tree:
        assert not [path for path in tree.paths() if path.startswith("sub")]


def test_the_prefix_leads_from_the_top(committed: Path, tmp_path: Path) -> None:
    """With a final slash; empty at the top, and where there is no repository."""
    assert prefix_of(committed / "zones/deep") == "zones/deep/"
    assert prefix_of(committed) == ""
    assert prefix_of(tmp_path) == ""
