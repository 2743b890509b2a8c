"""What a log knows of the producers that have written to it: epochs, sequences, open transactions.

The rules are those of Apache Kafka 4.1 (ProducerStateManager, ProducerAppendInfo; KIP-98, KIP-360,
KIP-890 without its second part): the last five batches of a producer are remembered, and one of
them that comes again is a duplicate; a new epoch begins at sequence 0; a producer that is not known
may begin anywhere.

Laws:
1. Nothing is checked that was written before, and nothing is changed by a check.
2. A producer that has been silent for long is forgotten, unless its transaction is open.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.log.control_marker import EndMarker
from penstock.infra.embedded.log.log_answers import ProducerDescription
from penstock.infra.embedded.log.record_batch import BatchHeader

__all__ = [
    "CompletedTransaction",
    "KnownProducer",
    "ProducerStates",
    "Refusal",
    "RememberedBatch",
]

_REMEMBERED: Final = 5
"""Kafka's ProducerStateEntry.NUM_BATCHES_TO_RETAIN: as many as a producer may have in flight."""
_NO_EPOCH: Final = -1
_NO_SEQUENCE: Final = -1
_LAST_SEQUENCE: Final = 2**31 - 1


class RememberedBatch(NamedTuple):
    """A batch that a producer may send again."""

    first_sequence: int
    last_sequence: int
    base_offset: int
    last_offset: int
    timestamp_ms: int


class KnownProducer(NamedTuple):
    """All that is known of a producer, for the next log over the same store."""

    producer_id: int
    epoch: int
    coordinator_epoch: int
    last_timestamp_ms: int
    transaction_start: int
    """Where its open transaction begins; -1 where none is open."""
    batches: tuple[RememberedBatch, ...]
    """Its last ones of this epoch, the newest last."""


class Refusal(NamedTuple):
    """Why a batch or a marker is refused."""

    error: ErrorCode
    reason: str


class CompletedTransaction(NamedTuple):
    """A transaction that a marker has ended."""

    producer_id: int
    first_offset: int
    last_offset: int
    """The marker's."""
    aborted: bool


@final
class _Producer:
    """One producer."""

    __slots__ = ("batches", "coordinator_epoch", "epoch", "last_timestamp_ms")

    def __init__(self) -> None:
        """Know nothing."""
        self.epoch = _NO_EPOCH
        self.coordinator_epoch = -1
        self.last_timestamp_ms = -1
        self.batches: deque[RememberedBatch] = deque(maxlen=_REMEMBERED)

    @property
    def last_sequence(self) -> int:
        return self.batches[-1].last_sequence if self.batches else _NO_SEQUENCE

    def begin_epoch(self, epoch: int) -> None:
        """Forget the batches of an older epoch."""
        if epoch != self.epoch:
            self.batches.clear()
            self.epoch = epoch


@final
@dataclass(slots=True)
class _Verification:
    """A first batch of a transaction that waits for the transaction coordinator's word."""

    epoch: int
    lowest_sequence: int
    since_ms: int


