"""What the node owes a storage: nothing follows from a decision before the decision is safe."""

import asyncio
from datetime import timedelta
from itertools import count
from uuid import UUID

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.broker import Broker
from penstock.infra.embedded.configs.broker_config import BrokerConfig
from penstock.infra.embedded.server.broker_clock import BrokerClock
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.topics.topic_creation import NewTopic
from tests.infra.embedded.server.in_loop import in_loop, until
from tests.infra.embedded.server.slow_disk import SlowDisk

PLACE = TopicPartition("orders", 0)


class _Stand:
    """A node over a slow disk, with one topic and producers that have an open transaction."""

    def __init__(self) -> None:
        self.disk, self.clock = SlowDisk(), BrokerClock()
        ids, now_ms = (UUID(int=number) for number in count(1)), self.clock.now_ms()
        self.broker = Broker(
            config=BrokerConfig.parse({}),
            stores=self.disk.store,
            journal=self.disk.keep,
            draw_uuid=lambda: next(ids),
            name_member=lambda client: client,
            now_ms=now_ms,
        )
        self.node = Node(broker=self.broker, clock=self.clock, storage=self.disk)
        self.broker.create_topic(NewTopic(name=PLACE.topic, num_partitions=1), now_ms=now_ms)

    @property
    def end_offset(self) -> int:
        """How much is in the topic's log: markers."""
        log = self.broker.log(*PLACE)
        assert log is not None
        return log.end_offset

    def begin(self, transactional_id: str) -> tuple[str, int, int]:
        """Open a transaction."""
        transactions, now_ms = self.broker.transactions, self.clock.now_ms()
        begun = transactions.init_producer(transactional_id, 60_000, now_ms=now_ms)
        holder = (transactional_id, begun.producer_id, begun.producer_epoch)
        assert transactions.add_partitions(*holder, [PLACE], now_ms=now_ms) is ErrorCode.none
        return holder

    def decide(self, holder: tuple[str, int, int]) -> None:
        """Commit it."""
        ended = self.broker.transactions.end(*holder, commit=True, now_ms=self.clock.now_ms())
        assert ended is ErrorCode.none


@in_loop
async def test_no_marker_is_written_before_its_decision_is_on_the_disk() -> None:
    """A loss of power in between would leave half a transaction."""
    stand = _Stand()
    stand.decide(stand.begin("t"))
    settling = asyncio.ensure_future(stand.node.settle_durably())
    await asyncio.sleep(0)
    assert (settling.done(), stand.end_offset) == (False, 0)
    stand.disk.written.set()
    await settling
    assert stand.end_offset == 1
    stand.node.close()


@in_loop
async def test_a_decision_that_comes_while_another_is_waited_for_has_a_wait_of_its_own() -> None:
    """The disk may have the first and not yet the second."""
    stand = _Stand()
    first, second = stand.begin("first"), stand.begin("second")
    stand.decide(first)
    settling = asyncio.ensure_future(stand.node.settle_durably())
    await asyncio.sleep(0)
    stand.decide(second)
    stand.disk.written.set()
    await settling
    assert stand.end_offset == 1
    await stand.node.settle_durably()
    assert stand.end_offset == 2
    stand.node.close()


@in_loop
async def test_what_a_clock_decides_waits_for_the_disk_as_well() -> None:
    """A transaction that lasts too long is aborted by nobody's request."""
    stand = _Stand()
    stand.begin("t")
    stand.clock.move(timedelta(minutes=2))
    await asyncio.sleep(0)
    assert (stand.broker.transactions.statistics().timed_out, stand.end_offset) == (1, 0)
    stand.disk.written.set()
    await until(lambda: stand.end_offset == 1)
    stand.node.close()


@in_loop
async def test_a_wait_that_is_given_up_leaves_its_decisions_to_others() -> None:
    """A client that goes does not take the end of a transaction along."""
    stand = _Stand()
    stand.decide(stand.begin("t"))
    settling = asyncio.ensure_future(stand.node.settle_durably())
    await asyncio.sleep(0)
    settling.cancel()
    await asyncio.wait([settling])
    stand.disk.written.set()
    stand.node.settle_soon()
    await until(lambda: stand.end_offset == 1)
    stand.node.close()
