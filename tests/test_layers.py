"""The rooms and the arrows between them: what may import what, read from the code itself."""

from __future__ import annotations

import ast
import graphlib
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "sendgate"
MODULES = sorted(SOURCE.rglob("*.py"))
PURE_SENDING = {
    "address", "compose", "eligibility", "gate", "mime", "pace", "schedule", "shaping", "span",
    "state", "tokens",
}  # fmt: skip
PURE = [
    path
    for path in MODULES
    if path.stem in {"record", "facts", "macro", "outcome", "alignment", "judge", "vocabulary"}
    or (path.parent.name == "deliver" and path.stem == "verdict")
    or (path.parent.name == "smtp" and path.stem in {"payload", "protocol", "replies", "result"})
    or (path.parent.name == "send" and path.stem in PURE_SENDING)
    or path.stem.endswith("rules")
    or path.parent.name == "render"
]
WORLD = {"asyncio", "socket", "sqlite3", "ssl", "time", "subprocess", "secrets", "random"}
HEAVY = {
    "checkdmarc", "cryptography", "css_inline", "dkim", "dns", "httpx", "idna", "jinja2",
    "publicsuffixlist", "pydantic", "requests", "rich", "tldextract", "typer", "yaml",
}  # fmt: skip
# From the bottom up; a room may import from those before it and from itself.
ORDER = [
    "errors", "names", "spelling", "networks", "files", "dns", "observed", "profile", "web",
    "vocabulary", "taglist", "versioned", "spf", "dkim", "dmarc", "bimi", "mx", "mtasts",
    "tlsrpt", "dane", "topology", "hosts", "receivers", "audit", "crosscheck", "records",
    "settings", "config", "repo", "message", "send", "render", "cli",
]  # fmt: skip
PROTOCOLS = ORDER[ORDER.index("spf") : ORDER.index("audit")]


def imports(path: Path, *, top_level: bool = False) -> Iterator[str]:
    """The modules that a file imports; `top_level`: only where loading the file loads them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def name(path: Path) -> str:
    return str(path.relative_to(SOURCE))


@pytest.mark.parametrize("path", PURE, ids=name)
def test_what_parses_judges_or_renders_touches_no_world(path: Path) -> None:
    """Records, facts, rules and renderers do no I/O and read no clock."""
    assert not {module.partition(".")[0] for module in imports(path)} & WORLD


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_nothing_heavy_is_imported_at_module_level(path: Path) -> None:
    """Start-up stays cheap: heavy libraries are imported where they are used."""
    if path.parent.name == "cli":
        return  # typer is what the command line is written in; test_startup guards the rest
    assert not {module.partition(".")[0] for module in imports(path, top_level=True)} & HEAVY


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_point_down(path: Path) -> None:
    """The command line stands on the renderers, they on the audit, it on protocols, they on DNS.

    One arrow goes up, and only for the reader of types: a rule is a function of all facts.
    """
    room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    if room in {"__init__", "__main__", "py"}:
        return
    below = ORDER[: ORDER.index(room) + 1]
    if room in PROTOCOLS:
        below = [*below, *PROTOCOLS]  # protocols know each other's facts
    for module in imports(path, top_level=True):
        if module.startswith("sendgate."):
            assert module.split(".")[1] in below, f"{name(path)} imports {module}"


def run_time_imports(path: Path) -> set[str]:
    """The modules of sendgate that a file imports when it runs, those in functions included."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Not even from inside functions: what two modules both need has a module of its own."""
    named = {
        ".".join(("sendgate", *p.relative_to(SOURCE).with_suffix("").parts)): p for p in MODULES
    }
    graph = {module: run_time_imports(path) & set(named) for module, path in named.items()}
    ordered = list(graphlib.TopologicalSorter(graph).static_order())  # CycleError shows a circle
    assert set(ordered) == set(named)


def test_a_plain_install_has_all_that_audits_and_repositories_need() -> None:
    """Only the rooms of the extras `send` and `cross-check` import what these bring."""
    project = tomllib.loads((SOURCE.parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
    named = {
        "dkim": "dkimpy",
        "dns": "dnspython",
        "nacl": "pynacl",
        "requests_file": "requests-file",
        "yaml": "pyyaml",
    }
    core = {re.split(r"[\[<>=]", entry)[0] for entry in project["project"]["dependencies"]}
    for path in MODULES:
        if path.relative_to(SOURCE).parts[0] in {"send", "crosscheck"}:
            continue
        outside = {module.partition(".")[0] for module in imports(path)}
        outside -= {"sendgate", *sys.stdlib_module_names}
        assert {named.get(module, module) for module in outside} <= core, name(path)
