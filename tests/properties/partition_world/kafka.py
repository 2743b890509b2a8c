"""Kafka, as far as one partition's life depends on it: brokers as values, one request at a time.

What is modelled is the protocol that aiokafka 0.14 speaks: the transactions of KIP-98 before the
epoch bump of KIP-890 part 2, and TxnOffsetCommit without the group fencing of KIP-447. Functions
name their sources: a KIP, or the class of Apache Kafka that shows the behaviour, as it stood on the
way to 4.0 in October 2024 (commit 1eb7644349cb).

Laws:
1. Brokers are of two kinds. All check a write's epoch against what that partition has seen; those
   that verify (KIP-890 part 1, Kafka 3.6 and later) first ask the coordinator, too. The product
   must hold on the weaker kind, and its rules must be needed on the stronger.
2. Everything that a broker may do later (write a marker, load its groups) is a step of its own, so
   that whatever may happen in between does happen in some play.
3. Values are named tuples, not dataclasses: a search hashes millions of them.
"""

from functools import cache
from typing import Any, NamedTuple

from penstock.workers.offsets import CommittedOffset, Finished, metadata_of, parse_metadata

__all__ = [
    "CHANGELOG",
    "OFFSETS",
    "OUTPUT",
    "TIMER",
    "Answer",
    "Changelog",
    "Group",
    "Kafka",
    "Offset",
    "Output",
    "Request",
    "State",
    "Transactions",
    "abort",
    "committed_offset",
    "decided",
    "fold",
    "handle",
    "offset_text",
    "write_marker",
]

CHANGELOG, OUTPUT, OFFSETS = "changelog", "output", "offsets"
"""What a transaction writes to; `offsets` is the group's partition of __consumer_offsets."""
TIMER = 9
"""Stands for the one timer among the inputs: only the state says that it is done, no offset."""

State = tuple[int, ...]
"""The fold: every input (and the timer) that was applied, ascending, twice where applied twice."""
Offset = tuple[int, str]
"""A committed offset: position and metadata."""


class Request(NamedTuple):
    """A request; `epoch` is its producer's, 0 where it carries none."""

    kind: str
    epoch: int
    body: tuple[Any, ...]


class Answer(NamedTuple):
    """What came back; `refused` says why nothing was done, and is empty otherwise."""

    refused: str
    value: Any


class Transactions(NamedTuple):
    """What the transaction coordinator knows of our one transactional id."""

    epoch: int
    status: str
    """empty, ongoing, committing or aborting (markers are being written), committed or aborted."""
    added: tuple[str, ...]
    """Partitions of the ongoing transaction."""
    unmarked: tuple[str, ...]
    """Partitions whose marker is still to be written."""


class Changelog(NamedTuple):
    """The changelog partition: state records and barriers.

    Offsets count from the oldest record that anybody may still ask for. What lies before is folded
    into `state` and `barrier`, which is also what compaction would leave of it.
    """

    epoch: int
    expected: int
    """The sequence number that the next batch of this epoch must have."""
    state: State
    barrier: int
    """Position of the last barrier; -1 where there was none."""
    settled: tuple[tuple[Any, ...], ...]
    """("state", State) or ("barrier", position); empty where an aborted record lies."""
    open: tuple[tuple[Any, ...], ...]
    """Records of a transaction without its marker: read_committed readers stop before them."""


class Output(NamedTuple):
    """The output partition; a record is the input that it answers."""

    epoch: int
    expected: int
    visible: tuple[int, ...]
    """What read_committed readers see, ascending."""
    open: tuple[int, ...]


class Group(NamedTuple):
    """The group's coordinator: who owns the partition, and its offset."""

    assignee: int
    untold: bool
    """The assignee has not heard of its assignment yet."""
    rebalancing: bool
    loading: bool
    """The coordinator was started again and reads its log: it knows no offsets meanwhile."""
    epoch: int
    """The last epoch that the offsets partition has seen."""
    committed: Offset | None
    pending: Offset | None
    """A transactional commit: nobody sees it before its marker."""


