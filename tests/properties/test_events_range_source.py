"""A part of a log, read through a reader: exactly the records that a twin picks, and then the end.

The log has gaps as markers, aborted transactions and compaction leave them: behind records, at the
end, and where a range ends.
"""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from penstock.events.log import NewRecord, Partition
from penstock.events.range_source import RangeSource
from penstock.events.reading_range import Start, Until
from tests.events.conftest import World

PARTITIONS = (Partition("t", 0), Partition("t", 1))
# A number is a record with that time, None a gap.
LOGS = st.lists(st.none() | st.integers(0, 50), max_size=25)


def written(content: list[list[int | None]]) -> World:
    """A world with these partitions."""
    world = World()
    world.log.create("t", len(PARTITIONS))
    for partition, entries in zip(PARTITIONS, content, strict=True):
        for entry in entries:
            if entry is None:
                world.log.mark(partition)
            else:
                world.log.append(partition, [NewRecord(None, b"", (), entry)])
    return world


async def read(world: World, start: Start, until: Until, chunk: int) -> list[tuple[int, int]]:
    """Read all of it, in virtual time."""
    reader = world.reader(*PARTITIONS)
    reader.chunk = chunk
    source = RangeSource(reader, PARTITIONS, world.clock, start=start, until=until)
    found: list[tuple[int, int]] = []

    async def loop() -> None:
        while True:
            while (record := source.take()) is not None:
                found.append((record.partition, record.offset))
                source.finish(record)
            if not await source.more():
                return

    looping = asyncio.ensure_future(loop())
    await world.clock.advance(5)
    assert looping.done(), "it waits for a record that nobody will ever see"
    await looping
    return found


@given(st.data(), st.lists(LOGS, min_size=2, max_size=2), st.integers(1, 10))
def test_a_range_is_read_to_its_end(
    data: st.DataObject, content: list[list[int | None]], chunk: int
) -> None:
    """All records from its beginning to before its end, in order within each partition."""
    world = written(content)
    begins, ends = {}, {}
    for partition, entries in zip(PARTITIONS, content, strict=True):
        begins[partition] = data.draw(st.integers(0, len(entries)))
        ends[partition] = data.draw(st.integers(begins[partition], len(entries)))
    found = asyncio.run(read(world, begins, ends, chunk))
    for partition, entries in zip(PARTITIONS, content, strict=True):
        wanted = [
            offset
            for offset in range(begins[partition], ends[partition])
            if entries[offset] is not None
        ]
        assert [offset for number, offset in found if number == partition.number] == wanted


@given(st.lists(LOGS, min_size=2, max_size=2), st.integers(1, 10))
def test_the_end_of_now_is_reached(content: list[list[int | None]], chunk: int) -> None:
    """Whatever lies there."""
    found = asyncio.run(read(written(content), "beginning", "end", chunk))
    assert len(found) == sum(entry is not None for entries in content for entry in entries)
