"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sendgate.errors import InputError
from sendgate.files import write_atomically


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
