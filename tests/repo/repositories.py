"""Repositories that tests make: files in a folder, commits in git, and the check run on them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worlds import dkim_key


def sendgate(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> Any:
    """Run a command in a folder, in this process; gives `exit_code`, `stdout` and `stderr`."""
    from typer.testing import CliRunner

    from sendgate.cli.app import app

    set_here = (name for name in os.environ if name.startswith("SENDGATE_"))
    ours: dict[str, str | None] = dict.fromkeys(set_here)
    ours |= {"COLUMNS": None, "NO_COLOR": None, "GITHUB_STEP_SUMMARY": None} | (env or {})
    with contextlib.chdir(folder):
        return CliRunner().invoke(app, list(arguments), env=ours, prog_name="sendgate")


KEY = f"v=DKIM1; k=rsa; p={dkim_key()}"


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write files below a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def txt(text: str) -> str:
    """A TXT record of octoDNS."""
    value = text.replace(";", "\\;")
    return f"  type: TXT\n  value: {value}\n"


def zone(**changes: str) -> str:
    """A zone of octoDNS in which two names send mail; keys change or add an owner's record."""
    owners = {
        "": "  - type: MX\n    values:\n    - exchange: mail.example.com.\n      preference: 10\n"
        "  - type: TXT\n    value: v=spf1 mx -all\n",
        "_dmarc": txt("v=DMARC1; p=reject; rua=mailto:d@example.com"),
        "mail": "  type: A\n  value: 192.0.2.25\n",
        "news": "  - type: MX\n    value:\n      exchange: mail.example.com.\n"
        "      preference: 10\n  - type: TXT\n    value: v=spf1 ip4:192.0.2.10 -all\n",
        "s1._domainkey.news": txt(KEY),
        "shop": "  - type: MX\n    value:\n      exchange: mail.example.com.\n"
        "      preference: 10\n  - type: TXT\n    value: v=spf1 ip4:192.0.2.10 -all\n",
    }
    owners |= {name.replace("__", "."): record for name, record in changes.items()}
    return "---\n" + "".join(f"{name or repr(name)}:\n{record}" for name, record in owners.items())


@dataclass
class Repository:
    """A git repository in a folder of its own, which no configuration of the machine reaches."""

    folder: Path

    @classmethod
    def made(cls, folder: Path) -> Repository:
        folder.mkdir(parents=True, exist_ok=True)
        made = cls(folder)
        made.git("init", "--quiet", "--initial-branch=main")
        return made

    def git(self, *words: str) -> str:
        """Run git in the repository."""
        done = subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *words],
            cwd=self.folder, capture_output=True, text=True, check=True,
            env=os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        )  # fmt: skip
        return done.stdout.strip()

    def commit(self, message: str, files: dict[str, str] | None = None) -> str:
        """Write files, commit all that is there, and give the commit."""
        write(self.folder, files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def check(self, *arguments: str, code: int | None = None, path: str = ".") -> Any:
        """Run `sendgate repo --format json`; give the document."""
        done = sendgate(self.folder, "repo", path, "--format", "json", *arguments)
        assert code is None or done.exit_code == code, done.stdout[-2000:] + done.stderr
        return json.loads(done.stdout)


def rules(findings: Any, least: str = "warning") -> list[str]:
    """The rules and domains of findings, notes left out."""
    severities = {"note": 0, "warning": 1, "error": 2}
    return sorted(
        f"{finding['rule']} {finding['domain']}"
        for finding in findings
        if severities[finding["severity"]] >= severities[least]
    )
