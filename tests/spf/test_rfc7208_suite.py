"""The openspf.org suite for RFC 7208: every test, results and explanations."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import pytest
from rfc7208 import CASES, SuiteDns

from sendgate.spf.evaluate import check_identity


def test_the_suite_is_whole(suites: Path) -> None:
    """The file has all its 203 tests, so that none is lost in reading it."""
    assert suites.is_dir()
    assert len(CASES) == 203


@pytest.mark.skipif(not CASES, reason="SENDGATE_SUITES is not set")
@pytest.mark.parametrize(("zonedata", "test"), CASES)
async def test_rfc7208(zonedata: dict[str, list[Any]], test: dict[str, Any]) -> None:
    """check_host gives one of the results that the suite allows, and its explanation."""
    found = await check_identity(
        ipaddress.ip_address(test["host"]),
        test["mailfrom"],
        test["helo"],
        None,
        SuiteDns(zonedata),
        receiver="receiver.example.org",
    )
    allowed = test["result"]
    assert found.result in (allowed if isinstance(allowed, list) else [allowed]), found
    if "explanation" in test:
        expected = None if test["explanation"] == "DEFAULT" else test["explanation"]
        assert found.explanation == expected
