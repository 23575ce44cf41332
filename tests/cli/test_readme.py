"""The README says what the program does: its help, its first audit, its configuration."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from command_line import ROOT, process

from sendgate.config import load_config

README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(name: str) -> str:
    """The fenced text between two markers."""
    found = re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```\n<!-- /{name} -->", README, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_help_is_the_programs_own() -> None:
    """The help blocks equal `--help` at 80 columns without colour."""
    shown = []
    for arguments in (["--help"], ["audit", "--help"], ["repo", "--help"]):
        done = process(arguments, env={"COLUMNS": "80"})
        assert done.returncode == 0
        shown.append(f"$ sendgate {' '.join(arguments)}\n{done.stdout}")
    assert block("help") == "\n".join(shown)


def test_the_first_audit_is_real() -> None:
    """The README's first command, run from the checkout, prints what the README shows."""
    (command,) = re.findall(r"\.venv/bin/(sendgate audit .*)$", README, re.MULTILINE)
    done = process(command.split()[1:], cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(block("first-audit"))


def test_the_configuration_is_read(tmp_path: Path) -> None:
    """The README's sendgate.toml is one, and holds to the schema of the configuration."""
    (tmp_path / "sendgate.toml").write_text(block("config"), encoding="utf-8")
    config = load_config(None, lambda _: None, str(tmp_path))
    assert [sender.name for sender in config.senders] == ["newsletter"]
    assert [waiver.rule for waiver in config.waivers] == ["DMARC006"]
    assert set(tomllib.loads(block("config"))) == {"fail-on", "sender", "waive"}


def test_the_campaign_can_be_sent(tmp_path: Path) -> None:
    """The README's campaign.toml is one, with the sender of the README's sendgate.toml."""
    from sendgate.send.campaign_file import load_campaign

    (tmp_path / "sendgate.toml").write_text(block("config"), encoding="utf-8")
    (tmp_path / "campaign.toml").write_text(block("campaign"), encoding="utf-8")
    for name in ("news.html.j2", "news.txt.j2", "contacts.csv"):
        (tmp_path / name).write_text("email\n", encoding="utf-8")
    config = load_config(None, lambda _: None, str(tmp_path))
    campaign = load_campaign(tmp_path / "campaign.toml", config, lambda _: None)
    assert campaign.sender_name == "newsletter"


@pytest.mark.parametrize(
    "line", [x for x in README.splitlines() if x.startswith("sendgate ")], ids=lambda line: line
)
def test_every_example_has_known_options(line: str) -> None:
    """An example names no command and no option that does not exist."""
    words = line.partition("#")[0].removesuffix("\\").split()
    name = words[1:3] if words[1] == "campaign" else words[1:2]
    help_text = process([*name, "--help"]).stdout
    for option in re.findall(r"--[a-z-]+", line):
        assert f"{option} " in help_text, option


def test_lines_can_be_read_in_a_terminal() -> None:
    """Prose stays within 105 columns."""
    prose = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    assert not [x for x in prose.splitlines() if len(x) > 105 and not x.startswith("|")]
