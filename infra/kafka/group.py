"""One member of a consumer group; fulfils workers.ports.GroupMember.

What aiokafka does otherwise than a worker needs, and what is done here about it:
- A listener that raises is logged and forgotten: here the error is kept and `poll` raises it.
- `committed()` answers None while a restarted coordinator still loads its offsets: here an
  OffsetFetch is asked by name, errors are errors, and a partition that is missing from the answer
  is asked again (partition-life rule 2).
- A member can be thrown out without being told: `membership` sends a Heartbeat and says what the
  coordinator answered.
- Offsets are committed explicitly or not at all; auto-commit and `commit()` without arguments
  commit what was fetched, not what was done.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, final

from aiokafka import AIOKafkaConsumer
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.client import ConnectionGroup
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import IllegalStateError, KafkaError, OffsetOutOfRangeError
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.structs import TopicPartition

from penstock.events.log import LogRecord, Partition, PositionLost
from penstock.infra.kafka.abandoned import abandon, stop_or_abandon
from penstock.infra.kafka.bounded_records import UnreadableBatches, read_safely
from penstock.infra.kafka.connection import KafkaConnection, KafkaUnreachable
from penstock.infra.kafka.error_codes import describe, describe_code
from penstock.infra.kafka.known_topics import unanswered, unknown_topics
from penstock.infra.kafka.log_times import ask_time
from penstock.infra.kafka.own_client import adapt
from penstock.workers.ports import (
    Assignments,
    CommitRefused,
    CommitUncertain,
    Membership,
    NotAMember,
)

__all__ = ["KafkaGroupMember", "join_group"]

START_LIMIT_S: Final = 15.0
"""Longest wait for a member to connect."""
ASK_LIMIT_S: Final = 10.0
"""Longest wait for one question to the coordinator, retries included."""
STOP_LIMIT_S: Final = 5.0
"""Longest wait for leaving the group."""
_RETRY_S: Final = 0.05
_GRACE_S: Final = 0.05
"""So much later than it was told to, `getmany` may return before it counts as held up."""
_LOADING: Final = frozenset({14, 15, 16})
"""Coordinator loading, not available, or moved: ask again."""
_OVER: Final = frozenset({22, 25, 82})
"""Illegal generation, unknown member, fenced instance: the membership is over."""
_REBALANCING: Final = 27


async def join_group(
    connection: KafkaConnection,
    *,
    group: str,
    topics: Sequence[str],
    assignments: Assignments,
    session_timeout_s: float,
    rebalance_timeout_s: float,
    max_poll_interval_s: float,
) -> "KafkaGroupMember":
    """Become a member of a group that reads these topics.

    Args:
        connection: How to reach the cluster.
        group: The group's id.
        topics: What to read.
        assignments: Told of partitions that come and go.
        session_timeout_s: Without a heartbeat for so long, the member is thrown out.
        rebalance_timeout_s: So long a member may drain before the group goes on without it.
        max_poll_interval_s: Without a poll for so long, the member leaves by itself.

    Raises:
        KafkaUnreachable: no broker answered.
    """
    read_safely(connection.unpacked_bytes)
    consumer = AIOKafkaConsumer(
        **connection.arguments(),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        session_timeout_ms=int(session_timeout_s * 1000),
        heartbeat_interval_ms=int(session_timeout_s * 1000 / 4),
        rebalance_timeout_ms=int(rebalance_timeout_s * 1000),
        max_poll_interval_ms=int(max_poll_interval_s * 1000),
        # Exactly one: with two, aiokafka joins once per assignor.
        partition_assignment_strategy=(RoundRobinPartitionAssignor,),
        fetch_max_wait_ms=100,
        max_partition_fetch_bytes=2 * 1024 * 1024,
    )
    adapt(consumer._client)  # noqa: SLF001 - it has no other door
    member = KafkaGroupMember(connection, consumer, group, topics)
    try:
        async with asyncio.timeout(START_LIMIT_S):
            await consumer.start()
    except (TimeoutError, KafkaError, OSError) as error:
        abandon(consumer)
        raise KafkaUnreachable(bootstrap=connection.bootstrap, reason=describe(error)) from error
    except BaseException:
        abandon(consumer)
        raise
    # Only now: with a subscription, `start` would wait for the first assignment, and that comes
    # when the last of the other members has drained.
    consumer.subscribe(list(topics), listener=_Listener(member, assignments))
    return member


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka ships no types
    """Hands partitions over; keeps what a callback raises, because aiokafka only logs it."""

    def __init__(self, member: "KafkaGroupMember", assignments: Assignments) -> None:
        self._member = member
        self._assignments = assignments

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._kept(self._assignments.revoked, revoked)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        async def hand_over(partitions: Sequence[Partition]) -> None:
            # No await before the callback: nothing may be fetched in between.
            self._assignments.assigned(self._member, partitions)

        await self._kept(hand_over, assigned)

    async def _kept(self, callback: Any, places: Iterable[TopicPartition]) -> None:
        try:
            await callback(sorted(Partition(place.topic, place.partition) for place in places))
        except Exception as error:
            self._member.failure = error
            raise


@final
class KafkaGroupMember:
    """A started member; see `join_group`."""

    def __init__(
        self,
        connection: KafkaConnection,
        consumer: AIOKafkaConsumer,
        group: str,
        topics: Sequence[str],
    ) -> None:
        """Take over a consumer that was not started yet."""
        self._topics = tuple(topics)
        self._connection = connection
        self._consumer = consumer
        self._group = group
        self._fetching: asyncio.Task[Any] | None = None
        self._unreadable = UnreadableBatches(self.position)
        self.failure: Exception | None = None
        """What a callback raised; `poll` raises it."""

    async def poll(
        self, *, timeout_s: float, max_records: int
    ) -> Mapping[Partition, Sequence[LogRecord]]:
        """Fetched records by partition.

        Raises:
            BatchUnreadable: a batch is broken, or unpacks to more than is allowed.
        """
        if self.failure is not None:
            raise self.failure
        self._unreadable.tell()
        if self._fetching is None:
            self._fetching = asyncio.ensure_future(
                self._consumer.getmany(timeout_ms=int(timeout_s * 1000), max_records=max_records)
            )
        # In a rebalance getmany waits for its end, and that is as long as the slowest member takes.
        # It is not cancelled: aiokafka would count a poll as under way for ever.
        await asyncio.wait({self._fetching}, timeout=timeout_s + _GRACE_S)
        if not self._fetching.done():
            return {}
        fetched, self._fetching = self._fetching, None
        try:
            chunks = fetched.result()
        except OffsetOutOfRangeError as error:
            place, offset = next(iter(error.args[0].items()))
            partition = Partition(place.topic, place.partition)
            raise PositionLost(partition=partition, position=offset) from error
        except KafkaError as error:
            raise self._unreachable(error) from error
        self._unreadable.take_out(chunks)
        return {Partition(place.topic, place.partition): chunk for place, chunk in chunks.items()}

    def _unreachable(self, error: BaseException) -> KafkaUnreachable:
        return KafkaUnreachable(bootstrap=self._connection.bootstrap, reason=describe(error))

    def missing(self) -> Sequence[str]:
        """Topics that the group is to read and the cluster does not know."""
        return unknown_topics(self._consumer._client, self._topics)  # noqa: SLF001 - knows the cluster

    def pause(self, partition: Partition) -> None:
        """Fetch no more of a partition."""
        self._consumer.pause(TopicPartition(*partition))

    def resume(self, partition: Partition) -> None:
        """Fetch a partition again."""
        self._consumer.resume(TopicPartition(*partition))

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from this offset."""
        self._consumer.seek(TopicPartition(*partition), offset)

    def position(self, partition: Partition) -> int | None:
        """The offset that will be read next, past markers.

        None while records of it are on the way to `poll`, and so with nobody: they are behind the
        position, and whoever looks only at that and at what is in flight would believe them done.
        """
        if self._is_on_its_way(partition):
            return None
        state = self._state(partition)
        return None if state is None or not state.has_valid_position else state.position

    def _is_on_its_way(self, partition: Partition) -> bool:
        fetched = self._fetching
        if fetched is None or not fetched.done() or fetched.cancelled():
            return False
        return fetched.exception() is None and TopicPartition(*partition) in fetched.result()

    def end(self, partition: Partition) -> int | None:
        """The last known end of what committed readers may see."""
        state = self._state(partition)
        return None if state is None else state.lso

    def _state(self, partition: Partition) -> Any:
        subscription = self._consumer._subscription.subscription  # noqa: SLF001 - position() waits
        assignment = None if subscription is None else subscription.assignment
        if assignment is None or TopicPartition(*partition) not in assignment.tps:
            return None
        return assignment.state_value(TopicPartition(*partition))

    @property
    def _coordinator(self) -> Any:
        return self._consumer._coordinator  # noqa: SLF001 - holds generation and member id

    async def membership(self) -> Membership:
        """Send one Heartbeat of the generation of the current assignment."""
        coordinator = self._coordinator
        generation, member = coordinator.generation, coordinator.member_id
        if generation < 0 or not member:
            return Membership.LOST
        try:
            response = await self._ask(HeartbeatRequest(self._group, generation, member))
        except (TimeoutError, KafkaError):
            return Membership.UNCERTAIN
        if response.error_code == 0:
            return Membership.MEMBER
        return Membership.LOST if response.error_code in _OVER else Membership.UNCERTAIN

    async def _ask(self, request: Any) -> Any:
        """Send one request to the group's coordinator.

        Raises:
            TimeoutError: no coordinator or no answer in time.
            KafkaError: the connection failed.
        """
        async with asyncio.timeout(ASK_LIMIT_S):
            await self._coordinator.ensure_coordinator_known()
            node = self._coordinator.coordinator_id
            try:
                return await self._consumer._client.send(  # noqa: SLF001 - the consumer's connection
                    node, request, group=ConnectionGroup.COORDINATION
                )
            except KafkaError:
                self._coordinator.coordinator_dead()  # whoever asks next looks for it anew
                raise

    async def committed(self, partition: Partition) -> tuple[int, str] | None:
        """The committed offset and its metadata; None where the group has none.

        Raises:
            CommitUncertain: no trustworthy answer within the limit.
        """
        request = OffsetFetchRequest(self._group, [(partition.topic, [partition.number])])
        reason = "no coordinator"
        try:
            async with asyncio.timeout(ASK_LIMIT_S):
                while True:
                    answer = await self._ask_offset(request, partition)
                    if not isinstance(answer, str):
                        return answer if answer[0] >= 0 else None
                    reason = answer
                    await asyncio.sleep(_RETRY_S)
        except TimeoutError as error:
            raise CommitUncertain(partition=partition, reason=reason) from error
        except KafkaError as error:
            raise CommitUncertain(partition=partition, reason=describe(error)) from error

    async def _ask_offset(self, request: Any, partition: Partition) -> tuple[int, str] | str:
        """The offset of one partition, or why it must be asked for again."""
        try:
            answer = self._read_offset(await self._ask(request), partition)
        except KafkaError as error:
            if not error.retriable:
                raise
            return describe(error)  # reading twice does no harm
        if not isinstance(answer, int):
            return answer
        if answer in _LOADING:
            self._coordinator.coordinator_dead()
        elif answer:
            raise CommitRefused(partition=partition, reason=describe_code(answer))
        return describe_code(answer) if answer else "the answer leaves it out"

    @staticmethod
    def _read_offset(response: Any, partition: Partition) -> tuple[int, str] | int:
        """The offset of one partition in an OffsetFetch answer, else an error code, else 0."""
        if getattr(response, "error_code", 0):
            code: int = response.error_code
            return code
        for topic, partitions in response.topics:
            for number, offset, metadata, code in partitions:
                if (topic, number) == partition:
                    return code or (offset, metadata or "")
        return 0

    async def bounds(self, partition: Partition) -> tuple[int, int]:
        """The first offset and the end of what committed readers may see.

        Raises:
            KafkaUnreachable: no answer in time.
        """
        place = TopicPartition(*partition)
        try:
            async with asyncio.timeout(ASK_LIMIT_S):
                first = (await self._consumer.beginning_offsets([place]))[place]
                end = (await self._consumer.end_offsets([place]))[place]
        except (TimeoutError, KafkaError) as error:
            raise self._unanswered(partition, error) from error
        return first, end

    async def offset_at(self, partition: Partition, timestamp_ms: int) -> int:
        """Where a time begins.

        Raises:
            KafkaUnreachable: no answer in time.
        """
        try:
            async with asyncio.timeout(ASK_LIMIT_S):
                return await ask_time(self._consumer, partition, timestamp_ms)
        except (TimeoutError, KafkaError) as error:
            raise self._unanswered(partition, error) from error

    def _unanswered(self, partition: Partition, error: BaseException) -> KafkaUnreachable:
        client = self._consumer._client  # noqa: SLF001 - knows the cluster
        reason = unanswered(client, partition, describe(error))
        return KafkaUnreachable(bootstrap=self._connection.bootstrap, reason=reason)

    async def commit(self, partition: Partition, offset: int, metadata: str) -> None:
        """Commit one offset, checked against the generation."""
        coordinator = self._coordinator
        if coordinator.generation < 0:
            # Thrown out and not yet back. Without a generation the commit would count as that of
            # a tool, and a group that is empty by now would take it.
            raise NotAMember(partition=partition)
        request = OffsetCommitRequest(
            self._group,
            coordinator.generation,
            coordinator.member_id,
            OffsetCommitRequest.DEFAULT_RETENTION_TIME,
            [(partition.topic, [(partition.number, offset, metadata)])],
        )
        try:
            response = await self._ask(request)
        except (TimeoutError, KafkaError, IllegalStateError) as error:
            raise CommitUncertain(partition=partition, reason=describe(error)) from error
        code = next(code for _, partitions in response.topics for _, code in partitions)
        if code in _OVER:
            raise NotAMember(partition=partition)
        if code in _LOADING:
            coordinator.coordinator_dead()
        if code in _LOADING or code == _REBALANCING:
            raise CommitUncertain(partition=partition, reason=describe_code(code))
        if code:
            raise CommitRefused(partition=partition, reason=describe_code(code))

    async def stop(self) -> None:
        """Leave the group and close, or drop where that takes too long."""
        self._end_fetching()
        await stop_or_abandon(self._consumer, STOP_LIMIT_S)

    def drop(self) -> None:
        """Close the sockets now, without leaving the group."""
        self._end_fetching()
        abandon(self._consumer)

    def _end_fetching(self) -> None:
        fetching, self._fetching = self._fetching, None
        if fetching is not None and not fetching.cancel() and not fetching.cancelled():
            fetching.exception()  # seen: nobody polls any more