class Kafka(NamedTuple):
    """Everything that the brokers know."""

    transactions: Transactions
    changelog: Changelog
    output: Output
    group: Group
    end: int
    """End of the input partition."""
    verifies: bool
    """Whether partition leaders ask the coordinator before a transaction's first write."""


_OK = Answer("", None)
_FENCED = Answer("the producer is fenced", None)


def handle(kafka: Kafka, request: Request) -> tuple[Kafka, Answer] | None:
    """Let a broker handle one request.

    Returns:
        The brokers afterwards, and the answer. None where the broker answers "not yet" (a retriable
        code such as CONCURRENT_TRANSACTIONS): it did nothing, so the client asks again.
    """
    return _HANDLERS[request.kind](kafka, request)


# --- the transaction coordinator (TransactionCoordinator.scala) ---------------------------------


def _init_producer_id(kafka: Kafka, _: Request) -> tuple[Kafka, Answer] | None:
    """Answer InitProducerId (KIP-98): end what is open, wait for its markers, give the next epoch.

    An ongoing transaction is aborted under an epoch that nobody is ever given
    (prepareFenceProducerEpoch), and the client is told to ask again until the last marker is
    written. Version 0 names no epoch of its own: whoever asks wins.
    """
    old = kafka.transactions
    if old.status == "ongoing":
        return abort(kafka), Answer("", "again")
    if old.unmarked:
        return None
    return kafka._replace(transactions=Transactions(old.epoch + 1, "empty", (), ())), Answer(
        "", old.epoch + 1
    )


def abort(kafka: Kafka) -> Kafka:
    """Abort the ongoing transaction and fence its producer, as a time-out does, too.

    Source: abortTimedOutTransactions.
    """
    old = kafka.transactions
    return kafka._replace(transactions=Transactions(old.epoch + 1, "aborting", (), old.added))


def _add_partitions(kafka: Kafka, request: Request) -> tuple[Kafka, Answer] | None:
    """Answer AddPartitionsToTxn and AddOffsetsToTxn: the first of them begins the transaction.

    The epoch stays the same from one transaction to the next (KIP-890 part 2 would bump it), so a
    late copy of this request begins a transaction that nobody meant.
    """
    old = kafka.transactions
    if request.epoch != old.epoch:
        return kafka, _FENCED
    if old.unmarked:
        return None
    added = tuple(sorted({*old.added, *request.body}))
    return kafka._replace(transactions=Transactions(old.epoch, "ongoing", added, ())), _OK


def _end_txn(kafka: Kafka, request: Request) -> tuple[Kafka, Answer] | None:
    """Answer EndTxn: the result is decided and told at once, the markers are written afterwards.

    A repetition after the markers is answered with success where the result is the same.
    """
    old, commit = kafka.transactions, request.body[0]
    if request.epoch != old.epoch:
        return kafka, _FENCED
    if old.status == "ongoing":
        status = "committing" if commit else "aborting"
        return kafka._replace(transactions=Transactions(old.epoch, status, (), old.added)), _OK
    if old.status == ("committing" if commit else "aborting"):
        return None
    if old.status == ("committed" if commit else "aborted"):
        return kafka, _OK
    return kafka, Answer("no such transaction is open", None)


def write_marker(kafka: Kafka, partition: str) -> Kafka:
    """Write the marker into one of the partitions that still lack it.

    Markers carry the coordinator's epoch, so a partition that got the marker of a fence refuses
    everything older from then on (ProducerAppendInfo.appendEndTxnMarker).
    """
    old = kafka.transactions
    commit = old.status == "committing"
    unmarked = tuple(name for name in old.unmarked if name != partition)
    status = old.status if unmarked else ("committed" if commit else "aborted")
    kafka = kafka._replace(transactions=Transactions(old.epoch, status, (), unmarked))
    if partition == CHANGELOG:
        return kafka._replace(changelog=_settle_changelog(kafka.changelog, old.epoch, commit))
    if partition == OUTPUT:
        return kafka._replace(output=_settle_output(kafka.output, old.epoch, commit))
    return kafka._replace(group=_settle_offset(kafka.group, old.epoch, commit))


