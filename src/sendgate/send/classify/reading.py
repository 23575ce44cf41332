"""Replies out of the texts that logs and delivery status notifications keep them in.

    smtp; 550 5.1.1 <a@example.com>: User unknown        Diagnostic-Code (RFC 3464)
    host mx.example.com[192.0.2.1] said: 550 5.1.1 No such user (in reply to RCPT TO)
    SMTP error from remote mail server after RCPT TO:<a@example.com>: 550 unknown
    Remote host said: 550 unknown [RCPT_TO]

What stands around the reply tells the step of the session and the host that spoke.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sendgate.send.classify.normal import ENHANCED, enhanced_in
from sendgate.send.outcome import Phase, Reply

__all__ = ["Diagnostic", "read_diagnostic", "read_reply_text"]

LONGEST = 8_000  # characters; a diagnostic is a line or a few


@dataclass(frozen=True)
class Diagnostic:
    """A reply as somebody wrote it down, with the step and the host where the text names them.

    `reply.code` is 0 where the text holds neither a code nor a status code, as in
    ``Connection timed out``.
    """

    reply: Reply
    phase: Phase | None = None
    mx: str | None = None


def read_reply_text(text: str) -> Reply:
    """The reply in a line of a log or in the Diagnostic-Code field of a DSN.

    A code is derived from the status code where only that is given (550 of ``5.1.1``), and is 0
    where neither is.
    """
    return read_diagnostic(text).reply


# The field's type (RFC 3464 section 2.3.6), or the words that gateways put in its place.
_TYPE = re.compile(
    r"\A\s*(?:diagnostic-code:\s*)?(?:#*\s*)?([a-z][\w-]{0,30})\s*;\s*(?=\S)", re.IGNORECASE
)
_TYPES = re.compile(r"smtp|esmtp|lmtp|unix|dns|http|x\d{3}|x-.*", re.IGNORECASE)
# The end of a program that delivers on a Unix system: a number of its own, no SMTP code.
_PROGRAM = re.compile(r"(?:x-)?unix;\s*\d{1,3}\s*", re.IGNORECASE)
# Words after which the reply itself stands; the last one counts.
_QUOTED = re.compile(
    r"\bsaid:|<<<|\bresponded(?: with)?:|\breturned:?\s+(?=['\"\d])"
    r"|\bresponse (?:from[^:]{1,99} )?was:"
    r"|\breason:|\brefused to talk to me:"
    r"|\A\s*\d\.\d\.\d+ - [a-z ]{3,60} (?=\d{3}-)|\breplied:|\banswered:|\berror was:?"
    r"|\bafter (?:end of data|data|initial connection|pipelined|"
    r"(?:mail from|rcpt to|helo|ehlo|starttls)\b[^\n]{0,300}?):"
    r"|\bsmtp(?:\d\d)? error(?: from[^:]{0,200})?(?: \(\d+\))?:|\bsmtp;\s*(?=\d{3}\b)",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"(?<![\w.:/=\-])([2-5]\d\d)(?=[\s\-,;:#.(]|$)(?!\.\d)(?![ -]?(?:mb|kb|bytes)\b)", re.IGNORECASE
)
_LINE_CODE = re.compile(r"\A[\s'\"\[(#<]*([2-5]\d\d)(?=[\s\-,;:#\])]|$)[\s\-,;:#\])]*")
_LINE_STATUS = re.compile(
    r"\A[\s\[(#]*" + ENHANCED.pattern.removeprefix(r"(?<![\w.])") + r"[\])]*[\s:;,-]*"
)
_HOST = re.compile(
    r"\b(?:host|to|talking to|by|server|mta)\s+"
    r"(?P<host>(?=[\w.-]{4,255}\b)(?:[a-z0-9_-]{1,63}\.)+[a-z][a-z0-9-]{1,62})",
    re.IGNORECASE,
)
_STEPS = (
    (Phase.DOT, r"end of data|end of message|\bdata \(final|final dot|message content"),
    (Phase.RCPT, r"\brcpt[ _]to\b|does not like recipient"),
    (Phase.MAIL, r"\bmail[ _]from\b|does not like sender"),
    (Phase.DATA, r"\bdata command\b|after data\b"),
    (Phase.STARTTLS, r"\bstarttls\b"),
    (Phase.EHLO, r"\b(?:ehlo|helo)\b(?: command)?"),
    (Phase.BANNER, r"initial connection|refused to talk to me|\bbanner\b|\bgreeting\b"),
)  # fmt: skip
_STEP_WORDS = re.compile(
    r"\(in reply to ([^)]{1,60})\)"
    r"|\bafter ((?:end of data|initial connection|pipelined|mail from|rcpt to|helo|ehlo|data"
    r"|starttls)\b)"
    r"|(does not like (?:recipient|sender))"
    r"|>>> ?(mail from|rcpt to|data|ehlo|helo)|(refused to talk to me)",
    re.IGNORECASE,
)


def read_diagnostic(text: str) -> Diagnostic:
    """The reply in a text, with the step of the session and the MX host as far as it names them."""
    text = _bare(text[:LONGEST])
    start, quoted = _reply_start(text)
    around, said = text[:start], text[start:]
    step = _step(text)
    said = re.sub(r"\s*\(in reply to [^)]{1,60}\)\s*", " ", said)
    lines = [line for line in said.splitlines() if line.strip()] or [""]
    code, enhanced, lines = _strip(lines)
    if enhanced is None:
        enhanced = enhanced_in(said) or (enhanced_in(around) if not quoted else None)
    if not code and enhanced:
        code = {"2": 250, "4": 450, "5": 550}[enhanced[0]]
    if not code:
        code = _named_code(around) or 0
    host = _HOST.search(around)
    return Diagnostic(
        reply=Reply(code, tuple(lines), enhanced),
        phase=step,
        mx=host["host"].lower() if host else None,
    )


def _bare(text: str) -> str:
    while (found := _TYPE.match(text)) and _TYPES.fullmatch(found[1]):
        bare = text[found.end() :]
        text = f"exit status {bare}" if _PROGRAM.fullmatch(found[1] + ";" + bare) else bare
    return text


def _reply_start(text: str) -> tuple[int, bool]:
    """Where the reply begins, and whether words say so."""
    for found in reversed(list(_QUOTED.finditer(text))):
        code = _CODE.search(text, found.end(), found.end() + 160)
        if code:
            return code.start(), True
        status = ENHANCED.search(text, found.end(), found.end() + 40)
        if status:
            return status.start(), True
    if _LINE_CODE.match(text) or _LINE_STATUS.match(text):
        return 0, False
    for found in _CODE.finditer(text):
        tail = text[found.end() : found.end() + 12].lstrip(" -,;:#(")
        if ENHANCED.match(tail):
            return found.start(), True
    return 0, False


def _strip(lines: list[str]) -> tuple[int, str | None, list[str]]:
    """Code and status of the first line that has them; the lines without theirs."""
    code, enhanced, bare = 0, None, []
    for line in lines:
        rest = line.strip()
        while found := _LINE_CODE.match(rest):
            if code and int(found[1]) != code:
                break
            code, rest = int(found[1]), rest[found.end() :]
        if found := _LINE_STATUS.match(rest):
            enhanced = enhanced or ".".join(found.groups())
            rest = rest[found.end() :]
        bare.append(rest.strip(" '\""))
    return code, enhanced, bare


def _named_code(around: str) -> int | None:
    found = _CODE.search(around)
    return int(found[1]) if found else None


def _step(text: str) -> Phase | None:
    found = _STEP_WORDS.search(text)
    if not found:
        return None
    words = next(group for group in found.groups() if group).lower()
    return next((phase for phase, form in _STEPS if re.search(form, words)), None)
