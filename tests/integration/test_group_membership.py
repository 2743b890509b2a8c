"""A worker as a member of its group: rebalances, generations, and who may commit.

Two runners in one process stand for two processes of one worker: they share nothing but the
cluster.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from penstock.events.log import PositionLost
from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.kafka.group import KafkaGroupMember
from penstock.infra.kafka.writer import KafkaWriter
from penstock.infra.testing.fault_proxy import FaultProxy
from penstock.workers import Delivery, Worker
from penstock.workers.partition_life import Phase
from penstock.workers.ports import Membership, NotAMember
from tests.integration.seat import Seat, group_of
from tests.integration.workbench import eventually, group_offset, make_topic, new_record, play
from tests.integration.worker_bench import Noted, Placed, Run, Shop, made_shop, running

pytestmark = pytest.mark.timeout(90)

DELIVERIES = [pytest.param(True, id="exactly-once"), pytest.param(False, id="at-least-once")]


class Slow:
    """A worker that holds one order until it is told to go on."""

    def __init__(self, shop: Shop, *, exactly_once: bool, held: str = "o00000") -> None:
        """Declare the worker."""
        self.worker = Worker("clerk")
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.handled: Counter[str] = Counter()

        async def note(event: Placed, _: Delivery) -> Noted:
            self.handled[event.order] += 1
            if event.order == held:
                self.begun.set()
                await self.go_on.wait()
            return shop.noted(order=event.order)

        self.worker.on(shop.placed, exactly_once=exactly_once)(note)

    @asynccontextmanager
    async def released(self) -> AsyncIterator[None]:
        """Let the held order go on in any case, so that a test that fails ends."""
        try:
            yield
        finally:
            self.go_on.set()


async def all_noted(shop: Shop, partitions: int) -> list[str]:
    """The orders of all outputs."""
    return [order for number in range(partitions) for order in await shop.noted_orders(number)]


async def shared(*runs: Run, each: int) -> None:
    """Wait until every run has so many partitions, all running."""
    for run in runs:
        await run.in_phase(Phase.RUNNING, partitions=each)


@pytest.mark.parametrize("exactly_once", DELIVERIES)
def test_a_rebalance_waits_for_what_is_in_flight_and_polling_goes_on(
    exactly_once: bool, kafka: str, unique: Callable[[str], str]
) -> None:
    """A second process joins while a handler is busy: nothing is done twice, nobody is stuck."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique, partitions=2, drain_s=30.0)
        slow = Slow(shop, exactly_once=exactly_once)
        await shop.make_topics(slow.worker)
        orders = shop.orders(40)
        await shop.publish(orders)
        async with running(shop, slow.worker) as first, slow.released():
            await slow.begun.wait()
            await first.done(30)
            async with running(shop, slow.worker) as second:
                await first.until(lambda: draining(first) == 1, what="the drain")
                await polls_while_draining(first)
                slow.go_on.set()
                await shared(first, second, each=1)
                await eventually(
                    lambda: position_is(shop, len(orders)), what="all orders to be committed"
                )
        names = {order.order for order in orders}
        assert Counter(await all_noted(shop, 2)) == dict.fromkeys(names, 1)
        assert slow.handled == dict.fromkeys(names, 1)

    play(scenario())


async def position_is(shop: Shop, sum_of_offsets: int) -> bool:
    """Whether the committed offsets come to this; inputs are written without markers."""
    return sum([await shop.offset(number) or 0 for number in range(2)]) == sum_of_offsets


def draining(run: Run) -> int:
    """How many of its partitions drain."""
    return sum(each.phase is Phase.DRAINING for each in run.partitions)


async def polls_while_draining(run: Run) -> None:
    """Wait until a poll begins half a second after now, with the drain still going on."""
    due_s = time.monotonic() + 0.5
    await run.until(
        lambda: time.monotonic() - run.runner.statistics().polled_ago_s > due_s,
        what="a poll during the drain",
    )
    assert draining(run) == 1


