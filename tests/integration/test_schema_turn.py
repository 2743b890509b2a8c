"""Taking turns at writing schemas: who fenced last may commit, and nobody else."""

from collections.abc import Callable

import pytest

from penstock.events.catalogue import SCHEMAS_PARTITION
from penstock.events.log import NewRecord, WriteUnknown
from penstock.infra.clock import SystemClock
from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.kafka.gate import KafkaGate
from penstock.infra.schema_turn import SchemaTurn
from penstock.schemas.record import declaration_of
from penstock.workers import Worker
from tests.integration.workbench import play, read_committed
from tests.integration.worker_bench import Count, made_shop

pytestmark = pytest.mark.timeout(60)

COUNT = declaration_of(Count).schema


def turn_on(connection: KafkaConnection) -> SchemaTurn:
    """The turn of one process."""
    return SchemaTurn(KafkaGate(connection), SystemClock())


def schema_record(stamp_ms: int) -> NewRecord:
    """A schema that every catalogue may read."""
    return NewRecord(COUNT.fingerprint.hex().encode(), COUNT.text.encode(), (), stamp_ms)


def test_only_the_last_to_fence_can_register(kafka: str, unique: Callable[[str], str]) -> None:
    """Whoever lost the turn is told that it does not know, and has written nothing."""

    async def scenario() -> None:
        await made_shop(kafka, unique).make_topics(Worker("clerk"))
        connection = KafkaConnection(bootstrap=kafka)
        first, second = turn_on(connection), turn_on(connection)
        await first.fence(timeout_s=10.0)
        await second.fence(timeout_s=10.0)
        with pytest.raises(WriteUnknown):
            await first.commit([schema_record(1_700_000_000_001)], timeout_s=10.0)
        await second.commit([schema_record(1_700_000_000_002)], timeout_s=10.0)
        found = await read_committed(connection, SCHEMAS_PARTITION)
        stamps = {record.timestamp for record in found}
        assert 1_700_000_000_001 not in stamps
        assert 1_700_000_000_002 in stamps
        first.close()
        second.close()

    play(scenario())


def test_a_turn_serves_one_commit(kafka: str, unique: Callable[[str], str]) -> None:
    """It is given back with the commit; to register again is to fence again."""

    async def scenario() -> None:
        await made_shop(kafka, unique).make_topics(Worker("clerk"))
        turn = turn_on(KafkaConnection(bootstrap=kafka))
        await turn.fence(timeout_s=10.0)
        await turn.commit([schema_record(1_700_000_000_003)], timeout_s=10.0)
        with pytest.raises(AssertionError, match="fence"):
            await turn.commit([schema_record(1_700_000_000_004)], timeout_s=10.0)

    play(scenario())
