"""What is asked again, and after how long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.schema_registry.retry_rule import (
    LONGEST_ASKED_S,
    Verdict,
    pause_s,
    verdict,
)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([200, 201], Verdict.GIVEN),
        ([429, 500, 502, 503, 504], Verdict.MAY_PASS),
        ([401, 403, 407], Verdict.CREDENTIALS),
        ([400, 404, 409, 415, 422, 418], Verdict.REFUSED),
        ([100, 204, 301, 302, 307, 501, 505], Verdict.FOREIGN),
    ],
)
def test_verdicts(statuses: list[int], expected: Verdict) -> None:
    """A 4xx is never asked again, but for 429."""
    assert {verdict(status) for status in statuses} == {expected}


@given(
    st.integers(0, 10_000),
    st.floats(0, 1, exclude_max=True),
    st.none() | st.floats(0, 1e9),
)
def test_pauses_are_bounded_and_begin_small(
    round_number: int, chance: float, asked_s: float | None
) -> None:
    """Whatever a registry asks for."""
    found = pause_s(round_number, chance, first_s=0.2, longest_s=5.0, asked_s=asked_s)
    assert 0.1 <= found <= max(5.0, LONGEST_ASKED_S)
    if asked_s is not None:
        assert found >= min(asked_s, LONGEST_ASKED_S)
    else:
        assert found <= 0.2 * 2 ** min(round_number, 40)
