"""What can be wrong with a message's form and sender: MSG001 to MSG007, ALN005; the list of all.

What is wrong with its unsubscribe fields and its signatures is in the modules beside this.
A field that is missing or repeated is told once, by MSG001; ALN005 looks at one From field.
"""

from __future__ import annotations

import re

from sendgate.errors import DomainError
from sendgate.message import returned_rules
from sendgate.message import signature_rules as dkim
from sendgate.message import unsubscribe_rules as unsubscribe
from sendgate.message.facts import MessageFacts, MessageKind
from sendgate.message.headers import MailboxText, mailboxes
from sendgate.message.record import MAX_LINE, Field, Flaw
from sendgate.names import Domain, printable
from sendgate.vocabulary import Document, Hit, Rfc, RuleOf, Severity, Verdicts, rule

__all__ = ["RULES", "claimed_reply"]

ADVISED_LINE = 78  # RFC 5322 section 2.1.1
MAX_NAME = 500  # characters of a shown name that are looked at
MAX_LOCAL = 64  # octets; RFC 5321 section 4.5.3.1.1
MAX_DOMAIN = 255  # octets; RFC 5321 section 4.5.3.1.2

# RFC 5322 section 3.6: at most one of each; From has a case of its own.
_SINGLE = ("Date", "Sender", "Reply-To", "To", "Cc", "Bcc", "Message-ID", "In-Reply-To",
           "References", "Subject")  # fmt: skip
_ADDRESS_FIELDS = ("From", "Sender", "Reply-To", "To", "Cc")
_MESSAGE_ID = re.compile(r"<[^<>@\s]+@([^<>@\s]+)>\Z")
_LOCAL_NAMES = {"local", "localdomain", "localhost", "internal", "lan", "home", "invalid"}
_OVERLONG = re.compile(rb"^(?=[^\n]{79})[^\n]*?[^ \t\n] [^\n]*", re.MULTILINE)
# How mail programs mark a reply or a forward, in the languages that they speak; single
# letters, which some use, are left out: they may begin a subject for other reasons.
# Replies on the first line, forwards on the second.
_REPLY = re.compile(
    r"""\s*(?:
        re|aw|antw|antwort|sv|vs|rif|odp|ynt|vl|bls|res|atb|отв|回复|答复|回覆|답장|返信
      | fwd?|wg|weitergeleitet|tr|rv|enc|doorst|vb|pd|[i\u0130\u0131]lt|пересл|转发|轉寄|전달|転送
    )\s*(?:\[\d{1,9}\]|\(\d{1,9}\)|\^\d{1,9})?\s*[:\uff1a]""",
    re.IGNORECASE | re.VERBOSE,
)
_NAMES_IN_TEXT = re.compile(r"(?:[^\s<>@\"',;()]{1,64}@)?(?:[\w-]{1,63}\.)+[^\W\d_]{2,63}")
_POLICY = Document("Email sender guidelines, Google", "https://support.google.com/a/answer/81126")


@rule(
    "MSG001",
    Severity.ERROR,
    Rfc(5322, "3.6"),
    remedy="Give the message one From and one Date field, and each other field of its kind once.",
)
def wrong_field_count(facts: MessageFacts) -> Verdicts:
    """A field that must stand once is missing, or stands several times.

    Large receivers reject messages without exactly one From, or with a repeated field that
    may stand only once: programs disagree on which of two is shown, which invites deceit.
    """
    for name in ("From", "Date"):
        if not facts.message.all(name):
            yield Hit(f"the message has no {name} field", (facts.at(name),))
    for name in ("From", *_SINGLE):
        found = facts.message.all(name)
        if len(found) > 1:
            places = tuple(facts.at(name, field) for field in found[:5])
            yield Hit(f"the message has {len(found)} {name} fields", places)


@rule(
    "MSG002",
    Severity.ERROR,
    Rfc(5322, "2.1.1, 2.3"),
    remedy="Encode the body as quoted-printable or base64, and end every line with CRLF.",
)
def wrong_lines(facts: MessageFacts) -> Verdicts:
    """The body has lone line-break characters or NUL, or a line of the message is too long.

    Mail systems break or reject lines over 998 octets, and change or reject a CR or LF that
    stands alone; either breaks the DKIM signature. Lines over 78 octets that could have
    been broken are noted only.
    """
    message = facts.message
    for flaw in (Flaw.BREAK_IN_BODY, Flaw.NUL_IN_BODY):
        problem = message.problem(flaw)
        if problem is not None:
            text = f"the body holds {problem.detail} where none may stand, {_times(problem.count)}"
            yield Hit(text, (facts.at("body", line=problem.line),))
    long = message.problem(Flaw.LONG_LINE)
    if long is not None:
        yield Hit(
            f"{long.count} lines are longer than {MAX_LINE} octets, the longest has {long.detail}"
            if long.count > 1
            else f"a line has {long.detail}; at most {MAX_LINE} are allowed",
            (facts.at("line", line=long.line),),
        )
        return
    line = _breakable_line(message.octets)
    if line is not None:
        yield Hit(
            f"a line has {line[1]} octets; {ADVISED_LINE} are advised",
            (facts.at("line", line=line[0]),),
            Severity.NOTE,
        )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _breakable_line(octets: bytes) -> tuple[int, int] | None:
    """Find the first line over 78 octets that blanks would break: its number and length."""
    for match in _OVERLONG.finditer(octets):
        length = len(match[0].rstrip(b"\r"))
        if length > ADVISED_LINE and max(map(len, match[0].split())) < ADVISED_LINE:
            return octets.count(b"\n", 0, match.start()) + 1, length
    return None


