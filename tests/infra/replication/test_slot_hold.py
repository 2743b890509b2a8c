"""How a slot is taken: fence, ends, restore, generation. Each step is there for a reason.

The stories are those of the study (docs/design.md): a hundred increments, a crash, thirty more.
"""

import pytest

from penstock.events.log import NewRecord
from penstock.infra.replication.component_records import ComponentUnreadable, encode_component
from penstock.infra.replication.patience import PATIENCE_S, CountersCut
from penstock.infra.replication.slot_generation import generation_key, is_generation_key
from penstock.infra.replication.slot_hold import SlotTaken
from penstock.workers.counters import CounterComponent, component_key
from penstock.workers.ports import Transaction, TransactionalWriter, TransactionDoubt
from tests.infra.replication.counter_world import CounterWorld, MemoryProducer, MemorySlotLog
from tests.infra.replication.test_component_view import newer_schema
from tests.infra.replication.test_counter_slot import advancing, play


async def hundred_crash_thirty(world: CounterWorld) -> dict[str, int]:
    """A hundred increments, a crash, thirty more, compaction; what a new reader sees."""
    first = await world.opened()
    await advancing(world, first.slot.increment("a", 100))
    await world.clock.advance(1.0)
    await first.crash()
    second = await world.opened()
    await advancing(world, second.slot.increment("a", 30))
    await world.clock.advance(1.0)
    world.topic.compact()
    await second.crash()
    return await world.fresh_values()


def test_a_new_owner_goes_on_from_its_predecessors_counts() -> None:
    """A hundred and thirty."""

    async def scenario(world: CounterWorld) -> None:
        assert await hundred_crash_thirty(world) == {"a": 130}

    play(scenario)


def test_without_the_restore_counts_are_lost_and_readers_disagree() -> None:
    """Thirty for whoever begins to read, a hundred for whoever was there; only an alarm tells."""

    async def scenario(world: CounterWorld) -> None:
        world.topic.restores = False
        live = world.reader()
        assert await hundred_crash_thirty(world) == {"a": 30}
        assert live.reader.values() == {"a": 100}
        assert "counter-regression" in [each.name for each in world.alarms]
        await live.stop()

    play(scenario)


async def zombie_and_heir(world: CounterWorld) -> tuple[dict[str, int], int]:
    """Two count as one replica at the same time; what is seen, and what was acknowledged."""
    zombie = await world.opened()
    await advancing(world, zombie.slot.increment("a", 10))
    heir = await world.opened()
    calls = [zombie.call("a", 5), heir.call("a", 5)]
    await world.clock.advance(5.0)
    acknowledged = 10 + 5 * sum(call.done() and call.exception() is None for call in calls)
    await zombie.crash()
    await heir.crash()
    return await world.fresh_values(), acknowledged


def test_of_two_that_count_as_one_only_the_later_is_acknowledged() -> None:
    """The fence makes the zombie's commit fail."""

    async def scenario(world: CounterWorld) -> None:
        values, acknowledged = await zombie_and_heir(world)
        assert (values, acknowledged) == ({"a": 15}, 15)

    play(scenario)


def test_without_the_fence_acknowledged_counts_are_lost() -> None:
    """Both write absolute numbers, and the larger hides the other's."""

    async def scenario(world: CounterWorld) -> None:
        world.topic.fences_hold = False
        values, acknowledged = await zombie_and_heir(world)
        assert (values, acknowledged) == ({"a": 15}, 20)

    play(scenario)


async def behind_an_open_transaction(world: CounterWorld) -> dict[str, int]:
    """Another slot's transaction is open while a slot counts, crashes, is opened and counts."""
    stranger = MemoryProducer(world.topic, "stranger", world.topic.new_epoch("stranger"))
    key, value = (
        component_key("slot/stranger", "a"),
        encode_component(CounterComponent(kind="g", increments=1, decrements=0)),
    )
    outputs = {place: [NewRecord(key, value, [], 0)] for place in world.topic.partitions}
    first = await world.opened()
    world.topic.misfortunes.append("left open")
    with pytest.raises(TransactionDoubt):
        await advancing(world, stranger.commit(Transaction(outputs=outputs, offset=None)))
    await advancing(world, first.slot.increment("a", 100))
    await first.crash()
    second = await world.opened()
    await advancing(world, second.slot.increment("a", 30))
    await second.crash()
    await world.clock.advance(20.0)
    world.topic.compact()
    return await world.fresh_values()


def test_counts_behind_an_open_transaction_are_restored() -> None:
    """Committed readers do not see past it; the restore waits until they do."""

    async def scenario(world: CounterWorld) -> None:
        assert await behind_an_open_transaction(world) == {"a": 130}

    play(scenario)


