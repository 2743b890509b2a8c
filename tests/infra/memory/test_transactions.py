"""Transactional producers in memory: no doubt is hidden, and nothing is there in halves."""

import asyncio

import pytest
from kio.schema.errors import ErrorCode

from penstock.events.log import Partition
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.memory.fault import Fault, Loss
from penstock.infra.memory.request_kind import RequestKind
from penstock.workers.ports import InputOffset, Transaction, TransactionDoubt, TransactionRefused
from tests.infra.memory.bench import Bench, record, writes
from tests.infra.memory.turning import play, turned_until

STEPS = [
    RequestKind.ADD_PARTITIONS,
    RequestKind.PRODUCE,
    RequestKind.ADD_GROUP,
    RequestKind.COMMIT_IN_TRANSACTION,
    RequestKind.END_TRANSACTION,
]


def whole(output: Partition, source: Partition, *, position: int, value: bytes) -> Transaction:
    """An output, and the offset of the input that it comes from."""
    offset = InputOffset(group="g", source=source, position=position, metadata="note")
    return Transaction(outputs={output: [record(value)]}, offset=offset)


async def offset(bench: Bench, source: Partition) -> int:
    """The group's offset of a partition."""
    found = bench.cluster.core.groups.fetch_offsets("g", None, require_stable=True)
    return found[TopicPartition(*source)].offset


@pytest.mark.parametrize("loses", [Loss.REQUEST, Loss.ANSWER])
@pytest.mark.parametrize("noticed", [True, False])
@pytest.mark.parametrize("step", STEPS)
def test_a_lost_answer_is_a_doubt(step: RequestKind, loses: Loss, noticed: bool) -> None:
    """At every step; the next holder finds all of it or nothing, and all only after the last."""

    async def scenario() -> None:
        bench = Bench()
        source, output = await bench.topic("in"), await bench.topic("out")
        producer = await bench.cluster.gate().fence("id")
        await producer.commit(whole(output, source, position=1, value=b"before"))
        bench.cluster.faults.add(Fault(request=step, loses=loses, noticed=noticed))
        with pytest.raises(TransactionDoubt, match="got no answer"):
            await bench.turned(
                producer.commit(whole(output, source, position=2, value=b"doubtful"))
            )
        with pytest.raises(TransactionDoubt, match="given up"):
            await producer.commit(writes(output, b"never"))
        again = await bench.turned(bench.cluster.gate().fence("id"))
        await again.commit(whole(output, source, position=3, value=b"after"))
        done = step is RequestKind.END_TRANSACTION and loses is Loss.ANSWER
        doubtful = [b"doubtful"] if done else []
        assert await bench.values(output) == [b"before", *doubtful, b"after"]
        assert await offset(bench, source) == 3

    play(scenario())


def test_a_late_end_cannot_end_the_next_holder_s_transaction() -> None:
    """The fence stands between them: that is why a producer in doubt must be given up."""

    async def scenario() -> None:
        bench = Bench()
        output = await bench.topic("out")
        producer = await bench.cluster.gate().fence("id")
        bench.cluster.faults.add(Fault(request=RequestKind.END_TRANSACTION, arrives_after_s=12.0))
        with pytest.raises(TransactionDoubt):
            await bench.turned(producer.commit(writes(output, b"doubtful")))
        again = await bench.turned(bench.cluster.gate().fence("id"))
        bench.cluster.faults.add(Fault(request=RequestKind.END_TRANSACTION, loses=Loss.REQUEST))
        committing = asyncio.ensure_future(again.commit(writes(output, b"open")))
        await bench.clock.advance(5.0)
        assert await bench.values(output) == []
        committing.cancel()
        await asyncio.wait({committing})

    play(scenario())


def test_a_transaction_times_out_by_the_clock() -> None:
    """After ten seconds the broker aborts it, and its producer is fenced."""

    async def scenario() -> None:
        bench = Bench()
        output = await bench.topic("out")
        producer = await bench.cluster.gate().fence("id")
        bench.cluster.faults.add(Fault(request=RequestKind.END_TRANSACTION, arrives_after_s=30.0))
        committing = asyncio.ensure_future(producer.commit(writes(output, b"doubtful")))
        await bench.clock.advance(9.0)
        await bench.write(output, b"behind")
        assert await bench.values(output) == []
        await turned_until(bench.clock, committing.done)
        with pytest.raises(TransactionDoubt):
            committing.result()
        await bench.clock.advance(30.0)
        assert await bench.values(output) == [b"behind"]

    play(scenario())


def test_the_next_transaction_waits_for_the_last_one_s_markers() -> None:
    """And no longer than a commit may take."""

    async def scenario() -> None:
        bench = Bench()
        output = await bench.topic("out")
        producer = await bench.cluster.gate().fence("id")
        bench.cluster.hold_markers(held=True)
        await producer.commit(writes(output, b"a"))
        committing = asyncio.ensure_future(producer.commit(writes(output, b"b")))
        await bench.clock.advance(5.0)
        assert not committing.done()
        bench.cluster.hold_markers(held=False)
        await bench.clock.advance(0.1)
        assert await committing == {output: 2}
        bench.cluster.hold_markers(held=True)
        await producer.commit(writes(output, b"c"))
        with pytest.raises(TransactionDoubt, match="no commit within 15 s"):
            await bench.turned(producer.commit(writes(output, b"d")))
        bench.cluster.hold_markers(held=False)
        assert await bench.values(output) == [b"a", b"b", b"c"]

    play(scenario())


