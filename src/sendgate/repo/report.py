"""What a check of a repository comes to: the audits, what could not be read, what a change does."""

from __future__ import annotations

from dataclasses import dataclass

from sendgate.audit.report import Finding, Report, StaleWaiver, Verdict
from sendgate.repo.reading import Place, Reading, Unread

__all__ = ["Change", "RepositoryReport"]


@dataclass(frozen=True)
class Change:
    """Two whole audits compared by fingerprint: that of `base` (a revision) and this one.

    `still` are findings of both; only `new` ones fail the check, and one that has become
    more severe is new. `gone_unread` are files that could be read at `base` and cannot be
    read now.
    """

    base: str
    new: tuple[Finding, ...]
    fixed: tuple[Finding, ...]
    still: tuple[Finding, ...]
    gone_unread: tuple[Unread, ...] = ()


@dataclass(frozen=True)
class RepositoryReport:
    """A repository, judged.

    `reports` holds one audit for each mail domain, in the order of zones and names, each
    with the findings on the text of its zone beside its own. `prefix` leads from the top
    of the version-controlled tree to the root that was read (``""`` or ``dns/``), for
    formats whose paths are relative to that top. `places` are the entries' lines, as in
    `Reading`. `change` is None without a base. `verdict` is what the check as a whole comes
    to, and the exit code follows it; with a change it may pass although reports fail.
    `known` are findings that a baseline lists: they stand in no report. `remarks` are for
    the user: inline waivers that cannot be read, and the like.
    """

    reading: Reading
    reports: tuple[Report, ...]
    stale: tuple[StaleWaiver, ...] = ()
    change: Change | None = None
    prefix: str = ""
    verdict: Verdict = Verdict.PASS
    known: tuple[Finding, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def unread(self) -> tuple[Unread, ...]:
        """What could not be read."""
        return self.reading.unread

    @property
    def places(self) -> tuple[Place, ...]:
        """The lines of entries that are longer than one line."""
        return self.reading.places
