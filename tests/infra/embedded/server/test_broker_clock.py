"""The broker's clock against clocks of a computer that sleeps and is put right."""

from datetime import timedelta

import pytest

from penstock.infra.embedded.server.broker_clock import BrokerClock

_WALL_MS = 1_700_000_000_000
_NIGHT_MS = 8 * 3_600_000


class _Computer:
    """Its two clocks, in milliseconds."""

    def __init__(self) -> None:
        self.wall_ms, self.passed_ms = _WALL_MS, 5_000
        self.clock = BrokerClock(
            wall_ns=lambda: self.wall_ms * 1_000_000, passed_ns=lambda: self.passed_ms * 1_000_000
        )

    def run(self, ms: int) -> None:
        self.wall_ms += ms
        self.passed_ms += ms


def test_it_begins_at_the_walls_time_and_passes_with_it() -> None:
    """Where the computer neither sleeps nor is put right, it is its clock."""
    computer = _Computer()
    assert computer.clock.now_ms() == _WALL_MS
    computer.run(1_234)
    assert computer.clock.now_ms() == _WALL_MS + 1_234


def test_a_computer_that_slept_does_not_leave_it_behind() -> None:
    """Passed time stands still meanwhile; records of today must not count as of the future."""
    computer = _Computer()
    computer.wall_ms += _NIGHT_MS
    assert computer.clock.now_ms() == _WALL_MS + _NIGHT_MS


def test_it_passes_on_where_the_computers_clock_is_put_back() -> None:
    """It never goes back, and does not stand still until the wall has caught up."""
    computer = _Computer()
    computer.wall_ms -= _NIGHT_MS
    assert computer.clock.now_ms() == _WALL_MS
    computer.run(10)
    assert computer.clock.now_ms() == _WALL_MS + 10


def test_a_move_counts_beside_all_that() -> None:
    """It is told to whom it concerns, and nobody moves it back."""
    computer, moves = _Computer(), list[int]()
    computer.clock.call_on_move(lambda: moves.append(computer.clock.now_ms()))
    computer.clock.move(timedelta(seconds=1))
    computer.wall_ms += _NIGHT_MS
    assert moves == [_WALL_MS + 1_000]
    assert computer.clock.now_ms() == _WALL_MS + 1_000 + _NIGHT_MS
    assert computer.clock.moved == timedelta(seconds=1)
    with pytest.raises(ValueError, match="only goes forward"):
        computer.clock.move(timedelta(milliseconds=-1))
