from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.testing.compose_service import (
    Condition,
    ContainerState,
    Health,
    is_lost,
    is_met,
)

states = st.builds(
    ContainerState,
    running=st.booleans(),
    exit_code=st.none() | st.integers(0, 255),
    health=st.sampled_from(Health),
    restarts=st.integers(0, 3),
)


def state(
    *, running: bool, code: int | None = None, health: Health = Health.NONE
) -> ContainerState:
    """Make a state."""
    return ContainerState(running=running, exit_code=code, health=health, restarts=0)


@given(st.sampled_from(Condition), states)
def test_what_is_met_is_not_lost(condition: Condition, state: ContainerState) -> None:
    """No state is both, so it never matters which is asked first."""
    assert not (is_met(condition, state) and is_lost(condition, state))


def test_started() -> None:
    """One that has ended has been started; one that was only made has not."""
    assert is_met(Condition.STARTED, state(running=True))
    assert is_met(Condition.STARTED, state(running=False, code=1))
    assert not is_met(Condition.STARTED, state(running=False))


def test_healthy() -> None:
    """While it starts there is hope; without a check, sick, or ended there is none."""
    healthy, starting = Health.HEALTHY, Health.STARTING
    assert is_met(Condition.HEALTHY, state(running=True, health=healthy))
    assert not is_met(Condition.HEALTHY, state(running=True, health=starting))
    assert not is_lost(Condition.HEALTHY, state(running=True, health=starting))
    assert is_lost(Condition.HEALTHY, state(running=True, health=Health.NONE))
    assert is_lost(Condition.HEALTHY, state(running=True, health=Health.UNHEALTHY))
    assert is_lost(Condition.HEALTHY, state(running=False, code=0, health=healthy))


def test_completed() -> None:
    """Only an end with 0 is one; while it runs there is hope."""
    assert is_met(Condition.COMPLETED, state(running=False, code=0))
    assert not is_met(Condition.COMPLETED, state(running=True))
    assert not is_lost(Condition.COMPLETED, state(running=True))
    assert is_lost(Condition.COMPLETED, state(running=False, code=3))
