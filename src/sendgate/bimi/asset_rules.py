"""What can be wrong with a logo and its mark certificate.

They speak of what was fetched, or read from disk, and of nothing else: where no file was
asked for, none of them applies. A file that cannot be had for a reason of its own is one
fault; what could not be told is said once, by the rule on having it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sendgate.bimi.assets import Assets, Branded, CertificateSeen, Had, LogoSeen
from sendgate.bimi.certificate import USAGE, MarkCertificate
from sendgate.bimi.svg import Kind
from sendgate.dns.answers import Question, Reason
from sendgate.names import ROOT
from sendgate.observed import Unknown
from sendgate.vocabulary import (
    Document,
    Hit,
    RuleOf,
    Scope,
    Severity,
    Verdicts,
    cannot_tell,
    rule,
)

__all__ = ["CERTIFICATE_RULES", "LOGO_RULES"]

_PROFILE = Document(
    "SVG Tiny Portable/Secure, draft-svg-tiny-ps-abrotman-08 section 2",
    "https://datatracker.ietf.org/doc/html/draft-svg-tiny-ps-abrotman-08#section-2",
)
_GUIDANCE = Document(
    "draft-brotman-ietf-bimi-guidance-13",
    "https://datatracker.ietf.org/doc/html/draft-brotman-ietf-bimi-guidance-13",
)
_RECORD = "draft-brand-indicators-for-message-identification-12"
_MARKS = Document(
    "draft-fetch-validation-vmc-wchuang-11 section 5",
    "https://datatracker.ietf.org/doc/html/draft-fetch-validation-vmc-wchuang-11#section-5",
)


@rule(
    "BIMI011",
    Severity.ERROR,
    Document(f"{_RECORD} section 7.5", f"https://datatracker.ietf.org/doc/html/{_RECORD}"),
    remedy="Serve the logo at the very address in l=, with status 200 and a valid certificate.",
    scope=Scope.BRAND,
)
def logo_not_retrievable(facts: Branded) -> Verdicts:
    """The logo cannot be had from the address in the BIMI record, or only by a redirect.

    A receiver that gets no file, an error, or a certificate it does not trust shows no logo.
    Redirects are followed by some receivers, and then only a few.
    """
    for seen in _logos(facts):
        yield from _had_or_not(seen.had, "the logo")
        if seen.logo is not None and seen.had.redirects:
            yield Hit(
                f"the logo at {seen.had.where} is had by {len(seen.had.redirects)} redirect"
                + ("s" if len(seen.had.redirects) > 1 else ""),
                seen.had.evidence,
                Severity.WARNING,
            )


@rule(
    "BIMI012",
    Severity.ERROR,
    _PROFILE,
    remedy='Save the logo as SVG Tiny PS: an svg root with version="1.2" baseProfile="tiny-ps".',
    scope=Scope.BRAND,
)
def not_svg_tiny_ps(facts: Branded) -> Verdicts:
    """The logo is no well-formed SVG of version 1.2 with the profile tiny-ps.

    Receivers take that profile alone, as it keeps scripts and outside content out of a
    mail reader; they show no other file.
    """
    yield from _faults(facts, Kind.FILE)


@rule(
    "BIMI013",
    Severity.ERROR,
    _PROFILE,
    remedy="Put a title element with the brand's name first in the svg element.",
    scope=Scope.BRAND,
)
def missing_logo_title(facts: Branded) -> Verdicts:
    """The logo has no title as its first element, or an empty one.

    The profile requires it: readers that cannot show the logo say it. A receiver that
    holds to the profile shows no logo without it.
    """
    yield from _faults(facts, Kind.TITLE)


@rule(
    "BIMI014",
    Severity.ERROR,
    _PROFILE,
    remedy="Remove the element or attribute, or draw the same with what the profile has.",
    scope=Scope.BRAND,
)
def element_outside_profile(facts: Branded) -> Verdicts:
    """The logo has an element, or an attribute, that SVG Tiny PS does not know.

    Scripts, images, animations, style sheets, filters and masks are outside of the profile;
    a receiver refuses the whole file for one of them. Of attributes, such as opacity and
    gradientTransform, some hold to the schema's closed list and others show the logo: a
    warning.
    """
    yield from _faults(facts, Kind.ELEMENT)
    yield from _faults(facts, Kind.ATTRIBUTE)


@rule(
    "BIMI015",
    Severity.ERROR,
    _PROFILE,
    remedy="Let references name elements of the same file, and drop DOCTYPE, style and scripts.",
    scope=Scope.BRAND,
)
def logo_leaves_its_file(facts: Branded) -> Verdicts:
    """The logo refers to something outside of itself, or carries entities, styles or scripts.

    What a logo would fetch tells its owner who reads the mail, and what it expands can
    exhaust the reader: receivers refuse such a file.
    """
    yield from _faults(facts, Kind.REFERENCE)


@rule(
    "BIMI016",
    Severity.ERROR,
    _PROFILE,
    remedy="Remove x and y from the svg element.",
    scope=Scope.BRAND,
)
def position_on_logo_root(facts: Branded) -> Verdicts:
    """The root element of the logo has an x or y attribute.

    The profile does not allow them there, and receivers that hold to it refuse the file.
    """
    yield from _faults(facts, Kind.POSITION)


@rule(
    "BIMI017",
    Severity.WARNING,
    Document("Gmail: set up BIMI", "https://support.google.com/a/answer/10911320"),
    remedy="Simplify the paths until the file has at most 32 KB.",
    scope=Scope.BRAND,
)
def large_logo(facts: Branded) -> Verdicts:
    """The logo has more than 32,768 octets unpacked.

    The draft sets no limit, but receivers do: Gmail asks for at most 32 KB, and others stop
    reading there.
    """
    yield from _faults(facts, Kind.SIZE)


@rule(
    "BIMI018",
    Severity.WARNING,
    _GUIDANCE,
    remedy='Give the svg element a square viewBox with spaces, such as "0 0 64 64".',
    scope=Scope.BRAND,
)
def unfit_logo_shape(facts: Branded) -> Verdicts:
    """The logo has no viewBox, one that is not square, or one with commas.

    Mail readers show logos in a square or a circle: another shape is cut or shrunk, and some
    readers do not take a viewBox with commas.
    """
    yield from _faults(facts, Kind.SHAPE)


@rule(
    "BIMI020",
    Severity.ERROR,
    _MARKS,
    remedy="Serve the bundle that the mark verifying authority issued for this very domain.",
    scope=Scope.BRAND,
)
def invalid_mark_certificate(facts: Branded) -> Verdicts:
    """The mark certificate cannot be had, is not for this logo's use, or has no mark root above it.

    It may be out of its time, for another domain or purpose, or without a logo. Receivers
    that ask for a certificate then show none. Names prove nothing in a chain:
    it is verified by signatures, and a root that comes with the bundle is not trusted for
    that. Revocation and Certificate Transparency are not checked.
    """
    assets, seen = facts.assets, _certificate(facts)
    if assets is None or seen is None:
        return
    yield from _had_or_not(seen.had, "the mark certificate")
    if isinstance(seen.read, str):
        yield Hit(f"the mark certificate at {seen.had.where} {seen.read}", seen.had.evidence)
    found = seen.certificate
    if found is None:
        return
    for fault in _certificate_faults(found, assets):
        yield Hit(f"the mark certificate at {seen.had.where} {fault}", seen.had.evidence)
    if found.chain.root is None and found.chain.why is None:
        question = Question(ROOT, "PEM")
        detail = "no mark roots are known: install mvarcs, or name a file with --mark-roots"
        yield cannot_tell(Unknown(question, Reason.NOT_ASKED, detail))


@rule(
    "BIMI021",
    Severity.ERROR,
    _MARKS,
    remedy="Serve at l= the very file that the mark certificate was issued for.",
    scope=Scope.BRAND,
)
def logo_not_the_certified_one(facts: Branded) -> Verdicts:
    """The logo at l= differs from the one in the mark certificate.

    Receivers compare the two, packed or not, and show no logo where they differ; the others
    show the one in the certificate.
    """
    seen = _certificate(facts)
    for logo in _logos(facts):
        if logo.logo is None or seen is None or not seen.digests:
            continue
        if logo.logo.digest not in seen.digests:
            yield Hit(
                f"the logo at {logo.had.where} is not the one in the mark certificate at "
                f"{seen.had.where}",
                logo.had.evidence + seen.had.evidence,
            )


def _logos(facts: Branded) -> Iterator[LogoSeen]:
    if facts.assets is not None and facts.assets.logo is not None:
        yield facts.assets.logo


def _certificate(facts: Branded) -> CertificateSeen | None:
    return None if facts.assets is None else facts.assets.certificate


def _had_or_not(had: Had, what: str) -> Verdicts:
    if had.unknown is not None:
        yield cannot_tell(had.unknown)
    elif had.refused is not None:
        yield Hit(f"{what} at {had.where} cannot be had: {had.refused}", had.evidence)


def _faults(facts: Branded, kind: Kind) -> Verdicts:
    for seen in _logos(facts):
        for fault in seen.logo.faults if seen.logo is not None else ():
            if fault.kind is kind:
                line = "" if fault.line is None else f", in line {fault.line}"
                yield Hit(
                    f"the logo at {seen.had.where} {fault.text}{line}",
                    seen.had.at(fault.line),
                    Severity.WARNING if fault.minor else None,
                )


def _certificate_faults(found: MarkCertificate, assets: Assets) -> Iterator[str]:
    if assets.time > found.not_after:
        yield f"expired on {_day(found.not_after)}"
    elif assets.time < found.not_before:
        yield f"is valid only from {_day(found.not_before)}"
    if assets.names and not set(assets.names) & set(found.names):
        names = ", ".join(found.names[:5]) or "no domain"
        yield f"is for {names}, not for {assets.names[0]}"
    if not found.has_usage:
        yield f"does not name marks as its purpose (extended key usage {USAGE})"
    if found.broken is not None:
        yield f"has a logotype extension that cannot be read: {found.broken}"
    elif not any(logo.octets for logo in found.logos):
        yield "holds no logo (logotype extension)"
    elif any(logo.hash_matches is False for logo in found.logos):
        yield "holds a logo whose hash is another"
    if found.chain.why is not None:
        yield f"does not chain to a mark root of {assets.roots}: {found.chain.why}"


def _day(time: datetime) -> str:
    return time.date().isoformat()


LOGO_RULES: tuple[RuleOf[Branded], ...] = (
    logo_not_retrievable,
    not_svg_tiny_ps,
    missing_logo_title,
    element_outside_profile,
    logo_leaves_its_file,
    position_on_logo_root,
    large_logo,
    unfit_logo_shape,
)
CERTIFICATE_RULES: tuple[RuleOf[Branded], ...] = (
    invalid_mark_certificate,
    logo_not_the_certified_one,
)
