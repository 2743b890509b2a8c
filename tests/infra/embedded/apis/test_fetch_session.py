"""Fetch sessions: who gets one, who loses one, and how epochs go on.

That clients of sessions learn what others learn is told in tests/properties/test_fetch_sessions.py.
"""

from collections.abc import Iterable
from itertools import chain, repeat
from uuid import UUID

import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.apis.fetch_session import (
    FetchKey,
    FetchProgress,
    FetchSessions,
    FetchTurn,
    FetchWish,
)

EVICTION_MS = 1000
QUIET = FetchProgress(
    failed=False, has_records=False, diverges=False, high_watermark=0, start_offset=0
)
TOPIC_ID = UUID(int=5)


def sessions(*, slots: int = 2, partition_limit: int = 100) -> FetchSessions:
    """Sessions with the ids 1, 2, 3, …; the first draws are a zero and a repetition."""
    numbers = chain([0, 1, 1], range(2, 100))
    return FetchSessions(
        draw_id=lambda: next(numbers),
        slots=slots,
        eviction_ms=EVICTION_MS,
        partition_limit=partition_limit,
    )


def wishes(size: int, *, first: int = 0, topic: str | UUID = "t") -> dict[FetchKey, FetchWish]:
    """Wishes for so many partitions."""
    name = topic if isinstance(topic, str) else None
    indexes = range(first, first + size)
    return {FetchKey(topic, index): FetchWish(name, 0, 1024, -1, -1) for index in indexes}


def next_turn(made: FetchSessions) -> FetchTurn:
    """The first session's second request begins; it changes nothing, and is not finished yet."""
    return made.begin(
        session_id=1,
        epoch=1,
        uses_ids=False,
        wishes={},
        forgotten=(),
        name_of=lambda _: None,
        now_ms=0,
    )


def turn(
    made: FetchSessions,
    *,
    session_id: int = 0,
    epoch: int = 0,
    wanted: dict[FetchKey, FetchWish] | None = None,
    forgotten: Iterable[FetchKey] = (),
    now_ms: int = 0,
    names: dict[UUID, str] | None = None,
) -> tuple[FetchTurn, int]:
    """One request and its answer; returns the session's id, or 0."""
    begun = made.begin(
        session_id=session_id,
        epoch=epoch,
        uses_ids=names is not None,
        wishes=wanted or {},
        forgotten=forgotten,
        name_of=(names or {}).get,
        now_ms=now_ms,
    )
    if begun.error is not ErrorCode.none:
        return begun, 0
    progress = dict(zip(begun.wishes, repeat(QUIET)))
    return begun, made.finish(begun, progress, now_ms=now_ms).session_id


def test_ids_are_drawn_until_one_is_free() -> None:
    """Zero means no session."""
    made = sessions()
    assert [turn(made, wanted=wishes(1))[1] for _ in range(2)] == [1, 2]


def test_who_comes_when_all_places_are_taken_gets_no_session() -> None:
    """Its requests are full ones then."""
    made = sessions()
    assert [turn(made, wanted=wishes(1))[1] for _ in range(3)] == [1, 2, 0]


def test_an_idle_session_makes_room() -> None:
    """The one that was used longest ago."""
    made = sessions()
    turn(made, wanted=wishes(1), now_ms=0)
    turn(made, wanted=wishes(1), now_ms=0)
    turn(made, session_id=1, epoch=1, now_ms=500)
    assert turn(made, wanted=wishes(1), now_ms=EVICTION_MS + 1)[1] == 3
    lost, _ = turn(made, session_id=2, epoch=1, now_ms=EVICTION_MS + 1)
    assert lost.error is ErrorCode.fetch_session_id_not_found
    assert made.statistics().evictions == 1


@pytest.mark.parametrize(("size", "evictions"), [(1, 0), (2, 0), (3, 1)])
def test_a_session_that_had_its_time_makes_room_for_a_larger_one(size: int, evictions: int) -> None:
    """Not for one as large, nor for a smaller one."""
    made = sessions(slots=1)
    turn(made, wanted=wishes(2), now_ms=0)
    now_ms = EVICTION_MS + 1
    turn(made, session_id=1, epoch=1, now_ms=now_ms)
    assert (turn(made, wanted=wishes(size), now_ms=now_ms)[1] > 0) == bool(evictions)
    assert made.statistics().evictions == evictions


def test_a_young_session_that_is_used_stays() -> None:
    """However large the other one is."""
    made = sessions(slots=1)
    turn(made, wanted=wishes(1))
    assert turn(made, wanted=wishes(9), now_ms=EVICTION_MS)[1] == 0


def test_all_sessions_together_have_no_more_partitions_than_the_limit() -> None:
    """A session that grows beyond it ends."""
    made = sessions(partition_limit=5)
    assert turn(made, wanted=wishes(4))[1] == 1
    assert turn(made, wanted=wishes(2))[1] == 0
    grown, _ = turn(made, session_id=1, epoch=1, wanted=wishes(2, first=9))
    assert grown.error is ErrorCode.fetch_session_id_not_found
    assert made.statistics().partitions == 0


def test_a_session_without_partitions_ends() -> None:
    """The request that forgets the last one is answered without it."""
    made = sessions()
    turn(made, wanted=wishes(2))
    _, number = turn(made, session_id=1, epoch=1, forgotten=list(wishes(2)))
    assert number == 0
    assert made.statistics().sessions == 0


def test_a_request_that_waits_is_told_that_its_session_has_ended_meanwhile() -> None:
    """A second connection of the client has gone on without its partitions."""
    made = sessions()
    turn(made, wanted=wishes(2))
    waiting = next_turn(made)
    turn(made, session_id=1, epoch=2, forgotten=list(wishes(2)))
    end = made.finish(waiting, dict.fromkeys(waiting.wishes, QUIET), now_ms=0)
    assert (end.error, end.told) == (ErrorCode.invalid_fetch_session_epoch, ())


def test_epochs_begin_again_after_the_largest() -> None:
    """With 1: 0 would be a new session."""
    made = sessions()
    turn(made, wanted=wishes(1))
    made._sessions[1].epoch = 2**31 - 1  # two thousand million requests would do so too
    begun, _ = turn(made, session_id=1, epoch=2**31 - 1)
    assert begun.epoch == 1
    assert turn(made, session_id=1, epoch=1)[1] == 1


def test_a_topic_that_comes_later_is_found_by_its_id() -> None:
    """And keeps its name for the session when it is gone again."""
    made = sessions()
    key = FetchKey(TOPIC_ID, 0)
    named = []
    turn(made, wanted=wishes(1, topic=TOPIC_ID), names={})
    for epoch, names in enumerate(({}, {TOPIC_ID: "t"}, {}), start=1):
        begun, _ = turn(made, session_id=1, epoch=epoch, names=names)
        named.append(begun.wishes[key].name)
    assert named == [None, "t", "t"]


def test_partitions_with_records_go_to_the_end() -> None:
    """So that others come first the next time."""
    made = sessions()
    turn(made, wanted=wishes(3))
    begun = next_turn(made)
    progress = {key: QUIET._replace(has_records=key.partition == 0) for key in begun.wishes}
    assert made.finish(begun, progress, now_ms=0).told == [FetchKey("t", 0)]
    begun, _ = turn(made, session_id=1, epoch=2)
    assert [key.partition for key in begun.wishes] == [1, 2, 0]
