"""An octoDNS configuration says which zones are published, from what, and whether that is all."""

from __future__ import annotations

from pathlib import Path

import pytest

from sendgate.names import Domain
from sendgate.repo.readers import octodns
from sendgate.repo.reading import DeclaredZone, Place, Reading
from sendgate.repo.tree import FolderTree

PROVIDERS = """\
providers:
  config: {class: octodns.provider.yaml.YamlProvider, directory: ./zones}
  over: {class: octodns.provider.yaml.YamlProvider, directory: ./over,
    populate_should_replace: true, default_ttl: 77}
  more: {class: octodns.provider.yaml.YamlProvider, directory: ./over}
  env: {class: octodns.source.envvar.EnvVarSource, name: A, variable: B}
  r53: {class: octodns_route53.Route53Provider}
  cf: {class: octodns_cloudflare.CloudflareProvider}
"""
TXT = "a: {type: TXT, value: x}\n"


def read(folder: Path, files: dict[str, str]) -> Reading:
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return octodns.read(FolderTree(folder))


def one(reading: Reading, zone: str = "example.com") -> DeclaredZone:
    [found] = [declared for declared in reading.zones if declared.apex.text == zone]
    return found


def records(reading: Reading) -> list[tuple[str, str, str]]:
    return [(r.name.text, str(r.data), r.origin.where) for r in reading.records]


def zones(reading: Reading) -> list[str]:
    return [zone.apex.text for zone in reading.zones]


def test_zones_that_a_configuration_names(tmp_path: Path) -> None:
    """A zone stands at its line; sources in their order; one may replace what another gave."""
    reading = read(
        tmp_path,
        {
            "production.yaml": PROVIDERS
            + "zones:\n  example.com.:\n    sources: [config, over]\n    targets: [r53]\n",
            "zones/example.com.yaml": TXT + "b: {type: A, value: 192.0.2.1}\n",
            "over/example.com.yaml": "b: {type: A, value: 192.0.2.2}\n",
        },
    )
    assert reading.unread == ()
    assert one(reading) == DeclaredZone(Domain("example.com"), Place("production.yaml", 10))
    assert records(reading) == [
        ("a.example.com", "x", "zones/example.com.yaml"),
        ("b.example.com", "192.0.2.2", "over/example.com.yaml"),
    ]
    assert [r.ttl for r in reading.records] == [3600, 77]
    assert "'production.yaml' is an octoDNS configuration (one zone), not a zone" in reading.notes


def test_a_record_of_two_sources_is_refused_where_none_replaces(tmp_path: Path) -> None:
    """As octoDNS does; the zone is unknown."""
    reading = read(
        tmp_path,
        {
            "config.yaml": PROVIDERS + "zones:\n  example.com.: {sources: [config, more]}\n",
            "zones/example.com.yaml": TXT,
            "over/example.com.yaml": TXT,
        },
    )
    [unread] = reading.unread
    assert "a second TXT record" in unread.problem
    assert unread.place.path == "over/example.com.yaml"


@pytest.mark.parametrize(
    ("zone", "tail", "why"),
    [
        ("{sources: [config]}", "", None),
        ("{sources: [config, env]}", "", "further sources: env (EnvVarSource)"),
        ("{sources: [config, r53]}", "", "further sources: r53 (Route53Provider)"),
        ("{sources: [config], processors: [ttl, meta]}", "", None),
        ("{sources: [config], processors: [owner]}", "", "the processor owner (OwnershipProc"),
        ("{sources: [config], processors: [types]}", "", "the processor types (TypeAllowlist"),
        ("{sources: [config], processors: [own]}", "", "the processor own (Own)"),
        ("{sources: [config], processors: [gone]}", "", "the processor gone may leave"),
        ('{sources: [config], processors: ["a\\e[31m"]}', "", r"the processor 'a\x1b[31m' may"),
        ("{sources: [config]}", "manager: {processors: [owner]}\n", "the processor owner"),
        ("{sources: [config]}", "manager: {post_processors: [owner]}\n", "the processor owner"),
    ],
)
def test_whether_a_zone_is_complete(tmp_path: Path, zone: str, tail: str, why: str | None) -> None:
    """Other sources, and processors that leave records to others, make absence no proof."""
    processors = """\
processors:
  ttl: {class: octodns.processor.restrict.TtlRestrictionFilter}
  meta: {class: octodns.processor.meta.MetaProcessor}
  owner: {class: octodns.processor.ownership.OwnershipProcessor}
  types: {class: octodns.processor.filter.TypeAllowlistFilter, allowlist: [A]}
  own: {class: our.module.Own}
"""
    text = PROVIDERS + processors + tail + f"zones:\n  example.com.: {zone}\n"
    reading = read(tmp_path, {"config.yaml": text, "zones/example.com.yaml": TXT, "over/x": ""})
    incomplete = one(reading).incomplete
    assert (incomplete is None) == (why is None)
    assert (why or "") in (incomplete or "")


