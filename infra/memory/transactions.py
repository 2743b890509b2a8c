"""Transactional producers that hide no doubt; fulfils workers.ports.TransactionalWriter.

    add partitions -> produce -> add group -> commit offset in transaction -> end

A request that was sent and got no answer ends the producer with `TransactionDoubt`, as in
infra/kafka: a late first copy could act in the next transaction of the same producer. Only what was
never sent, and what was answered with an error that passes, is asked again.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar, final

from kio.schema.errors import ErrorCode

from penstock.events.clock import Clock
from penstock.events.log import NewRecord, Partition
from penstock.infra.embedded.apis.group_in_transaction import group_refused
from penstock.infra.embedded.groups.group_requests import CommittedOffset, TransactionalOffsetCommit
from penstock.infra.embedded.log.log_answers import Appended
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.transactions.transaction_answers import InitAnswer
from penstock.infra.kafka.error_codes import never_appended
from penstock.infra.memory.link import Link, NeverSent, NoAnswer
from penstock.infra.memory.memory_broker import MemoryBroker
from penstock.infra.memory.producer_identity import ProducerIdentity
from penstock.infra.memory.record_batch import MemoryBatch
from penstock.infra.memory.request_kind import RequestKind
from penstock.infra.memory.unreachable import described
from penstock.workers.ports import (
    InputOffset,
    Transaction,
    TransactionalWriter,
    TransactionDoubt,
    TransactionRefused,
)

__all__ = ["FENCE_LIMIT_S", "fence"]

TRANSACTION_TIMEOUT_MS: Final = 10_000
"""As infra/kafka, like all limits here."""
FENCE_LIMIT_S: Final = 30.0
"""Longest wait for a fence."""
COMMIT_LIMIT_S: Final = 15.0
"""Longest wait for a whole commit; beyond the transaction timeout the broker has aborted it."""
REQUEST_LIMIT_S: Final = 10.0
"""Longest wait for the answer to one request."""
_SHORT_WAIT_S: Final = 0.002
_SHORT_WAITS: Final = 50
_LONG_WAIT_S: Final = 0.05
_AGAIN_S: Final = 0.1

_PASSING: Final = frozenset(
    {
        ErrorCode.unknown_topic_or_partition,
        ErrorCode.leader_not_available,
        ErrorCode.not_leader_or_follower,
        ErrorCode.request_timed_out,
        ErrorCode.coordinator_load_in_progress,
        ErrorCode.coordinator_not_available,
        ErrorCode.not_coordinator,
        ErrorCode.not_enough_replicas,
        ErrorCode.not_enough_replicas_after_append,
        ErrorCode.kafka_storage_error,
        ErrorCode.concurrent_transactions,
    }
)
"""What may be otherwise a moment later."""

_AnswerT = TypeVar("_AnswerT")


async def fence(
    broker: MemoryBroker,
    clock: Clock,
    link: Link,
    transactional_id: str,
    *,
    limit_s: float = FENCE_LIMIT_S,
) -> TransactionalWriter:
    """Start a producer; older holders of the id are fenced and their markers written.

    Raises:
        TransactionDoubt: it did not succeed within the limit.
    """
    asking = _Asking(clock, link, clock.monotonic() + limit_s)
    try:
        given = await asking.ask(
            RequestKind.INIT_PRODUCER,
            lambda now_ms: broker.core.transactions.init_producer(
                transactional_id, TRANSACTION_TIMEOUT_MS, now_ms=now_ms
            ),
            lambda error: InitAnswer(error=error),
            lambda answer: answer.error,
            again_unanswered=True,  # whoever is fenced by an earlier copy is nobody but this one
        )
    except _OutOfTime as error:
        raise TransactionDoubt(reason=f"no fence within {limit_s:g} s") from error
    if given.error is not ErrorCode.none:
        raise TransactionDoubt(reason=f"the fence failed: {described(given.error)}")
    producer = ProducerIdentity(given.producer_id, given.producer_epoch)
    return _Writer(broker, clock, link, transactional_id, producer)


class _OutOfTime(Exception):
    """A limit is over; its text says what it was spent on."""


@final
class _Asking:
    """Asks the broker until it has an answer that stays, or a limit is over."""

    def __init__(self, clock: Clock, link: Link, until_s: float) -> None:
        self._clock = clock
        self._link = link
        self._until_s = until_s
        self._concurrent = 0

    async def ask(
        self,
        kind: RequestKind,
        take: Callable[[int], _AnswerT],
        refuse: Callable[[ErrorCode], _AnswerT],
        error_of: Callable[[_AnswerT], ErrorCode],
        *,
        again_unanswered: bool = False,
    ) -> _AnswerT:
        """Ask once, and again after an error that passes.

        Raises:
            TransactionDoubt: a request was sent and got no answer.
            _OutOfTime: the limit is over.
        """
        while True:
            until_s = min(self._until_s, self._clock.monotonic() + REQUEST_LIMIT_S)
            wait_s = _AGAIN_S
            try:
                answer = await self._link.ask(kind, take, refuse, until_s=until_s)
            except NeverSent as error:
                said = str(error)
            except NoAnswer as error:
                if not again_unanswered:
                    raise TransactionDoubt(reason=str(error)) from error
                said = str(error)
            else:
                if error_of(answer) not in _PASSING:
                    return answer
                said, wait_s = described(error_of(answer)), self._patience(error_of(answer))
            again_s = self._clock.monotonic() + wait_s
            if again_s >= self._until_s:
                raise _OutOfTime(f"{kind}: {said}")
            await self._clock.sleep_until(again_s)

    def _patience(self, error: ErrorCode) -> float:
        """How long to wait: while markers are written, not long."""
        if error is not ErrorCode.concurrent_transactions:
            return _AGAIN_S
        self._concurrent += 1
        return _SHORT_WAIT_S if self._concurrent <= _SHORT_WAITS else _LONG_WAIT_S


@final
class _Writer:
    """One transactional producer."""

    def __init__(
        self,
        broker: MemoryBroker,
        clock: Clock,
        link: Link,
        transactional_id: str,
        producer: ProducerIdentity,
    ) -> None:
        self._broker = broker
        self._clock = clock
        self._link = link
        self._id = transactional_id
        self._producer = producer
        self._dropped = False
        self._trusted = True

    @property
    def epoch(self) -> int:
        """The producer's epoch."""
        return self._producer.epoch

    async def commit(self, transaction: Transaction) -> Mapping[Partition, int]:
        """Write, then the offset, then commit: each step awaited before the next."""
        if not self._trusted or self._dropped:
            raise TransactionDoubt(reason="the producer was given up after an earlier doubt")
        # Until it has ended well: whatever ends it early, a cancel too, leaves open what the broker
        # has of it.
        self._trusted = False
        asking = _Asking(self._clock, self._link, self._clock.monotonic() + COMMIT_LIMIT_S)
        try:
            first_offsets = await self._commit(asking, transaction)
        except _OutOfTime as error:
            reason = f"no commit within {COMMIT_LIMIT_S:g} s, {error}"
            raise TransactionDoubt(reason=reason) from error
        self._trusted = True
        return first_offsets

    async def _commit(self, asking: _Asking, transaction: Transaction) -> Mapping[Partition, int]:
        outputs = {each: records for each, records in transaction.outputs.items() if records}
        first_offsets: Mapping[Partition, int] = {}
        if outputs:
            await self._add(asking, outputs)
            first_offsets = await self._write(asking, outputs)
        if transaction.offset is not None:
            await self._send_offset(asking, transaction.offset)
        if outputs or transaction.offset is not None:
            await self._end(asking)
        return first_offsets

    async def _add(self, asking: _Asking, partitions: Iterable[Partition]) -> None:
        wanted = [TopicPartition(*partition) for partition in partitions]

        def take(now_ms: int) -> ErrorCode:
            core = self._broker.core
            if any(core.log(*partition) is None for partition in wanted):
                return ErrorCode.unknown_topic_or_partition
            return core.transactions.add_partitions(
                self._id, self._producer.producer_id, self.epoch, wanted, now_ms=now_ms
            )

        await self._step(asking, RequestKind.ADD_PARTITIONS, take)

    async def _write(
        self, asking: _Asking, outputs: Mapping[Partition, Sequence[NewRecord]]
    ) -> dict[Partition, int]:
        first_offsets: dict[Partition, int] = {}
        failures: list[Exception] = []
        for partition, records in outputs.items():
            for batch in _filled(records):
                appended = await self._produce(asking, partition, batch)
                if appended.error is not ErrorCode.none:
                    # The others are written all the same: they are under way together on a wire.
                    failures.append(_failure(partition, appended.error))
                    break
                first_offsets.setdefault(partition, appended.base_offset)
        for failure in failures:
            raise failure
        return first_offsets

    async def _produce(self, asking: _Asking, partition: Partition, batch: MemoryBatch) -> Appended:
        records = batch.encoded(
            producer_id=self._producer.producer_id,
            producer_epoch=self.epoch,
            base_sequence=self._producer.take(partition, len(batch)),
            is_transactional=True,
        )
        try:
            return await asking.ask(
                RequestKind.PRODUCE,
                lambda now_ms: self._broker.core.produce(
                    TopicPartition(*partition),
                    records,
                    transactional_id=self._id,
                    acks=-1,
                    now_ms=now_ms,
                ),
                lambda error: Appended(error=error),
                lambda answer: answer.error,
            )
        except TransactionDoubt as doubt:
            reason = f"a batch for {partition} failed: {doubt.reason}"
            raise TransactionDoubt(reason=reason) from doubt

    async def _send_offset(self, asking: _Asking, offset: InputOffset) -> None:
        def add(now_ms: int) -> ErrorCode:
            return self._broker.core.transactions.add_group(
                self._id, self._producer.producer_id, self.epoch, offset.group, now_ms=now_ms
            )

        await self._step(asking, RequestKind.ADD_GROUP, add)
        await self._step(
            asking,
            RequestKind.COMMIT_IN_TRANSACTION,
            lambda now_ms: self._commit_offset(offset, now_ms),
        )

    def _commit_offset(self, offset: InputOffset, now_ms: int) -> ErrorCode:
        place, core = TopicPartition(*offset.source), self._broker.core
        if core.log(*place) is None:
            return ErrorCode.unknown_topic_or_partition
        refused = group_refused(
            core.transactions,
            transactional_id=self._id,
            producer_id=self._producer.producer_id,
            producer_epoch=self.epoch,
            group=offset.group,
            knows_abortable=False,  # as aiokafka does not
        )
        if refused is not ErrorCode.none:
            return refused
        commit = TransactionalOffsetCommit(
            group=offset.group,
            producer_id=self._producer.producer_id,
            producer_epoch=self.epoch,
            offsets={place: CommittedOffset(offset=offset.position, metadata=offset.metadata)},
        )
        return core.groups.commit_in_transaction(commit, now_ms=now_ms)[place]

    async def _end(self, asking: _Asking) -> None:
        await self._step(
            asking,
            RequestKind.END_TRANSACTION,
            lambda now_ms: self._broker.core.transactions.end(
                self._id, self._producer.producer_id, self.epoch, commit=True, now_ms=now_ms
            ),
        )

    async def _step(
        self, asking: _Asking, kind: RequestKind, take: Callable[[int], ErrorCode]
    ) -> None:
        error = await asking.ask(kind, take, _itself, _itself)
        if error is not ErrorCode.none:
            raise TransactionDoubt(reason=f"{kind}: {described(error)}")

    def drop(self) -> None:
        """Send nothing any more; the broker aborts what is open, or the next fence does."""
        self._dropped = True

    async def close(self) -> None:
        """Send nothing any more; nothing is open unless the producer is in doubt."""
        self._dropped = True


def _filled(records: Sequence[NewRecord]) -> list[MemoryBatch]:
    """As few batches as hold these records, in order."""
    batches = [MemoryBatch()]
    for record in records:
        if not batches[-1].append(record):
            batches.append(MemoryBatch())
            taken = batches[-1].append(record)
            assert taken, "an empty batch takes a record of any size"
    return batches


def _failure(partition: Partition, error: ErrorCode) -> TransactionRefused | TransactionDoubt:
    reason = described(error)
    if never_appended(error.value):
        return TransactionRefused(partition=partition, reason=reason)
    return TransactionDoubt(reason=f"a batch for {partition} failed: {reason}")


def _itself(error: ErrorCode) -> ErrorCode:
    return error
