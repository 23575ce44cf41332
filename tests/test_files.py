"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sendgate.errors import InputError, SourceError
from sendgate.files import is_file, is_folder, read_file, why, write_atomically


def test_a_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    """One octet more tells its reader that it is too large, however large it is."""
    (tmp_path / "x").write_bytes(b"12345")
    assert read_file(tmp_path / "x", 5) == b"12345"
    assert read_file(str(tmp_path / "x"), 3) == b"1234"
    assert len(read_file("/dev/zero", 10)) == 11


@pytest.mark.parametrize(
    ("name", "said"),
    [("gone", "no such file"), (".", "is a directory"), ("a\0b", "null"), ("x/y", "not a dir")],
)
def test_what_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    """As the user named it, with the reason in words."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").write_text("x")
    with pytest.raises(SourceError, match=f"cannot be read: .*{said}") as caught:
        read_file(name, 5)
    assert caught.value.where == name


def test_reasons_are_words_for_people() -> None:
    """Not those of Python's codecs."""
    with pytest.raises(UnicodeDecodeError) as caught:
        b"\xff".decode()
    assert why(caught.value) == "it is not UTF-8 text"


def test_files_and_folders_are_told_apart(tmp_path: Path) -> None:
    """What is not there, or has an impossible name, is neither."""
    (tmp_path / "x").write_text("x")
    assert (is_file(tmp_path / "x"), is_folder(tmp_path / "x")) == (True, False)
    assert (is_file(tmp_path), is_folder(tmp_path)) == (False, True)
    assert not any(ask(tmp_path / name) for ask in (is_file, is_folder) for name in ("y", "a\0b"))


def test_a_file_is_written_with_what_the_umask_leaves(tmp_path: Path) -> None:
    """A new file is as readable as any other that the user makes."""
    path = tmp_path / "report.json"
    old = os.umask(0o027)
    try:
        write_atomically(path, ["one\n", "zwei ü\n"])
    finally:
        os.umask(old)
    assert path.read_text(encoding="utf-8") == "one\nzwei ü\n"
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_write_that_breaks_off_leaves_the_old_file_alone(tmp_path: Path) -> None:
    """Neither half a file nor a temporary one is left."""
    path = tmp_path / "report.json"
    path.write_text("old", encoding="utf-8")

    def broken() -> Iterator[str]:
        yield "new"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_atomically(path, broken())
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_and_links_are_kept(tmp_path: Path) -> None:
    """What a link points to is replaced, with the permissions that it had."""
    path, link = tmp_path / "report.json", tmp_path / "link"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o600)
    link.symlink_to(path)
    write_atomically(link, ["new"])
    assert link.is_symlink()
    assert path.read_text(encoding="utf-8") == "new"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_device_is_written_to_as_it_is() -> None:
    """/dev/null is not replaced by a file."""
    write_atomically("/dev/null", ["gone"])
    assert not Path("/dev/null").is_file()


def test_a_folder_that_is_not_there_is_an_input_error(tmp_path: Path) -> None:
    """The error names the file as the user gave it."""
    with pytest.raises(InputError, match="cannot be written: no such file"):
        write_atomically(tmp_path / "missing" / "report.json", ["x"])
    with pytest.raises(InputError, match="cannot be written: is a directory"):
        write_atomically(tmp_path, ["x"])
