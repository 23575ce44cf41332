"""What only the files of a repository show: area REPO, and TOP015.

An audit sees what DNS will publish; these rules see how it was written. They judge nothing
but text for mail.
"""

from __future__ import annotations

from collections.abc import Iterator

from sendgate.dkim import record as dkim
from sendgate.dmarc import record as dmarc
from sendgate.dmarc.record import Policy
from sendgate.dns.answers import NoData, NxDomain, Origin, Txt
from sendgate.dns.zonefile import ZoneRecord
from sendgate.names import Domain, printable
from sendgate.observed import Absent, Evidence, Present, evidence_of
from sendgate.repo.facts import TextFacts
from sendgate.repo.reading import Slip, SlipKind
from sendgate.repo.texts import Kind, is_doubled, kind_of, place_of
from sendgate.spf import record as spf
from sendgate.vocabulary import Hit, Rfc, RuleOf, Severity, Verdicts, rule

__all__ = ["RULES", "TextRule"]

TextRule = RuleOf[TextFacts]

_SHOWN = 60  # characters of a text that a message quotes


@rule(
    "REPO001",
    Severity.ERROR,
    Rfc(1035, "5.1"),
    remedy="Put the whole value in quotes, or escape the character as the format demands.",
)
def value_cut_by_comment(facts: TextFacts) -> Verdicts:
    """A character that begins a comment ends the value before its time.

    An unquoted `;` of a zone file, or a ` #` of YAML, takes the rest of the line with it, and
    what is published is only the beginning: a DMARC record without policy, a key without
    data, an SPF record without its end. It loads without complaint. An error where the text
    that is left is void.
    """
    for slip in _slips(facts, SlipKind.CUT_BY_COMMENT):
        yield Hit(
            f"a comment character cuts {_quoted(slip.written)}, so that "
            f"{_quoted(slip.published)} is published at {slip.name}",
            _evidence(slip),
            None if _is_void(slip) else Severity.WARNING,
        )


@rule(
    "REPO002",
    Severity.ERROR,
    Rfc(1035, "5.1"),
    remedy="Put the whole text in one pair of quotes.",
)
def text_split_by_spaces(facts: TextFacts) -> Verdicts:
    """The words of an unquoted text become strings of their own, and the spaces are lost.

    Receivers join the strings of a TXT record without anything between them, so that
    `v=spf1 include:a.example -all` is read as `v=spf1include:a.example-all`, which is no SPF
    record. A note where the joined text still says what it should.
    """
    for slip in _slips(facts, SlipKind.SPLIT_BY_SPACE):
        yield Hit(
            f"the text at {slip.name} is read as {_quoted(slip.published)}",
            _evidence(slip),
            None if _is_void(slip) else Severity.NOTE,
        )


@rule(
    "REPO003",
    Severity.ERROR,
    Rfc(6376, "3.6.2.2"),
    remedy="Write the text as one value.",
)
def text_spread_over_values(facts: TextFacts) -> Verdicts:
    """One text stands in several list items, each of which is published as a record.

    Receivers do not put records together: they find a DMARC record without policy, or
    several records where one may be, and the key or policy does not exist for them.
    """
    for slip in _slips(facts, SlipKind.SPREAD):
        yield Hit(
            f"the items of {slip.name} {slip.rdtype} are parts of one text, and each of them "
            "is published as a record of its own",
            _evidence(slip),
        )


@rule(
    "REPO004",
    Severity.ERROR,
    Rfc(1035, "5.1"),
    remedy="Leave the quotes and backslashes out; the format adds what it needs.",
)
def quotes_inside_value(facts: TextFacts) -> Verdicts:
    """Quotes or backslashes meant for another format became part of the text.

    Long keys are often copied in pieces, `"..." "..."`; where the format takes the value as
    it is, the quotes are published and void a key or a record. An error where they do.
    """
    for slip in _slips(facts, SlipKind.QUOTED):
        yield Hit(
            f"the text at {slip.name} is published with quotes or backslashes in it: "
            f"{_quoted(slip.published)}",
            _evidence(slip),
            None if _is_void(slip) else Severity.WARNING,
        )


