"""The known traps of the Kafka client, T1 to T28, and the guard before each.

What the client does by itself is in the name or the docstring of each test; it passes because
infra/kafka or workers do otherwise. Traps whose test needs another bench stand in `ELSEWHERE`.
"""

import asyncio
import importlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED, OffsetResetStrategy

from penstock.events.log import LogRecord, NewRecord, Partition, WriteRefused
from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.kafka.reader import open_reader
from penstock.infra.kafka.transactions import fence
from penstock.infra.kafka.writer import KafkaWriter
from penstock.infra.testing.fault_proxy import FaultProxy
from penstock.workers import Delivery, Worker
from penstock.workers.ports import (
    InputOffset,
    Transaction,
    TransactionDoubt,
    TransactionRefused,
)
from tests.integration.seat import Seat
from tests.integration.workbench import (
    LIMIT_S,
    eventually,
    group_offset,
    make_topic,
    new_record,
    off_loop,
    play,
    values_in,
)
from tests.integration.worker_bench import Noted, Placed, made_shop, running

pytestmark = pytest.mark.timeout(60)

ELSEWHERE: Mapping[str, str] = {
    "t02 in a worker": (
        "test_dead_letters.test_an_output_that_the_broker_refuses_costs_only_its_own_record"
    ),
    "t04": (
        "test_transaction_doubts.test_a_late_copy_changes_nothing_in_the_next_owners_transaction"
    ),
    "t05 t06": (
        "test_group_membership.test_a_rebalance_waits_for_what_is_in_flight_and_polling_goes_on"
    ),
    "t07": "test_group_membership.test_an_error_in_a_callback_comes_out_of_poll",
    "t08": "test_group_membership.test_a_member_that_was_thrown_out_cannot_commit",
    "t08 by itself": (
        "test_group_membership."
        "test_a_member_that_has_left_by_itself_cannot_commit_to_an_empty_group"
    ),
    "t11": "test_broken_brokers.test_every_call_ends_within_its_limit",
    "t15 before": "test_partition_task.test_metadata_is_never_longer_than_the_broker_takes",
    "t18": "test_broken_brokers.test_a_worker_goes_on_by_itself_after_its_broker_was_killed",
    "t20": "test_dead_letters.test_undecodable_input_is_parked_untouched",
    "t21 restore": "test_restore.test_thousands_of_entries_come_back_as_they_were",
    "t23": "test_group_membership.test_two_processes_of_one_worker_share_its_partitions",
}
"""Where the tests of the other traps are. T13 is a program of its own: tests/infra/
test_interpreter.py; T26 is about logs: tests/infra/test_logs.py. T16, T22, T25, T27 and T28 are
kept by construction and have no test."""


@pytest.mark.parametrize("trap", ELSEWHERE)
def test_each_trap_has_its_test(trap: str) -> None:
    """A test that is renamed or removed leaves no hole in this list."""
    module, _, name = ELSEWHERE[trap].partition(".")
    assert callable(getattr(importlib.import_module(f"tests.integration.{module}"), name))


@dataclass(frozen=True)
class Bench:
    """A cluster, an input, an output and a transactional id of their own."""

    connection: KafkaConnection
    source: Partition
    output: Partition
    transactional_id: str

    @property
    def group(self) -> str:
        """The consumer group."""
        return f"group-of-{self.source.topic}"

    def transaction(
        self, *records: NewRecord, position: int = 1, metadata: str = "mark"
    ) -> Transaction:
        """Records for the output, and an offset."""
        offset = InputOffset(
            group=self.group, source=self.source, position=position, metadata=metadata
        )
        return Transaction(outputs={self.output: records} if records else {}, offset=offset)

    async def found(self) -> tuple[list[bytes | None], int | None]:
        """Visible outputs and the committed offset, after a new fence."""
        (await fence(self.connection, self.transactional_id)).drop()
        offset = await group_offset(self.connection, self.group, self.source)
        return await values_in(self.connection, self.output), None if offset is None else offset[0]


async def made(
    kafka: str, unique: Callable[[str], str], config: Mapping[str, str] | None = None
) -> Bench:
    """A bench; `config` is that of the output topic."""
    connection = KafkaConnection(bootstrap=kafka)
    return Bench(
        connection=connection,
        source=await make_topic(connection, unique("input")),
        output=await make_topic(connection, unique("output"), config=config or {}),
        transactional_id=unique("id"),
    )