def test_names_that_the_configuration_leaves_to_others(tmp_path: Path) -> None:
    """Reject lists, ACME challenges, and records that are marked as ignored."""
    text = (
        PROVIDERS
        + """\
processors:
  acme: {class: octodns.processor.acme.AcmeManagingProcessor}
  names: {class: octodns.processor.filter.NameRejectlistFilter, rejectlist: ['', old, '/^tmp-/',
    '/(a+)+$/']}
zones:
  example.com.: {sources: [config], processors: [acme, names]}
"""
    )
    zone = (
        TXT + "old: {type: TXT, value: x}\ntmp-1: {type: TXT, value: x}\n"
        "theirs: {type: TXT, value: x, octodns: {ignored: true}}\n"
    )
    reading = read(tmp_path, {"config.yaml": text, "zones/example.com.yaml": zone, "over/x": ""})
    assert one(reading).incomplete is None
    assert list(one(reading).ignored) == [
        r"^_acme-challenge\.",
        r"^example\.com$",
        r"^old\.example\.com$",
        "^tmp-",
        r"(a+)+\.example\.com$",
        r"^theirs\.example\.com$",
    ]
    assert [name for name, _, _ in records(reading)] == ["a.example.com"]


def test_records_for_some_targets_only(tmp_path: Path) -> None:
    """A record that no target of the zone gets is not published."""
    text = PROVIDERS + "zones:\n  example.com.: {sources: [config], targets: [r53]}\n"
    zone = """\
a: {type: TXT, value: x, octodns: {excluded: [r53]}}
b: {type: TXT, value: x, octodns: {excluded: [cf]}}
c: {type: TXT, value: x, octodns: {included: [cf]}}
d: {type: TXT, value: x, octodns: {included: [cf, r53], lenient: true}}
"""
    reading = read(tmp_path, {"config.yaml": text, "zones/example.com.yaml": zone})
    assert [name for name, _, _ in records(reading)] == ["b.example.com", "d.example.com"]


def test_all_zones_of_a_folder(tmp_path: Path) -> None:
    """`*` takes the files that octoDNS lists: a name with a dot in it; glob and regex choose."""
    files = {
        "zones/example.com.yaml": TXT,
        "zones/example.net.yaml": TXT,
        "zones/sub.example.org.yaml": TXT,
        "zones/octodns.yaml": "x: 1\n",
        "zones/empty.example.yaml": "---\n",
    }
    plain = PROVIDERS + "zones:\n  '*': {sources: [config]}\n"
    reading = read(tmp_path / "plain", {"config.yaml": plain, **files})
    assert zones(reading) == ["empty.example", "example.com", "example.net", "sub.example.org"]
    assert one(reading).place == Place("zones/example.com.yaml", 1)
    assert any("zones/octodns.yaml" in n and "is no zone" in n for n in reading.notes)
    chosen = PROVIDERS + (
        "zones:\n  '*': {glob: '*.net.', sources: [config]}\n"
        "  '*.more': {regex: '^sub', sources: [config]}\n  example.com.: {sources: [config, env]}\n"
    )
    reading = read(tmp_path / "chosen", {"config.yaml": chosen, **files})
    found = {zone.apex.text: zone.incomplete for zone in reading.zones}
    assert found["example.net"] is None
    assert found["sub.example.org"] is None
    assert "further sources" in str(found["example.com"])