def _settle_changelog(log: Changelog, epoch: int, commit: bool) -> Changelog:
    records = log.open if commit else ((),) * len(log.open)
    expected = log.expected if epoch == log.epoch else 0
    return log._replace(epoch=epoch, expected=expected, settled=log.settled + records, open=())


def _settle_output(log: Output, epoch: int, commit: bool) -> Output:
    visible = tuple(sorted(log.visible + log.open)) if commit else log.visible
    return Output(epoch, log.expected if epoch == log.epoch else 0, visible, ())


def _settle_offset(group: Group, epoch: int, commit: bool) -> Group:
    committed = group.pending if commit and group.pending is not None else group.committed
    return group._replace(epoch=epoch, committed=committed, pending=None)


# --- partition leaders (ProducerAppendInfo.java) ------------------------------------------------


def _verdict(known: int, expected: int, epoch: int, sequence: int) -> str:
    """Judge a batch by its epoch and its sequence number (KIP-98, idempotence)."""
    if epoch < known:
        return "fenced"
    if sequence == (expected if epoch == known else 0):
        return "appended"
    return "known already" if epoch == known and sequence < expected else "out of order"


def _is_verified(kafka: Kafka, epoch: int, partition: str, *, has_begun: bool) -> bool:
    """Whether a write may begin a transaction in this partition (KIP-890 part 1)."""
    current = kafka.transactions
    belongs = current.status == "ongoing" and partition in current.added
    return has_begun or not kafka.verifies or (belongs and epoch == current.epoch)


def _produce(kafka: Kafka, request: Request) -> tuple[Kafka, Answer]:
    """Answer Produce: one request with a batch for each partition, and each is judged by itself.

    The answer's value is the offset of the changelog's record.
    """
    sequence, record, output_sequence, output = request.body
    log, out, epoch = kafka.changelog, kafka.output, request.epoch
    verdicts, offset = list[str](), len(log.settled) + len(log.open)
    if not _is_verified(kafka, epoch, CHANGELOG, has_begun=bool(log.open)):
        verdicts.append("of no transaction")
    else:
        verdicts.append(_verdict(log.epoch, log.expected, epoch, sequence))
        if verdicts[-1] == "appended":
            log = log._replace(epoch=epoch, expected=sequence + 1, open=(*log.open, record))
    if output >= 0 and not _is_verified(kafka, epoch, OUTPUT, has_begun=bool(out.open)):
        verdicts.append("of no transaction")
    elif output >= 0:
        verdicts.append(_verdict(out.epoch, out.expected, epoch, output_sequence))
        if verdicts[-1] == "appended":
            opened = tuple(sorted((*out.open, output)))
            out = Output(epoch, output_sequence + 1, out.visible, opened)
    bad = [each for each in verdicts if each not in {"appended", "known already"}]
    answer = Answer(f"the batch is {bad[0]}", None) if bad else Answer("", offset)
    return kafka._replace(changelog=log, output=out), answer


def _produce_plainly(kafka: Kafka, request: Request) -> tuple[Kafka, Answer]:
    """Answer Produce outside a transaction: visible at once."""
    visible = tuple(sorted((*kafka.output.visible, request.body[0])))
    return kafka._replace(output=kafka.output._replace(visible=visible)), _OK


# --- the group's coordinator (GroupCoordinatorService.java, OffsetMetadataManager.java) ----------


def _txn_offset_commit(kafka: Kafka, request: Request) -> tuple[Kafka, Answer] | None:
    """Answer TxnOffsetCommit: pending until the marker, and the last before the marker wins.

    A request without generation and member (before KIP-447) is not held against the membership
    (ClassicGroup.validateOffsetCommit), and these records have no sequence number: a late copy is
    as good as a fresh one.
    """
    group = kafka.group
    if group.loading:
        return None
    begun = group.pending is not None
    if request.epoch < group.epoch:
        return kafka, _FENCED
    if not _is_verified(kafka, request.epoch, OFFSETS, has_begun=begun):
        return kafka, Answer("the offset is of no transaction", None)
    return kafka._replace(group=group._replace(epoch=request.epoch, pending=request.body)), _OK


