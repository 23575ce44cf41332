"""The mail hosts of the real peers, and the policy host: Postfix with its milters, and Exim.

One Postfix and one Exim listen at many addresses, with the certificate and the manners of the
host that each address is. Behind Postfix stands what a receiver on Debian uses: opendkim
verifies signatures, policyd-spf the path, opendmarc judges by both.
"""

from __future__ import annotations

import json
import pwd
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from send.mail_servers import SERVICES, exim_program, program
from send.peers.cases import CASES, HOSTS, Host
from send.peers.island import Island
from send.peers.names import POLICIES

NAME = "mx.example.net"  # of the receiver, in its Authentication-Results
_DKIM, _DMARC = "127.0.0.1:8891", "127.0.0.1:8893"

_POLICYD = "policyd-spf unix - n n - 0 spawn user=nobody argv={policyd} {folder}/policyd-spf.conf\n"
_MAIN = """\
compatibility_level = 3.6
maillog_file = /dev/stdout
queue_directory = {folder}/spool
data_directory = {folder}/data
myhostname = {name}
mydestination =
inet_protocols = all
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = texthash:{folder}/mailboxes
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
smtpd_recipient_restrictions = reject_unauth_destination,
  check_policy_service unix:private/policyd-spf
smtpd_data_restrictions = reject_unauth_pipelining
smtpd_milters = inet:{dkim}, inet:{dmarc}
milter_default_action = tempfail
notify_classes =
smtpd_tls_received_header = yes
leave_at_once = check_client_access static:{{421 4.3.2 not now, call another host}}
"""
_REFUSALS = {
    "": [],
    "banner": ["smtpd_delay_reject=no", "smtpd_client_restrictions=reject"],
    "mail": ["smtpd_delay_reject=no", "smtpd_sender_restrictions=$leave_at_once"],
    "full": ["queue_minfree=1000000000000000"],
    "dot": ["smtpd_end_of_data_restrictions=defer"],
}


def _hosts(server: str) -> list[Host]:
    return [host for host in HOSTS.values() if host.server == server]


def _owned(folder: Path, owners: Mapping[str, str]) -> None:
    for name, owner in owners.items():
        try:
            pwd.getpwnam(owner)
        except KeyError:
            pytest.skip(f"there is no user {owner}: tests against its mail server are not run")
        (folder / name).mkdir(parents=True)
        shutil.chown(folder / name, owner)


def serve_postfix(island: Island, chains: Mapping[str, Path]) -> dict[str, str]:
    """Start Postfix and what judges mail for it; where they will listen, by who does."""
    folder = island.folder / "postfix"
    postfix, policyd = program("postfix"), program("policyd-spf")
    _owned(folder, {"spool": "root", "data": "postfix", "mail": "nobody"})
    places = _serve_milters(island)
    (folder / "policyd-spf.conf").write_text(
        "debugLevel = 1\nTestOnly = 1\nHELO_reject = Fail\nMail_From_reject = Fail\n"
        f"Header_Type = AR\nAuthserv_Id = {NAME}\n"
    )
    boxes = [f"{case.recipient} {case.domain}/\n" for case in CASES.values()]
    (folder / "mailboxes").write_text("".join(boxes))
    lines = [SERVICES, _POLICYD.format(policyd=policyd, folder=folder)]
    for host in _hosts("postfix"):
        options = [f"myhostname={host.name}", f"syslog_name={host.name}", *_REFUSALS[host.refuses]]
        if host.name in chains:
            options += [
                "smtpd_tls_security_level=may",
                f"smtpd_tls_chain_files={chains[host.name]}",
            ]
        address = f"[{host.address}]" if ":" in host.address else host.address
        lines.append(f"{address}:25 inet n - n - - smtpd\n")
        lines += [f"  -o {option}\n" for option in options]
        places[f"{host.address}:25"] = "postfix"
    (folder / "master.cf").write_text("".join(lines))
    domains = ", ".join(case.domain for case in CASES.values())
    (folder / "main.cf").write_text(
        _MAIN.format(folder=folder, name=NAME, domains=domains, dkim=_DKIM, dmarc=_DMARC)
    )
    island.start("postfix", [postfix, "-c", str(folder), "start-fg"])
    return places