def test_a_pattern_that_could_match_for_ever_is_not_used(tmp_path: Path) -> None:
    """The configuration is hostile until shown otherwise."""
    text = PROVIDERS + "zones:\n  '*': {regex: '(a+)+$', sources: [config]}\n"
    reading = read(tmp_path, {"config.yaml": text, "zones/example.com.yaml": TXT})
    assert ["cannot be used" in unread.problem for unread in reading.unread] == [True]


def test_an_alias_is_another_zones_records(tmp_path: Path) -> None:
    """Under its own name; what is wrong in the text is told of once."""
    text = PROVIDERS + (
        "zones:\n  example.com.: {sources: [config]}\n  example.net.: {alias: example.com.}\n"
        "  example.org.: {alias: missing.example.}\n"
    )
    zone = TXT + "s._domainkey: {type: TXT, values: [v=DKIM1, p=AAAA]}\n"
    reading = read(tmp_path, {"config.yaml": text, "zones/example.com.yaml": zone})
    assert records(reading)[0] == ("a.example.com", "x", "zones/example.com.yaml")
    assert records(reading)[3] == ("a.example.net", "x", "zones/example.com.yaml")
    assert one(reading, "example.net").place == Place("config.yaml", 11)
    assert len(reading.slips) == 1
    assert [(u.problem, u.zones) for u in reading.unread] == [
        ("the zone missing.example that it is an alias of is not published",
         (Domain("example.org"),)),
    ]  # fmt: skip


def test_split_zones(tmp_path: Path) -> None:
    """A folder a zone, all its YAML files together; the catch-all holds the apex and `*`."""
    providers = """\
providers:
  config: {class: octodns.provider.yaml.YamlProvider, directory: zones, split_extension: .}
zones:
  '*': {sources: [config]}
"""
    files = {
        "zones/example.com./$example.com.yaml": "'': {type: TXT, value: apex}\n",
        "zones/example.com./www.yaml": "www: {type: TXT, value: x}\n",
        "zones/example.com./notes.txt": "no YAML",
        "zones/example.net.yaml": TXT,
    }
    reading = read(tmp_path / "with", {"config.yaml": providers, **files})
    assert sorted(zones(reading)) == ["example.com", "example.net"]
    assert {name for name, _, _ in records(reading)} == {
        "example.com", "www.example.com", "a.example.net",
    }  # fmt: skip
    reading = read(tmp_path / "without", files)
    assert sorted(zones(reading)) == ["example.com", "example.net"]
    assert len(reading.records) == 3


def test_the_older_split_provider_and_a_shared_file(tmp_path: Path) -> None:
    """Its folder's extension is another; a shared file adds its records to every zone."""
    text = """\
providers:
  split: {class: octodns.provider.yaml.SplitYamlProvider, directory: split, extension: .tst}
  plain: {class: octodns.provider.yaml.YamlProvider, directory: zones, shared_filename: all.yaml}
zones:
  example.com.: {sources: [split]}
  example.net.: {sources: [plain]}
"""
    reading = read(
        tmp_path,
        {
            "config.yaml": text,
            "split/example.com.tst/a.yaml": TXT,
            "zones/example.net.yaml": TXT,
            "zones/all.yaml": "_dmarc: {type: TXT, value: 'v=DMARC1\\; p=reject'}\n",
        },
    )
    assert reading.unread == ()
    assert {name for name, _, _ in records(reading)} == {
        "a.example.com", "a.example.net", "_dmarc.example.net",
    }  # fmt: skip