@rule(
    "REPO005",
    Severity.WARNING,
    Rfc(1035, "3.3.14"),
    remedy="Cut the text into strings of at most 255 octets, each in quotes.",
)
def string_too_long(facts: TextFacts) -> Verdicts:
    """A string of a TXT record has more than 255 octets as it is written.

    DNS cannot carry it. Some servers cut it into strings by themselves, others refuse the
    record or the whole zone, so that the old contents, or nothing, stay published.
    """
    for slip in _slips(facts, SlipKind.TOO_LONG):
        yield Hit(
            f"a string of {slip.name} {slip.rdtype} is longer than 255 octets",
            _evidence(slip),
        )


@rule(
    "REPO006",
    Severity.ERROR,
    Rfc(1035, "5.1"),
    remedy="Write the name without its zone, or with a final dot where the format has one.",
)
def name_repeats_zone(facts: TextFacts) -> Verdicts:
    """A name is written whole where the zone is put behind it.

    Nobody asks for `s1._domainkey.example.com.example.com`, and no host is called
    `mail.example.net.example.com`, so the key, the policy or the mail host does not exist. A
    warning where the right name has such a record too.
    """
    for slip in _slips(facts, SlipKind.DOUBLED_ORIGIN):
        right = _once(slip.name, slip.zone)
        if right is None:
            told = f"{slip.name} {slip.rdtype} leads to {_quoted(slip.published)}"
        else:
            told = f"{slip.name} {slip.rdtype} names its zone twice"
        there = right is not None and (right, slip.rdtype) in facts.placed
        yield Hit(told, _evidence(slip), Severity.WARNING if there else None)


@rule(
    "REPO007",
    Severity.WARNING,
    Rfc(2181, "5"),
    remedy="Keep one entry for the name, with all its records in it.",
)
def entry_replaced_silently(facts: TextFacts) -> Verdicts:
    """A name has two entries in its file, and the later one replaces the earlier one.

    The format knows a name once. What the earlier entry says is not published, and no tool
    complains.
    """
    for slip in _slips(facts, SlipKind.DUPLICATE_KEY):
        yield Hit(
            f"a later entry for {slip.name} replaces this one, which is not published",
            _evidence(slip),
        )


@rule(
    "REPO008",
    Severity.ERROR,
    Rfc(1035, "5.1"),
    remedy="Take one pair of quotes away.",
)
def value_wrapped_in_quotes(facts: TextFacts) -> Verdicts:
    """The whole value stands in one pair of quotes too many.

    Where the quotes are published, the text begins with a quote instead of its version, and
    receivers do not know it for what it is. A warning where the tool takes them away.
    """
    for slip in _slips(facts, SlipKind.WRAPPED):
        yield Hit(
            f"the text at {slip.name} is written in one pair of quotes too many",
            _evidence(slip),
            None if _is_void(slip) else Severity.WARNING,
        )


@rule(
    "REPO009",
    Severity.ERROR,
    Rfc(7208, "4.5"),
    remedy="Begin the text with exactly v=spf1 and a space.",
)
def near_miss_of_spf(facts: TextFacts) -> Verdicts:
    """A text meant as an SPF record does not begin with v=spf1 and a space.

    Receivers take it for a remark, and the name has no SPF record. A warning where a good
    one stands beside it.
    """
    for record in facts.misses:
        if _kind(record) is Kind.SPF:
            good = record.name in facts.with_spf
            yield Hit(
                f"{_quoted(str(record.data))} at {record.name} is no SPF record, though meant "
                "as one",
                _seen(record),
                Severity.WARNING if good else None,
            )


@rule(
    "REPO010",
    Severity.WARNING,
    Rfc(9989, "4.5"),
    remedy="Move a policy to _dmarc and a key to SELECTOR._domainkey, directly below the domain, "
    "or remove the text.",
)
def mail_text_at_wrong_name(facts: TextFacts) -> Verdicts:
    """The text of a DMARC record or of a DKIM key stands where no receiver looks for one.

    It has no effect. It is a leftover, or a record that is missing elsewhere.
    """
    for record in (*facts.strays, *facts.misses):
        kind = _kind(record)
        if kind in {Kind.DMARC, Kind.DKIM}:
            what = "a DMARC record" if kind is Kind.DMARC else "a DKIM key"
            yield Hit(
                f"{record.name} holds the text of {what}, where no receiver looks for one",
                _seen(record),
            )