@final
class ProducerStates:
    """The producers of one partition."""

    __slots__ = ("_open", "_producers", "_verifications")

    def __init__(self, known: Iterable[KnownProducer] = ()) -> None:
        """Begin with what is known.

        Args:
            known: what `known_before` said.
        """
        self._producers: dict[int, _Producer] = {}
        # By producer, in the order in which they began: the first value is the least.
        self._open: dict[int, int] = {}
        self._verifications: dict[int, _Verification] = {}
        for one in sorted(known, key=lambda one: one.transaction_start):
            producer = self._known(one.producer_id)
            producer.epoch = one.epoch
            producer.coordinator_epoch = one.coordinator_epoch
            producer.last_timestamp_ms = one.last_timestamp_ms
            producer.batches.extend(one.batches)
            if one.transaction_start >= 0:
                self._open[one.producer_id] = one.transaction_start

    def __len__(self) -> int:
        """Return how many producers are known."""
        return len(self._producers)

    @property
    def open_transactions(self) -> int:
        """Return how many transactions are open."""
        return len(self._open)

    @property
    def first_open_offset(self) -> int | None:
        """Return where the first open transaction begins; None if none is open."""
        return next(iter(self._open.values()), None)

    def transaction_start(self, producer_id: int) -> int | None:
        """Return where the producer's open transaction begins; None if it has none."""
        return self._open.get(producer_id)

    def begin_verification(
        self, producer_id: int, epoch: int, sequence: int, *, now_ms: int
    ) -> None:
        """Note a batch whose transaction must be asked for: none with a lower number may follow."""
        noted = self._verifications.setdefault(producer_id, _Verification(epoch, sequence, now_ms))
        if epoch > noted.epoch:
            noted.epoch, noted.lowest_sequence = epoch, sequence
        elif epoch == noted.epoch:
            noted.lowest_sequence = min(noted.lowest_sequence, sequence)

    def duplicate(self, header: BatchHeader) -> RememberedBatch | None:
        """Return the batch that this one repeats; None if it is new."""
        producer = self._producers.get(header.producer_id)
        if producer is None or producer.epoch != header.producer_epoch:
            return None
        first, last = header.base_sequence, header.last_sequence
        for batch in producer.batches:
            if batch.first_sequence == first and batch.last_sequence == last:
                return batch
        return None

    def batch_refusal(self, header: BatchHeader) -> Refusal | None:
        """Judge a client's batch, which is no duplicate.

        Args:
            header: with its offset put in.

        Returns:
            Why it is refused; None if it is not.
        """
        producer = self._producers.get(header.producer_id)
        who = f"producer {header.producer_id} at offset {header.base_offset}"
        if producer is not None and header.producer_epoch < producer.epoch:
            return _stale(who, header.producer_epoch, producer.epoch)
        waiting = self._verifications.get(header.producer_id)
        if waiting is not None and header.base_sequence > waiting.lowest_sequence:
            return _out_of_order(who, header.base_sequence, f"{waiting.lowest_sequence} is awaited")
        if producer is not None and not _in_sequence(producer, header):
            if header.producer_epoch != producer.epoch:
                known = f"epoch {header.producer_epoch} is new"
            else:
                known = f"{producer.last_sequence} was the last"
            return _out_of_order(who, header.base_sequence, known)
        if not header.is_transactional and header.producer_id in self._open:
            return Refusal(ErrorCode.invalid_txn_state, f"Expected transactional write from {who}")
        return None

    def marker_refusal(
        self, producer_id: int, producer_epoch: int, coordinator_epoch: int
    ) -> Refusal | None:
        """Judge a marker of a transaction coordinator."""
        producer = self._producers.get(producer_id)
        if producer is None:
            return None
        who = f"producer {producer_id}"
        if producer_epoch < producer.epoch:
            return _stale(who, producer_epoch, producer.epoch)
        if coordinator_epoch < producer.coordinator_epoch:
            return Refusal(
                ErrorCode.transaction_coordinator_fenced,
                f"Invalid coordinator epoch for {who}: {coordinator_epoch} (zombie), "
                f"{producer.coordinator_epoch} (current)",
            )
        return None

    def take_batch(self, header: BatchHeader) -> None:
        """Note a batch of data that is in the log."""
        producer = self._known(header.producer_id)
        producer.begin_epoch(header.producer_epoch)
        producer.batches.append(
            RememberedBatch(
                header.base_sequence,
                header.last_sequence,
                header.base_offset,
                header.last_offset,
                header.max_timestamp_ms,
            )
        )
        producer.last_timestamp_ms = header.max_timestamp_ms
        if header.is_transactional:
            self._open.setdefault(header.producer_id, header.base_offset)
            self._verifications.pop(header.producer_id, None)

    def take_marker(self, header: BatchHeader, marker: EndMarker) -> CompletedTransaction | None:
        """Note a marker that is in the log.

        Returns:
            The transaction that it ends; None where nothing of it is in the log.
        """
        producer = self._known(header.producer_id)
        producer.begin_epoch(header.producer_epoch)
        producer.coordinator_epoch = marker.coordinator_epoch
        producer.last_timestamp_ms = header.max_timestamp_ms
        self._verifications.pop(header.producer_id, None)
        first_offset = self._open.pop(header.producer_id, None)
        if first_offset is None:
            return None
        return CompletedTransaction(
            header.producer_id, first_offset, header.base_offset, not marker.commit
        )

    def take_empty_marker(self, header: BatchHeader) -> None:
        """Note a marker that compaction has emptied, when the log is opened again.

        Nothing of its transaction is left, but it may be all that says how new the producer's epoch
        is. Kafka knows that from its snapshots.
        """
        producer = self._known(header.producer_id)
        producer.begin_epoch(header.producer_epoch)
        producer.last_timestamp_ms = header.max_timestamp_ms

    def is_last_of_producer(self, header: BatchHeader) -> bool:
        """Tell whether a batch holds the last that is known of its producer, so that compaction
        must not remove it whole.
        """  # noqa: D205 - one sentence
        producer = self._producers.get(header.producer_id)
        if producer is None:
            return False
        if producer.batches:
            return header.last_offset == producer.batches[-1].last_offset
        return header.is_control and header.producer_epoch == producer.epoch

    def expire(self, now_ms: int, *, after_ms: int) -> int:
        """Forget the producers that have been silent for `after_ms`; return how many."""
        silent = [
            producer_id
            for producer_id, producer in self._producers.items()
            if producer_id not in self._open and now_ms - producer.last_timestamp_ms >= after_ms
        ]
        for producer_id in silent:
            del self._producers[producer_id]
        for producer_id, waiting in tuple(self._verifications.items()):
            if now_ms - waiting.since_ms >= after_ms:
                del self._verifications[producer_id]
        return len(silent)

    def known_before(self, offset: int) -> Iterator[KnownProducer]:
        """Yield what no batch from an offset on can say again.

        Epochs and times are the newest, as those batches say them again where they are later.

        Args:
            offset: where a batch begins, or may begin.
        """
        for producer_id, producer in self._producers.items():
            opened = self._open.get(producer_id, offset)
            yield KnownProducer(
                producer_id=producer_id,
                epoch=producer.epoch,
                coordinator_epoch=producer.coordinator_epoch,
                last_timestamp_ms=producer.last_timestamp_ms,
                transaction_start=opened if opened < offset else -1,
                batches=tuple(one for one in producer.batches if one.last_offset < offset),
            )

    def descriptions(self) -> Iterator[ProducerDescription]:
        """Yield what is known of each producer."""
        for producer_id, producer in self._producers.items():
            yield ProducerDescription(
                producer_id=producer_id,
                producer_epoch=producer.epoch,
                last_sequence=producer.last_sequence,
                last_timestamp_ms=producer.last_timestamp_ms,
                coordinator_epoch=producer.coordinator_epoch,
                current_transaction_start_offset=self._open.get(producer_id, -1),
            )

    def _known(self, producer_id: int) -> _Producer:
        producer = self._producers.get(producer_id)
        if producer is None:
            producer = self._producers[producer_id] = _Producer()
        return producer


def _in_sequence(producer: _Producer, header: BatchHeader) -> bool:
    first = header.base_sequence
    if header.producer_epoch != producer.epoch:
        return first == 0 or producer.epoch == _NO_EPOCH
    last = producer.last_sequence
    return (
        producer.epoch == _NO_EPOCH or first == last + 1 or (first == 0 and last == _LAST_SEQUENCE)
    )


def _stale(who: str, epoch: int, known: int) -> Refusal:
    reason = f"Epoch of {who} is {epoch}, which is smaller than the last seen epoch {known}"
    return Refusal(ErrorCode.invalid_producer_epoch, reason)


def _out_of_order(who: str, sequence: int, known: str) -> Refusal:
    reason = f"Out of order sequence number for {who}: {sequence}, while {known}"
    return Refusal(ErrorCode.out_of_order_sequence_number, reason)
