"""Reading batches within limits: what cannot be read ends its partition, and disturbs no other."""

import subprocess
import sys
from typing import Any

import pytest
from aiokafka import codec
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from penstock.events.log import Partition
from penstock.infra.kafka.bounded_records import (
    BatchUnreadable,
    UnreadableBatch,
    UnreadableBatches,
    read_safely,
)
from penstock.infra.kafka.connection import UNPACKED_BYTES
from tests.infra.kafka.bombs import BOMBS, CODEC_BITS, raw_batch

PLACE = TopicPartition("topic", 3)
MIB = 1024 * 1024

each_codec = pytest.mark.parametrize("name", ["gzip", "snappy", "lz4", "zstd"])


@pytest.fixture(autouse=True)
def _safely() -> None:
    read_safely(UNPACKED_BYTES)


def batch(offset: int, *values: bytes, name: str = "none") -> bytes:
    """A batch as the client packs it, at an offset of the log."""
    builder = BatchBuilder(1024 * MIB, CODEC_BITS[name])
    for value in values:
        assert builder.append(timestamp=1, key=None, value=value, headers=[])
    made = bytes(builder._build())
    return offset.to_bytes(8, "big") + made[8:]  # the checksum leaves the offset out


def records_of(data: bytes, offset: int = 0) -> Any:
    """The records of one fetch."""
    return fetcher.PartitionRecords(
        PLACE, MemoryRecords(data), [], offset, None, None, True, READ_COMMITTED
    )


@each_codec
def test_what_is_within_the_limit_is_read(name: str) -> None:
    """As ever, batch behind batch."""
    data = batch(5, b"a" * 100, b"b" * 100, name=name) + batch(7, b"c" * 100, name=name)
    made = records_of(data, 5)
    read = [(each.offset, each.value) for each in made]
    assert read == [(5, b"a" * 100), (6, b"b" * 100), (7, b"c" * 100)]
    assert made.next_fetch_offset == 8


@each_codec
def test_a_batch_that_unpacks_to_too_much_ends_the_records(name: str) -> None:
    """What is before it is read, the position stays before it, and what is behind it waits."""
    large = batch(6, bytes(UNPACKED_BYTES), name=name)
    made = records_of(batch(5, b"good") + large + batch(7, b"behind"), 5)
    good, end = list(made)
    assert good.value == b"good"
    assert isinstance(end, UnreadableBatch)
    assert (end.partition, end.offset, end.next_offset) == (Partition("topic", 3), 6, 7)
    assert end.reason == f"it unpacks to more than {UNPACKED_BYTES} bytes"
    assert made.next_fetch_offset == 6