@rule(
    "REPO011",
    Severity.WARNING,
    Rfc(7208, "10.1.2"),
    remedy='If nobody sends from it, publish "v=spf1 -all", the null MX "0 ." and a DMARC record '
    "with p=reject.",
)
def zone_silent_about_mail(facts: TextFacts) -> Verdicts:
    """The zone says nothing about mail, not even that it sends none.

    Anybody can send in the name of a domain that says nothing, and parked domains are used
    for just that. A note where a DMARC policy of reject covers it.
    """
    name, policy = facts.audit.sending, facts.audit.dmarc.policy
    nothing = isinstance(name.mx, NoData | NxDomain) and isinstance(facts.audit.spf, Absent)
    if not facts.apex or not nothing or name.aliases:
        return
    covered = isinstance(policy, Present) and policy.value.policy is Policy.REJECT
    yield Hit(
        f"{name.name} has neither MX nor SPF record, and so does not say that it sends no mail"
        + ("; its DMARC policy is reject" if covered else ""),
        evidence_of(name.mx) if name.mx is not None else (),
        Severity.NOTE if covered else None,
    )


@rule(
    "TOP015",
    Severity.WARNING,
    Rfc(1034, "4.2.1"),
    remedy="Move the record to the zone that the name is delegated to, or remove it.",
)
def record_below_delegation(facts: TextFacts) -> Verdicts:
    """A record for mail is left in the parent's zone, at or below a delegation.

    The name is another zone's, so its servers answer for it and nobody ever gets this
    record. Addresses of name servers belong there; anything for mail does not. A note where
    the zone that is delegated publishes the same.
    """
    for left in facts.left:
        record, cut = left.record, left.cut
        yield Hit(
            f"{record.name} {record.rdtype} stands in {record.zone}, which delegates {cut.name}, "
            "and is never answered",
            (*_seen(record), *_seen(cut)),
            Severity.NOTE if left.repeated else None,
        )


def _slips(facts: TextFacts, kind: SlipKind) -> Iterator[Slip]:
    return (slip for slip in facts.slips if slip.kind is kind)


def _quoted(text: str | None) -> str:
    """Quote a text in a message, its beginning where it is long."""
    if text is None:
        return "nothing"
    return printable(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")


def _evidence(slip: Slip) -> tuple[Evidence, ...]:
    origin = Origin("file", slip.place.path, slip.place.line)
    return (Evidence(slip.name, slip.rdtype, (slip.written,), origin),)


def _seen(record: ZoneRecord) -> tuple[Evidence, ...]:
    return (Evidence(record.name, record.rdtype, (str(record.data),), record.origin),)


def _kind(record: ZoneRecord) -> Kind | None:
    return kind_of(record.data.text) if isinstance(record.data, Txt) else None


def _once(name: Domain, zone: Domain) -> Domain | None:
    """Give the name that a doubled one was meant to be; None where it is not doubled."""
    if not is_doubled(name.labels, zone.labels):
        return None
    return Domain(name.text.removesuffix(f".{zone}"))


def _is_void(slip: Slip) -> bool:
    """Whether no receiver can use what is published, where the text was meant for mail."""
    text = slip.published
    if text is None:
        return True
    kind = place_of(slip.name.labels) or kind_of(slip.written.strip("\"' ")) or kind_of(text)
    match kind:
        case Kind.DMARC:
            policy = dmarc.parse(text)
            return policy is None or not policy.has("p")
        case Kind.DKIM:
            key = dkim.parse(text.encode("latin-1", "replace"))
            return not isinstance(key, dkim.KeyRecord) or not key.valid or key.revoked
        case Kind.SPF:
            octets = text.encode("latin-1", "replace")
            return not spf.is_spf(text) or bool(spf.parse(octets).problems)
    return False


RULES: tuple[TextRule, ...] = (
    record_below_delegation,
    value_cut_by_comment,
    text_split_by_spaces,
    text_spread_over_values,
    quotes_inside_value,
    string_too_long,
    name_repeats_zone,
    entry_replaced_silently,
    value_wrapped_in_quotes,
    near_miss_of_spf,
    mail_text_at_wrong_name,
    zone_silent_about_mail,
)