def _serve_milters(island: Island) -> dict[str, str]:
    folder = island.folder
    opendkim, opendmarc = program("opendkim"), program("opendmarc")
    # Its libunbound asks no name server on this machine unless told to.
    (folder / "libunbound.conf").write_text(
        "server:\n  do-not-query-localhost: no\nforward-zone:\n  name: .\n"
        "  forward-addr: 127.0.0.1\n"
    )
    (folder / "opendkim.conf").write_text(
        f"Mode v\nSyslog no\nSocket inet:{_at(_DKIM)}\nAuthservID {NAME}\n"
        "AlwaysAddARHeader yes\nUserID nobody\n"
        f"ResolverConfiguration {folder}/libunbound.conf\n"
    )
    (folder / "suffixes").write_text("com\nnet\norg\n")
    (folder / "opendmarc.conf").write_text(
        f"Syslog no\nSocket inet:{_at(_DMARC)}\nAuthservID {NAME}\nTrustedAuthservIDs {NAME}\n"
        f"PublicSuffixList {folder}/suffixes\nRejectFailures yes\nUserID nobody\n"
        "SPFSelfValidate no\n"
    )
    island.start("opendkim", [opendkim, "-f", "-x", str(folder / "opendkim.conf")])
    island.start("opendmarc", [opendmarc, "-f", "-c", str(folder / "opendmarc.conf")])
    return {_DKIM: "opendkim", _DMARC: "opendmarc"}


def _at(place: str) -> str:
    """A place as libmilter writes it."""
    address, _, port = place.partition(":")
    return f"{port}@{address}"


def serve_exim(island: Island, chains: Mapping[str, Path]) -> dict[str, str]:
    """Start Exim at the addresses of its hosts, each with its own certificate."""
    folder = island.folder / "exim"
    command = exim_program()
    _owned(folder, dict.fromkeys(("spool", "log", "mail", "tls"), "Debian-exim"))
    hosts = _hosts("exim")
    for host in hosts:
        chain = folder / "tls" / f"{host.address}.pem"
        shutil.copy(chains[host.name], chain)
        shutil.chown(chain, "Debian-exim")
    domains = " : ".join(case.domain for case in CASES.values())
    addresses = " : ".join(host.address for host in hosts)
    (folder / "exim.conf").write_text(
        f"primary_hostname = {NAME}\nexim_path = {command}\nspool_directory = {folder}/spool\n"
        f"log_file_path = {folder}/log/%slog\nkeep_environment =\nlog_selector = +all\n"
        f"local_interfaces = {addresses}\ndaemon_smtp_ports = 25\n"
        "acl_smtp_rcpt = rcpt\nacl_smtp_data = accept\n"
        f"tls_advertise_hosts = *\ntls_certificate = {folder}/tls/$received_ip_address.pem\n"
        f"begin acl\nrcpt:\n  accept domains = {domains}\n  deny message = 5.7.1 relaying denied\n"
        f"begin routers\nall:\n  driver = accept\n  domains = {domains}\n  transport = inbox\n"
        "begin transports\ninbox:\n  driver = appendfile\n  maildir_format\n  create_directory\n"
        f"  directory = {folder}/mail/$domain_data\n  user = Debian-exim\n"
    )
    arguments = ["-C", str(folder / "exim.conf"), "-bdf", "-oP", str(folder / "spool" / "pid")]
    island.start("exim", [command, *arguments])
    return {f"{host.address}:25": "exim" for host in hosts}


_POLICY_HOST = """\
import http.server, json, ssl, sys
policies = json.loads(sys.argv[3])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        policy = policies.get(self.headers["host"], "")
        found = bool(policy) and self.path == "/.well-known/mta-sts.txt"
        self.send_response(200 if found else 404)
        self.send_header("content-type", "text/plain")
        self.end_headers()
        self.wfile.write(policy.encode())
server = http.server.ThreadingHTTPServer((sys.argv[1], 443), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


def serve_policies(island: Island, chain: Path) -> dict[str, str]:
    """Start the HTTPS server that every policy is had from."""
    policies = {
        f"mta-sts.{case.domain}": "version: STSv1\r\nmode: enforce\r\nmax_age: 86400\r\n"
        + "".join(f"mx: {name}\r\n" for name in case.policy)
        for case in CASES.values()
        if case.policy
    }
    arguments = ["-c", _POLICY_HOST, POLICIES, str(chain), json.dumps(policies)]
    island.start("policies", [sys.executable, *arguments])
    return {f"{POLICIES}:443": "policies"}