def test_parts_of_a_zone_that_are_put_together(tmp_path: Path) -> None:
    """The file-name pattern of repositories that concatenate them: `zone._0_name.yaml`."""
    reading = read(
        tmp_path,
        {
            "k8s.example._0_base.yaml": "'': {type: TXT, value: x}\n",
            "k8s.example._1_mail.yaml": "mail: {type: TXT, value: y}\n",
        },
    )
    assert zones(reading) == ["k8s.example"]
    assert {name for name, _, _ in records(reading)} == {"k8s.example", "mail.k8s.example"}


@pytest.mark.parametrize("configured", [True, False])
def test_a_zone_in_both_spellings_is_refused(tmp_path: Path, configured: bool) -> None:
    """`bücher.example.yaml` and its A-label form: octoDNS stops; either alone is the zone."""
    config = PROVIDERS + "zones:\n  bücher.example.: {sources: [config]}\n"
    files = {"zones/bücher.example.yaml": TXT}
    if configured:
        files["config.yaml"] = config
    reading = read(tmp_path / "one", files)
    assert zones(reading) == ["xn--bcher-kva.example"]
    assert reading.unread == ()
    reading = read(tmp_path / "two", {**files, "zones/xn--bcher-kva.example.yaml": TXT})
    assert {zone.text for zone in reading.unread_zones} == {"xn--bcher-kva.example"}
    assert any("both " in unread.problem for unread in reading.unread)


@pytest.mark.parametrize(
    ("zones_text", "says"),
    [
        ("example.com.: {sources: [config]}", "the source 'config' has no file for it"),
        ("example.com.: {sources: [nobody]}", "no provider is called 'nobody'"),
        ("example.com.: {targets: [r53]}", "it has no sources"),
        ("example.com.: [config]", "a mapping is expected here"),
        ("example..com: {sources: [config]}", "empty label"),
        ("example.com.: {alias: a..b}", "empty label"),
    ],
)
def test_a_zone_that_octodns_would_refuse(tmp_path: Path, zones_text: str, says: str) -> None:
    """Named with the configuration's line; the others are read."""
    text = PROVIDERS + f"zones:\n  example.net.: {{sources: [config]}}\n  {zones_text}\n"
    reading = read(tmp_path, {"config.yaml": text, "zones/example.net.yaml": TXT})
    [unread] = reading.unread
    assert says in unread.problem
    assert unread.place == Place("config.yaml", 11)
    assert zones(reading) == ["example.net"]


def test_missing_files_may_be_allowed(tmp_path: Path) -> None:
    """`ignore_missing_zones`: the source simply adds nothing."""
    text = """\
providers:
  config: {class: octodns.provider.yaml.YamlProvider, directory: zones}
  over: {class: octodns.provider.yaml.YamlProvider, directory: over, ignore_missing_zones: true}
zones:
  example.com.: {sources: [config, over]}
"""
    files = {"config.yaml": text, "zones/example.com.yaml": TXT, "over/example.net.yaml": TXT}
    reading = read(tmp_path, files)
    assert reading.unread == ()
    assert one(reading).incomplete is None


def test_what_no_configuration_lists(tmp_path: Path) -> None:
    """In a published folder it is read as a zone nobody vouches for; elsewhere it is left out."""
    text = PROVIDERS + "zones:\n  example.com.: {sources: [config]}\n"
    reading = read(
        tmp_path,
        {
            "config.yaml": text,
            "zones/example.com.yaml": TXT,
            "zones/example.net.yaml": TXT,
            "zones/example.org.yml": TXT,
            "tests/unit.tests.yaml": TXT,
            "tests/more.tests.yaml": TXT,
        },
    )
    assert one(reading).incomplete is None
    assert one(reading, "example.net").incomplete == "the octoDNS configuration does not list it"
    assert zones(reading) == ["example.com", "example.net"]
    notes = " ".join(reading.notes)
    assert "'tests/more.tests.yaml' and 1 more files look like zones" in notes
    assert "'zones/example.org.yml': octoDNS reads .yaml files only" in notes


def test_without_a_configuration_zones_are_taken_as_complete_and_that_is_said(
    tmp_path: Path,
) -> None:
    """octoDNS deletes what its sources do not hold; nothing shows any other source."""
    reading = read(tmp_path, {"example.com.yaml": TXT})
    assert one(reading).incomplete is None
    assert any("taken to be published from its files alone" in note for note in reading.notes)