def _offset_commit(kafka: Kafka, request: Request) -> tuple[Kafka, Answer] | None:
    """Answer OffsetCommit of a member: held against the generation, and visible at once."""
    is_current, offset = request.body
    if kafka.group.loading:
        return None
    if not is_current:
        return kafka, Answer("the generation is over", None)
    return kafka._replace(group=kafka.group._replace(committed=offset)), _OK


def _offset_fetch(kafka: Kafka, _: Request) -> tuple[Kafka, Answer]:
    """Answer OffsetFetch up to version 6: what is committed, and no word of what is pending.

    While the coordinator loads, the top-level error says so, and the list of topics is empty: that
    is "empty" here. The end of the input is read no earlier than the offset, or an offset that a
    newer owner commits meanwhile would seem to lie beyond it.
    """
    group = kafka.group
    return kafka, Answer("", ("empty" if group.loading else group.committed, kafka.end))


def _heartbeat(kafka: Kafka, request: Request) -> tuple[Kafka, Answer]:
    """Answer Heartbeat: 0, or 27 (a rebalance is under way), or 22 and 25 (no longer a member).

    A coordinator that is loading says 0 to everybody (GroupCoordinatorService.heartbeat).
    """
    group, (is_current,) = kafka.group, request.body
    if group.loading:
        return kafka, Answer("", "member")
    if not is_current:
        return kafka, Answer("", "lost")
    return kafka, Answer("", "rebalancing" if group.rebalancing else "member")


# --- reading the changelog, read_committed ------------------------------------------------------


def fold(log: Changelog, until: int) -> tuple[State, int]:
    """Read the changelog up to an offset: the state, and the position of the last barrier."""
    state, barrier = log.state, log.barrier
    for record in log.settled[:until]:
        if record and record[0] == "state":
            state = record[1]
        elif record:
            barrier = record[1]
    return state, barrier


def _inspect(kafka: Kafka, _: Request) -> tuple[Kafka, Answer]:
    log = kafka.changelog
    return kafka, Answer("", fold(log, len(log.settled))[1])


def _restore(kafka: Kafka, request: Request) -> tuple[Kafka, Answer] | None:
    """Read up to the barrier or, where its offset is -1, to what is stable at this moment."""
    log, (until,) = kafka.changelog, request.body
    if until < 0:
        return kafka, Answer("", fold(log, len(log.settled))[0])
    if until >= len(log.settled):
        return None
    if not log.settled[until]:
        return kafka, Answer("the barrier is not where it should be", None)
    return kafka, Answer("", fold(log, until)[0])


_HANDLERS = {
    "InitProducerId": _init_producer_id,
    "AddPartitionsToTxn": _add_partitions,
    "AddOffsetsToTxn": _add_partitions,
    "Produce": _produce,
    "Produce plainly": _produce_plainly,
    "TxnOffsetCommit": _txn_offset_commit,
    "OffsetCommit": _offset_commit,
    "EndTxn": _end_txn,
    "OffsetFetch": _offset_fetch,
    "Heartbeat": _heartbeat,
    "Inspect": _inspect,
    "Restore": _restore,
}


# --- what is true ---------------------------------------------------------------------------------


def decided(kafka: Kafka) -> tuple[tuple[int, ...], State, Offset | None]:
    """Tell outputs, state and offset as they will be once a decided commit has its markers."""
    log, out, group = kafka.changelog, kafka.output, kafka.group
    if kafka.transactions.status == "committing":
        epoch, unmarked = kafka.transactions.epoch, kafka.transactions.unmarked
        log = _settle_changelog(log, epoch, commit=True) if CHANGELOG in unmarked else log
        out = _settle_output(out, epoch, commit=True) if OUTPUT in unmarked else out
        group = _settle_offset(group, epoch, commit=True) if OFFSETS in unmarked else group
    return out.visible, fold(log, len(log.settled))[0], group.committed


@cache
def offset_text(position: int, runs: tuple[tuple[int, int], ...]) -> str:
    """Write the product's metadata for an offset."""
    return metadata_of(position, Finished(runs))


@cache
def committed_offset(offset: Offset) -> CommittedOffset:
    """Read an offset as the product does."""
    return parse_metadata(*offset)
