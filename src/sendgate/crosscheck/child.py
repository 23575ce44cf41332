"""The process of the second opinion: checkdmarc over what an audit heard.

    stdin    one request a line: {"sending", "spf_domain", "bimi_selector", "topics", "answers",
             "policy"}
    stdout   one line for each: {"by": "checkdmarc 6.0.4", "readings": {topic: reading}}

A reading is {"state": "valid|absent|broken", ...} with what the topic compares, or
{"state": "failed", "error"} where checkdmarc itself failed; `missing` lists the questions
that it asked and the audit had no answer to.

checkdmarc asks for itself, in every corner of its code, and keeps what it heard in caches
that do not know whom it asked. So it lives in a process of its own, which has no way out: no
socket can be made here, neither by it nor by what it calls. Its caches are emptied before
every request, and of its functions only those are called that fetch nothing over HTTP.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from dns.nameserver import Nameserver

    from sendgate.crosscheck.heard import Heard

__all__ = ["main"]

Reading = dict[str, Any]

MAX_TEXT = 2000  # characters of one text in a reading
MAX_ITEMS = 100  # hosts, or missing questions, of one reading


def main() -> None:
    """Serve requests until stdin ends."""
    out = _own_stdout()
    sys.addaudithook(_no_way_out)
    by = _load()
    for line in sys.stdin:
        request = json.loads(line)
        out.write(json.dumps({"by": by, "readings": _readings(request)}) + "\n")
        out.flush()


def _own_stdout() -> TextIO:
    """Keep stdout for the answers: what a library prints goes to stderr."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return out


def _no_way_out(event: str, _arguments: tuple[object, ...]) -> None:
    """Refuse every use of the network; a hook of the interpreter cannot be taken off again."""
    if event.startswith("socket.") and event != "socket.gethostname":
        raise PermissionError(f"{event}: a second opinion asks nobody")


def _load() -> str:
    """Load checkdmarc, its resolver without the system's configuration; name its version."""
    from importlib import import_module
    from importlib.metadata import version

    import dns.resolver

    class Unconfigured(dns.resolver.Resolver):
        """A resolver that reads no file: what it asks is always given to it."""

        def __init__(self) -> None:
            super().__init__(configure=False)

    vars(dns.resolver)["Resolver"] = Unconfigured
    import_module("checkdmarc")
    return f"checkdmarc {version('checkdmarc')}"


def _readings(request: dict[str, Any]) -> dict[str, Reading]:
    from sendgate.crosscheck.heard import Heard
    from sendgate.dns.answerform import answer_from

    heard = Heard([answer_from(form, "") for form in request["answers"]])
    return {topic: _read(topic, request, heard) for topic in request["topics"]}


def _read(topic: str, request: dict[str, Any], heard: Heard) -> Reading:
    from sendgate.crosscheck.heard import nameserver

    _forget()
    heard.missing.clear()
    try:
        reading = _READERS[topic](request, nameserver(heard))
    except Exception as error:  # noqa: BLE001 - whatever hostile data makes of it
        reading = {"state": "failed", "error": f"{type(error).__name__}: {error}"}
    for key, value in reading.items():
        if isinstance(value, str):
            reading[key] = value[:MAX_TEXT]
    found = sorted(heard.missing)[:MAX_ITEMS]
    reading["missing"] = [[name, rdtype] for name, rdtype in found]
    reading["has_address"] = [name for name, _ in found if heard.has_data(name, "A")]
    return reading


def _forget() -> None:
    """Empty every cache: none of them knows whose answers it holds."""
    from checkdmarc import dnssec, smtp, utils

    for module in (utils, dnssec, smtp):
        for value in vars(module).values():
            if isinstance(value, utils.ExpiringDict):
                value.clear()


def _refused(state: str, error: Exception) -> Reading:
    return {"state": state, "error": str(error), "kind": type(error).__name__}


def _spf(request: dict[str, Any], server: Nameserver) -> Reading:
    from checkdmarc import spf

    domain = request["spf_domain"]
    try:
        record = spf.query_spf_record(domain, nameservers=[server])["record"]
    except spf.SPFRecordNotFound as error:
        return _refused("absent", error)
    except spf.SPFError as error:
        return _refused("broken", error)
    result = spf.check_spf(domain, nameservers=[server])
    reading = {"record": record, "lookups": result.get("dns_lookups")}
    if result["valid"]:
        return {"state": "valid", **reading}
    return {"state": "broken", "error": result.get("error", ""), **reading}