def test_two_configurations(tmp_path: Path) -> None:
    """Of the same files they are one zone, incomplete if either is; of others, views."""
    files = {"zones/example.com.yaml": TXT, "over/example.com.yaml": "b: {type: TXT, value: y}\n"}
    inner = PROVIDERS + "zones:\n  example.com.: {sources: [config, over]}\n"
    outer = PROVIDERS + "zones:\n  example.com.: {sources: [config]}\n"
    also = PROVIDERS + "zones:\n  example.com.: {sources: [config, env]}\n"
    reading = read(tmp_path / "views", {"external.yaml": outer, "internal.yaml": inner, **files})
    assert [(z.apex.text, z.view) for z in reading.zones] == [
        ("example.com", "external.yaml"),
        ("example.com", "internal.yaml"),
    ]
    assert [r.view for r in reading.records] == ["external.yaml", "internal.yaml", "internal.yaml"]
    assert any("each is a view" in note for note in reading.notes)
    reading = read(tmp_path / "one", {"a.yaml": outer, "b.yaml": also, **files})
    assert "further sources" in str(one(reading).incomplete)
    assert len(reading.records) == 1


def test_one_zone_in_two_folders_without_a_configuration(tmp_path: Path) -> None:
    """Nothing says that they are one, so they are views."""
    files = {"in/example.com.yaml": TXT, "out/example.com.yaml": "b: {type: TXT, value: y}\n"}
    reading = read(tmp_path, files)
    assert [zone.view for zone in reading.zones] == ["in", "out"]
    assert any("each a view" in note for note in reading.notes)


def test_values_that_octodns_fills_in_are_not_guessed(tmp_path: Path) -> None:
    """A template processor replaces braces; the zone of such a value is unknown."""
    text = PROVIDERS + (
        "processors: {fill: {class: octodns.processor.templating.Templating}}\n"
        "zones:\n  example.com.: {sources: [config], processors: [fill]}\n"
    )
    zone = TXT + "b: {type: TXT, value: 'v=spf1 include:{zone_name} -all'}\n"
    reading = read(tmp_path, {"config.yaml": text, "zones/example.com.yaml": zone})
    assert one(reading).incomplete is None
    [unread] = reading.unread
    assert (unread.place.line, unread.zones) == (2, (Domain("example.com"),))


@pytest.mark.parametrize(
    ("option", "written", "published"),
    [
        ("escaped_semicolons: false", "'v=DMARC1; p=none'", "v=DMARC1; p=none"),
        ("escaped_semicolons: false", r"v=DMARC1\; p=none", r"v=DMARC1\; p=none"),
        ("escaped_semicolons: true", r"v=DMARC1\; p=none", "v=DMARC1; p=none"),
    ],
)
def test_the_providers_way_to_write_semicolons(
    tmp_path: Path, option: str, written: str, published: str
) -> None:
    """With the option off, a backslash before one is data, and a mistake."""
    text = (
        "providers:\n  config: {class: octodns.provider.yaml.YamlProvider, directory: zones, "
        f"{option}}}\nzones:\n  example.com.: {{sources: [config]}}\n"
    )
    zone = f"_dmarc: {{type: TXT, value: {written}}}\n"
    reading = read(tmp_path, {"config.yaml": text, "zones/example.com.yaml": zone})
    assert [value for _, value, _ in records(reading)] == [published]
    assert [str(slip.kind) for slip in reading.slips] == (
        ["quotes-in-value"] if "\\" in published else []
    )


def test_a_configuration_that_is_broken_does_not_stop_the_zones(tmp_path: Path) -> None:
    """They are found by their names instead."""
    files = {"config.yaml": PROVIDERS + "zones: [a, b]\n", "zones/example.com.yaml": TXT}
    reading = read(tmp_path, files)
    assert zones(reading) == ["example.com"]
    assert [unread.place.path for unread in reading.unread] == ["config.yaml"]