def test_a_fence_has_a_limit() -> None:
    """While the markers of the last holder cannot be written, nobody gets the id."""

    async def scenario() -> None:
        bench = Bench()
        output = await bench.topic("out")
        producer = await bench.cluster.gate().fence("id")
        bench.cluster.hold_markers(held=True)
        await producer.commit(writes(output, b"a"))
        with pytest.raises(TransactionDoubt, match="no fence within 30 s"):
            await bench.turned(bench.cluster.gate().fence("id"))
        assert 29.0 < bench.clock.monotonic() <= 31.0

    play(scenario())


@pytest.mark.parametrize("loses", [Loss.REQUEST, Loss.ANSWER])
def test_a_lost_fence_is_asked_for_again(loses: Loss) -> None:
    """Whoever an earlier copy has fenced is nobody but the same caller."""

    async def scenario() -> None:
        bench = Bench()
        output = await bench.topic("out")
        bench.cluster.faults.add(Fault(request=RequestKind.INIT_PRODUCER, client="id", loses=loses))
        producer = await bench.turned(bench.cluster.gate().fence("id"))
        assert producer.epoch == (1 if loses is Loss.ANSWER else 0)
        await producer.commit(writes(output, b"a"))
        assert await bench.values(output) == [b"a"]

    play(scenario())


def test_a_refused_batch_is_told_with_its_partition() -> None:
    """And the other partitions of the transaction show nothing of it either."""

    async def scenario() -> None:
        bench = Bench()
        good = await bench.topic("good")
        strict = await bench.topic("strict", config={"max.message.bytes": "1000"})
        producer = await bench.cluster.gate().fence("id")
        large = {good: [record(b"lost")], strict: [record(bytes(2_000))]}
        with pytest.raises(TransactionRefused, match="MESSAGE_TOO_LARGE") as refused:
            await producer.commit(Transaction(outputs=large, offset=None))
        assert refused.value.partition == strict
        (await bench.turned(bench.cluster.gate().fence("id"))).drop()
        assert await bench.values(good) == []

    play(scenario())


def test_an_error_of_the_coordinator_is_a_doubt() -> None:
    """With the name that Kafka has for it."""

    async def scenario() -> None:
        bench = Bench()
        output = await bench.topic("out")
        producer = await bench.cluster.gate().fence("id")
        bench.cluster.faults.add(
            Fault(request=RequestKind.ADD_PARTITIONS, error=ErrorCode.producer_fenced)
        )
        with pytest.raises(TransactionDoubt, match="PRODUCER_FENCED"):
            await producer.commit(writes(output, b"a"))

    play(scenario())


def test_an_empty_transaction_asks_nobody() -> None:
    """There is nothing to end."""

    async def scenario() -> None:
        bench = Bench()
        producer = await bench.cluster.gate().fence("id")
        before = bench.cluster.history()
        assert await producer.commit(Transaction(outputs={}, offset=None)) == {}
        assert bench.cluster.history() == before

    play(scenario())


def test_large_transactions_go_out_in_several_batches() -> None:
    """Each below the broker's limit; all are there, with the first one's offset."""

    async def scenario() -> None:
        bench = Bench()
        output = await bench.topic("out")
        producer = await bench.cluster.gate().fence("id")
        values = [b"%d" % number + bytes(200_000) for number in range(20)]
        assert await producer.commit(writes(output, *values)) == {output: 0}
        assert await bench.values(output) == values
        assert bench.cluster.statistics().requests[RequestKind.PRODUCE] > 1

    play(scenario())


def test_a_restart_keeps_what_was_decided() -> None:
    """A transaction whose outcome is kept is finished; one that is open goes on or is aborted."""

    async def scenario() -> None:
        bench = Bench()
        output = await bench.topic("out")
        producer = await bench.cluster.gate().fence("id")
        bench.cluster.hold_markers(held=True)
        await producer.commit(writes(output, b"decided"))
        bench.cluster.stop()
        bench.cluster.hold_markers(held=False)
        bench.cluster.start()
        assert await bench.values(output) == [b"decided"]
        assert await producer.commit(writes(output, b"next")) == {output: 2}

    play(scenario())


def test_an_offset_of_who_was_fenced_is_refused() -> None:
    """In Kafka's words for this request: who is fenced while its offset is under way is told so."""

    async def scenario() -> None:
        bench = Bench()
        source, output = await bench.topic("in"), await bench.topic("out")
        producer = await bench.cluster.gate().fence("id")
        late = Fault(request=RequestKind.COMMIT_IN_TRANSACTION, arrives_after_s=3.0)
        bench.cluster.faults.add(late)
        committing = asyncio.ensure_future(
            producer.commit(whole(output, source, position=1, value=b"never"))
        )
        await bench.clock.advance(1.0)
        again = await bench.turned(bench.cluster.gate().fence("id"))
        await bench.clock.advance(3.0)
        with pytest.raises(TransactionDoubt, match=r"INVALID_PRODUCER_EPOCH \(47\)"):
            await committing
        await again.commit(whole(output, source, position=2, value=b"after"))
        assert await bench.values(output) == [b"after"]
        assert await offset(bench, source) == 2

    play(scenario())