@each_codec
def test_broken_bytes_end_the_records(name: str) -> None:
    """Whatever the codec says to them."""
    packed = batch(0, b"a" * 5_000, b"b" * 5_000, name=name)[61:]
    (end,) = records_of(raw_batch(0, packed[: len(packed) // 2], CODEC_BITS[name], records=2))
    assert isinstance(end, UnreadableBatch)
    assert f"it is not what {name} makes" in end.reason
    (end,) = records_of(raw_batch(0, b"junk" * 20, CODEC_BITS[name], records=2))
    assert isinstance(end, UnreadableBatch)
    assert end.next_offset == 2


def test_other_damage_ends_the_records_too() -> None:
    """A wrong checksum, no record where one should be, and a codec that nobody knows."""
    damaged = bytearray(batch(0, b"abc"))
    damaged[-2] ^= 1
    nothing = raw_batch(0, b"\x0e\0\0", 0)
    unknown = raw_batch(0, b"abc", 7)
    for data in (bytes(damaged), nothing, unknown):
        (end,) = records_of(data)
        assert isinstance(end, UnreadableBatch)
        assert end.reason
        assert end.error().__cause__ is end.cause


def test_a_fetch_ends_early_once_it_has_unpacked_enough() -> None:
    """Many batches within the limit are a bomb together; the rest is fetched again."""
    data = b"".join(batch(at, bytes(12 * MIB), name="zstd") for at in range(10))
    assert len(data) < 100_000
    made = records_of(data)
    assert [each.offset for each in made] == [0, 1, 2]
    assert made.next_fetch_offset == 3
    again = records_of(data[len(data) // 10 * 3 :], 3)
    assert [each.offset for each in again] == [3, 4, 5]


def test_the_greatest_limit_that_was_asked_for_holds() -> None:
    """Two connections of one process share one copy of the client."""
    large = batch(0, bytes(UNPACKED_BYTES), name="zstd")
    (end,) = records_of(large)
    assert isinstance(end, UnreadableBatch)
    program = (
        "from tests.infra.kafka.test_bounded_records import batch, read_safely, records_of\n"
        "read_safely(64 * 1024**2)\n"
        "read_safely(32 * 1024**2)\n"
        "(record,) = records_of(batch(0, bytes(32 * 1024**2), name='zstd'))\n"
        "print(len(record.value))"
    )
    assert int(output_of(program)) == UNPACKED_BYTES


@each_codec
def test_a_gibibyte_in_a_batch_costs_less_than_two_hundred_megabytes(name: str) -> None:
    """The process may take no more address space than that, and would die of it."""
    program = (
        "import resource, sys\n"
        "from tests.infra.kafka.bombs import BOMBS, CODEC_BITS, raw_batch\n"
        "from tests.infra.kafka.test_bounded_records import read_safely, records_of\n"
        "read_safely(32 * 1024**2)\n"
        f"data = raw_batch(0, BOMBS[{name!r}](), CODEC_BITS[{name!r}])\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        "room = pages * resource.getpagesize() + 200 * 10**6\n"
        "resource.setrlimit(resource.RLIMIT_AS, (room, room))\n"
        "(end,) = records_of(data)\n"
        "print(len(data), end.reason)"
    )
    size, reason = output_of(program).split(" ", 1)
    assert int(size) < 5 * MIB
    assert "it unpacks to more than 33554432 bytes" in reason


def output_of(program: str) -> str:
    """What a process of its own prints."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# --- telling -------------------------------------------------------------------------------------


def an_end(offset: int = 6) -> UnreadableBatch:
    """A batch that cannot be read."""
    return UnreadableBatch(
        partition=Partition("topic", 3),
        offset=offset,
        next_offset=offset + 2,
        reason="it is broken",
        cause=ValueError("it is broken"),
    )


def test_alone_it_is_raised_and_names_the_way_out() -> None:
    """Topic, partition, offset, the reason, and from where to go on."""
    batches = UnreadableBatches({Partition("topic", 3): 6}.get)
    with pytest.raises(BatchUnreadable) as told:
        batches.take_out({PLACE: [an_end()]})
    assert told.value.exit_code == 7
    for part in ("offset 6 of topic/3", "it is broken", "offset 8", "--to-offset 8"):
        assert part in str(told.value)


def test_beside_records_it_is_told_with_the_next_poll() -> None:
    """What was taken from other partitions, and from before it, is handed out first."""
    positions = {Partition("topic", 3): 6}
    batches = UnreadableBatches(positions.get)
    chunks: dict[TopicPartition, list[Any]] = {
        TopicPartition("topic", 1): ["record"],
        PLACE: [an_end()],
    }
    batches.take_out(chunks)
    assert chunks == {TopicPartition("topic", 1): ["record"]}
    with pytest.raises(BatchUnreadable):
        batches.tell()
    batches.tell()  # it is met again where it is fetched again
    batches.take_out({PLACE: ["record", an_end()]})
    positions[Partition("topic", 3)] = 8
    batches.tell()  # somebody has gone past it


class State:
    """Where a consumer stands in a partition."""

    paused, position = False, 0

    def consumed_to(self, position: int) -> None:
        """Go on."""
        self.position = position


class Assignment:
    """Of one partition."""

    active = True

    def __init__(self) -> None:
        """Stand at the beginning."""
        self.state = State()

    def state_value(self, _: TopicPartition) -> State:
        """Where it stands."""
        return self.state


def fetched(data: bytes) -> tuple[Any, State]:
    """A fetch as the client hands it out, and where it stands then."""
    assignment = Assignment()
    made = records_of(data)
    answer = FetchResult(PLACE, assignment=assignment, partition_records=made, backoff=0)
    return answer, assignment.state


def test_the_client_hands_out_what_ends_a_partition_as_a_record() -> None:
    """As long as this holds, records of other partitions cannot be lost by it."""
    answer, state = fetched(batch(0, b"good") + raw_batch(1, b"junk", 4))
    good, end = answer.getall(10)
    assert (good.value, type(end)) == (b"good", UnreadableBatch)
    assert state.position == 1
    assert not answer.has_more()


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_a_fetch_that_is_taken_bit_by_bit_goes_on_where_it_stood(at_once: int) -> None:
    """Breaking off between two records ends nothing, and the end comes once."""
    data = batch(0, b"a", b"b") + batch(2, b"c", name="lz4")
    for unreadable in (True, False):
        answer, state = fetched(data + (raw_batch(3, b"junk", 4) if unreadable else b""))
        taken: list[Any] = []
        places: list[int] = []
        while answer.has_more():
            taken += answer.getall(at_once)
            places.append(state.position)
        values = [each.value for each in taken if type(each) is not UnreadableBatch]
        assert values == [b"a", b"b", b"c"]
        assert len(taken) == 3 + unreadable
        assert places == sorted(places)
        assert state.position == 3


def test_a_fetch_that_is_taken_one_by_one_goes_on_too() -> None:
    """The client has two ways to its records, and both may be taken in turn."""
    answer, state = fetched(batch(0, b"a", b"b", b"c") + raw_batch(3, b"junk", 4))
    assert answer.getone().value == b"a"
    assert [each.value for each in answer.getall(1)] == [b"b"]
    assert answer.getone().value == b"c"
    assert type(answer.getone()) is UnreadableBatch
    assert state.position == 3
    assert answer.getone() is None
    assert not answer.has_more()


@each_codec
def test_the_client_itself_would_unpack_without_a_limit(name: str) -> None:
    """As long as this holds, the cure is needed."""
    packing, unpacking = (getattr(codec, f"{name}_{way}") for way in ("encode", "decode"))
    assert len(unpacking(packing(bytes(UNPACKED_BYTES + 1)))) > UNPACKED_BYTES
    assert callable(BOMBS[name])
