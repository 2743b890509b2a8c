from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.testing.fault_plan import (
    Aftermath,
    Delay,
    Direction,
    DropAnswer,
    FaultPlan,
    Hold,
    Match,
    Reset,
    Verdict,
)

_HOLD = Hold(overtaking=False)
_RESET = Reset(after_bytes=8)


def _fate(plan: FaultPlan, api_key: int | None, direction: Direction = Direction.REQUEST) -> object:
    return plan.judge(direction, api_key).fault


def test_no_rules() -> None:
    """Without rules everything passes."""
    assert FaultPlan().judge(Direction.REQUEST, 0) == Verdict()


def test_faults_are_used_up() -> None:
    """A fault happens to one message."""
    plan = FaultPlan()
    plan.add(Match(api_key=26), _HOLD)
    assert [_fate(plan, 26), _fate(plan, 26)] == [_HOLD, None]


def test_matching() -> None:
    """A fault waits for its API key and its direction."""
    plan = FaultPlan()
    drop = DropAnswer(then=Aftermath.CUT)
    plan.add(Match(api_key=26, direction=Direction.ANSWER), drop)
    assert _fate(plan, 26) is None
    assert _fate(plan, 0, Direction.ANSWER) is None
    assert _fate(plan, None, Direction.ANSWER) is None
    assert _fate(plan, 26, Direction.ANSWER) == drop


def test_any_api_key() -> None:
    """A rule without API key is about all messages, unknown ones too."""
    plan = FaultPlan()
    plan.add(Match(), _HOLD)
    assert _fate(plan, None) == _HOLD


def test_delays() -> None:
    """Delays stay, and those that match add up."""
    plan = FaultPlan()
    plan.add(Match(), Delay(seconds=1))
    plan.add(Match(api_key=0), Delay(seconds=2))
    delays = [plan.judge(Direction.REQUEST, key).delay_s for key in (0, 3, 0)]
    assert delays == [3, 1, 3]


def test_delay_and_fault() -> None:
    """A delayed message may meet a fault besides."""
    plan = FaultPlan()
    plan.add(Match(), Delay(seconds=1))
    number = plan.add(Match(), _RESET)
    assert plan.judge(Direction.REQUEST, 0) == Verdict(delay_s=1, rule=number, fault=_RESET)


def test_order_of_rules() -> None:
    """The oldest rule takes a message, the next rule the next message."""
    plan = FaultPlan()
    plan.add(Match(api_key=0), _HOLD)
    plan.add(Match(api_key=0), _RESET)
    assert [_fate(plan, 0) for _ in range(3)] == [_HOLD, _RESET, None]


@given(skips=st.lists(st.integers(min_value=0, max_value=5), unique=True))
def test_skip(skips: list[int]) -> None:
    """`skip` counts from a rule's making, whatever other rules take."""
    plan = FaultPlan()
    for skip in skips:
        plan.add(Match(api_key=0, skip=skip), Reset(after_bytes=skip))
    fates = [_fate(plan, 0) for _ in range(6)]
    assert fates == [Reset(after_bytes=n) if n in skips else None for n in range(6)]


def test_removing() -> None:
    """A rule that is taken back does nothing."""
    plan = FaultPlan()
    number = plan.add(Match(), _HOLD)
    assert plan.remove(number)
    assert _fate(plan, 0) is None
    assert not plan.remove(number)


def test_removing_too_late() -> None:
    """A rule that was used up cannot be taken back."""
    plan = FaultPlan()
    number = plan.add(Match(), _HOLD)
    plan.judge(Direction.REQUEST, 0)
    assert not plan.remove(number)


def test_clearing() -> None:
    """Clearing takes all rules back, delays too."""
    plan = FaultPlan()
    plan.add(Match(), _HOLD)
    plan.add(Match(), Delay(seconds=1))
    plan.clear()
    assert plan.judge(Direction.REQUEST, 0) == Verdict()
