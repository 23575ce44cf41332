"""Start-up: what is loaded for what, and how the command line is put together."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from sendgate import __version__

HEAVY = {
    "dns", "dkim", "checkdmarc", "cryptography", "tldextract", "requests", "rich",
    "publicsuffixlist", "idna", "httpx", "pydantic",
}  # fmt: skip


def loaded_by(code: str) -> set[str]:
    """The modules in memory after running `code` in a fresh interpreter."""
    script = (
        f"import sys\ntry:\n    {code}\nexcept SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return {module.partition(".")[0] for module in done.stderr.split()}


def test_the_command_line_loads_nothing_heavy() -> None:
    """Importing the commands loads typer, and none of the libraries that the work needs."""
    assert not loaded_by("import sendgate.cli.app") & HEAVY


def test_the_version_loads_nothing_at_all() -> None:
    """Scripts ask for the version often: it is answered before typer is loaded."""
    code = "sys.argv = ['sendgate', '--version']; from sendgate.__main__ import main; main()"
    assert not loaded_by(code) & (HEAVY | {"typer", "asyncio", "tomllib"})


def test_the_version_is_printed() -> None:
    """Name and version on stdout, exit 0."""
    done = subprocess.run(
        [sys.executable, "-m", "sendgate", "--version"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout == f"sendgate {__version__}\n"
    assert done.stderr == ""


def test_no_command_is_a_coroutine_function() -> None:
    """typer never awaits a command: it would exit 0 without having run."""
    from sendgate.cli.app import app

    groups = [app, *(group.typer_instance for group in app.registered_groups)]
    commands = [command for group in groups if group for command in group.registered_commands]
    callbacks = [command.callback for command in commands]
    assert len(callbacks) == 20
    for callback in callbacks:
        assert callback is not None
        assert not inspect.iscoroutinefunction(callback)


@pytest.mark.parametrize(
    "name", ["audit", "spf", "dmarc", "dkim", "records", "rules", "explain", "schema"]
)
def test_every_command_takes_every_shared_option(name: str) -> None:
    """Options that every command shares are taken by each, listed where they have an effect."""
    from sendgate.cli.app import app
    from sendgate.settings import SETTINGS

    (command,) = [c for c in app.registered_commands if c.name == name]
    assert command.callback is not None
    taken = set(inspect.signature(command.callback).parameters)
    assert {s.field for s in SETTINGS if s.group in {"dns", "output"}} <= taken


@pytest.mark.parametrize(
    ("color", "environment", "terminal", "painted"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"TERM": "dumb"}, True, False),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {}, True, False),
    ],
)
def test_when_there_is_colour(
    color: str,
    environment: dict[str, str],
    terminal: bool,
    painted: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By itself on a terminal only; NO_COLOR and a dumb terminal are heeded; words win."""
    from sendgate.cli.console import Console

    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    assert Console(color=color).coloured(to_stdout=True) is painted
    assert Console(color=color).coloured(to_stdout=False) is (color == "always")