def _dmarc(request: dict[str, Any], server: Nameserver) -> Reading:
    from checkdmarc import dmarc

    domain = request["sending"]
    try:
        found = dmarc.query_dmarc_record(
            domain, ignore_unrelated_records=True, nameservers=[server]
        )
    except dmarc.DMARCRecordNotFound as error:
        return _refused("absent", error)
    except dmarc.DMARCError as error:
        return _refused("broken", error)
    reading = {"record": found["record"], "location": found["location"]}
    try:
        tags = dmarc.parse_dmarc_record(
            found["record"], found["location"], ignore_unrelated_records=True, nameservers=[server]
        )["tags"]
    except dmarc.DMARCError as error:
        return {**_refused("broken", error), **reading}
    wanted = ("p", "sp", "np", "adkim", "aspf", "t")
    values = {name: str(tags[name]["value"]) for name in wanted if name in tags}
    return {"state": "valid", "tags": values, **reading}


def _mx(request: dict[str, Any], server: Nameserver) -> Reading:
    from checkdmarc import utils

    try:
        found = utils.get_mx_record_set(request["sending"], nameservers=[server])
    except utils.DNSExceptionNXDOMAIN as error:
        return _refused("absent", error)
    hosts = [[host["preference"], host["hostname"]] for host in found["hosts"]]
    if not hosts and not found["null_mx"]:
        return {"state": "absent", "error": ""}
    return {"state": "valid", "hosts": hosts[:MAX_ITEMS], "null": found["null_mx"]}


def _bimi(request: dict[str, Any], server: Nameserver) -> Reading:
    from checkdmarc import bimi

    try:
        found = bimi.query_bimi_record(
            request["sending"], selector=request["bimi_selector"], nameservers=[server]
        )
    except bimi.BIMIRecordNotFound as error:
        return _refused("absent", error)
    except bimi.BIMIError as error:
        return _refused("broken", error)
    return {"state": "valid", "record": found["record"], "location": found["location"]}


def _mta_sts(request: dict[str, Any], server: Nameserver) -> Reading:
    from checkdmarc import mta_sts

    try:
        record = mta_sts.query_mta_sts_record(request["sending"], nameservers=[server])["record"]
    except mta_sts.MTASTSRecordNotFound as error:
        return _refused("absent", error)
    except mta_sts.MTASTSError as error:
        return _refused("broken", error)
    try:
        mta_sts.parse_mta_sts_record(record)
    except mta_sts.MTASTSError as error:
        return {**_refused("broken", error), "record": record}
    return {"state": "valid", "record": record}


def _mta_sts_policy(request: dict[str, Any], _server: Nameserver) -> Reading:
    from checkdmarc import mta_sts

    try:
        policy = mta_sts.parse_mta_sts_policy(request["policy"])["policy"]
    except mta_sts.MTASTSError as error:
        return _refused("broken", error)
    mx = sorted({name.lower() for name in policy["mx"]})[:MAX_ITEMS]
    return {"state": "valid", "mode": policy["mode"], "max_age": policy["max_age"], "mx": mx}


def _tls_rpt(request: dict[str, Any], server: Nameserver) -> Reading:
    from checkdmarc import smtp_tls_reporting as tlsrpt

    try:
        found = tlsrpt.query_smtp_tls_reporting_record(request["sending"], nameservers=[server])
    except tlsrpt.SMTPTLSReportingRecordNotFound as error:
        return _refused("absent", error)
    except tlsrpt.SMTPTLSReportingError as error:
        return _refused("broken", error)
    record = found["record"]
    try:
        tlsrpt.parse_smtp_tls_reporting_record(record)
    except tlsrpt.SMTPTLSReportingError as error:
        return {**_refused("broken", error), "record": record}
    return {"state": "valid", "record": record}


_READERS: dict[str, Callable[[dict[str, Any], Nameserver], Reading]] = {
    "spf": _spf,
    "dmarc": _dmarc,
    "mx": _mx,
    "bimi": _bimi,
    "mta-sts": _mta_sts,
    "mta-sts-policy": _mta_sts_policy,
    "tls-rpt": _tls_rpt,
}

if __name__ == "__main__":
    main()
