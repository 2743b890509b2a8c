"""Each change that a transactional id can go through, as a function from what was to what is.

What the coordinator knows of an id is the value that it keeps in the journal (TransactionKept), so
there is nothing that a restart could lose. Every change passes the table of transaction_state.py.

Pure: time and producer ids are arguments. Who may ask for a change is decided elsewhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.transactions.transaction_entry import TransactionKept
from penstock.infra.embedded.transactions.transaction_state import FOLLOWERS, TransactionState
from penstock.schemas.errors import InternalError

__all__ = [
    "EXHAUSTED_EPOCH",
    "LARGEST_EPOCH",
    "NO_EPOCH",
    "NO_PRODUCER_ID",
    "ForbiddenChange",
    "completed",
    "extended",
    "fenced",
    "initialised",
    "new_transactional_id",
    "prepared",
]

NO_PRODUCER_ID: Final = -1
NO_EPOCH: Final = -1
EXHAUSTED_EPOCH: Final = 32_766
"""The last epoch that a producer is given. One is left above it, so that it can be fenced."""
LARGEST_EPOCH: Final = 32_767
"""What 16 bits hold. Only a fence sets it, so nobody who acts under it was told to."""

_State = TransactionState
_AFTER_MARKERS: Final = {
    _State.PREPARE_COMMIT: _State.COMPLETE_COMMIT,
    _State.PREPARE_ABORT: _State.COMPLETE_ABORT,
}


def new_transactional_id(
    transactional_id: str, *, producer_id: int, timeout_ms: int, now_ms: int
) -> TransactionKept:
    """Make an id known, with its first producer.

    Args:
        transactional_id: The id, not empty.
        producer_id: Never given before.
        timeout_ms: How long its transactions may last.
        now_ms: Milliseconds since 1970.

    Returns:
        The id, Empty, with epoch 0.
    """
    return TransactionKept(
        transactional_id=transactional_id,
        producer_id=producer_id,
        producer_epoch=0,
        previous_producer_id=producer_id,
        timeout_ms=timeout_ms,
        state=_State.EMPTY,
        update_ms=now_ms,
    )


def initialised(
    known: TransactionKept,
    *,
    producer_id: int,
    producer_epoch: int,
    last_epoch: int,
    timeout_ms: int,
    now_ms: int,
) -> TransactionKept:
    """Give an id without open transaction to a producer.

    Args:
        known: Empty or complete.
        producer_id: The producer's from now on.
        producer_epoch: The producer's from now on.
        last_epoch: The epoch that the producer itself asked to raise; NO_EPOCH if it did not.
        timeout_ms: How long its transactions may last.
        now_ms: Milliseconds since 1970.

    Returns:
        The id, Empty.
    """
    return replace(
        _moved(known, _State.EMPTY, now_ms),
        producer_id=producer_id,
        producer_epoch=producer_epoch,
        # Kafka notes the id before this call, even where it stays the same; a second retry after
        # a change of ids is fenced because of it.
        previous_producer_id=known.producer_id,
        last_producer_epoch=last_epoch,
        timeout_ms=timeout_ms,
        partitions=frozenset(),
        groups=frozenset(),
        start_ms=-1,
    )


def extended(
    known: TransactionKept,
    *,
    partitions: Iterable[TopicPartition] = (),
    groups: Iterable[str] = (),
    now_ms: int,
) -> TransactionKept:
    """Add to the open transaction, or open one.

    Args:
        known: Empty, ongoing or complete.
        partitions: Partitions that records will be written to.
        groups: Groups whose offsets will be committed.
        now_ms: Milliseconds since 1970; a new transaction's time runs from here.

    Returns:
        The id, Ongoing.
    """
    return replace(
        _moved(known, _State.ONGOING, now_ms),
        partitions=known.partitions.union(partitions),
        groups=known.groups.union(groups),
        start_ms=known.start_ms if known.state is _State.ONGOING else now_ms,
    )


def prepared(known: TransactionKept, *, commit: bool, now_ms: int) -> TransactionKept:
    """Settle the outcome of the open transaction.

    Args:
        known: Ongoing.
        commit: The outcome.
        now_ms: Milliseconds since 1970.

    Returns:
        The id, whose markers are to be written.
    """
    return _moved(known, _State.PREPARE_COMMIT if commit else _State.PREPARE_ABORT, now_ms)


def fenced(known: TransactionKept, *, now_ms: int) -> TransactionKept:
    """Abort the open transaction with a raised epoch, so that its producer can act no more.

    The raised epoch is given to nobody: the next InitProducerId raises it again.

    Args:
        known: Ongoing.
        now_ms: Milliseconds since 1970.

    Returns:
        The id, whose markers are to be written.
    """
    raised = replace(
        _moved(known, _State.PREPARE_EPOCH_FENCE, now_ms),
        producer_epoch=min(known.producer_epoch + 1, LARGEST_EPOCH),
        last_producer_epoch=NO_EPOCH,
    )
    return _moved(raised, _State.PREPARE_ABORT, now_ms)


def completed(known: TransactionKept, *, now_ms: int) -> TransactionKept:
    """Close a transaction whose markers are written.

    Args:
        known: PrepareCommit or PrepareAbort.
        now_ms: Milliseconds since 1970.

    Returns:
        The id, without open transaction.

    Raises:
        ForbiddenChange: its outcome is not settled.
    """
    after = _AFTER_MARKERS.get(known.state, known.state)
    return replace(_moved(known, after, now_ms), partitions=frozenset(), groups=frozenset())


def _moved(known: TransactionKept, state: TransactionState, now_ms: int) -> TransactionKept:
    if state not in FOLLOWERS[known.state]:
        raise ForbiddenChange(
            transactional_id=known.transactional_id, before=known.state, after=state
        )
    return replace(known, state=state, update_ms=now_ms)


@dataclass(eq=False, kw_only=True)
class ForbiddenChange(InternalError):
    """A transactional id was to change in a way that the table does not have."""

    transactional_id: str
    """Which."""
    before: str
    """The state that it has."""
    after: str
    """The state that it was to get."""

    code: ClassVar[str] = "PEN-I121"
    what: ClassVar[str] = "The transactional id {transactional_id!r} cannot change to {after}."
    why: ClassVar[str] = "It is {before}, and no transaction goes from there to {after}."
    remedy: ClassVar[str] = "This is a bug of penstock: please report it with this message."
