"""The provider catalogue: who owns a name, and which catalogues are refused."""

from __future__ import annotations

import pytest

from sendgate.errors import ConfigError, InternalError
from sendgate.names import Domain
from sendgate.topology import providers
from sendgate.topology.providers import Provider, read_catalogue


def id_of(provider: Provider | None) -> str | None:
    return None if provider is None else provider.id


@pytest.mark.parametrize(
    ("target", "owner"),
    [
        ("aspmx.l.google.com", "google-workspace"),
        ("ALT1.ASPMX.L.GOOGLE.COM.", "google-workspace"),
        ("feedback-smtp.eu-west-1.amazonses.com", "amazon-ses"),
        ("mx.hubapi.com", "hubspot"),
        ("example-com.mail.protection.outlook.com", "microsoft-365"),
        ("notmx.hubapi.com", None),
        ("mx.hubapi.com.evil.example", None),
        ("notsendgrid.net", None),
        ("mail.example.com", None),
    ],
)
def test_mx_hosts_belong_by_suffix_at_a_label_boundary(target: str, owner: str | None) -> None:
    """A suffix counts only where a label begins, and only at the end of the name."""
    assert id_of(providers.by_mx(Domain.parse(target))) == owner


def test_the_tables_are_apart() -> None:
    """A host that takes mail says nothing of who sends it, and the reverse."""
    include = Domain.parse("_spf.google.com")
    assert id_of(providers.by_spf_include(include)) == "google-workspace"
    assert providers.by_mx(include) is None
    assert providers.by_spf_include(Domain.parse("aspmx.l.google.com")) is None


def test_dkim_and_return_path_targets() -> None:
    """Selectors, own return paths, return-path aliases and web hosts have tables of their own."""
    key = Domain.parse("example-com.hs04a.dkim.hubspotemail.net")
    assert id_of(providers.by_dkim_target(key)) == "hubspot"
    assert id_of(providers.by_return_path(Domain.parse("25.spf05.hubspotemail.net"))) == "hubspot"
    assert id_of(providers.by_return_path_target(Domain.parse("pm.mtasv.net"))) == "postmark"
    web = Domain.parse("123.group7.sites.hubspot.net")
    assert id_of(providers.by_web_target(web)) == "hubspot"


@pytest.mark.parametrize(
    ("include", "owner"),
    [
        ("relay.mailchannels.net", "mailchannels"),
        ("_spf.mx.cloudflare.net", "cloudflare-email-routing"),
        ("aspmx.pardot.com", "pardot"),
        ("et._spf.pardot.com", "pardot"),
        ("_spf.elasticemail.com", "elastic-email"),
        ("_spf.createsend.com", "campaign-monitor"),
        ("spf.unisender.com", "unisender"),
        ("_spf.qualtrics.com", "qualtrics"),
        ("_spf.firebasemail.com", "firebase"),
        ("_spf.psm.knowbe4.com", "knowbe4"),
        ("_spf-eu.ionos.com", "ionos"),
    ],
)
def test_services_known_by_their_include_alone(include: str, owner: str) -> None:
    """What is known of them is the include, so that no finding is more than a warning."""
    found = providers.by_spf_include(Domain.parse(include))
    assert id_of(found) == owner
    assert found is not None
    assert not found.records
    assert not found.families


@pytest.mark.parametrize(
    ("id", "families", "uses"),
    [
        ("ses-resellers", ("a",), ("amazon-ses",)),
        ("maileon", ("b",), ()),
        ("emailoctopus", ("b",), ()),
        ("postal", ("b",), ()),
    ],
)
def test_services_whose_hosts_differ_from_account_to_account(
    id: str, families: tuple[str, ...], uses: tuple[str, ...]
) -> None:
    """They can be named, and say how their return path is kept."""
    found = providers.find(id)
    assert (found.families, found.uses) == (families, uses)


def test_an_unknown_provider_names_the_nearest() -> None:
    """A slip of the pen is answered with the id that was meant."""
    with pytest.raises(ConfigError, match="'hubspot'"):
        providers.find("hubsopt")
    with pytest.raises(ConfigError, match="known: activecampaign"):
        providers.find("zzzzzz")
    assert providers.find("Google Workspace").id == "google-workspace"


