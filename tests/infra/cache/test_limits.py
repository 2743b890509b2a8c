"""Limits of a cache."""

from typing import Any

import pytest

from penstock.infra.cache.errors import BadCache
from penstock.infra.cache.limits import CacheLimits, checked_limits


def test_the_defaults_make_sense() -> None:
    """They pass their own check."""
    assert checked_limits("prices", CacheLimits()) == CacheLimits()


def test_a_lock_outlives_its_load() -> None:
    """Else a load in time would find its lock gone, and be lost."""
    limits = CacheLimits(load_timeout_s=3.0, call_timeout_s=0.25)
    assert limits.lease_s >= 3.0 + 2 * 0.25


@pytest.mark.parametrize(
    "wrong",
    [
        {"load_timeout_s": 0},
        {"load_timeout_s": float("nan")},
        {"load_timeout_s": 601},
        {"value_bytes": 63},
        {"value_bytes": 17 * 1024 * 1024},
        {"call_timeout_s": 0},
        {"rest_s": 0},
        {"rest_s": 5, "longest_rest_s": 4},
        {"abandoned_loads": -1},
    ],
)
def test_what_makes_no_sense_is_refused_by_name(wrong: dict[str, Any]) -> None:
    """The error names the limit."""
    with pytest.raises(BadCache) as refused:
        checked_limits("prices", CacheLimits(**wrong))
    assert list(wrong)[-1] in refused.value.problem
