"""SETTINGS: the one table of options, keys and variables.

    command line   --return-path NAME            ─┐
    environment    SENDGATE_RETURN_PATH=NAME      ├─► the same reader ─► {name: value} ─► Options
    sendgate.toml  return-path = "NAME"          ─┘

A setting that several places give is taken from the command line, then the environment,
then the file. Values are read by one function each, so a wrong one is refused in the same
words wherever it stands.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any, Literal, cast

from sendgate.audit.infer import SenderOptions
from sendgate.errors import ConfigError, DomainError
from sendgate.hosts.blocklist import LONGEST_PREFIX
from sendgate.names import Domain, printable, read_domain
from sendgate.profile import IpAddress, Receiver, SenderKind
from sendgate.vocabulary import Severity

__all__ = [
    "SETTINGS",
    "Options",
    "Say",
    "Setting",
    "read_environment",
    "read_ip",
    "read_texts",
    "setting_named",
]

Say = Callable[[str], None]
"""Where a reader puts a remark on what it made of a value (a URL's host)."""

Reader = Callable[[str, Say], object]

Group = Literal["dns", "web", "hosts", "opinion", "output", "sender", "judging", "bulk", "repo"]


@dataclass(frozen=True)
class Setting:
    """One option: its flag, its key, its variable, and how its text is read.

    `kind` is what TOML must give: a string, a number or true/false; `many` makes it a
    list. `in_file` is false where a key in the configuration would make no sense.
    """

    name: str
    group: Group
    help: str
    metavar: str = ""
    read: Reader = lambda text, _say: text
    kind: Literal["text", "number", "flag"] = "text"
    many: bool = False
    key: str = ""
    is_path: bool = False
    in_file: bool = True
    expects: str = "a text"

    @property
    def flag(self) -> str:
        """``--return-path``."""
        return f"--{self.name}"

    @property
    def field(self) -> str:
        """``return_path``."""
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        """``SENDGATE_RETURN_PATH``."""
        return "SENDGATE_" + self.field.upper()

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that name it in a file, the usual one first."""
        return (self.key, self.name) if self.key else (self.name,)

    def value_of(self, texts: Sequence[str], place: str, say: Say) -> object:
        """Read one or several texts; `place` (``--ip``, ``sendgate.toml: ips``) opens an error."""
        try:
            values = tuple(self.read(text, say) for text in texts)
        except (ConfigError, DomainError) as error:
            raise ConfigError(f"{place}: {error}") from None
        return values if self.many else values[-1]


def _domain(text: str, say: Say) -> Domain:
    name, remark = read_domain(text)
    if remark:
        say(remark)
    return name


def _list_zone(text: str, say: Say) -> Domain:
    zone = _domain(text, say)
    if zone.fitting_child(LONGEST_PREFIX) is None:
        raise ConfigError(f"{printable(text)} is too long to have addresses below it")
    return zone


def _selector(text: str, _say: Say) -> str:
    if "_domainkey" in text.lower():
        raise ConfigError(
            f"{printable(text)} is not a selector; give only what stands before ._domainkey"
        )
    try:
        name = Domain.parse(text)
    except DomainError as error:
        raise ConfigError(f"{printable(text)} is not a selector: {error}") from None
    if not re.fullmatch(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?", name.text):
        raise ConfigError(
            f"{printable(text)} is not a selector: expected letters, digits, hyphens and dots"
        )
    return name.text


def _ip(text: str, _say: Say) -> object:
    return read_ip(text)


def read_ip(text: str) -> IpAddress:
    """Read an IP address, which may stand in brackets; raise `ConfigError`."""
    try:
        if "%" in text:  # fe80::1%eth0: an interface of this machine, which no receiver sees
            raise ValueError(text)
        return ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        raise ConfigError(f"{printable(text)} is not an IP address") from None


def _seconds(text: str, _say: Say) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= 3600:
        raise ConfigError(f"{printable(text)} is not a number of seconds (above 0, at most 3600)")
    return seconds


def _count(text: str, _say: Say) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= 1000:
        raise ConfigError(f"{printable(text)} is not a whole number from 1 to 1000")
    return int(text)


def _given(text: str, _say: Say) -> str:
    if not text.strip():
        raise ConfigError("an empty text was given")
    return text


def _rule_or_area(text: str, _say: Say) -> str:
    if not re.fullmatch(r"[A-Za-z]+[0-9]*", text):
        raise ConfigError(f"{printable(text)} is neither a rule (SPF004) nor an area (SPF)")
    return text.upper()


def _one_of(choices: Mapping[str, object]) -> Reader:
    def read(text: str, _say: Say) -> object:
        chosen = choices.get(text.lower())
        if chosen is None:
            raise ConfigError(f"{printable(text)} is none of {', '.join(choices)}")
        return chosen

    return read


def _members(enum: type[Enum]) -> dict[str, object]:
    return {str(member.value): member for member in enum}


def _setting_choice(name: str, group: Group, help: str, choices: Mapping[str, object]) -> Setting:
    return Setting(
        name,
        group,
        help,
        "|".join(choices),
        _one_of(choices),
        expects="one of " + ", ".join(choices),
    )


def _setting_flag(name: str, group: Group, help: str) -> Setting:
    return Setting(name, group, help, kind="flag", expects="true or false")


def _setting_list(
    name: str, group: Group, help: str, metavar: str, read: Reader, key: str = ""
) -> Setting:
    return Setting(name, group, help, metavar, read, many=True, key=key, expects="a list of texts")


_SEVERITIES = {str(s): s for s in reversed(Severity)}
_SOURCES = {
    name: name for name in ("auto", "octodns", "bind", "dnscontrol", "terraform", "route53")
}
_PLAIN = {name: name for name in ("auto", "always", "never")}

SETTINGS: tuple[Setting, ...] = (
    # The sender: also the keys of a [[sender]] table.
    _setting_list("content", "sender", "Name that hosts web content.", "NAME", _domain),
    Setting("return-path", "sender", "Domain of the envelope sender (MAIL FROM).", "NAME", _domain),
    _setting_choice("sender", "sender", "Whose addresses send.", _members(SenderKind)),
    Setting("provider", "sender", "Provider that sends, such as hubspot.", "NAME", _given),
    _setting_list("selector", "sender", "DKIM selector in use.", "S", _selector, "selectors"),
    _setting_list(
        "dkim-domain", "sender", "Signing domain (d=).", "D", _domain, "dkim-domains"
    ),
    _setting_list("ip", "sender", "Address that sends, for SPF.", "ADDR", _ip, "ips"),
    Setting("helo", "sender", "Name that the sending host gives in HELO.", "NAME", _domain),
    Setting("bimi-selector", "sender", "BIMI selector; default: default.", "S", _selector),
    _setting_list(
        "receiver",
        "sender",
        "Receiver whose demands count: " + ", ".join(Receiver) + ".",
        "NAME",
        _one_of(_members(Receiver)),
        "receivers",
    ),
    # How to judge.
    _setting_choice("fail-on", "judging", "Lowest severity that fails.", _SEVERITIES),
    _setting_flag("exit-zero", "judging", "Exit 0 whatever the report says."),
    _setting_list("select", "judging", "Report only this rule or area.", "RULE", _rule_or_area),
    _setting_list("ignore", "judging", "Leave this rule or area out.", "RULE", _rule_or_area),
    _setting_flag("authoritative", "judging", "Also compare the zone's own name servers."),
    # Another reader of the same answers.
    _setting_flag("cross-check", "opinion", "Also ask checkdmarc; it decides nothing."),
    # Many domains.
    Setting(
        "from-file", "bulk", "Audit each domain of FILE, one a line; - is stdin.", "FILE", _given,
        is_path=True,
    ),
    Setting("jobs", "bulk", "Domains audited at the same time; default: 8.", "N", _count, "number",
            expects="a whole number"),
    _setting_flag("ordered", "bulk", "Keep the order of the file in the output."),
    _setting_flag("resume", "bulk", "Continue an interrupted --from-file run."),
    # A DNS repository.
    _setting_choice("source", "repo", "Format of the repository; default: auto.", _SOURCES),
    Setting("base", "repo", "Report what has changed since this git revision.", "REV", _given),
    _setting_flag("live", "repo", "Ask DNS for names outside the repository."),
    _setting_flag("strict", "repo", "Let what is outside and unknown decide, too."),
    Setting("baseline", "repo", "Known findings: an earlier JSON report of ours.", "FILE",
            _given, is_path=True),
    Setting("write-baseline", "repo", "Write what is found to --baseline, as known.", kind="flag",
            in_file=False, expects="true or false"),
    # Hosts beyond DNS, and lists of their addresses.
    _setting_flag("probe-smtp", "hosts", "Call mail hosts at port 25 to see if DANE holds."),
    _setting_list(
        "blocklist", "hosts", "DNS list (DNSBL) to ask about each --ip; none by default.", "ZONE",
        _list_zone, "blocklists",
    ),
    # Files that records name.
    _setting_flag("allow-private", "web", "Let private addresses be called, too."),
    Setting("mark-roots", "web", "Roots for mark certificates; default: known ones.", "PEM",
            _given, is_path=True),
    # DNS.
    _setting_list(
        "nameserver", "dns", "Ask this server; tls:// and https:// too.", "ADDR[:PORT]", _given,
        "nameservers",
    ),
    Setting("dns-timeout", "dns", "Seconds until a question counts as unanswered.", "SECONDS",
            _seconds, "number", expects="a number of seconds"),
    Setting(
        "zone", "dns", "Zone file or DNS repository laid over live DNS.", "PATH", _given,
        many=True, key="zones", is_path=True, expects="a list of texts",
    ),
    _setting_flag("offline", "dns", "Ask nothing outside the given zones or recording."),
    Setting("record", "dns", "Keep every DNS answer in FILE.", "FILE", _given, is_path=True),
    Setting("replay", "dns", "Take every DNS answer from FILE.", "FILE", _given, is_path=True),
    # What is printed, and where.
    Setting("config", "output", "Configuration; default: sendgate.toml, pyproject.toml.", "FILE",
            _given, is_path=True, in_file=False),
    Setting("format", "output", "Form of the report.", "NAME", _given),
    Setting("output", "output", "Write the report to FILE instead of stdout.", "FILE", _given,
            is_path=True),
    _setting_flag("quiet", "output", "Print nothing on stderr but errors."),
    _setting_flag("verbose", "output", "Say more on stderr, tracebacks included."),
    _setting_choice("color", "output", "Colour in text; default: auto.", _PLAIN),
)  # fmt: skip


def setting_named(name: str) -> Setting:
    """Find the setting of this name (``return-path``)."""
    return next(setting for setting in SETTINGS if setting.name == name)


@dataclass(frozen=True)
class Options:
    """Every setting with its type, defaults filled in. Paths are texts, as the user named them."""

    declared: SenderOptions = field(default_factory=SenderOptions)
    fail_on: Severity = Severity.ERROR
    exit_zero: bool = False
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    cross_check: bool = False
    from_file: str | None = None
    jobs: int = 8
    ordered: bool = False
    resume: bool = False
    source: str = "auto"
    base: str | None = None
    live: bool = False
    strict: bool = False
    baseline: str | None = None
    write_baseline: bool = False
    probe_smtp: bool = False
    allow_private: bool = False
    mark_roots: str | None = None
    nameserver: tuple[str, ...] = ()
    dns_timeout: float | None = None
    zone: tuple[str, ...] = ()
    offline: bool = False
    record: str | None = None
    replay: str | None = None
    config: str | None = None
    format: str | None = None
    output: str | None = None
    quiet: bool = False
    verbose: bool = False
    color: str = "auto"

    @classmethod
    def of(cls, *layers: Mapping[str, object]) -> Options:
        """From layers of {setting's name: value}; the first layer that has a name wins."""
        merged = {name: value for layer in reversed(layers) for name, value in layer.items()}
        values = {setting_named(name): value for name, value in merged.items()}
        own = {s.field: v for s, v in values.items() if s.field in {f.name for f in fields(cls)}}
        about_sender = {
            (s.keys[0].replace("-", "_")): v for s, v in values.items() if s.field not in own
        }
        declared = SenderOptions(**cast("dict[str, Any]", about_sender))
        return cls(declared=declared, **cast("dict[str, Any]", own))


def read_texts(given: Mapping[str, object], say: Say) -> dict[str, object]:
    """Read the values of a command line: {field: text, list of texts, bool or None} by setting."""
    values: dict[str, object] = {}
    for setting in SETTINGS:
        raw = given.get(setting.field)
        if isinstance(raw, bool):
            values[setting.name] = raw
        elif isinstance(raw, str):
            values[setting.name] = setting.value_of([raw], setting.flag, say)
        elif isinstance(raw, (list, tuple)) and raw:
            texts = raw if setting.is_path else [t for r in raw for t in str(r).split(",")]
            values[setting.name] = setting.value_of(texts, setting.flag, say)
    return values


_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


def read_environment(environ: Mapping[str, str], say: Say) -> dict[str, object]:
    """Read the ``SENDGATE_…`` variables; an empty variable counts as not set.

    Several values are separated by commas or spaces. Raises `ConfigError`, naming the variable.
    """
    values: dict[str, object] = {}
    for setting in SETTINGS:
        text = environ.get(setting.variable, "").strip()
        if not text:
            continue
        if setting.kind == "flag":
            if text.lower() not in _TRUE | _FALSE:
                raise ConfigError(
                    f"{setting.variable}: {printable(text)} is neither true nor false"
                )
            values[setting.name] = text.lower() in _TRUE
        else:
            texts = [t for t in re.split(r"[,\s]+", text) if t] if setting.many else [text]
            values[setting.name] = setting.value_of(texts, setting.variable, say)
    return values