def test_guesses_are_few_and_begin_with_the_providers() -> None:
    """Each guessed selector is a question, so there are at most 16."""
    hubspot = providers.find("hubspot")
    assert providers.likely_selectors(hubspot)[:2] == ("hs1", "hs2")
    assert len(providers.likely_selectors()) <= 16
    assert len(providers.likely_selectors(providers.find("mailgun"))) == 16


def test_the_catalogue_has_what_is_needed_to_audit_common_senders() -> None:
    """The providers that most senders use are there, each with a source."""
    found = {provider.id: provider for provider in providers.load_providers()}
    wanted = {
        "hubspot", "sendgrid", "amazon-ses", "mailgun", "mailchimp", "postmark", "klaviyo", "brevo",
        "google-workspace", "microsoft-365", "zoho-mail", "fastmail", "proton",
    }  # fmt: skip
    assert wanted <= found.keys()
    assert all(provider.sources for provider in found.values())


@pytest.mark.parametrize("name", ["gmail.com", "mail.yahoo.co.uk", "outlook.com"])
def test_mailbox_domains(name: str) -> None:
    """Domains of mailbox providers and what lies below are nobody else's."""
    assert providers.is_mailbox_domain(Domain.parse(name))
    assert not providers.is_mailbox_domain(Domain.parse(f"not{name.replace('.', '-')}.example"))


ROW = """\
id = "a"
name = "A"
sends = true
families = ["own"]
confirmed = "yes"
sources = ["https://example.com/"]
read = 2026-11-23
"""
OTHER = ROW.replace('"a"', '"b"').replace('"A"', '"B"')


def catalogue(*rows: str) -> str:
    return "".join(f"[[provider]]\n{row}" for row in rows)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (catalogue(ROW, ROW), "two providers have the id"),
        (catalogue(ROW + 'colour = "red"\n'), "unknown key 'colour'"),
        ('colour = "red"\n' + catalogue(ROW), "unknown key 'colour'"),
        (catalogue(ROW + 'spf-includes = ["com"]\n'), "has no dot"),
        (catalogue(ROW + 'spf-includes = "spf.example"\n'), "not a list"),
        (catalogue(ROW + 'spf-includes = ["a..example"]\n'), "empty label"),
        (
            catalogue(
                ROW + 'dkim-targets = ["k.example"]\n', OTHER + 'dkim-targets = ["k.example"]\n'
            ),
            "both claim 'k.example'",
        ),
        (
            catalogue(ROW + 'inbox-mx = ["m.example"]\n', OTHER + 'bounce-mx = ["m.example"]\n'),
            "both claim 'm.example'",
        ),
        (
            catalogue(ROW + 'selectors = ["sel"]\n', OTHER + 'selectors = ["sel"]\n'),
            "both claim 'sel'",
        ),
        (
            catalogue(ROW.replace("sends = true\n", "") + 'dkim-targets = ["k.example"]\n'),
            "does not send",
        ),
        (catalogue(ROW.replace('"own"', '"z"')), "families"),
        (catalogue(ROW.replace('"yes"', '"maybe"')), "confirmed"),
        (catalogue(ROW + 'uses = ["nobody"]\n'), "uses 'nobody'"),
        (catalogue(ROW.replace("read = 2026-11-23\n", "")), "the day on which they were read"),
        (catalogue(ROW.replace('"yes"', '"part"')), "names what is not"),
        (catalogue(ROW + 'records = ["{S} CNAME"]\n'), "is no record"),
        ("likely-selectors = [" + ", ".join(f'"s{n}"' for n in range(17)) + "]", "more than 16"),
        ("[[provider]", "is no TOML"),
    ],
)
def test_a_catalogue_that_contradicts_itself_is_refused(text: str, why: str) -> None:
    """Better no catalogue than one that tells two owners of one name."""
    with pytest.raises(InternalError, match=why):
        read_catalogue(text)


def test_shared_selectors_and_longer_suffixes_are_no_conflict() -> None:
    """Selectors that many use may stand twice; of two suffixes the longer one wins."""
    text = 'shared-selectors = ["s1"]\n' + catalogue(
        ROW + 'selectors = ["s1"]\nspf-includes = ["example.net"]\n',
        OTHER + 'selectors = ["s1"]\nspf-includes = ["spf.example.net"]\n',
    )
    found = read_catalogue(text)
    assert id_of(found.owner("spf_includes", Domain.parse("x.spf.example.net"))) == "b"
    assert id_of(found.owner("spf_includes", Domain.parse("x.example.net"))) == "a"
