"""What an audit fetched over HTTPS, kept for the second reader, who fetches nothing."""

from __future__ import annotations

from sendgate.names import Domain
from sendgate.web import Fetched, Limits, Unfetched, Web

__all__ = ["RecordingWeb"]


class RecordingWeb:
    """Passes fetches on and remembers the files that came."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._files: dict[str, Fetched] = {}

    async def get(self, url: str, limits: Limits, accept: str = "*/*") -> Fetched | Unfetched:
        """Fetch from the web underneath, and remember the file."""
        got = await self._web.get(url, limits, accept)
        if isinstance(got, Fetched):
            self._files[url] = got
        return got

    def policy_of(self, domain: Domain) -> str | None:
        """Give the text of the MTA-STS policy of a domain, where one came."""
        file = self._files.get(f"https://mta-sts.{domain}/.well-known/mta-sts.txt")
        return None if file is None else file.body.decode("utf-8", "replace")
