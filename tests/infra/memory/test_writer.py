"""MemoryWriter: what a lost answer, a delay and an absent broker mean for a write."""

import asyncio

import pytest
from kio.schema.errors import ErrorCode

from penstock.events.log import Partition, WriteRefused, WriteUnknown
from penstock.infra.kafka.connection import KafkaUnreachable
from penstock.infra.memory.fault import Fault, Loss
from penstock.infra.memory.memory_options import MemoryOptions
from penstock.infra.memory.request_kind import RequestKind
from tests.infra.memory.bench import Bench
from tests.infra.memory.turning import play, turned_until

PRODUCE = RequestKind.PRODUCE


@pytest.mark.parametrize("loses", [Loss.REQUEST, Loss.ANSWER])
@pytest.mark.parametrize("noticed", [True, False])
def test_a_lost_answer_is_asked_for_again(loses: Loss, noticed: bool) -> None:
    """The log knows the batch again: it is there once, and its offset is told."""

    async def scenario() -> None:
        bench = Bench()
        place = await bench.topic()
        bench.cluster.faults.add(Fault(request=PRODUCE, loses=loses, noticed=noticed))
        assert await bench.turned(bench.write(place, b"a", timeout_s=30.0)) == 0
        assert await bench.write(place, b"b") == 1
        assert await bench.values(place) == [b"a", b"b"]
        # Unnoticed, the client has waited for its ten seconds.
        assert (bench.clock.monotonic() < 1.0) == noticed

    play(scenario())


@pytest.mark.parametrize(("loses", "values"), [(Loss.REQUEST, [b"b"]), (Loss.ANSWER, [b"a", b"b"])])
def test_no_answer_in_time_is_a_doubt(loses: Loss, values: list[bytes]) -> None:
    """WriteUnknown after the time that was given, no earlier; the records may be there."""

    async def scenario() -> None:
        bench = Bench()
        place, writer = await bench.topic(), bench.cluster.writer()
        bench.cluster.faults.add(Fault(request=PRODUCE, loses=loses, times=10))
        writing = asyncio.ensure_future(bench.write(place, b"a", writer=writer, timeout_s=8.0))
        await bench.clock.advance(7.9)
        assert not writing.done()
        await bench.clock.advance(0.1)
        with pytest.raises(WriteUnknown) as unknown:
            await writing
        assert unknown.value.partition == place
        bench.cluster.faults.clear()
        await bench.write(place, b"b", writer=writer)
        assert await bench.values(place) == values

    play(scenario())


def test_a_late_first_copy_comes_when_nobody_waits() -> None:
    """The network had it all the time. It lies behind what was written meanwhile."""

    async def scenario() -> None:
        bench = Bench()
        place, writer = await bench.topic(), bench.cluster.writer()
        bench.cluster.faults.add(Fault(request=PRODUCE, arrives_after_s=20.0))
        with pytest.raises(WriteUnknown):
            await bench.turned(bench.write(place, b"late", writer=writer, timeout_s=5.0))
        assert await bench.write(place, b"b", writer=writer) == 0
        assert await bench.values(place) == [b"b"]
        await bench.clock.advance(20.0)
        assert await bench.values(place) == [b"b", b"late"]

    play(scenario())


def test_a_slow_answer_is_waited_for() -> None:
    """As long as there is time."""

    async def scenario() -> None:
        bench = Bench()
        place = await bench.topic()
        bench.cluster.faults.add(Fault(request=PRODUCE, answered_after_s=3.0))
        writing = asyncio.ensure_future(bench.write(place, b"a"))
        await bench.clock.advance(2.9)
        assert not writing.done()
        assert await bench.values(place) == [b"a"]
        await bench.clock.advance(0.1)
        assert await writing == 0

    play(scenario())


def test_a_passing_error_passes() -> None:
    """It is sent again until the broker takes it."""

    async def scenario() -> None:
        bench = Bench()
        place = await bench.topic()
        fault = Fault(request=PRODUCE, error=ErrorCode.not_enough_replicas, times=3)
        bench.cluster.faults.add(fault)
        assert await bench.turned(bench.write(place, b"a")) == 0
        assert await bench.values(place) == [b"a"]

    play(scenario())


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (ErrorCode.message_too_large, WriteRefused),
        (ErrorCode.invalid_record, WriteRefused),
        (ErrorCode.out_of_order_sequence_number, WriteUnknown),
        (ErrorCode.unknown_topic_or_partition, KafkaUnreachable),
    ],
)
def test_other_errors_are_told(error: ErrorCode, raised: type[Exception]) -> None:
    """Refused for what it holds, in doubt, or certainly not there; and the writer goes on."""

    async def scenario() -> None:
        bench = Bench()
        place, writer = await bench.topic(), bench.cluster.writer()
        bench.cluster.faults.add(Fault(request=PRODUCE, error=error))
        with pytest.raises(raised):
            await bench.turned(bench.write(place, b"a", writer=writer))
        assert await bench.write(place, b"b", writer=writer) == 0

    play(scenario())


def test_an_absent_broker_is_waited_for() -> None:
    """Nothing was sent, and it is told as that; once it is back, it is written."""

    async def scenario() -> None:
        bench = Bench()
        place, writer = await bench.topic(), bench.cluster.writer()
        await writer.start()
        bench.cluster.stop()
        with pytest.raises(KafkaUnreachable):
            await bench.turned(bench.write(place, b"never", writer=writer, timeout_s=3.0))
        assert bench.clock.monotonic() == pytest.approx(3.0)
        writing = asyncio.ensure_future(bench.write(place, b"a", writer=writer))
        await bench.clock.advance(5.0)
        bench.cluster.start()
        assert await writing == 0
        assert await bench.values(place) == [b"a"]

    play(scenario())


