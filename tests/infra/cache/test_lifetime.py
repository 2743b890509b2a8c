"""How long a value is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.cache.errors import BadCache
from penstock.infra.cache.lifetime import JITTER, checked_ttl_s, kept_ms

TIMES = st.floats(0.001, 366 * 24 * 3600)


@given(ttl_s=TIMES, chance=st.floats(0, 1, exclude_max=True))
def test_never_longer_than_asked_and_at_most_a_tenth_shorter(ttl_s: float, chance: float) -> None:
    """Chance only takes off, and something is always left."""
    kept = kept_ms(ttl_s, chance)
    assert 1 <= kept <= max(1, ttl_s * 1000)
    assert kept >= int(ttl_s * 1000 * (1 - JITTER)) or kept == 1


def test_chance_spreads_what_was_kept_together() -> None:
    """Ten draws give ten different ends."""
    assert len({kept_ms(300, draw / 10) for draw in range(10)}) == 10


@pytest.mark.parametrize("ttl_s", [0, -1, 0.0001, float("nan"), float("inf"), 400 * 24 * 3600.0])
def test_times_that_make_no_sense_are_refused(ttl_s: float) -> None:
    """Among them for ever: nothing in Redis is without an end."""
    with pytest.raises(BadCache, match="time to live"):
        checked_ttl_s("prices", ttl_s)


@given(TIMES)
def test_times_that_make_sense_pass(ttl_s: float) -> None:
    """They come back unchanged."""
    assert checked_ttl_s("prices", ttl_s) == ttl_s
