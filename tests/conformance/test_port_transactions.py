"""ProducerGate and TransactionalWriter (workers/ports.py): all or nothing, and one holder."""

from collections.abc import Callable

import pytest

from penstock.events.log import LogRecord, Partition
from penstock.workers.ports import (
    InputOffset,
    Transaction,
    TransactionDoubt,
    TransactionRefused,
)
from tests.conformance.cluster import Cluster
from tests.conformance.port_play import Reader, committed_values, filled, make_topic
from tests.integration.workbench import eventually, new_record, play


def writes(place: Partition, *values: bytes) -> Transaction:
    """A transaction of one output."""
    return Transaction(outputs={place: [new_record(value) for value in values]}, offset=None)


def test_what_was_committed_is_there(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """In every partition, with the first offset of each; one transaction after the other."""

    async def scenario() -> None:
        first = await make_topic(cluster, unique("t"), partitions=2)
        second = Partition(first.topic, 1)
        producer = await cluster.gate().fence(unique("id"))
        both = {first: [new_record(b"a"), new_record(b"b")], second: [new_record(b"c")]}
        assert await producer.commit(Transaction(outputs=both, offset=None)) == {
            first: 0,
            second: 0,
        }
        # A marker stands behind the first two.
        assert await producer.commit(writes(first, b"d")) == {first: 3}
        await producer.close()
        for place, values in ((first, [b"a", b"b", b"d"]), (second, [b"c"])):

            async def seen(place: Partition = place, values: list[bytes] = values) -> bool:
                return await committed_values(cluster, place) == values

            await eventually(seen, what=f"the records of {place}")

    play(scenario())


def test_each_fence_raises_the_epoch(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """By one; another id counts for itself."""

    async def scenario() -> None:
        gate, name = cluster.gate(), unique("id")
        epochs = []
        for _ in range(3):
            producer = await gate.fence(name)
            epochs.append(producer.epoch)
            producer.drop()
        assert epochs == [0, 1, 2]
        other = await gate.fence(unique("other"))
        assert other.epoch == 0
        await other.close()

    play(scenario())


def test_who_was_fenced_commits_nothing(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """Its transaction is in doubt for itself, and certainly absent for readers."""

    async def scenario() -> None:
        place, name = await make_topic(cluster, unique("t")), unique("id")
        gate = cluster.gate()
        old = await gate.fence(name)
        await old.commit(writes(place, b"before"))
        new = await gate.fence(name)
        with pytest.raises(TransactionDoubt):
            await old.commit(writes(place, b"never"))
        old.drop()
        await new.commit(writes(place, b"after"))
        await new.close()

        async def seen() -> bool:
            return await committed_values(cluster, place) == [b"before", b"after"]

        await eventually(seen, what="the records of the holders")

    play(scenario())


def test_a_refused_batch_takes_the_whole_transaction_with_it(
    cluster: Cluster, unique: Callable[[str], str]
) -> None:
    """Also what other partitions had taken already; the next holder goes on."""

    async def scenario() -> None:
        good = await make_topic(cluster, unique("good"))
        strict = await make_topic(cluster, unique("strict"), config={"max.message.bytes": "1000"})
        gate, name = cluster.gate(), unique("id")
        producer = await gate.fence(name)
        large = {good: [new_record(b"lost")], strict: [new_record(bytes(2000))]}
        with pytest.raises(TransactionRefused) as refused:
            await producer.commit(Transaction(outputs=large, offset=None))
        assert refused.value.partition == strict
        producer.drop()
        again = await gate.fence(name)
        await again.commit(writes(good, b"kept"))
        await again.close()

        async def seen() -> bool:
            return await committed_values(cluster, good) == [b"kept"]

        await eventually(seen, what="the record of the next holder")
        assert await committed_values(cluster, strict) == []

    play(scenario())


def test_the_input_s_offset_counts_with_the_outputs(
    cluster: Cluster, unique: Callable[[str], str]
) -> None:
    """The group has it, with its metadata, once the transaction is committed."""

    async def scenario() -> None:
        source = await make_topic(cluster, unique("in"))
        output = await make_topic(cluster, unique("out"))
        reader = Reader(unique("g"), source.topic)
        async with cluster.member(reader.seat) as member:
            await eventually(lambda: reader.owns(member, source), what="the partition")
            producer = await cluster.gate().fence(unique("id"))
            for position, outputs in ((1, {output: [new_record(b"a")]}), (2, {})):
                offset = InputOffset(
                    group=reader.seat.group,
                    source=source,
                    position=position,
                    metadata=f"note {position}",
                )
                await producer.commit(Transaction(outputs=outputs, offset=offset))

                async def kept(position: int = position) -> bool:
                    return await member.committed(source) == (position, f"note {position}")

                await eventually(kept, what="the offset")
            await producer.close()
        assert await committed_values(cluster, output) == [b"a"]

    play(scenario())


def test_a_gate_s_reader_sees_committed_records_only(
    cluster: Cluster, unique: Callable[[str], str]
) -> None:
    """From the beginning of the partition."""

    async def scenario() -> None:
        place, strict = (
            await make_topic(cluster, unique("t")),
            await make_topic(cluster, unique("strict"), config={"max.message.bytes": "1000"}),
        )
        gate, name = cluster.gate(), unique("id")
        async with cluster.writer() as writer:
            await filled(writer, place, b"plain")
        producer = await gate.fence(name)
        await producer.commit(writes(place, b"committed"))
        large = {place: [new_record(b"aborted")], strict: [new_record(bytes(2000))]}
        with pytest.raises(TransactionRefused):
            await producer.commit(Transaction(outputs=large, offset=None))
        producer.drop()
        (await gate.fence(name)).drop()
        async with cluster.writer() as writer:
            await filled(writer, place, b"last")
        reader = await gate.reader(place)
        try:
            found: list[LogRecord] = []

            async def read() -> bool:
                found.extend(await reader.read(timeout_s=0.1))
                return bool(found) and found[-1].value == b"last"

            await eventually(read, what="the last record")
        finally:
            await reader.close()
        assert [each.value for each in found] == [b"plain", b"committed", b"last"]

    play(scenario())


def test_many_transactions_one_after_the_other(
    cluster: Cluster, unique: Callable[[str], str]
) -> None:
    """Whether the markers of the last one stand or not, the next one may begin."""

    async def scenario() -> None:
        place = await make_topic(cluster, unique("t"))
        producer = await cluster.gate().fence(unique("id"))
        for number in range(20):
            offsets = await producer.commit(writes(place, b"%d" % number))
            assert offsets == {place: 2 * number}
        await producer.close()

        async def seen() -> bool:
            return len(await committed_values(cluster, place)) == 20

        await eventually(seen, what="twenty records")

    play(scenario())
