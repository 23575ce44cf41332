"""sendgate.toml: what it may say, and how it refuses the rest."""

from __future__ import annotations

import ipaddress
from datetime import date
from pathlib import Path

import pytest

from sendgate.audit.infer import SenderOptions
from sendgate.audit.report import Waiver
from sendgate.config import Config, load_config
from sendgate.errors import ConfigError, SourceError
from sendgate.names import Domain
from sendgate.profile import Receiver, SenderKind
from sendgate.settings import SETTINGS, Options, read_environment, read_texts
from sendgate.vocabulary import Severity

EXAMPLE = """
fail-on = "error"
[[sender]]
name = "newsletter"
from = "news.example.com"
content = ["www.example.com"]
return-path = "12345m.example.com"
sender = "dedicated"
provider = "hubspot"
selectors = ["hs1-12345", "hs2-12345"]
ips = ["192.0.2.10"]
receivers = ["google-bulk", "yahoo-bulk", "microsoft-bulk"]
[[waive]]
rule = "DMARC006"
domain = "news.example.com"
reason = "roll-out until reports are clean"
expires = 2027-01-31
"""


def load(folder: Path, text: str, name: str = "sendgate.toml") -> Config:
    (folder / name).write_text(text, encoding="utf-8")
    return load_config(None, lambda _: None, str(folder))


