"""`sendgate bimi`: a record with its logo and certificate, or the files themselves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sendgate.cli.auditing import policy_of, typed_domain
from sendgate.cli.command import Run, command
from sendgate.cli.forms import CI_FORMS, print_single
from sendgate.cli.sources import mark_roots, open_source
from sendgate.cli.stop import run_whole
from sendgate.errors import InputError
from sendgate.files import is_file, read_file
from sendgate.settings import setting_named

if TYPE_CHECKING:
    from sendgate.audit.brand import BrandReport
    from sendgate.names import Domain

__all__ = ["bimi"]


@command("judging", "web", "dns", "output", formats=("text", "json", "jsonl", *CI_FORMS))
def bimi(
    run: Run,
    subject: Annotated[
        str, typer.Argument(metavar="DOMAIN|LOGO.svg", help="Sending domain, or a logo on disk.")
    ],
    certificate: Annotated[
        str | None,
        typer.Option("--certificate", metavar="PEM", help="Mark certificate on disk."),
    ] = None,
    selector: Annotated[
        str | None, typer.Option("--selector", metavar="S", help="Selector; default: default.")
    ] = None,
) -> int:
    """Judge a BIMI record with its logo and mark certificate.

    Both are fetched over HTTPS, unless --offline or --replay says otherwise. A logo on disk
    is judged without a record.
    """
    from sendgate.render.bimi import bimi_json, bimi_on, single

    own = None if certificate is None else (certificate, _read(certificate))
    is_file = _is_file(subject)
    if is_file and selector is not None:
        raise InputError("--selector belongs to a domain, not to a file")
    with run.destination() as destination:
        if is_file:
            report = _files(run, subject, own)
        else:
            report = run_whole(_record(run, typed_domain(run, subject), selector, own))
        if run.format in CI_FORMS:
            print_single(run, destination, single(report))
        else:
            destination.show(
                run.format, lambda page: bimi_on(page, report), lambda: bimi_json(report)
            )
    return 0 if run.options.exit_zero else report.verdict.exit_code


def _is_file(subject: str) -> bool:
    """Whether a text names a file: by its ending, by a slash, or because there is one."""
    if "://" in subject:
        return False  # an address, which gives its host
    named = Path(subject).suffix.lower() in {".svg", ".svgz"} or "/" in subject.rstrip("/")
    return named or is_file(subject)


def _read(path: str) -> bytes:
    from sendgate.bimi.svg import MAX_OCTETS

    return read_file(path, MAX_OCTETS)


def _files(run: Run, path: str, own: tuple[str, bytes] | None) -> BrandReport:
    from datetime import UTC, datetime

    from sendgate.audit.brand import judge_files
    from sendgate.audit.catalogue import RULES
    from sendgate.bimi.assets import Had, LogoSeen
    from sendgate.bimi.fetch import AssetReader
    from sendgate.bimi.svg import read_logo
    from sendgate.web import NoWeb

    policy = policy_of(run, RULES)
    roots = None if own is None else mark_roots(run.options)
    reader = AssetReader(NoWeb(), roots, datetime.now(UTC), own)
    logo = LogoSeen(Had.on_disk(path, "SVG"), read_logo(_read(path)))
    return judge_files(reader.assets(logo, reader.certificate_on_disk()), policy)


async def _record(
    run: Run, domain: Domain, selector: str | None, own: tuple[str, bytes] | None
) -> BrandReport:
    from sendgate.audit.brand import brand_of
    from sendgate.audit.catalogue import RULES
    from sendgate.audit.infer import SenderOptions, build_profile
    from sendgate.audit.run import audit
    from sendgate.bimi.fetch import AssetReader
    from sendgate.cli.progress import Progress
    from sendgate.cli.sources import web_of
    from sendgate.web import NoWeb

    policy = policy_of(run, RULES)
    setting = setting_named("bimi-selector")
    chosen = setting.value_of([selector or "default"], "--selector", run.console.note)
    profile = build_profile(domain, SenderOptions(bimi_selector=str(chosen)))
    roots = mark_roots(run.options)
    progress = Progress(run.console)
    async with open_source(run.options, progress.heard) as source, progress:
        web = web_of(run.options, source.source) or NoWeb()
        report = await audit(
            profile,
            source.source,
            policy=policy,
            rules=[rule for rule in RULES if rule.area == "BIMI"],
            time=source.time,
            seed=source.seed,
            brand=AssetReader(web, roots, source.time, own),
        )
    return brand_of(report)