@rule(
    "MSG003",
    Severity.ERROR,
    Rfc(5322, "2.2"),
    remedy="Take control characters out of every value before it becomes part of a header field.",
)
def control_character_in_header(facts: MessageFacts) -> Verdicts:
    """The header holds a NUL, a lone CR or LF, or a line that is no field.

    Such octets come from a value that was put into a field unchecked. One mail system reads
    them as the end of the field and another does not, so fields can be smuggled in;
    receivers reject the message.
    """
    for flaw, text in (
        (Flaw.NUL_IN_HEADER, "the header holds NUL"),
        (Flaw.BREAK_IN_HEADER, "the header holds {detail} that ends no line"),
        (Flaw.NOT_A_FIELD, "the header has a line that is no field"),
    ):
        problem = facts.message.problem(flaw)
        if problem is not None:
            text = f"{text.format(detail=problem.detail)}, {_times(problem.count)}"
            yield Hit(text, (facts.at("header", line=problem.line),))


@rule(
    "MSG004",
    Severity.ERROR,
    Rfc(6532, "3"),
    remedy="Encode names and subjects by RFC 2047, write domains as A-labels, "
    "and keep addresses within 64 octets before the @ and 255 after it.",
)
def unfit_address_or_text(facts: MessageFacts) -> Verdicts:
    """A header field holds bare non-ASCII text, or an address that is too long.

    Only systems that announce SMTPUTF8 take UTF-8 in headers; others reject the message or
    show the text garbled. An address beyond the limits of SMTP is rejected.
    """
    message = facts.message
    broken = message.problem(Flaw.NOT_UTF8)
    if broken is not None:
        text = f"{broken.detail[:40]} holds octets that are neither ASCII nor UTF-8"
        yield Hit(text, (facts.at(broken.detail, line=broken.line),))
    elif not facts.smtputf8:
        eight = [field for field in message.fields if not field.is_ascii]
        if eight:
            names = ", ".join(dict.fromkeys(field.name[:40] for field in eight[:5]))
            yield Hit(
                f"{names} holds text that is not ASCII and not encoded",
                tuple(facts.at(field.name, field) for field in eight[:5]),
            )
    for name in _ADDRESS_FIELDS:
        for field in message.all(name):
            yield from _too_long(facts, field)


def _too_long(facts: MessageFacts, field: Field) -> Verdicts:
    for mailbox in mailboxes(field.text):
        local, host = len(mailbox.local.encode()), len(mailbox.host.encode())
        if mailbox.host and local > MAX_LOCAL:
            text = f"{field.name} has an address of {local} octets before the @"
            yield Hit(f"{text}; at most {MAX_LOCAL} are allowed", (facts.at(field.name, field),))
        if host > MAX_DOMAIN:
            text = f"{field.name} has an address with a domain of {host} octets"
            yield Hit(f"{text}; at most {MAX_DOMAIN} are allowed", (facts.at(field.name, field),))


@rule(
    "MSG005",
    Severity.WARNING,
    Rfc(5322, "3.6.4"),
    remedy="Give every message a Message-ID of its own, with the sending domain after the @.",
)
def weak_message_id(facts: MessageFacts) -> Verdicts:
    """The message has no Message-ID, or one whose domain is not the sender's.

    Receivers and mail programs tell messages apart by it; some reject mail without it, and
    filters count a name from a private network, or a stranger's, against the sender.
    """
    field = facts.message.first("Message-ID")
    if field is None:
        yield Hit("the message has no Message-ID field", (facts.at("Message-ID"),))
        return
    match = _MESSAGE_ID.match(field.text)
    if match is None:
        text = f"the Message-ID is not of the form <left@right>: {printable(field.text[:80])}"
        yield Hit(text, (facts.at("Message-ID", field),))
        return
    host = match[1].rstrip(".").lower()
    if "." not in host or host.rpartition(".")[2] in _LOCAL_NAMES:
        text = f"the Message-ID names {printable(host)}, which is no name on the Internet"
        yield Hit(text, (facts.at("Message-ID", field),))
    elif _is_foreign(host, facts):
        text = f"the Message-ID names {printable(host)}, and nothing else in the message does"
        yield Hit(text, (facts.at("Message-ID", field),))