SMALL = {"max.message.bytes": "2000"}
RECENT = {"message.timestamp.before.max.ms": "60000"}
LARGE_VALUE = b"x" * 3000
LONG_AGO_MS = 1_000_000_000_000


@pytest.mark.parametrize(
    ("config", "refused", "reason"),
    [
        pytest.param(SMALL, new_record(LARGE_VALUE), "MESSAGE_TOO_LARGE (10)", id="too-large"),
        pytest.param(
            RECENT,
            new_record(b"old", timestamp_ms=LONG_AGO_MS),
            "INVALID_TIMESTAMP (32)",
            id="timestamp",
        ),
    ],
)
def test_t01_a_transaction_with_a_refused_send_does_not_commit(
    config: Mapping[str, str],
    refused: NewRecord,
    reason: str,
    kafka: str,
    unique: Callable[[str], str],
) -> None:
    """The client alone commits what is left of it: the offset moves and the output is lost."""

    async def scenario() -> None:
        bench = await made(kafka, unique, config)
        other = await make_topic(bench.connection, unique("other"))
        writer = await fence(bench.connection, bench.transactional_id)
        await writer.commit(bench.transaction(new_record(b"first"), position=1))
        with pytest.raises(TransactionRefused) as told:
            await writer.commit(
                Transaction(
                    outputs={bench.output: [refused], other: [new_record(b"beside it")]},
                    offset=bench.transaction(position=2).offset,
                )
            )
        assert told.value.facts == {"partition": bench.output, "reason": reason}
        writer.drop()
        assert await bench.found() == ([b"first"], 1)
        assert await values_in(bench.connection, other) == []

    play(scenario())


