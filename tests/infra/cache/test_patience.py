"""How often a process looks at a lock of another."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.cache.patience import FIRST_S, LONGEST_S, pause_s

CHANCE = st.floats(0, 1, exclude_max=True)


@given(looks=st.integers(0, 10**9), chance=CHANCE)
def test_every_pause_is_within_limits(looks: int, chance: float) -> None:
    """Never none, which would be a busy loop, and never so long that the end is missed by much."""
    assert FIRST_S / 2 <= pause_s(looks, chance) <= LONGEST_S


def looks_until(seconds: float, chance: float) -> int:
    """How many commands a waiter sends in that time."""
    waited, looks = 0.0, 0
    while waited < seconds:
        waited += pause_s(looks, chance)
        looks += 1
    return looks


@given(CHANCE)
def test_a_waiter_costs_few_commands(chance: float) -> None:
    """Whatever chance does: 20 in the first second, and 8 in each later one."""
    assert looks_until(1.0, chance) <= 20
    assert looks_until(61.0, chance) - looks_until(1.0, chance) <= 8 * 60 + 1


@given(st.floats(0.05, 30), st.lists(CHANCE, min_size=200, max_size=200))
def test_the_end_of_a_load_is_noticed_soon(load_s: float, chances: list[float]) -> None:
    """A waiter learns of it at most half as late again, or a quarter of a second late."""
    waited, looks = 0.0, 0
    while waited < load_s:
        waited += pause_s(looks, chances[looks % len(chances)])
        looks += 1
    assert waited - load_s <= min(max(load_s * 1.1, FIRST_S), LONGEST_S)
