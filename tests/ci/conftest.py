"""What the tests of the files for CI share."""

from __future__ import annotations

from pathlib import Path

import pytest
from checkouts import copy_of_the_checkout, index_problem


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout that packages can be installed from; skips without an index."""
    problem = index_problem(tmp_path_factory.mktemp("probe"))
    if problem is not None:
        pytest.skip(f"{problem}: nothing can be installed, so this is not run")
    return copy_of_the_checkout(tmp_path_factory.mktemp("checkout") / "sendgate")