def test_joining_takes_as_long_as_the_others_drain(
    kafka: str, unique: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drain may take longer than connecting may: who joins waits, polls, and may be stopped."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique, partitions=2, drain_s=30.0)
        slow = Slow(shop, exactly_once=True)
        await shop.make_topics(slow.worker)
        await shop.publish(shop.orders(1))
        async with running(shop, slow.worker) as first, slow.released():
            await slow.begun.wait()
            # Not before: the first group of a cluster waits until there is a topic for groups.
            monkeypatch.setattr("penstock.infra.kafka.group.START_LIMIT_S", 3.0)
            async with running(shop, slow.worker) as second:
                due_s = time.monotonic() + 4.0
                await second.until(
                    lambda: time.monotonic() - second.runner.statistics().polled_ago_s > due_s,
                    what="a poll while the first one drains",
                )
                second.runner.stop()
                await asyncio.wait({second.task}, timeout=15.0)  # leaving takes 5 s
                assert second.task.done()
                assert draining(first) == 1

    play(scenario())


def test_two_processes_of_one_worker_share_its_partitions(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """Both get partitions and both get on; no member says who it is across restarts."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique, partitions=2)
        first_seen, second_seen = set[str](), set[str]()
        await shop.make_topics(counting(shop, first_seen))
        async with (
            running(shop, counting(shop, first_seen)) as first,
            running(shop, counting(shop, second_seen)) as second,
        ):
            await shared(first, second, each=1)
            await shop.publish(shop.orders(40))
            await eventually(lambda: position_is(shop, 40), what="all orders to be committed")
        assert first_seen
        assert second_seen
        assert len(first_seen) + len(second_seen) == len(first_seen | second_seen) == 40

    play(scenario())


def counting(shop: Shop, seen: set[str]) -> Worker:
    """A worker that remembers what it has handled."""
    worker = Worker("clerk")

    @worker.on(shop.placed)
    async def note(event: Placed, _: Delivery) -> None:
        seen.add(event.order)

    return worker


# --- one member ---------------------------------------------------------------------------------


@pytest.mark.parametrize("callback", ["assigned", "revoked"])
def test_an_error_in_a_callback_comes_out_of_poll(
    callback: str, kafka: str, unique: Callable[[str], str]
) -> None:
    """The client would only log it, and the worker would go on without its partitions."""

    async def scenario() -> None:
        connection = KafkaConnection(bootstrap=kafka)
        source = await make_topic(connection, unique("input"))
        seat, other = Seat(fails=callback), Seat()
        member = await seat.join(connection, source.topic)
        await seat.given(1)
        newcomer = await other.join(connection, source.topic)  # makes the group revoke
        with pytest.raises(OverflowError):
            await eventually(lambda: poll_once(member), what="the error")
        await member.stop()
        await newcomer.stop()

    play(scenario())


async def poll_once(member: KafkaGroupMember) -> None:
    """Poll for a moment."""
    await member.poll(timeout_s=0.1, max_records=10)


def test_leaving_commits_nothing_that_was_only_fetched(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """Offsets are committed by word only: neither a timer nor a close commits what was read."""

    async def scenario() -> None:
        connection = KafkaConnection(bootstrap=kafka)
        source = await make_topic(connection, unique("input"))
        writer = KafkaWriter(connection)
        await writer.start()
        batch = writer.new_batch()
        batch.append(new_record(b"value"))
        await writer.write(source, batch, timeout_s=5.0)
        await writer.close()
        seat = Seat()
        member = await seat.join(connection, source.topic)
        await seat.given(1)
        member.resume(source)
        await eventually(
            lambda: member.poll(timeout_s=0.1, max_records=10), what="the record to be read"
        )
        assert member.position(source) == 1
        await member.stop()
        assert await group_offset(connection, group_of(source.topic), source) is None

    play(scenario())


def test_a_member_that_was_thrown_out_cannot_commit(
    direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """The coordinator has given the partition away: the old generation's commit is refused."""

    async def scenario() -> None:
        connection = KafkaConnection(bootstrap=direct_kafka)
        source = await make_topic(connection, unique("input"))
        old, new = Seat(), Seat()
        zombie = await old.join(connection, source.topic, session_s=2.0)
        await old.given(1)
        assert await zombie.membership() is Membership.MEMBER
        zombie._coordinator._heartbeat_task.cancel()  # as if its process were stopped
        owner = await new.join(connection, source.topic)
        await new.given(1)
        await owner.commit(source, 20, "new")
        assert await zombie.membership() is Membership.LOST
        with pytest.raises(NotAMember):
            await zombie.commit(source, 10, "old")
        assert await zombie.committed(source) == (20, "new")
        await zombie.stop()
        await owner.stop()

    play(scenario())


def test_a_member_that_has_left_by_itself_cannot_commit_to_an_empty_group(
    direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """Without a generation a commit counts as a tool's, and an empty group takes those."""

    async def scenario() -> None:
        connection = KafkaConnection(bootstrap=direct_kafka)
        source = await make_topic(connection, unique("input"))
        old, new = Seat(), Seat()
        zombie = await old.join(connection, source.topic, session_s=1.0, max_poll_s=0.5)
        await old.given(1)
        await eventually(lambda: old.revocations >= 2, what="the member to leave for want of polls")
        owner = await new.join(connection, source.topic)
        await new.given(1)
        await owner.commit(source, 20, "new")
        await owner.stop()
        with pytest.raises(NotAMember):
            await zombie.commit(source, 10, "old")
        assert await group_offset(connection, group_of(source.topic), source) == (20, "new")
        await zombie.stop()

    play(scenario())


def test_lost_answers_about_an_offset_are_asked_for_again(
    fault_proxy: FaultProxy, direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """A group that has an offset is never said to have none."""

    async def scenario() -> None:
        direct = KafkaConnection(bootstrap=direct_kafka)
        source = await make_topic(direct, unique("input"))
        seat = Seat()
        member = await seat.join(KafkaConnection(bootstrap=fault_proxy.address), source.topic)
        await seat.given(1)
        await member.commit(source, 7, "mark")
        for _ in range(3):
            fault_proxy.drop_answer(ApiKey.OFFSET_FETCH)
        before = fault_proxy.statistics().dropped
        assert await member.committed(source) == (7, "mark")
        assert fault_proxy.statistics().dropped == before + 3
        await member.stop()

    play(scenario())


def test_a_group_without_an_offset_has_none(kafka: str, unique: Callable[[str], str]) -> None:
    """And a commit that follows is found, with its metadata."""

    async def scenario() -> None:
        connection = KafkaConnection(bootstrap=kafka)
        source = await make_topic(connection, unique("input"))
        seat = Seat()
        member = await seat.join(connection, source.topic)
        await seat.given(1)
        assert await member.committed(source) is None
        await member.commit(source, 3, "mark")
        assert await member.committed(source) == (3, "mark")
        await member.stop()

    play(scenario())


def test_a_position_outside_the_log_is_told_and_never_reset(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """The client's own reset would skip or repeat records silently."""

    async def scenario() -> None:
        connection = KafkaConnection(bootstrap=kafka)
        source = await make_topic(connection, unique("input"))
        seat = Seat()
        member = await seat.join(connection, source.topic)
        await seat.given(1)
        member.seek(source, 99)
        member.resume(source)
        with pytest.raises(PositionLost) as lost:
            await eventually(lambda: poll_once(member), what="the error")
        assert lost.value.facts == {"partition": source, "position": 99}
        await member.stop()

    play(scenario())
