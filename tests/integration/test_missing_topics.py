"""Topics that are not there, or no longer: told by name, soon, and without a client gone wild."""

import asyncio
from collections.abc import Callable

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from penstock.events.log import Partition, TopicMissing
from penstock.infra.kafka.connection import KafkaConnection, KafkaUnreachable
from penstock.infra.kafka.reader import open_reader
from penstock.infra.kafka.transactions import fence
from penstock.workers.ports import Transaction, TransactionDoubt
from tests.integration.seat import Seat
from tests.integration.workbench import eventually, make_topic, new_record, play

pytestmark = pytest.mark.timeout(60)


async def delete(connection: KafkaConnection, topic: str) -> None:
    """Delete a topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=connection.bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([topic])
    finally:
        await admin.close()


def test_a_reader_of_a_missing_topic_is_refused_at_once(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """It once looked for its leader for ten seconds, and then said that no broker answers."""

    async def scenario() -> None:
        connection = KafkaConnection(bootstrap=kafka)
        there = await make_topic(connection, unique("there"))
        missing = Partition(unique("missing"), 0)
        for asked in (missing, Partition(there.topic, 7)):
            with pytest.raises(TopicMissing) as told:
                await open_reader(connection, [there, asked])
            assert told.value.topics == (missing.topic if asked is missing else str(asked))

    play(scenario())


def test_who_asks_for_the_ends_of_a_deleted_topic_is_told_which(
    kafka: str, unique: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker did answer; what it does not know is named."""
    monkeypatch.setattr("penstock.infra.kafka.reader.START_LIMIT_S", 2.0)

    async def scenario() -> None:
        connection = KafkaConnection(bootstrap=kafka)
        place = await make_topic(connection, unique("deleted"))
        reader = await open_reader(connection, [place])
        await delete(connection, place.topic)

        async def told() -> bool:
            try:
                await reader.bounds(place)
            except KafkaUnreachable as error:
                return f"the cluster does not know {place.topic}" in error.reason
            return False

        await eventually(told, what="the topic's name")
        await reader.close()

    play(scenario())


def test_a_commit_that_cannot_find_a_topic_names_it(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """Among all that a transaction writes to."""

    async def scenario() -> None:
        connection = KafkaConnection(bootstrap=kafka, request_timeout_ms=1_000)
        there = await make_topic(connection, unique("there"))
        missing = Partition(unique("missing"), 3)
        producer = await fence(connection, unique("id"))
        outputs = {there: [new_record(b"a")], missing: [new_record(b"b")]}
        with pytest.raises(TransactionDoubt) as told:
            await producer.commit(Transaction(outputs=outputs, offset=None))
        assert str(missing) in told.value.reason
        assert "UNKNOWN_TOPIC_OR_PARTITION (3)" in told.value.reason
        producer.drop()

    play(scenario())


def test_a_reader_says_which_of_its_topics_are_gone(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """It goes on with the others, and would wait for this one in silence."""

    async def scenario() -> None:
        connection = KafkaConnection(bootstrap=kafka)
        kept = await make_topic(connection, unique("kept"))
        gone = await make_topic(connection, unique("gone"))
        reader = await open_reader(connection, [kept, gone])
        assert list(reader.missing()) == []
        await delete(connection, gone.topic)
        while list(reader.missing()) != [gone.topic]:
            assert not await reader.read(timeout_s=0.1)
        await reader.close()

    play(scenario())


def test_a_group_says_which_of_its_topics_are_gone(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """Its member has no partition of it any more, and would wait for ever."""

    async def scenario() -> None:
        connection = KafkaConnection(bootstrap=kafka)
        place = await make_topic(connection, unique("topic"))
        seat = Seat()
        member = await seat.join(connection, place.topic)
        await seat.given(1)
        member.resume(place)
        assert list(member.missing()) == []
        await delete(connection, place.topic)
        polling = asyncio.ensure_future(poll_for_ever(member))
        await eventually(lambda: list(member.missing()) == [place.topic], what="the topic's name")
        polling.cancel()
        await asyncio.wait({polling})
        await member.stop()

    async def poll_for_ever(member: "object") -> None:
        while True:
            await member.poll(timeout_s=0.1, max_records=10)  # type: ignore[attr-defined] # a seat's

    play(scenario())
