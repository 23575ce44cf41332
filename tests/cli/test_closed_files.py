"""What a user names and may not read or write: each command says so, and exits 2."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Close the folder `closed` to us, as the system would: root may look everywhere."""
    (tmp_path / "closed").mkdir()
    (tmp_path / "logo.svg").write_text("<svg/>")
    (tmp_path / "x.zone").write_text("$TTL 60\n$ORIGIN example.com.\n@ SOA ns1 host 1 2 3 4 5\n")

    def refuse(path: object) -> None:
        if isinstance(path, str | Path) and "closed" in Path(path).parts[:-1]:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    stat, opened = os.stat, Path.open

    def closed_stat(path: Any, **options: Any) -> os.stat_result:
        refuse(path)
        return stat(path, **options)

    def closed_open(path: Path, *arguments: Any, **options: Any) -> Any:
        refuse(path)
        return opened(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", closed_stat)
    monkeypatch.setattr(Path, "open", closed_open)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["audit", "example.com", "--zone", "closed/x"], "cannot be read: permission denied"),
        (["audit", "--config", "closed/x"], "cannot be read: permission denied"),
        (["audit", "--offline", "example.com", "--output", "closed/in/x"], "cannot be written"),
        (["audit", "--offline", "example.com", "--record", "closed/in/x"], "cannot be written"),
        (["repo", "closed/x"], "cannot be read: permission denied"),
        (["repo", "x.zone", "--baseline", "closed/x"], "cannot be read: permission denied"),
        (["message", "closed/x"], "cannot be read: permission denied"),
        (["bimi", "closed/x"], "cannot be read: permission denied"),
        (["bimi", "logo.svg", "--certificate", "closed/x"], "cannot be read: permission denied"),
        (["campaign", "list", "--store", "closed/x"], "cannot be used as a store: permission"),
        (["send", "closed/x"], "cannot be read: permission denied"),
    ],
)
def test_what_is_closed_to_us_is_an_input_error(
    sendgate: Run, closed: None, arguments: list[str], said: str
) -> None:
    """The file is named, and no fault of sendgate's is made of it."""
    done = sendgate(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "closed/" in done.stderr
    assert said in done.stderr


def test_a_configuration_that_may_be_there_is_not_passed_over(
    sendgate: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder that we may not look into, nobody knows which settings there are."""

    def closed(path: Path) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "is_file", closed)
    done = sendgate("rules")
    assert done.exit_code == 2
    assert "sendgate.toml: cannot be read: permission denied" in done.stderr


def test_a_working_folder_that_is_gone_is_an_input_error(
    sendgate: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else may have removed it."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    done = sendgate("repo")
    assert (done.exit_code, done.stdout) == (2, "")
    assert ".: cannot be read: no such file or directory" in done.stderr
