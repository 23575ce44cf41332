"""What each form writes, its reader reads back, whatever the records hold."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from memory_tree import MemoryTree
from records_back import FORMS, NODE, as_read, as_records, plan_of, read_back, written

from sendgate.dns.answers import Mx, Rdata, Target, Txt
from sendgate.errors import InputError
from sendgate.names import Domain
from sendgate.records.forms import TERRAFORM, Heading, write
from sendgate.records.plan import Change, RecordSet, text_data
from sendgate.repo.readers import terraform

ZONE = Domain("example.com")
OF_OCTETS = ["bind", "route53", "terraform aws", "terraform google"]
HOSTILE = [
    'v=spf1 "', "\\", '\\"', "a;b", "; TXT evil", "# x", "// x */", "*/ alert(1) /*", "${var.x}",
    "%{if}", "$${x}", "%%{", '${"', "'; DROP", '" "', '""', "\\073", "\\\\;", "\\;", "{{ x }}",
    "<script>", "`id`", "$(id)", "\\u0041", "\\x41", "a" * 255, "b" * 256, "c" * 600, '"' * 300,
    ";" * 300, "a\\" * 200, "$" * 300 + "{", " lead", "trail ", "", "null", "1e3", "@",
    "!ruby/x", "- a: b",
    "@Z x @@y@@ <% z %>", "@F",
]  # fmt: skip
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=700)
TEXTS = st.sampled_from(HOSTILE) | PRINTABLE
LABELS = st.sampled_from(
    ["", "*.", "_dmarc.", "s1._domainkey.", "xn--bcher-kva.", "10.", "9.a-b.", "*.w.", "true."]
)
HOSTS = st.sampled_from(["mx.example.net", "a.b.example.org", "example.com", "_x.example.net"]).map(
    Domain
)


@pytest.fixture(autouse=True, scope="module")
def _node() -> Iterator[None]:
    yield
    NODE.end()


def _set(name: str, data: tuple[Rdata, ...], ttl: int) -> RecordSet:
    kind = {Txt: "TXT", Mx: "MX", Target: "CNAME"}[type(data[0])]
    return RecordSet(Domain(f"{name}{ZONE}"), kind, ttl, data, ZONE)


PLAIN = (_set("zz.", (text_data("not a wildcard"),), 300),)


@st.composite
def sets(draw: st.DrawFn) -> tuple[RecordSet, ...]:
    """Record sets as they are proposed: one CNAME alone at its name, or TXT and MX."""
    found: list[RecordSet] = [*PLAIN]
    for name in draw(st.lists(LABELS, min_size=1, max_size=4, unique=True)):
        ttl = draw(st.sampled_from([60, 300, 3600, 86400]))
        if name and draw(st.booleans()):
            found.append(_set(name, (Target(draw(HOSTS)),), ttl))
            continue
        texts = draw(st.lists(TEXTS.map(text_data), min_size=1, max_size=3, unique=True))
        found.append(_set(name, tuple(texts), ttl))
        if draw(st.booleans()):
            hosts = draw(st.lists(HOSTS, min_size=1, max_size=2, unique=True))
            found.append(_set(name, tuple(Mx(i * 10, h) for i, h in enumerate(hosts)), ttl))
    return tuple(found)


def changes(records: tuple[RecordSet, ...], why: str = "it is so") -> list[Change]:
    """Changes whose reasons and former data are as hostile as the data."""
    old = {"TXT": (text_data("old \u2028 */ ${x} \n ; # //".encode()),)}
    return [
        Change(
            RecordSet(r.name, r.rdtype, 60, old.get(r.rdtype, r.data), r.zone), r, (why, 'x\n"; A')
        )
        for r in records
    ]  # fmt: skip


def unfit(form: str, text: str) -> bool:
    """Whether the tool of a form would publish something else, whatever is written."""
    if form == "octodns":
        return '" "' in f'"{text}"' or "\\;" in text
    wrapped = len(text) > 1 and text[0] == text[-1] == '"' and '"' not in text[1:-1]
    return wrapped and form in {"dnscontrol", "terraform azurerm"}


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=80, deadline=None)
@given(records=sets(), why=TEXTS)
@example(
    records=(_set("", tuple(text_data(t) for t in HOSTILE if '" "' not in t), 300),), why="\n}"
)
@example(records=(_set("*.w.", (Target(Domain("a.example.net")),), 300), *PLAIN), why="\u2028*/")
def test_a_form_is_read_back_to_the_same_records(
    form: str, records: tuple[RecordSet, ...], why: str
) -> None:
    """Name, type, TTL and every octet; what a form cannot hold is refused and not garbled."""
    heading = ('head\n"; $ORIGIN .', "${x} */ \u2029")
    if any(unfit(form, d.text) for r in records for d in r.data if isinstance(d, Txt)):
        with pytest.raises(InputError, match="cannot be written as"):
            written(form, changes(records, why), *heading)
        return
    text = written(form, changes(records, why), *heading)
    read = read_back(form, text)
    assert not read.unread
    assert as_read(read.records) == as_records(records)


OCTETS = st.binary(min_size=1, max_size=300).map(text_data)


@pytest.mark.parametrize("form", OF_OCTETS)
@settings(max_examples=80, deadline=None)
@given(data=st.lists(OCTETS, min_size=1, max_size=3, unique=True))
def test_forms_of_octets_hold_every_octet(form: str, data: list[Txt]) -> None:
    """NUL, line ends and octets above 127 included."""
    records = (_set("", tuple(data), 300),)
    read = read_back(form, written(form, changes(records)))
    assert as_read(read.records) == as_records(records)


@pytest.mark.parametrize(
    "form", [f for f in FORMS if f not in {"bind", "route53", "terraform aws", "terraform google"}]
)
def test_forms_of_text_refuse_what_is_no_text(form: str) -> None:
    """An octet that the form cannot hold is an error that names another form, never a `?`."""
    records = (_set("", (text_data(b"\xff\xfe"),), 300),)
    with pytest.raises(InputError, match="use --as bind"):
        written(form, changes(records))


@pytest.mark.parametrize("form", FORMS)
def test_nothing_to_publish_is_still_the_form(form: str) -> None:
    """An empty proposal is a text that the tool takes."""
    text = written(form, [], "nothing to publish")
    if form == "octodns":
        assert yaml.safe_load(text) == {}
    elif form == "route53":
        assert json.loads(text)["Changes"] == []
    elif form == "dnscontrol":
        assert NODE.run(text)["domains"] == []
    else:
        assert all(line[:1] in {";", "#"} for line in text.splitlines())


@pytest.mark.parametrize("form", FORMS)
def test_what_is_removed_is_no_record(form: str) -> None:
    """A removal is said, and read by nobody as something to publish."""
    kept = _set("", (text_data("v=spf1 -all"),), 300)
    gone = _set("x.", (Target(Domain("evil.example.net")),), 300)
    text = written(form, [Change(gone, None, ("it is in the way",)), *changes((kept,))])
    assert "evil.example.net" in text
    assert as_read(read_back(form, text).records) == as_records((kept,))


@pytest.mark.parametrize("form", FORMS)
def test_comments_command_no_runner_and_end_at_their_line(form: str) -> None:
    """What CI runners obey in a log, and what ends a line anywhere, is escaped in comments."""
    hostile = "##[error]x ##vso[task] \u2028 \u0085 \r\n evil"
    text = written(form, changes((_set("", (text_data("x"),), 300),), hostile), hostile)
    assert "##[" not in text
    assert "##vso" not in text
    assert text.isascii()
    assert not [line for line in text.splitlines() if line.strip().startswith("evil")]


def test_route53_deletes_before_it_adds() -> None:
    """A CNAME goes, with its exact data and TTL, before what takes its place comes."""
    gone = _set("_dmarc.", (Target(Domain("x.example.net")),), 77)
    new = _set("_dmarc.", (text_data("v=DMARC1; p=none"),), 300)
    text = write("route53", [*changes((new,)), Change(gone, None, ())], Heading())
    batch = json.loads(text)["Changes"]
    assert [(c["Action"], c["ResourceRecordSet"]["TTL"]) for c in batch] == [
        ("DELETE", 77), ("UPSERT", 300),
    ]  # fmt: skip


def test_octodns_names_stand_in_its_order() -> None:
    """octoDNS refuses a zone whose names are not in natural order, or that escapes no `;`."""
    records = tuple(_set(n, (text_data("a;b"),), 300) for n in ("s10.", "s9.", "", "_dmarc.", "*."))
    text = written("octodns", changes(records))
    assert list(yaml.safe_load(text)) == ["", "*", "_dmarc", "s9", "s10"]
    assert yaml.safe_load(text)[""]["values"] == ["a\\;b"]


@pytest.mark.parametrize("form", ["octodns", "route53"])
def test_a_form_of_one_zone_takes_no_two(form: str) -> None:
    """It is said which option chooses one."""
    other = RecordSet(Domain("a.example.net"), "TXT", 300, (text_data("x"),), Domain("example.net"))
    two = changes((_set("", (text_data("x"),), 300), other))
    with pytest.raises(InputError, match="--in-zone"):
        written(form, two)


def test_an_unknown_form_names_the_nearest() -> None:
    """A slip is a usage error."""
    with pytest.raises(InputError, match="did you mean 'octodns'"):
        write("octodn", [], Heading())


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
@pytest.mark.parametrize("provider", TERRAFORM)
def test_terraform_itself_makes_the_records_of_it(provider: str, tmp_path: Path) -> None:
    """Terraform evaluates every hostile value to what was meant, as its plan shows.

    Its own built-in resource stands in for those of the providers, which are not installed.
    """
    texts = [t for t in HOSTILE if t and not unfit(f"terraform {provider}", t)]
    records = (
        *(_set(f"n{i}.", (text_data(t),), 300) for i, t in enumerate(texts)),
        _set("mx.", (Mx(5, Domain("mx.example.net")),), 60),
        _set("c.", (Target(Domain("c.example.net")),), 60),
    )
    text = write("terraform", changes(records), Heading(("${x} */ %{y}",)), provider=provider)
    (tmp_path / "main.tf").write_text(_built_in(text), encoding="utf-8")
    env = {**os.environ, "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}

    def run(*arguments: str) -> str:
        done = subprocess.run(["terraform", *arguments], cwd=tmp_path, env=env, text=True,
                              capture_output=True, timeout=120, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    (tmp_path / "as_written").mkdir()
    (tmp_path / "as_written" / "records.tf").write_text(text, encoding="utf-8")
    assert run("fmt", "-check", "-diff", "as_written") == ""
    run("init", "-no-color")
    run("plan", "-no-color", "-out=plan.out")
    plan: dict[str, Any] = json.loads(run("show", "-json", "plan.out"))
    nodes = [n for n in plan_of(text)["planned_values"]["root_module"]["resources"]
             if "record" not in n["type"]]  # fmt: skip
    for node in plan["planned_values"]["root_module"]["resources"]:
        values = node["values"]["input"]
        kind = values.pop("kind")
        if isinstance(values.get("record"), dict):
            values["record"] = [values["record"]]
        nodes.append({**node, "type": kind, "address": f"{kind}.{node['name']}", "values": values,
                      "sensitive_values": {}})  # fmt: skip
    plan["planned_values"]["root_module"]["resources"] = nodes
    made = {"format_version": plan["format_version"], "planned_values": plan["planned_values"]}
    read = terraform.read(MemoryTree({"plan.json": json.dumps(made)}))
    assert as_read(read.records) == as_records(records)


def _built_in(text: str) -> str:
    """Give a configuration that needs no provider: looked-up values become texts."""
    text = re.sub(
        r'^(?:data|variable) "[^\n]* \{$.*?^\}$', "", text, flags=re.MULTILINE | re.DOTALL
    )
    text = re.sub(r"= data\.\w+\.(\w+)\.zone_id$", r'= "id-\1"', text, flags=re.MULTILINE)
    text = re.sub(r"= var\.(\w+)$", r'= "\1"', text, flags=re.MULTILINE)
    text = re.sub(r"^  record \{$", "  record = {", text, flags=re.MULTILINE)
    body = r'resource "terraform_data" "\2" {\n input = {\n  kind = "\1"\3 }\n}'
    return re.sub(
        r'^resource "(\w+)" "(\w+)" \{$(.*?)^\}$', body, text, flags=re.MULTILINE | re.DOTALL
    )
