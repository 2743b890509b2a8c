from penstock.events.log import Partition
from penstock.workers.watchdog import STILL_LIMIT_S, Look, Watchdog

ONE = Partition("shop.orders", 1)


def look(position: int = 5, end: int = 9, *, busy: bool = False) -> dict[Partition, Look]:
    """One partition as it was seen."""
    return {ONE: Look(position=position, end=end, busy=busy)}


def test_a_position_that_stands_still_before_records_is_told_of_at_the_limit() -> None:
    """And not before."""
    dog = Watchdog()
    assert dog.look(look(), 0.0) == {}
    assert dog.look(look(), STILL_LIMIT_S - 0.1) == {}
    assert "4 offsets" in dog.look(look(), STILL_LIMIT_S)[ONE]


def test_progress_work_and_rest_are_no_silence() -> None:
    """A moving position, records in flight, or nothing to read each begin the wait anew."""
    for innocent in (look(6), look(busy=True), look(end=5)):
        dog = Watchdog()
        dog.look(look(), 0.0)
        assert dog.look(innocent, STILL_LIMIT_S) == {}
        assert dog.look(look(), STILL_LIMIT_S + 1.0) == {}


def test_a_partition_that_was_away_is_not_blamed_for_that_time() -> None:
    """After a rebalance the wait begins anew."""
    dog = Watchdog()
    dog.look(look(), 0.0)
    dog.look({}, 10.0)
    assert dog.look(look(), STILL_LIMIT_S + 1.0) == {}