def test_with_the_ends_of_committed_readers_counts_would_be_lost() -> None:
    """They end before the former owner's own counts, and the restore would be content."""

    async def scenario(world: CounterWorld) -> None:
        world.topic.ends_are_whole = False
        assert await behind_an_open_transaction(world) == {"a": 30}

    play(scenario)


BAD_VALUES = {
    "a tombstone": None,
    "not Avro": b"what",
    "negative": encode_component(CounterComponent(kind="g", increments=-1, decrements=0)),
    "an unknown schema": b"\xc3\x01" + b"12345678" + b"\x00",
}


@pytest.mark.parametrize("value", BAD_VALUES.values(), ids=BAD_VALUES)
def test_own_records_that_cannot_be_read_are_never_passed_over(value: bytes | None) -> None:
    """Counting on from zero would hide what was counted; others' records are theirs."""

    async def scenario(world: CounterWorld) -> None:
        place = world.topic.partitions[1]
        world.topic.append(place, [NewRecord(b"slot/web-00:a", value, [], 0)])
        await (await world.opened()).crash()
        world.topic.append(place, [NewRecord(b"slot/web-0:a", value, [], 0)])
        with pytest.raises(ComponentUnreadable) as told:
            await world.opened()
        assert (told.value.partition, told.value.offset) == (place, 1)

    play(scenario)


def test_a_component_of_a_newer_version_is_not_written_again() -> None:
    """What that version has added would be lost (formats.md F9)."""

    async def scenario(world: CounterWorld) -> None:
        schema, value = newer_schema()
        world.schemas.later[schema.fingerprint] = schema
        world.topic.append(world.topic.partitions[0], [NewRecord(b"slot/web-0:a", value, [], 0)])
        with pytest.raises(ComponentUnreadable, match="PEN-A57"):
            await world.opened()
        assert await world.fresh_values() == {"a": 9}, "a reader may"

    play(scenario)


def test_a_topic_that_was_made_again_ends_the_slot() -> None:
    """What was written is not there any more: nobody goes on as if it were."""

    async def scenario(world: CounterWorld) -> None:
        process = await world.opened()
        for _ in range(3):
            await advancing(world, process.slot.increment("a"))
        world.topic.recreate()
        world.topic.misfortunes.append("not begun")
        call = process.call("a", 1)
        await world.clock.advance(PATIENCE_S + 10.0)
        assert isinstance(call.exception(), CountersCut)
        await process.crash()

    play(scenario)


class LateFence(MemorySlotLog):
    """Before its second fence somebody else takes the slot: after the look, as it may happen."""

    def __init__(self, world: CounterWorld) -> None:
        """Take it as another process would."""
        super().__init__(world.topic, "web-0")
        self._other = world.hold()
        self._fences = 0

    async def fence(self) -> TransactionalWriter:
        """As the port promises, only later."""
        self._fences += 1
        if self._fences == 2:
            await self._other.take()
        return await super().fence()


def test_a_look_that_came_too_early_is_made_good_behind_the_fence() -> None:
    """Else both would count, each on what it has read, until the next doubt."""

    async def scenario(world: CounterWorld) -> None:
        hold = world.hold(log=LateFence(world))
        await advancing(world, hold.take())
        with pytest.raises(SlotTaken, match="generation 2"):
            await advancing(world, hold.retake())
        mine, others, again = world.topic.producers
        assert not others.is_dropped
        assert again.is_dropped
        mine.drop()

    play(scenario)


def test_a_slot_that_ends_while_it_is_taken_again_leaves_no_producer_behind() -> None:
    """Also where it has fenced already, and only its reader is still to be closed."""

    async def scenario(world: CounterWorld) -> None:
        process = await world.opened()
        world.topic.closing_s = 60.0
        world.topic.misfortunes.append("not begun")
        process.call("a", 1)
        await world.clock.advance(10.0)
        _, again = world.topic.producers
        assert not again.is_dropped
        await process.crash()
        assert again.is_dropped

    play(scenario)


def test_each_owner_has_a_generation_of_its_own() -> None:
    """Whoever comes later has the larger number, however often it crashed in between."""

    async def scenario(world: CounterWorld) -> None:
        for number in range(1, 5):
            process = await world.opened()
            assert process.slot.statistics().generation == number
            await process.crash()
        other = await world.opened("web-1")
        assert other.slot.statistics().generation == 1
        await other.crash()

    play(scenario)


@pytest.mark.parametrize(
    ("key", "is_generation"),
    [
        (generation_key("web-0"), True),
        (b"slot/web-0:a", False),
        (b"slot/web-0:a:", False),
        (b"totals/shop.orders/0:", False),
        (b"slot/web-0", False),
    ],
)
def test_a_generations_key_is_no_counters(key: bytes, *, is_generation: bool) -> None:
    """Nothing stands behind its colon, and no counter has an empty name."""
    assert is_generation_key(key) is is_generation
