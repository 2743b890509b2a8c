"""Taking turns at writing schemas: who fenced last may commit, and nobody else."""

import pytest

from penstock.events.catalogue import SCHEMAS_PARTITION
from penstock.events.catalogue_errors import TurnLost
from penstock.events.log import WriteUnknown
from penstock.events.names import SCHEMAS_TRANSACTIONAL_ID
from penstock.infra.memory.fault import Fault, Loss
from penstock.infra.memory.request_kind import RequestKind
from penstock.infra.schema_turn import SchemaTurn
from tests.infra.memory.bench import Bench, record
from tests.infra.memory.turning import play


def turn_of(bench: Bench) -> SchemaTurn:
    """The turn of another process."""
    return SchemaTurn(bench.cluster.gate(), bench.clock)


def test_the_turn_at_schemas_goes_to_the_latest() -> None:
    """Who had it before cannot commit any more, and is told that it does not know."""

    async def scenario() -> None:
        bench = Bench()
        await bench.topic(SCHEMAS_PARTITION.topic)
        one, two = turn_of(bench), turn_of(bench)
        await one.fence(timeout_s=5.0)
        await two.fence(timeout_s=5.0)
        with pytest.raises(WriteUnknown):
            await one.commit([record(b"never")], timeout_s=5.0)
        await two.commit([record(b"schema")], timeout_s=5.0)
        assert await bench.values(SCHEMAS_PARTITION) == [b"schema"]
        bench.cluster.faults.add(Fault(request=RequestKind.END_TRANSACTION, answered_after_s=20.0))
        await two.fence(timeout_s=5.0)
        with pytest.raises(WriteUnknown, match="within 5 s"):
            await bench.turned(two.commit([record(b"slow")], timeout_s=5.0))

    play(scenario())


def test_a_turn_that_cannot_be_taken_is_lost() -> None:
    """In the time that was given."""

    async def scenario() -> None:
        bench = Bench()
        await bench.topic(SCHEMAS_PARTITION.topic)
        turn = turn_of(bench)
        await turn.fence(timeout_s=5.0)
        bench.cluster.hold_markers(held=True)
        await turn.commit([record(b"schema")], timeout_s=5.0)
        with pytest.raises(TurnLost):
            await bench.turned(turn.fence(timeout_s=5.0))
        assert 4.9 < bench.clock.monotonic() <= 5.2
        bench.cluster.hold_markers(held=False)
        assert await bench.values(SCHEMAS_PARTITION) == [b"schema"]

    play(scenario())


def test_a_turn_serves_one_commit() -> None:
    """It is given back with the commit; to register again is to fence again."""

    async def scenario() -> None:
        bench = Bench()
        await bench.topic(SCHEMAS_PARTITION.topic)
        turn = turn_of(bench)
        await turn.fence(timeout_s=5.0)
        await turn.commit([record(b"schema")], timeout_s=5.0)
        with pytest.raises(AssertionError, match="fence"):
            await turn.commit([record(b"schema")], timeout_s=5.0)
        turn.close()

    play(scenario())


def test_a_fence_that_is_not_answered_is_a_turn_lost() -> None:
    """In the time that was given, although a fence may take longer; the next one takes it."""

    async def scenario() -> None:
        bench = Bench()
        await bench.topic(SCHEMAS_PARTITION.topic)
        turn = turn_of(bench)
        lost = Fault(
            request=RequestKind.INIT_PRODUCER,
            client=SCHEMAS_TRANSACTIONAL_ID,
            loses=Loss.REQUEST,
        )
        bench.cluster.faults.add(lost)
        with pytest.raises(TurnLost):
            await bench.turned(turn.fence(timeout_s=5.0))
        assert bench.clock.monotonic() < 6.0
        await turn.fence(timeout_s=5.0)
        await turn.commit([record(b"schema")], timeout_s=5.0)
        assert await bench.values(SCHEMAS_PARTITION) == [b"schema"]

    play(scenario())