def refused(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    assert "sendgate.toml" in str(caught.value), "an error names the file"
    return str(caught.value)


def test_the_example_of_the_readme_is_read(tmp_path: Path) -> None:
    """Each key of a [[sender]] and of a [[waive]] ends as a typed value."""
    config = load(tmp_path, EXAMPLE)
    (sender,) = config.senders_from(Domain("news.example.com"))
    assert sender.name == "newsletter"
    assert Options.of(sender.given).declared == SenderOptions(
        content=(Domain("www.example.com"),),
        return_path=Domain("12345m.example.com"),
        sender=SenderKind.DEDICATED,
        provider="hubspot",
        selectors=("hs1-12345", "hs2-12345"),
        ips=(ipaddress.ip_address("192.0.2.10"),),
        receivers=(Receiver.GOOGLE_BULK, Receiver.YAHOO_BULK, Receiver.MICROSOFT_BULK),
    )
    assert Options.of(config.options).fail_on is Severity.ERROR
    assert config.waivers == (
        Waiver(
            "DMARC006", "news.example.com", "roll-out until reports are clean", date(2027, 1, 31)
        ),
    )


def test_without_a_file_the_configuration_is_empty(tmp_path: Path) -> None:
    """No file is no error; a file that was named and is missing is one."""
    assert load_config(None, lambda _: None, str(tmp_path)) == Config()
    with pytest.raises(SourceError, match=r"gone\.toml: cannot be read: no such file"):
        load_config(str(tmp_path / "gone.toml"), lambda _: None)


def test_pyproject_holds_the_same_table(tmp_path: Path) -> None:
    """[tool.sendgate] counts where there is no sendgate.toml; without it, nothing."""
    pyproject = '[tool.sendgate]\nfail-on = "note"\n[[tool.sendgate.sender]]\nfrom = "a.example"\n'
    config = load(tmp_path, pyproject, "pyproject.toml")
    assert config.options == {"fail-on": Severity.NOTE}
    assert [sender.domain for sender in config.senders] == [Domain("a.example")]
    assert load(tmp_path, "[tool.other]\nx = 1\n", "pyproject.toml") == Config()
    load(tmp_path, pyproject, "pyproject.toml")
    assert load(tmp_path, 'fail-on = "warning"\n').options == {"fail-on": Severity.WARNING}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('fail_on = "error"', "unknown key 'fail_on'; did you mean 'fail-on'?"),
        (
            '[[sender]]\nfrom = "a.example"\nretrun-path = "b.example"',
            "did you mean 'return-path'?",
        ),
        ('[[sender]]\nfrom = "a.example"\nzone = ["x"]', "unknown key 'zone'"),
        ('[[waive]]\nrule = "SPF001"\nuntil = 2027-01-01', "unknown key 'until'"),
        ('nameserver = "192.0.2.1"', "expected a list of texts, got the text '192.0.2.1'"),
        ("dns-timeout = true", "expected a number of seconds, got true"),
        ('dns-timeout = "5"', "expected a number of seconds, got the text '5'"),
        ("dns-timeout = -1", "'-1' is not a number of seconds"),
        ('offline = "yes"', "expected true or false, got the text 'yes'"),
        ('fail-on = "fatal"', "'fatal' is none of error, warning, note"),
        ('config = "x.toml"', "unknown key 'config'"),
        ('[sender]\nfrom = "a.example"', "expected [[sender]] tables, got a table"),
        ('[[sender]]\nname = "x"', "[[sender]] 'x': the key 'from' is missing"),
        ('[[sender]]\nfrom = "joe@a.example"', "is an e-mail address, not a domain"),
        ('[[sender]]\nfrom = "a.example"\nips = ["a.example"]', "'a.example' is not an IP address"),
        ('[[sender]]\nfrom = "a.example"\nselectors = ["s1._domainkey"]', "is not a selector"),
        ('[[sender]]\nfrom = "a..example"', "empty label"),
        ('selectors = ["a"]\nselector = ["b"]', "selectors and selector are one setting"),
        (EXAMPLE.replace("2027-01-31", '"2027-01-31"'), "expected a date such as 2027-01-31"),
        (EXAMPLE.replace("2027-01-31", "2027-01-31T00:00:00Z"), "expected a date such as"),
        (EXAMPLE.replace("expires = 2027-01-31", ""), "the key 'expires' is missing"),
        (EXAMPLE.replace("roll-out until reports are clean", " "), "reason: expected a text"),
        ("x = [", "not a TOML file"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    """An unknown key names the nearest known one; a wrong value says what is expected."""
    assert said in refused(tmp_path, text)


def test_two_senders_of_one_name_are_refused(tmp_path: Path) -> None:
    """A sender is referred to by its name, so a name belongs to one."""
    twice = '[[sender]]\nname = "n"\nfrom = "a.example"\n' * 2
    assert "two [[sender]] tables are named 'n'" in refused(tmp_path, twice)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    """A zone named in a file is found from the file's folder, wherever sendgate runs."""
    config = load(tmp_path, 'zones = ["zones/a.zone", "/abs.zone"]\nrecord = "r.json"\n')
    assert config.options["zone"] == (str(tmp_path / "zones/a.zone"), "/abs.zone")
    assert config.options["record"] == str(tmp_path / "r.json")


def test_a_waiver_may_cover_all_names_below_one(tmp_path: Path) -> None:
    """`*.x` stays as it is written, its name normalized."""
    config = load(tmp_path, EXAMPLE.replace('domain = "news', 'domain = "*.NEWS'))
    assert config.waivers[0].domain == "*.news.example.com"


def test_every_setting_has_key_and_variable(tmp_path: Path) -> None:
    """What an option can say, the file and the environment can say too, and means the same."""
    samples = {
        "sender": "own", "dns-timeout": "2.5", "jobs": "3", "fail-on": "note", "ip": "192.0.2.1",
        "receiver": "google", "color": "never", "format": "json", "select": "SPF", "ignore": "MX",
        "source": "bind",
    }  # fmt: skip
    for setting in SETTINGS:
        sample = samples.get(setting.name, "a.example")
        say: list[str] = []
        if setting.kind == "flag":
            typed = read_texts({setting.field: True}, say.append)
            variable = read_environment({setting.variable: "yes"}, say.append)
            line = f"{setting.name} = true"
        else:
            raw = [sample] if setting.many else sample
            typed = read_texts({setting.field: raw}, say.append)
            variable = read_environment({setting.variable: sample}, say.append)
            literal = sample if setting.kind == "number" else f'"{sample}"'
            line = f"{setting.keys[0]} = " + (f"[{literal}]" if setting.many else literal)
        assert typed == variable, setting.name
        if setting.in_file and not setting.is_path:
            assert dict(load(tmp_path, line).options) == typed, setting.name


def test_the_command_line_wins_then_the_environment_then_the_file(tmp_path: Path) -> None:
    """A setting in several places is taken from the nearest to the user."""
    file = load(tmp_path, 'fail-on = "note"\nhelo = "file.example"\ncolor = "never"\n').options
    variables = read_environment(
        {"SENDGATE_FAIL_ON": "warning", "SENDGATE_HELO": "env.example"}, lambda _: None
    )
    arguments = read_texts({"fail_on": "error"}, lambda _: None)
    options = Options.of(arguments, variables, file)
    assert options.fail_on is Severity.ERROR
    assert options.declared.helo == Domain("env.example")
    assert options.color == "never"


def test_variables_list_values_by_comma_or_space() -> None:
    """Several values fit into one variable; an empty variable counts as not set."""
    values = read_environment(
        {"SENDGATE_SELECTOR": "s1, s2 s3", "SENDGATE_IP": "", "SENDGATE_OFFLINE": "0"}, print
    )
    assert values == {"selector": ("s1", "s2", "s3"), "offline": False}


@pytest.mark.parametrize(
    ("variable", "value"), [("SENDGATE_OFFLINE", "maybe"), ("SENDGATE_JOBS", "many")]
)
def test_a_wrong_variable_is_named(variable: str, value: str) -> None:
    """The error opens with the variable."""
    with pytest.raises(ConfigError, match=f"^{variable}: '{value}'"):
        read_environment({variable: value}, print)


def test_a_url_gives_its_host_and_a_remark(tmp_path: Path) -> None:
    """A URL where a domain belongs is understood, and said."""
    remarks: list[str] = []
    values = read_texts({"return_path": "https://Bounce.Example.com/x"}, remarks.append)
    assert values == {"return-path": Domain("bounce.example.com")}
    assert "is a URL" in remarks[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = " + "[" * 100_000, "nested too deeply"),
        ("#" * (16 * 1024**2 + 1), "larger than 16 MB"),
    ],
    ids=["nested", "large"],
)
def test_a_hostile_file_is_no_configuration(tmp_path: Path, text: str, said: str) -> None:
    """It is refused with the reason, in bounded time and memory."""
    with pytest.raises(ConfigError, match=said):
        load(tmp_path, text)
