"""The label that finds wildcards."""

from __future__ import annotations

from sendgate.dns.probe import new_seed, probe_label
from sendgate.names import Domain

NAME = Domain("example.com")


def test_the_label_follows_from_seed_and_name() -> None:
    """The same seed gives the same label; another seed or name gives another."""
    label = probe_label(NAME, "seed")
    assert label == probe_label(NAME, "seed")
    assert label != probe_label(NAME, "seed2")
    assert label != probe_label(Domain("example.net"), "seed")


def test_the_label_is_an_ordinary_host_label() -> None:
    """It can stand before any name, and does not look like a number."""
    label = probe_label(NAME, new_seed())
    assert NAME.child(label).is_hostname
    assert label.isalnum()
    assert label[0].isalpha()


def test_every_run_draws_its_own_seed() -> None:
    """No zone can foresee the label."""
    assert len({new_seed() for _ in range(50)}) == 50