def _is_foreign(host: str, facts: MessageFacts) -> bool:
    """Whether the name shares no organization with From, return path or a signature."""
    theirs = _organization(host)
    known = [*facts.author_domains, *([facts.envelope] if facts.envelope else [])]
    known += [r.signature.domain for r in facts.results if r.signature.domain is not None]
    ours = {_organization(domain.text) for domain in known}
    return bool(ours) and theirs is not None and theirs not in ours


def _organization(host: str) -> Domain | None:
    from sendgate.dmarc.suffixes import registrable

    try:
        name = Domain.parse(host)
    except DomainError:
        return None
    return registrable(name) or name


@rule(
    "MSG006",
    Severity.ERROR,
    _POLICY,
    remedy="Begin the subject with what the message is about; keep Re: and Fwd: for real replies.",
)
def false_reply(facts: MessageFacts) -> Verdicts:
    """The subject claims a reply or a forward, and the message answers nothing.

    A mass mailing dressed up as a personal answer misleads its reader. Receivers filter it,
    readers report it as spam, and sending services forbid it. Mail to one person is warned
    about only.
    """
    field = facts.message.first("Subject")
    if field is None or facts.message.first("In-Reply-To") or facts.message.first("References"):
        return
    claim = claimed_reply(facts.subject)
    if claim is None:
        return
    declared = facts.kind is MessageKind.MARKETING and not facts.kind_assumed
    yield Hit(
        f"the subject begins with {printable(claim)}, "
        "and there is neither In-Reply-To nor References",
        (facts.at("Subject", field),),
        None if declared else Severity.WARNING,
    )


def claimed_reply(subject: str) -> str | None:
    """The mark of a reply or a forward that a subject begins with; None where it has none."""
    match = _REPLY.match(subject)
    return None if match is None else match[0].strip()


@rule(
    "MSG007",
    Severity.WARNING,
    _POLICY,
    remedy="Show a person's or a brand's name beside the address, and no other address or domain.",
)
def misleading_name(facts: MessageFacts) -> Verdicts:
    """The name shown beside the From address holds another address or domain.

    Most programs show the name alone, so the reader takes the mail for another sender's.
    Receivers treat this as impersonation. A brand's name without a domain is fine.
    """
    for author in facts.authors:
        other = _other_name(author)
        if other is not None:
            field = facts.message.first("From")
            yield Hit(
                f"the name beside {author.address} shows {printable(other)}",
                (facts.at("From", field),),
            )


def _other_name(author: MailboxText) -> str | None:
    """Find an address or a domain in the shown name that is not the author's own."""
    own = _organization(author.host)
    for match in _NAMES_IN_TEXT.finditer(author.name[:MAX_NAME]):
        shown = match[0]
        if "@" in shown:
            if shown.lower() != author.address.lower():
                return shown
        elif _is_listed(shown) and _organization(shown) != own:
            return shown
    return None


def _is_listed(text: str) -> bool:
    """Whether the text ends in a public suffix that is on the list: a domain, not `Node.js`."""
    from sendgate.dmarc.suffixes import is_icann_suffix, is_listed

    try:
        name = Domain.parse(text)
    except DomainError:
        return False
    return is_listed(name) and not is_icann_suffix(name)


@rule(
    "ALN005",
    Severity.ERROR,
    Rfc(9989, "11.5"),
    remedy="Name one author in From, with an address at the sending domain.",
)
def no_single_author_domain(facts: MessageFacts) -> Verdicts:
    """The From field names no domain, or several.

    DMARC judges one Author Domain. A receiver that finds none, or cannot choose, may reject
    the message whatever else it holds.
    """
    fields = facts.message.all("From")
    if len(fields) != 1:
        return  # MSG001
    domains = facts.author_domains
    if not domains:
        yield Hit("the From field holds no address with a domain", (facts.at("From", fields[0]),))
    elif len(domains) > 1:
        names = ", ".join(map(str, domains[:5]))
        yield Hit(
            f"the From field names {len(domains)} domains: {names}", (facts.at("From", fields[0]),)
        )


RULES: tuple[RuleOf[MessageFacts], ...] = (
    *dkim.RULES,
    no_single_author_domain,
    wrong_field_count,
    wrong_lines,
    control_character_in_header,
    unfit_address_or_text,
    weak_message_id,
    false_reply,
    misleading_name,
    *unsubscribe.RULES,
    *returned_rules.RULES,
)
