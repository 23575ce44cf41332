"""The second reader's process, as the audit uses it: started when first needed, ended with the run.

    facts, answers ─► one line of JSON ─► child (checkdmarc) ─► one line of JSON ─► CrossCheck

Whatever goes wrong over there is said as "no second opinion", and breaks no audit.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from sendgate.audit.opinion import CrossCheck
from sendgate.crosscheck.compare import compare
from sendgate.crosscheck.ours import our_readings
from sendgate.dns.answerform import answer_to
from sendgate.dns.answers import Answer
from sendgate.errors import InputError

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["SecondReader", "check_installed"]

TIMEOUT = 30.0  # seconds for one domain; the first also pays for loading checkdmarc
MAX_LINE = 2**22  # octets of one reply
CHILD = "sendgate.crosscheck.child"


class _NoOpinionError(Exception):
    """Why the other process has none."""


def check_installed() -> None:
    """Raise `InputError` where checkdmarc is not installed."""
    if find_spec("checkdmarc") is None:
        raise InputError(
            "--cross-check needs checkdmarc, which the extra brings: "
            "pip install 'sendgate[cross-check]'"
        )


class SecondReader:
    """Asks checkdmarc for its readings, one domain after the other, in one process.

    `timeout` (seconds) bounds each domain: a process that has not answered by then is ended,
    and the next domain gets a new one.
    """

    def __init__(self, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    async def on(
        self, facts: DomainFacts, answers: Iterable[Answer], policy: str | None = None
    ) -> CrossCheck:
        """Give the second opinion on one audit, from the answers that it heard.

        `policy` is the text of the MTA-STS policy, where it fetched one.
        """
        ours = dict(our_readings(facts))
        if policy is None:
            ours.pop("mta-sts-policy", None)
        request = {
            "sending": facts.profile.sending.text,
            "spf_domain": facts.spf_domain.text,
            "bimi_selector": facts.profile.bimi_selector,
            "topics": list(ours),
            "answers": [answer_to(answer) for answer in answers],
            "policy": policy,
        }
        try:
            reply = await self._ask(json.dumps(request))
        except _NoOpinionError as error:
            return CrossCheck("", problem=str(error))
        readings = reply["readings"]
        return CrossCheck(
            reply["by"],
            tuple(compare(topic, ours[topic], readings[topic], facts) for topic in ours),
        )

    async def aclose(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()

    async def _ask(self, line: str) -> dict[str, Any]:
        async with self._turn:
            try:
                async with asyncio.timeout(self._timeout):
                    reply = await self._exchange(line.encode() + b"\n")
            except TimeoutError:
                await self.aclose()
                raise _NoOpinionError(f"it took longer than {self._timeout:g} seconds") from None
            except (OSError, ValueError) as error:
                await self.aclose()
                raise _NoOpinionError(f"its process failed: {error}") from None
            except BaseException:
                await self.aclose()  # the reply that is still to come is nobody's
                raise
            if not reply.endswith(b"\n"):
                await self.aclose()
                raise _NoOpinionError("its process ended without an answer")
            found: dict[str, Any] = json.loads(reply)
            return found

    async def _exchange(self, line: bytes) -> bytes:
        if self._process is None:
            if not sys.executable:
                raise OSError("the Python that runs is not known")
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # the working folder may be anybody's; nothing is imported from it
                "-m",
                CHILD,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=MAX_LINE,
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line)
        await process.stdin.drain()
        return await process.stdout.readline()
