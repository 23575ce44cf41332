"""The Authentication-Results field (RFC 8601) that says what a message came to.

A value from the message is a token, or else a quoted string (RFC 2045 section 5.1), so that
it can neither end its result nor begin another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sendgate.message.connection import ReceivedSpf
from sendgate.message.facts import MessageFacts
from sendgate.message.signature import Cause
from sendgate.message.verify import SignatureResult
from sendgate.taglist import without_space

__all__ = ["AUTHSERV_ID", "authentication_results"]

AUTHSERV_ID = "sendgate"
MAX_VALUE = 256  # characters of a value; a name has at most 253
MAX_REASON = 200

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+\Z")
_DOT_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_ADDRESS = re.compile(rf"(?:{_DOT_ATOM})?@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\Z")


def authentication_results(facts: MessageFacts) -> str:
    """Write the field on one line, its name included, without a line end."""
    parts = [AUTHSERV_ID, *_dkim(facts)]
    if facts.spf is not None:
        parts.append(_spf(facts.spf))
    if facts.dmarc is not None:
        dmarc = facts.dmarc
        author = f" header.from={_value(str(dmarc.author))}" if dmarc.author else ""
        parts.append(f"dmarc={dmarc.result}{_reason(dmarc.reason)}{author}")
    if facts.arc is not None:
        parts.append(f"arc={facts.arc.state}{_reason(facts.arc.reason)}")
    return "Authentication-Results: " + "; ".join(parts)


def _dkim(facts: MessageFacts) -> Iterator[str]:
    if not facts.results:
        yield "dkim=none"
    for one in facts.results:
        if one.problem is not None and one.problem.cause is Cause.NOT_TRIED and not one.key_bits:
            continue  # nothing was made of it
        yield f"dkim={one.result}{_reason(one.reason)}{_signature(one)}"


def _signature(one: SignatureResult) -> str:
    """Name a signature by what RFC 8601 section 2.7.1 and RFC 6008 have for it."""
    signature = one.signature
    named = [
        ("d", "" if signature.domain is None else str(signature.domain)),
        ("s", signature.selector),
        ("a", signature.algorithm),
        ("b", without_space(signature.tags.get("b") or "")[:8]),
    ]
    return "".join(f" header.{name}={_value(text)}" for name, text in named if text)


def _spf(spf: ReceivedSpf) -> str:
    connection, result = spf.connection, spf.result
    why = result.problem or ("" if result.unknown is None else str(result.unknown.question))
    if connection.by_helo:
        identity = f"smtp.helo={_value(connection.helo or '')}"
    else:
        identity = f"smtp.mailfrom={_address(connection.mail_from or '')}"
    return f"spf={result.result}{_reason(why)} {identity}"


def _reason(text: str) -> str:
    return f" reason={_quoted(text, MAX_REASON)}" if text else ""


def _address(text: str) -> str:
    return text if len(text) <= MAX_VALUE and _ADDRESS.match(text) else _value(text)


def _value(text: str) -> str:
    short = len(text) <= MAX_VALUE
    return text if short and _TOKEN.match(text) else _quoted(text, MAX_VALUE)


def _quoted(text: str, most: int) -> str:
    shown = text if len(text) <= most else text[: most - 3] + "..."
    plain = "".join(c if " " <= c <= "~" else "?" for c in shown)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