def test_a_broker_that_goes_with_the_answer_leaves_a_doubt() -> None:
    """The record is there; the second copy of it is known again after the restart."""

    async def scenario() -> None:
        bench = Bench()
        place = await bench.topic()
        bench.cluster.faults.add(Fault(request=PRODUCE, answered_after_s=1.0))
        writing = asyncio.ensure_future(bench.write(place, b"a"))
        await bench.clock.advance(0.5)
        bench.cluster.restart()
        await turned_until(bench.clock, writing.done)
        assert await writing == 0
        assert await bench.values(place) == [b"a"]

    play(scenario())


def test_a_cancelled_write_may_still_arrive() -> None:
    """And the next one of this writer is not mistaken for its copy."""

    async def scenario() -> None:
        bench = Bench()
        place, writer = await bench.topic(), bench.cluster.writer()
        await writer.start()
        bench.cluster.faults.add(Fault(request=PRODUCE, arrives_after_s=1.0))
        writing = asyncio.ensure_future(bench.write(place, b"a", writer=writer))
        await bench.clock.advance(0.5)
        writing.cancel()
        await asyncio.wait({writing})
        assert await bench.write(place, b"b", writer=writer) == 0
        await bench.clock.advance(1.0)
        assert await bench.values(place) == [b"b", b"a"]

    play(scenario())


def test_a_write_that_waits_for_others_keeps_to_its_time() -> None:
    """Writes to a partition go one after the other; one that was never sent is not in doubt."""

    async def scenario() -> None:
        bench = Bench()
        place, writer = await bench.topic(), bench.cluster.writer()
        bench.cluster.faults.add(Fault(request=PRODUCE, answered_after_s=9.0))
        first = asyncio.ensure_future(bench.write(place, b"a", writer=writer))
        await bench.clock.advance(0)
        second = asyncio.ensure_future(bench.write(place, b"b", writer=writer, timeout_s=2.0))
        await bench.clock.advance(2.0)
        with pytest.raises(KafkaUnreachable):
            await second
        await bench.clock.advance(7.0)
        assert await first == 0
        assert await bench.values(place) == [b"a"]

    play(scenario())


def test_what_does_not_exist_is_not_written() -> None:
    """And not made either."""

    async def scenario() -> None:
        bench = Bench()
        with pytest.raises(KafkaUnreachable, match="UNKNOWN_TOPIC_OR_PARTITION"):
            await bench.write(Partition("missing", 0), b"a")
        assert await bench.cluster.admin().names() == []

    play(scenario())


def test_memory_is_limited() -> None:
    """A full cluster takes no records, and does not grow."""

    async def scenario() -> None:
        bench = Bench(MemoryOptions(log_memory_bytes=1_000))
        place = await bench.topic()
        with pytest.raises(WriteUnknown):
            await bench.turned(bench.write(place, bytes(2_000)))
        assert await bench.values(place) == []

    play(scenario())


def test_a_refusal_behind_a_lost_answer_is_a_doubt() -> None:
    """The first copy is there: who took the second's refusal for the end would write it again."""

    async def scenario() -> None:
        bench = Bench()
        place, writer = await bench.topic(), bench.cluster.writer()
        bench.cluster.faults.add(Fault(request=PRODUCE, loses=Loss.ANSWER, noticed=True))
        bench.cluster.faults.add(Fault(request=PRODUCE, error=ErrorCode.message_too_large))
        with pytest.raises(WriteUnknown):
            await bench.turned(bench.write(place, b"a", writer=writer))
        assert await bench.values(place) == [b"a"]

    play(scenario())


@pytest.mark.parametrize(
    "error", [ErrorCode.request_timed_out, ErrorCode.not_enough_replicas_after_append]
)
def test_what_the_leader_may_have_is_in_doubt_when_the_broker_goes(error: ErrorCode) -> None:
    """These answers say that not all replicas have it, and not that none has."""

    async def scenario() -> None:
        bench = Bench()
        place, writer = await bench.topic(), bench.cluster.writer()
        await writer.start()
        bench.cluster.faults.add(Fault(request=PRODUCE, error=error))
        writing = asyncio.ensure_future(bench.write(place, b"a", writer=writer, timeout_s=3.0))
        await bench.clock.advance(0.05)
        bench.cluster.stop()
        await turned_until(bench.clock, writing.done)
        with pytest.raises(WriteUnknown):
            await writing

    play(scenario())


def test_a_write_that_is_cancelled_as_its_turn_comes_gives_it_on() -> None:
    """It has the turn already, and does not know."""

    async def scenario() -> None:
        bench = Bench()
        place, writer = await bench.topic(), bench.cluster.writer()
        assert await bench.write(place, b"a", writer=writer) == 0
        turn = writer._turns[place]
        await turn.acquire()
        second = asyncio.ensure_future(bench.write(place, b"b", writer=writer))
        await bench.clock.advance(0)
        turn.release()
        await asyncio.sleep(0)
        assert turn.locked()
        second.cancel()
        await asyncio.wait({second})
        assert second.cancelled()
        assert await bench.write(place, b"c", writer=writer) == 1

    play(scenario())
