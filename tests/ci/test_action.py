"""action.yml, run step by step as a runner does: annotations, summary, outputs, exit codes."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from checkouts import BROKEN, ZONE, commit, environment, repository
from command_line import ROOT

ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = {step["id"]: step for step in ACTION["runs"]["steps"]}


@dataclass
class Ran:
    """What a step left behind."""

    code: int
    log: str
    summary: str
    outputs: dict[str, str]


class Runner:
    """Runs the steps of the action in a workspace, with the variables that GitHub sets."""

    def __init__(self, temp: Path, checkout: Path) -> None:
        self.temp = temp
        self.checkout = checkout
        self.temp.mkdir(parents=True, exist_ok=True)

    def step(self, name: str, workspace: Path, inputs: Mapping[str, str]) -> Ran:
        """Run one step; inputs that are not given have their defaults."""
        files = {kind: self.temp / f"{kind}-{name}" for kind in ("output", "summary")}
        for path in files.values():
            path.write_text("")
        given = {key: entry["default"] for key, entry in ACTION["inputs"].items()} | dict(inputs)
        variables = {key: _filled(value, given) for key, value in STEPS[name]["env"].items()}
        script = self.temp / f"{name}.sh"
        script.write_text(STEPS[name]["run"])
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=workspace, capture_output=True, text=True, timeout=600, check=False,
            env=environment(
                **variables, GITHUB_ACTIONS="true", GITHUB_ACTION_PATH=str(self.checkout),
                GITHUB_WORKSPACE=str(workspace), RUNNER_TEMP=str(self.temp),
                GITHUB_OUTPUT=str(files["output"]), GITHUB_STEP_SUMMARY=str(files["summary"]),
            ),
        )  # fmt: skip
        outputs = dict(line.split("=", 1) for line in files["output"].read_text().splitlines())
        log = done.stdout + done.stderr
        return Ran(done.returncode, log, files["summary"].read_text(), outputs)

    def check(self, workspace: Path, **inputs: str) -> Ran:
        return self.step("check", workspace, {k.replace("_", "-"): v for k, v in inputs.items()})


def _filled(value: str, inputs: Mapping[str, str]) -> str:
    """Put the inputs in, as the runner does with expressions."""
    found = re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) \}\}", value)
    assert found is not None, value
    return inputs[found[1]]


@pytest.fixture(scope="module")
def runner(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """A runner on which the first step has installed this checkout."""
    made = Runner(tmp_path_factory.mktemp("runner"), checkout)
    hostile = made.temp / "workspace"
    hostile.mkdir()
    for module in ("venv", "pip", "ensurepip", "typing", "sendgate"):
        (hostile / f"{module}.py").write_text("raise SystemExit('a module of theirs ran')\n")
    done = made.step("install", hostile, {})
    assert done.code == 0, done.log
    assert (made.temp / "sendgate" / "bin" / "sendgate").exists()
    return made


def results(ran: Ran) -> list[dict[str, Any]]:
    (run,) = json.loads(Path(ran.outputs["sarif-file"]).read_text())["runs"]
    return list(run["results"])


def test_no_expression_stands_in_a_script_and_no_other_action_is_used() -> None:
    """Inputs come through the environment, so none of them can be a command."""
    for step in STEPS.values():
        assert "uses" not in step
        assert step["shell"] == "bash"
        assert "${{" not in step["run"]
    used = {value for step in STEPS.values() for value in step["env"].values()}
    assert used == {f"${{{{ inputs.{name} }}}}" for name in ACTION["inputs"]}
    assert all({"description", "default"} <= set(entry) for entry in ACTION["inputs"].values())


@pytest.mark.parametrize("version", ["latest", "1.2.3; touch x", "1.2.3\nx", "../x", "1", "$(id)"])
def test_a_version_that_is_none_is_refused(tmp_path: Path, version: str) -> None:
    """Nothing is installed, and no text of it reaches a shell."""
    done = Runner(tmp_path / "temp", ROOT).step("install", tmp_path, {"version": version})
    assert done.code == 2
    assert done.log.startswith("::error title=sendgate::The input version is no release")
    assert not (tmp_path / "temp" / "sendgate").exists()


def test_a_healthy_repository_passes(runner: Runner, tmp_path: Path) -> None:
    """Exit 0, a summary, and a SARIF file for whoever uploads it."""
    done = runner.check(repository(tmp_path / "dns", {"zones/example.com.zone": ZONE}))
    assert done.code == 0, done.log
    assert "::error" not in done.log
    assert "sendgate: pass, no errors" in done.log
    assert done.summary.startswith("## sendgate: pass\n")
    assert not [result for result in results(done) if result["level"] == "error"]


def test_a_broken_record_is_annotated_at_its_line(runner: Runner, tmp_path: Path) -> None:
    """Exit 1; the annotation, the summary and the SARIF file name the same line."""
    done = runner.check(repository(tmp_path / "dns", {"zones/example.com.zone": BROKEN}))
    assert done.code == 1, done.log
    assert re.search(
        r"^::error file=zones/example\.com\.zone,line=9,title=DMARC004 ", done.log, re.MULTILINE
    )
    assert done.summary.startswith("## sendgate: fail\n")
    assert "`zones/example.com.zone:9`" in done.summary
    (result,) = [r for r in results(done) if r["ruleId"] == "DMARC004"]
    location = result["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "zones/example.com.zone"
    assert location["region"]["startLine"] == 9


def test_paths_are_from_the_top_of_the_repository(runner: Runner, tmp_path: Path) -> None:
    """Also where the zones are in a folder of it."""
    folder = repository(tmp_path / "dns", {"zones/example.com.zone": BROKEN})
    done = runner.check(folder, path="zones")
    assert done.code == 1, done.log
    assert "::error file=zones/example.com.zone,line=9," in done.log


def test_with_a_base_only_what_is_new_fails(runner: Runner, tmp_path: Path) -> None:
    """An old fault is still in the SARIF file, which code scanning compares by itself."""
    folder = repository(tmp_path / "dns", {"zones/example.com.zone": BROKEN})
    first = commit(folder, {"README": "x"})
    commit(folder, {"zones/example.net.zone": ZONE.replace("example.com", "example.net")})
    done = runner.check(folder, base=first)
    assert done.code == 0, done.log
    assert "::error" not in done.log
    assert f"Against `{first}`" in done.summary
    assert {"DMARC004"} <= {result["ruleId"] for result in results(done)}
    commit(folder, {"zones/example.net.zone": BROKEN.replace("example.com", "example.net")})
    done = runner.check(folder, base=first)
    assert done.code == 1, done.log
    assert "file=zones/example.net.zone,line=9," in done.log
    assert "file=zones/example.com.zone" not in done.log


def test_inputs_reach_the_command_and_nothing_else(runner: Runner, tmp_path: Path) -> None:
    """`fail-on`, `format`, `config`, `source` and `args` do what the options of their names do."""
    folder = repository(tmp_path / "dns", {"zones/example.com.zone": BROKEN})
    (folder / "other.toml").write_text('ignore = ["DMARC004"]\n')
    done = runner.check(folder, config="other.toml", source="bind")
    assert done.code == 0, done.log
    done = runner.check(folder, fail_on="note", args="--ignore DMARC004\n  --ignore=SPF\n")
    assert "title=DMARC004" not in done.log
    done = runner.check(folder, format="text", args="--select DMARC004 --exit-zero")
    assert done.code == 0, done.log
    assert done.log.startswith("repository: fail")
    assert done.summary == ""


@pytest.mark.parametrize(
    "inputs",
    [
        {"path": "--help"},
        {"path": "; touch owned"},
        {"path": "$(touch owned)"},
        {"source": "bind; touch owned"},
        {"base": "$(touch owned)"},
        {"base": "--output=owned"},
        {"fail_on": "`touch owned`"},
        {"config": "x\ntouch owned"},
        {"args": "; touch owned"},
        {"args": "$(touch owned) * ~"},
        {"format": "$(touch owned)"},
    ],
)
def test_a_hostile_input_is_an_error_and_no_command(
    runner: Runner, tmp_path: Path, inputs: dict[str, str]
) -> None:
    """Exit 2 with the words of sendgate; nothing else has run."""
    folder = repository(tmp_path / "dns", {"zones/example.com.zone": ZONE})
    done = runner.check(folder, **inputs)
    assert done.code == 2, done.log
    assert "error: " in done.log
    assert not (folder / "owned").exists()
    assert not (tmp_path / "owned").exists()


def test_a_hostile_repository_gives_no_command(runner: Runner, tmp_path: Path) -> None:
    """Not by its values, its names, the names of its files, or the output that it configures."""
    value = r"v=DMARC1; p=\010::error::y\013::stop-commands::z\027[31m<b>@octocat ##[error]w"
    zone = ZONE.replace("v=DMARC1; p=reject", value)
    zone += r"\010\058\058error\058\058x MX 10 \010\058\058debug\058\058x" + "\n"
    files = {
        "zones/example.com.zone": zone,
        "zones/\n::set-output name=sarif-file::x\n.zone": "\x00\n::error::no zone\n",
        "sendgate.toml": 'output = "hidden"\nfail-on = "note"\n',
    }
    folder = repository(tmp_path / "dns", files)
    done = runner.check(folder)
    assert done.code in {1, 3}, done.log
    for line in done.log.splitlines():
        assert line.isprintable()
        assert "##[" not in line
        if line.lstrip().startswith("::"):
            assert re.match(r"::(error|warning|notice) (file|title)=", line), line
    assert "title=DMARC" in done.log
    assert not (folder / "hidden").exists()
    assert set(done.outputs) == {"sarif-file"}
    assert "<b>" not in re.sub(r"`[^`]*`", "", done.summary)


def test_without_a_zone_the_step_fails_and_has_no_output(runner: Runner, tmp_path: Path) -> None:
    """Exit 2, saying what was looked for."""
    done = runner.check(repository(tmp_path / "dns", {"README": "nothing\n"}))
    assert done.code == 2
    assert done.outputs == {}
    assert "sendgate: error: " in done.log