def test_t02_a_refused_batch_does_not_poison_the_next_write(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """The client has used up a sequence number: every later send to that partition would fail."""

    async def scenario() -> None:
        bench = await made(kafka, unique, SMALL)
        writer = KafkaWriter(bench.connection)
        await writer.start()
        assert await written(writer, bench.output, new_record(b"first")) == 0
        with pytest.raises(WriteRefused, match=r"MESSAGE_TOO_LARGE \(10\)"):
            await written(writer, bench.output, new_record(LARGE_VALUE))
        assert await written(writer, bench.output, new_record(b"second")) == 1
        await writer.close()
        assert await values_in(bench.connection, bench.output) == [b"first", b"second"]

    play(scenario())


async def written(writer: KafkaWriter, partition: Partition, *records: NewRecord) -> int:
    """Write records as one batch."""
    batch = writer.new_batch()
    for record in records:
        assert batch.append(record)
    return await writer.write(partition, batch, timeout_s=10.0)


def test_t03_a_zombie_commits_neither_offset_nor_output(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """The client sends no group generation in transactions: only the fenced id stops a zombie."""

    async def scenario() -> None:
        bench = await made(kafka, unique)
        zombie = await fence(bench.connection, bench.transactional_id)
        await zombie.commit(bench.transaction(new_record(b"a"), position=1))
        owner = await fence(bench.connection, bench.transactional_id)
        assert owner.epoch > zombie.epoch
        await owner.commit(bench.transaction(new_record(b"b"), position=2))
        with pytest.raises(TransactionDoubt):
            await zombie.commit(bench.transaction(new_record(b"c"), position=1))
        zombie.drop()
        owner.drop()
        assert await bench.found() == ([b"a", b"b"], 2)

    play(scenario())


def test_t03_a_zombie_cannot_commit_a_bare_offset_either(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """A commit without outputs is fenced by the same id."""

    async def scenario() -> None:
        bench = await made(kafka, unique)
        zombie = await fence(bench.connection, bench.transactional_id)
        owner = await fence(bench.connection, bench.transactional_id)
        await owner.commit(bench.transaction(position=2))
        with pytest.raises(TransactionDoubt):
            await zombie.commit(bench.transaction(position=1))
        zombie.drop()
        owner.drop()
        assert await bench.found() == ([], 2)

    play(scenario())


@pytest.mark.parametrize("exactly_once", [True, False], ids=["exactly-once", "at-least-once"])
def test_t09_what_was_fetched_and_not_processed_is_not_committed(
    exactly_once: bool, kafka: str, unique: Callable[[str], str]
) -> None:
    """Auto-commit, the client's default, would commit all five on closing."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique, drain_s=0.2)
        worker, busy = Worker("clerk"), asyncio.Event()

        @worker.on(shop.placed, exactly_once=exactly_once)
        async def never(_: Placed, __: Delivery) -> None:
            busy.set()
            await asyncio.Event().wait()

        await shop.make_topics(worker)
        await shop.publish(shop.orders(5))
        async with running(shop, worker) as run:
            await busy.wait()
            await run.until_partition(
                lambda one: one.work is not None and in_memory(one) == 5,
                what="five records in memory",
            )
        assert await shop.offset() == 0

    def in_memory(partition: object) -> int:
        count: int = partition.work.in_flight  # type: ignore[attr-defined] # statistics
        return count

    play(scenario())


def test_t10_every_client_is_made_with_safe_settings(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """The client's own defaults lose records, read uncommitted ones and skip to the end."""

    async def scenario() -> None:
        bench = await made(kafka, unique)
        writer = KafkaWriter(bench.connection)
        await writer.start()
        fenced: Any = await fence(bench.connection, bench.transactional_id)
        for producer in (writer._producer, fenced._producer):
            assert producer is not None
            assert producer._sender._acks == -1
            assert producer._txn_manager is not None  # idempotent
            assert producer._txn_manager.has_pid()
        reader = await open_reader(bench.connection, [bench.source])
        seat = Seat()
        member = await seat.join(bench.connection, bench.source.topic)
        await seat.given(1)
        for consumer in (reader._consumer, member._consumer):
            assert consumer._isolation_level == "read_committed"
            assert consumer._fetcher._isolation_level == READ_COMMITTED
            assert consumer._fetcher._default_reset_strategy == OffsetResetStrategy.NONE
            assert consumer._enable_auto_commit is False
        assert member._coordinator._enable_auto_commit is False
        assert member._coordinator._group_instance_id is None
        await member.stop()
        await reader.close()
        await fenced.close()
        await writer.close()

    play(scenario())


def test_t12_a_cancelled_commit_leaves_no_usable_producer(
    fault_proxy: FaultProxy, direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """The client stays in the state COMMITTING; the next fence alone learns what happened."""

    async def scenario() -> None:
        bench = await made(direct_kafka, unique)
        through = KafkaConnection(bootstrap=fault_proxy.address)
        writer = await fence(through, bench.transactional_id)
        held = fault_proxy.hold(ApiKey.END_TXN)
        committing = asyncio.ensure_future(
            writer.commit(bench.transaction(new_record(b"a"), position=1))
        )
        await off_loop(held.wait_reached, LIMIT_S)
        committing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await committing
        with pytest.raises(TransactionDoubt):
            await writer.commit(bench.transaction(new_record(b"b"), position=2))
        writer.drop()
        held.release()
        await off_loop(held.wait_answered, LIMIT_S)
        assert await bench.found() == ([b"a"], 1)

    play(scenario())


def test_t12_a_doubtful_commit_leaves_no_usable_producer(
    fault_proxy: FaultProxy, direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """After a lost answer the same producer says at once that it is no good."""

    async def scenario() -> None:
        bench = await made(direct_kafka, unique)
        writer = await fence(KafkaConnection(bootstrap=fault_proxy.address), bench.transactional_id)
        fault_proxy.drop_answer(ApiKey.ADD_OFFSETS_TO_TXN)
        for position in (1, 2):
            with pytest.raises(TransactionDoubt):
                await writer.commit(bench.transaction(new_record(b"a"), position=position))
        writer.drop()
        with pytest.raises(TransactionDoubt):
            await writer.commit(bench.transaction(new_record(b"a"), position=3))
        assert await bench.found() == ([], None)

    play(scenario())


def test_t14_codes_beyond_the_clients_table_are_named(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """A record without a key on a compacted topic: aiokafka only says UnknownError."""

    async def scenario() -> None:
        bench = await made(kafka, unique, {"cleanup.policy": "compact"})
        keyless = new_record(b"value", key=None)
        writer = await fence(bench.connection, bench.transactional_id)
        with pytest.raises(TransactionRefused, match=r"INVALID_RECORD \(87\)"):
            await writer.commit(bench.transaction(keyless))
        writer.drop()
        assert await bench.found() == ([], None)

    play(scenario())


def test_t14_codes_beyond_the_clients_table_are_named_outside_transactions(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """And it is told that the record is certainly absent, not that nobody knows."""

    async def scenario() -> None:
        bench = await made(kafka, unique, {"cleanup.policy": "compact"})
        writer = KafkaWriter(bench.connection)
        await writer.start()
        with pytest.raises(WriteRefused, match=r"INVALID_RECORD \(87\)"):
            await written(writer, bench.output, new_record(b"value", key=None))
        assert await written(writer, bench.output, new_record(b"value")) == 0
        await writer.close()

    play(scenario())


def test_t15_an_error_in_txn_offset_commit_is_a_doubt_and_the_next_fence_mends_it(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """Metadata one character too long kills aiokafka's producer; nothing of it is visible."""

    async def scenario() -> None:
        bench = await made(kafka, unique)
        writer = await fence(bench.connection, bench.transactional_id)
        with pytest.raises(TransactionDoubt, match=r"OFFSET_METADATA_TOO_LARGE \(12\)"):
            await writer.commit(bench.transaction(new_record(b"a"), metadata="m" * 5_000))
        writer.drop()
        assert await bench.found() == ([], None)
        again = await fence(bench.connection, bench.transactional_id)
        await again.commit(bench.transaction(new_record(b"b"), metadata="m" * 4_000))
        again.drop()
        assert await bench.found() == ([b"b"], 1)

    play(scenario())


def test_t19_a_slow_handler_keeps_its_membership(
    kafka: str, unique: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client leaves a group that is not polled: polling goes on, however slow a handler is."""
    monkeypatch.setattr("penstock.infra.group_build.MAX_POLL_INTERVAL_S", 1.0)

    async def scenario() -> None:
        shop = made_shop(kafka, unique, drain_s=0.2)  # whoever has to leave cannot finish
        worker, attempts = Worker("clerk"), list[int]()

        @worker.on(shop.placed, exactly_once=True)
        async def slow(_: Placed, delivery: Delivery) -> None:
            attempts.append(delivery.attempt)
            await asyncio.sleep(2.5)

        await shop.make_topics(worker)
        await shop.publish(shop.orders(1))
        async with running(shop, worker) as run:
            await run.done(1)
        assert attempts == [1]
        assert await shop.offset() == 1

    play(scenario())


def test_t21_a_read_ends_behind_the_marker_at_the_end_of_the_log(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """The last record is at 1, the log ends at 3: a loop that counts records would never end."""

    async def scenario() -> None:
        bench = await made(kafka, unique)
        writer = await fence(bench.connection, bench.transactional_id)
        await writer.commit(bench.transaction(new_record(b"a"), new_record(b"b")))
        writer.drop()
        reader = await open_reader(bench.connection, [bench.output])

        async def is_whole() -> bool:
            return await reader.bounds(bench.output) == (0, 3)

        await eventually(is_whole, what="the marker, which comes behind the answer")
        records: list[LogRecord] = []
        begun = time.monotonic()
        while reader.position(bench.output) < 3:
            records.extend(await reader.read(timeout_s=0.5))
            assert time.monotonic() - begun < LIMIT_S
        await reader.close()
        assert [record.offset for record in records] == [0, 1]

    play(scenario())


@pytest.mark.parametrize("exactly_once", [True, False], ids=["exactly-once", "at-least-once"])
def test_t21_an_idle_offset_moves_over_markers_and_aborted_records(
    exactly_once: bool, kafka: str, unique: Callable[[str], str]
) -> None:
    """Else the lag never reaches zero, and one day retention leaves the offset outside the log."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        worker = Worker("clerk")

        @worker.on(shop.placed, exactly_once=exactly_once)
        async def note(event: Placed, _: Delivery) -> Noted:
            return shop.noted(order=event.order)

        await shop.make_topics(worker)
        await shop.publish(shop.orders(1))
        connection, spare = shop.connection, unique("id")
        good = new_record(shop.encoded(shop.orders(1, first=1)[0]))
        writer = await fence(connection, spare)
        await writer.commit(Transaction(outputs={shop.source(): [good]}, offset=None))

        async def past_the_marker() -> bool:
            return await shop.offset() == 3

        async with running(shop, worker) as run:
            await run.done(2)
            await eventually(past_the_marker, what="the offset to pass the marker")
            await run.until_partition(lambda one: one.lag == 0, what="no lag")
        writer.drop()
        # Two keys have no order between them.
        assert sorted(await shop.noted_orders()) == ["o00000", "o00001"]

    play(scenario())
