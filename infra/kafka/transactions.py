"""Transactional producers that hide no doubt.

aiokafka resends the four transactional requests silently after a timeout or a lost connection.
Kafka's older transaction protocol, the only one it speaks, does not change the producer's epoch
from one transaction to the next; so a late first copy may act in the NEXT transaction
(partition-life rule 1; seen: a commit that returned, outputs without their offsets). The
`StrictSender` here raises instead as soon as a request that was sent gets no answer. Only what was
never sent, and what was answered with a retriable code, is tried again.

Two more cures, each proven by a test:
- aiokafka commits a transaction although a send in it failed. `commit` awaits every batch before
  the offsets are sent, and any refusal ends the producer.
- While the markers of the last transaction are being written the broker answers
  CONCURRENT_TRANSACTIONS; aiokafka then sleeps 20 ms or 100 ms, `StrictSender` 2 ms.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, final

from aiokafka import AIOKafkaProducer
from aiokafka.client import CoordinationType
from aiokafka.errors import KafkaError, NodeNotReadyError, ProducerFenced
from aiokafka.producer.sender import (
    AddOffsetsToTxnHandler,
    AddPartitionsToTxnHandler,
    EndTxnHandler,
    Sender,
    SendProduceReqHandler,
    TxnOffsetCommitHandler,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from penstock.events.log import NewRecord, Partition
from penstock.infra.kafka.abandoned import abandon, see, stop_or_abandon
from penstock.infra.kafka.batch import filled_batches
from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.kafka.error_codes import (
    CONCURRENT_TRANSACTIONS,
    describe,
    describe_code,
    never_appended,
)
from penstock.infra.kafka.own_client import adapt
from penstock.workers.ports import (
    InputOffset,
    Transaction,
    TransactionalWriter,
    TransactionDoubt,
    TransactionRefused,
)

__all__ = ["StrictSender", "Unanswered", "fence"]

TRANSACTION_TIMEOUT_MS: Final = 10_000
"""Short, because a transaction is opened only when all its content is ready."""
FENCE_LIMIT_S: Final = 30.0
"""Longest wait for a fence: a leader's failover plus the transaction timeout of the former owner.
aiokafka itself retries CONCURRENT_TRANSACTIONS for ever."""
COMMIT_LIMIT_S: Final = 15.0
"""Longest wait for a whole commit; beyond the transaction timeout the broker has aborted it."""
CLOSE_LIMIT_S: Final = 5.0
"""Longest wait for an orderly close."""
_SHORT_WAIT_S: Final = 0.002
"""Markers are written within a few milliseconds; measured, 2 ms gives the shortest commits."""
_SHORT_WAITS: Final = 50
_LONG_WAIT_S: Final = 0.05
"""What takes longer than 50 short waits is not markers being written: spare the broker."""


class Unanswered(ProducerFenced):  # type: ignore[misc] # aiokafka ships no types
    """A transactional request was sent and got no answer.

    It derives from ProducerFenced because the sender's routine lets that class end the producer
    without logging a traceback; to this adapter both mean the same: drop the producer.
    """


class _Strict:
    """Ask once: raise where the answer is lost, retry only what was answered or never sent."""

    group: Any
    _sender: Any

    async def do(self, node_id: int) -> bool:
        request = self.create_request()  # type: ignore[attr-defined] # of the aiokafka handler
        try:
            response = await self._sender.client.send(node_id, request, group=self.group)
        except NodeNotReadyError:
            await asyncio.sleep(self.handle_error())  # type: ignore[attr-defined] # as above
            return False
        except KafkaError as error:
            message = f"{type(request).__name__} got no answer: {describe(error)}"
            raise Unanswered(message) from error
        wait_s = self.handle_response(response)  # type: ignore[attr-defined] # as above
        if wait_s is None:
            self._sender.concurrent_answers = 0
            return True
        await asyncio.sleep(self._sender.patience(wait_s, response))
        return False


class _StrictAddPartitions(_Strict, AddPartitionsToTxnHandler):  # type: ignore[misc] # untyped
    pass


class _StrictAddOffsets(_Strict, AddOffsetsToTxnHandler):  # type: ignore[misc] # untyped
    pass


class _StrictOffsetCommit(_Strict, TxnOffsetCommitHandler):  # type: ignore[misc] # untyped
    pass


class _StrictEnd(_Strict, EndTxnHandler):  # type: ignore[misc] # untyped
    pass


class _StrictProduce(SendProduceReqHandler):  # type: ignore[misc] # aiokafka ships no types
    """Produce once: a lost answer fails the batch; an answered retriable code is retried."""

    _answered = False

    def handle_response(self, response: Any) -> None:
        self._answered = True
        for topic, partitions in response.topics:
            for number, code, *_ in partitions:
                if code:
                    self._sender.refusals[Partition(topic, number)] = code
        super().handle_response(response)

    def _can_retry(self, error: KafkaError, batch: Any) -> bool:
        never_sent = isinstance(error, NodeNotReadyError)
        return (self._answered or never_sent) and super()._can_retry(error, batch)


@final
class StrictSender(Sender):  # type: ignore[misc] # aiokafka ships no types
    """aiokafka's sender with handlers that raise where an answer is lost."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take the arguments of aiokafka's sender."""
        super().__init__(*args, **kwargs)
        self.refusals: dict[Partition, int] = {}
        """The last error code that a produce to a partition was answered with."""
        self.concurrent_answers = 0
        """CONCURRENT_TRANSACTIONS answers in a row."""
        self.requests_under_way: set[asyncio.Task[Any]] = set()
        """Transactional requests, for `abandon`: with no broker to answer, aiokafka looks for a
        coordinator without end, and its own routine waits for that when it is cancelled."""

    def patience(self, wait_s: float, response: Any) -> float:
        """How long to wait before an answered request is sent again."""
        if CONCURRENT_TRANSACTIONS not in _codes(response):
            return wait_s
        self.concurrent_answers += 1
        if self.concurrent_answers > _SHORT_WAITS:
            return _LONG_WAIT_S
        return _SHORT_WAIT_S

    def _maybe_do_transactional_request(self) -> asyncio.Task[Any] | None:
        task: asyncio.Task[Any] | None = super()._maybe_do_transactional_request()
        if task is not None:
            self.requests_under_way.add(task)
            task.add_done_callback(self.requests_under_way.discard)
        return task

    async def _send_produce_req(self, node_id: int, batches: Any) -> None:
        await _StrictProduce(self, batches).do(node_id)
        self._in_flight.remove(node_id)
        for partition in batches:
            self._muted_partitions.remove(partition)

    async def _do_add_partitions_to_txn(self, partitions: Any) -> bool:
        return await _StrictAddPartitions(self, partitions).do(await self._transaction_node())

    async def _do_add_offsets_to_txn(self, group_id: str) -> bool:
        return await _StrictAddOffsets(self, group_id).do(await self._transaction_node())

    async def _do_txn_offset_commit(self, offsets: Any, group_id: str) -> None:
        node = await self._find_coordinator(CoordinationType.GROUP, group_id)
        await _StrictOffsetCommit(self, offsets, group_id).do(node)

    async def _do_txn_commit(self, commit_result: Any) -> None:
        await self._message_accumulator.flush_for_commit()
        await _StrictEnd(self, commit_result).do(await self._transaction_node())

    async def _transaction_node(self) -> int:
        node: int = await self._find_coordinator(
            CoordinationType.TRANSACTION, self._txn_manager.transactional_id
        )
        return node


def _codes(response: Any) -> set[int]:
    """All error codes of an answer to AddPartitions, AddOffsets, TxnOffsetCommit or EndTxn."""
    if hasattr(response, "error_code"):
        return {response.error_code}
    return {code for _, partitions in response.errors for _, code in partitions}


def _strict_producer(connection: KafkaConnection, transactional_id: str) -> AIOKafkaProducer:
    producer = AIOKafkaProducer(
        **connection.producer_arguments(),
        transactional_id=transactional_id,
        transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
        linger_ms=0,
    )
    adapt(producer.client)
    producer._sender = StrictSender(  # noqa: SLF001 - the patch this file is about
        producer.client,
        acks=-1,
        txn_manager=producer._txn_manager,  # noqa: SLF001 - as above
        retry_backoff_ms=100,
        message_accumulator=producer._message_accumulator,  # noqa: SLF001 - as above
        request_timeout_ms=connection.request_timeout_ms,
    )
    return producer


async def fence(
    connection: KafkaConnection, transactional_id: str, *, limit_s: float = FENCE_LIMIT_S
) -> TransactionalWriter:
    """Start a producer; older holders of the id are fenced and their markers written.

    Raises:
        TransactionDoubt: it did not succeed within the limit.
    """
    producer = _strict_producer(connection, transactional_id)
    try:
        async with asyncio.timeout(limit_s):
            await producer.start()
    except TimeoutError as error:
        abandon(producer)
        raise TransactionDoubt(reason=f"no fence within {limit_s:.0f} s") from error
    except KafkaError as error:
        abandon(producer)
        raise TransactionDoubt(reason=f"the fence failed: {describe(error)}") from error
    except AssertionError as error:
        abandon(producer)
        if producer.client.cluster.brokers():
            raise
        # aiokafka asserts that there is one. A broker that has just come back answers, and names
        # none until its controller has put it into service.
        raise TransactionDoubt(reason="no broker is in service yet") from error
    except BaseException:
        abandon(producer)
        raise
    return _Writer(producer)


@final
class _Writer:
    """One transactional producer; fulfils workers.ports.TransactionalWriter."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._dropped = False
        self._trusted = True

    @property
    def epoch(self) -> int:
        """The producer's epoch."""
        epoch: int = self._producer._txn_manager.producer_epoch  # noqa: SLF001 - not public
        return epoch

    async def commit(self, transaction: Transaction) -> Mapping[Partition, int]:
        """Write, then the offset, then commit: each step awaited before the next."""
        if not self._trusted or self._dropped:
            raise TransactionDoubt(reason="the producer was given up after an earlier doubt")
        # Until it has ended well: whatever ends it early, a cancel too, leaves aiokafka's producer
        # in a state from which nothing may go on.
        self._trusted = False
        try:
            async with asyncio.timeout(COMMIT_LIMIT_S):
                await self._producer.begin_transaction()
                first_offsets = await self._write(transaction.outputs)
                if transaction.offset is not None:
                    await self._send_offset(transaction.offset)
                await self._producer.commit_transaction()
        except TimeoutError as error:
            reason = f"no commit within {COMMIT_LIMIT_S:.0f} s"
            raise TransactionDoubt(reason=reason) from error
        except KafkaError as error:
            raise TransactionDoubt(reason=_root(error)) from error
        self._trusted = True
        return first_offsets

    async def _send_offset(self, offset: InputOffset) -> None:
        place = TopicPartition(*offset.source)
        # As the producer's own method does, which shows the future to nobody: where the commit is
        # cancelled meanwhile, it is failed later, and nobody awaits it.
        transactions = self._producer._txn_manager  # noqa: SLF001 - not public
        future: asyncio.Future[None] = transactions.add_offsets_to_txn(
            {place: OffsetAndMetadata(offset.position, offset.metadata)}, offset.group
        )
        future.add_done_callback(see)
        await asyncio.shield(future)

    async def _write(
        self, outputs: Mapping[Partition, Sequence[NewRecord]]
    ) -> dict[Partition, int]:
        futures: list[asyncio.Future[Any]] = []
        places: list[Partition] = []
        for partition, records in outputs.items():
            for batch in filled_batches(self._producer, records):
                futures.append(await self._send(batch, partition))
                places.append(partition)
        # Every batch is awaited before the offsets are sent: aiokafka would commit regardless. Not
        # gathered, for that would be cancelled with the commit, and behind these futures are others
        # of aiokafka's own, which nobody but they looks at.
        if futures:
            await asyncio.wait(futures)
        first_offsets: dict[Partition, int] = {}
        for partition, future in zip(places, futures, strict=True):
            error = future.exception()
            if error is not None:
                raise self._failure(partition, error) from error
            first_offsets.setdefault(partition, future.result().offset)
        return first_offsets

    async def _send(self, batch: Any, partition: Partition) -> "asyncio.Future[Any]":
        try:
            future: asyncio.Future[Any] = await self._producer.send_batch(
                batch, partition.topic, partition=partition.number
            )
        except KafkaError as error:
            reason = f"a batch for {partition} was not sent: {_root(error)}"
            raise TransactionDoubt(reason=reason) from error
        future.add_done_callback(see)  # where a later batch is not sent, nobody awaits this one
        return future

    def _failure(self, partition: Partition, error: BaseException) -> BaseException:
        if not isinstance(error, KafkaError):
            return error
        code = self._producer._sender.refusals.get(partition)  # noqa: SLF001 - our own sender
        if code is not None and never_appended(code):
            return TransactionRefused(partition=partition, reason=describe_code(code))
        reason = _root(error) if code is None else describe_code(code)
        return TransactionDoubt(reason=f"a batch for {partition} failed: {reason}")

    def drop(self) -> None:
        """Close the sockets now; the broker aborts what is open, or the next fence does."""
        if not self._dropped:
            self._dropped = True
            abandon(self._producer)

    async def close(self) -> None:
        """Stop in an orderly way; drop where that takes too long."""
        if not self._dropped:
            self._dropped = True
            await stop_or_abandon(self._producer, CLOSE_LIMIT_S)


def _root(error: BaseException) -> str:
    """The error that the sender's routine wrapped, in a few words."""
    while error.__cause__ is not None and not isinstance(error, Unanswered):
        error = error.__cause__
    return str(error) if isinstance(error, Unanswered) else describe(error)
