"""The transaction coordinator: all transactional ids of the broker.

    InitProducerId ─> Empty ─ AddPartitionsToTxn, AddOffsetsToTxn ─> Ongoing
    Ongoing ─ EndTxn ─> PrepareCommit|PrepareAbort ─ markers written ─> Complete…
    Ongoing ─ InitProducerId by another, or too long ─> PrepareAbort with a raised epoch

An outcome is settled when it is kept; from there on nothing but its markers can follow. The caller
takes the markers that are due (`take_markers`), writes them, and says so (`markers_written`); in
between everybody who names the id is told CONCURRENT_TRANSACTIONS.

Laws:
1. An entry is kept before it counts, and before its answer: what `keep` raises comes out of the
   call, and nothing has changed.
2. What `restore` is given goes on where it was: a settled outcome has its markers written (once
   more, where some were written before), an open transaction has the time-out that it had.
3. It behaves as Apache Kafka 4.1 does while `transaction.version` is 0; errors are told as
   PRODUCER_FENCED, which older clients know by another name (fencing_code.py).

Source: Kafka's TransactionCoordinator and TransactionStateManager; KIP-98, KIP-360, KIP-664,
KIP-890. Pure: time is an argument.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final, final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.deadlines import Deadlines
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.transactions.marker_work import (
    MarkerWork,
    orphans_work,
    settled_work,
)
from penstock.infra.embedded.transactions.offsets_partition import offsets_partition
from penstock.infra.embedded.transactions.producer_ids import ProducerIds
from penstock.infra.embedded.transactions.producer_initialisation import InitRequest, initialise
from penstock.infra.embedded.transactions.transaction import (
    NO_EPOCH,
    NO_PRODUCER_ID,
    completed,
    extended,
    fenced,
    prepared,
)
from penstock.infra.embedded.transactions.transaction_answers import (
    CoordinatorStatistics,
    InitAnswer,
    TransactionDescription,
    TransactionsListed,
)
from penstock.infra.embedded.transactions.transaction_config import TransactionConfig
from penstock.infra.embedded.transactions.transaction_entry import (
    ProducerIdBlockKept,
    TransactionEntry,
    TransactionForgotten,
    TransactionKept,
    weight_of,
)
from penstock.infra.embedded.transactions.transaction_listing import (
    TransactionFilter,
    described,
    listed,
)
from penstock.infra.embedded.transactions.transaction_state import (
    COMPLETING_STATES,
    EXPIRABLE_STATES,
    TransactionState,
)

__all__ = ["TransactionCoordinator"]

_NONE: Final = ErrorCode.none
_State = TransactionState
_AGAIN: Final[Mapping[TransactionState, bool]] = {
    _State.COMPLETE_COMMIT: True,
    _State.COMPLETE_ABORT: False,
}
"""The outcome that may be asked for once more, because the first answer may have got lost."""


@final
class TransactionCoordinator:
    """Producer ids, transactional ids, and the transactions of each. Mutable."""

    def __init__(
        self, *, config: TransactionConfig, keep: Callable[[TransactionEntry], None]
    ) -> None:
        """Know nobody.

        Args:
            config: The settings; `config` may be set anew at any time.
            keep: Keeps an entry over a restart. What it raises comes out of the call that wanted
                to keep it, and nothing has changed then.
        """
        self.config = config
        self._keep = keep
        self._producer_ids = ProducerIds(keep)
        self._known: dict[str, TransactionKept] = {}
        self._open: dict[str, None] = {}  # ongoing or completing; a dict, for its order
        self._due: dict[str, None] = {}  # completing, and not taken by the writer of markers
        self._deadlines: Deadlines[str] = Deadlines()
        self._held_bytes = 0
        self._committed = 0
        self._aborted = 0
        self._fenced = 0
        self._timed_out = 0
        self._expired_ids = 0

    # --- requests ---

    def init_producer(
        self,
        transactional_id: str | None,
        timeout_ms: int,
        producer_id: int = NO_PRODUCER_ID,
        producer_epoch: int = NO_EPOCH,
        *,
        now_ms: int,
    ) -> InitAnswer:
        """Answer InitProducerId.

        Args:
            transactional_id: None: an idempotent producer without transactions.
            timeout_ms: How long a transaction may last, in milliseconds.
            producer_id: Who the producer says it is (version 3 and later).
            producer_epoch: Its epoch.
            now_ms: Milliseconds since 1970.

        Returns:
            Producer id and epoch, or the error.
        """
        if (producer_id == NO_PRODUCER_ID) != (producer_epoch == NO_EPOCH):
            return InitAnswer(error=ErrorCode.invalid_request)
        if transactional_id is None:
            return InitAnswer(error=_NONE, producer_id=self._producer_ids.draw(), producer_epoch=0)
        known = self._known.get(transactional_id)
        if refused := self._init_refused(transactional_id, timeout_ms, is_new=known is None):
            return InitAnswer(error=refused)
        after = initialise(
            known,
            InitRequest(
                transactional_id=transactional_id,
                timeout_ms=timeout_ms,
                producer_id=producer_id,
                producer_epoch=producer_epoch,
            ),
            draw_producer_id=self._producer_ids.draw,
            now_ms=now_ms,
        )
        if isinstance(after, ErrorCode):
            return InitAnswer(error=after)
        self._record(after)
        if after.state is _State.PREPARE_ABORT:
            self._fenced += 1
            return InitAnswer(error=ErrorCode.concurrent_transactions)
        return InitAnswer(
            error=_NONE, producer_id=after.producer_id, producer_epoch=after.producer_epoch
        )

    def _init_refused(
        self, transactional_id: str, timeout_ms: int, *, is_new: bool
    ) -> ErrorCode | None:
        if not transactional_id:
            return ErrorCode.invalid_request
        if not 0 < timeout_ms <= self.config.max_timeout_ms:
            return ErrorCode.invalid_transaction_timeout
        if is_new and not self._has_room(weight_of(transactional_id)):
            return ErrorCode.policy_violation
        return None

    def add_partitions(
        self,
        transactional_id: str | None,
        producer_id: int,
        producer_epoch: int,
        partitions: Iterable[TopicPartition],
        *,
        now_ms: int,
    ) -> ErrorCode:
        """Answer AddPartitionsToTxn, as clients send it (versions 0 to 3).

        As in Kafka, no partition at all opens a transaction as well.

        Args:
            transactional_id: The id.
            producer_id: Who asks.
            producer_epoch: Its epoch.
            partitions: Partitions that exist; the caller has looked.
            now_ms: Milliseconds since 1970.

        Returns:
            One answer for all of them.
        """
        return self._extend(
            transactional_id,
            producer_id,
            producer_epoch,
            partitions=frozenset(partitions),
            now_ms=now_ms,
        )

    def add_group(
        self,
        transactional_id: str | None,
        producer_id: int,
        producer_epoch: int,
        group: str,
        *,
        now_ms: int,
    ) -> ErrorCode:
        """Answer AddOffsetsToTxn.

        Args:
            transactional_id: The id.
            producer_id: Who asks.
            producer_epoch: Its epoch.
            group: The group whose offsets will be committed; need not exist, may be empty.
            now_ms: Milliseconds since 1970.

        Returns:
            The answer.
        """
        return self._extend(
            transactional_id,
            producer_id,
            producer_epoch,
            groups=frozenset((group,)),
            now_ms=now_ms,
        )

    def _extend(  # noqa: PLR0911 - one for each row of Kafka's answers
        self,
        transactional_id: str | None,
        producer_id: int,
        producer_epoch: int,
        *,
        partitions: frozenset[TopicPartition] = frozenset(),
        groups: frozenset[str] = frozenset(),
        now_ms: int,
    ) -> ErrorCode:
        if not transactional_id:
            return ErrorCode.invalid_request
        known = self._known.get(transactional_id)
        if known is None:
            return ErrorCode.invalid_producer_id_mapping
        if known.state in COMPLETING_STATES:  # before who asks: a zombie too is told to wait
            return ErrorCode.concurrent_transactions
        if (refused := _not_holder(known, producer_id, producer_epoch)) is not None:
            return refused
        if (
            known.state is _State.ONGOING
            and known.partitions >= partitions
            and known.groups >= groups
        ):
            return _NONE
        after = extended(known, partitions=partitions, groups=groups, now_ms=now_ms)
        if not self._has_room(after.weight - known.weight):
            return ErrorCode.invalid_request
        self._record(after)
        return _NONE

    def end(
        self,
        transactional_id: str | None,
        producer_id: int,
        producer_epoch: int,
        *,
        commit: bool,
        now_ms: int,
    ) -> ErrorCode:
        """Answer EndTxn (versions 0 to 4): good once the outcome is kept, its markers follow.

        Args:
            transactional_id: The id.
            producer_id: Who asks.
            producer_epoch: Its epoch.
            commit: The outcome.
            now_ms: Milliseconds since 1970.

        Returns:
            The answer. The outcome that the transaction has already may be asked for again.
        """
        if not transactional_id:
            return ErrorCode.invalid_request
        known = self._known.get(transactional_id)
        if known is None:
            return ErrorCode.invalid_producer_id_mapping
        if (refused := _not_holder(known, producer_id, producer_epoch)) is not None:
            return refused
        if known.state in COMPLETING_STATES:
            return ErrorCode.concurrent_transactions
        if known.state is _State.ONGOING:
            self._record(prepared(known, commit=commit, now_ms=now_ms))
            return _NONE
        return _NONE if _AGAIN.get(known.state) is commit else ErrorCode.invalid_txn_state

    def verify(
        self,
        transactional_id: str | None,
        producer_id: int,
        producer_epoch: int,
        partitions: Collection[TopicPartition],
    ) -> Mapping[TopicPartition, ErrorCode]:
        """Say whether partitions are in the open transaction (KIP-890, part 1).

        For AddPartitionsToTxn that only verifies, and for produce before it lets a producer write.

        Args:
            transactional_id: The id.
            producer_id: Who writes.
            producer_epoch: Its epoch.
            partitions: Which partitions.

        Returns:
            For each none, or TRANSACTION_ABORTABLE where it is not in the transaction, or the same
            error for all.
        """
        refused, known = self._verified(transactional_id, producer_id, producer_epoch)
        if known is None:
            return dict.fromkeys(partitions, refused)
        return {
            partition: _NONE if partition in known.partitions else ErrorCode.transaction_abortable
            for partition in partitions
        }

    def verify_group(
        self, transactional_id: str | None, producer_id: int, producer_epoch: int, group: str
    ) -> ErrorCode:
        """Say whether a group's offsets may be committed in the open transaction.

        Kafka keeps a group in a transaction as the partition of __consumer_offsets that its name
        falls on; so all groups of that partition may.

        Args:
            transactional_id: The id.
            producer_id: Who commits.
            producer_epoch: Its epoch.
            group: The group's id.

        Returns:
            None; TRANSACTION_ABORTABLE where the group is not in the transaction; or why nothing
            may be committed.
        """
        refused, known = self._verified(transactional_id, producer_id, producer_epoch)
        if known is None:
            return refused
        if group in known.groups or self._place(group) in map(self._place, known.groups):
            return _NONE
        return ErrorCode.transaction_abortable

    def _place(self, group: str) -> TopicPartition:
        return offsets_partition(group, partitions=self.config.offsets_topic_partitions)

    def _verified(
        self, transactional_id: str | None, producer_id: int, producer_epoch: int
    ) -> tuple[ErrorCode, TransactionKept | None]:
        if not transactional_id:
            return ErrorCode.invalid_request, None
        known = self._known.get(transactional_id)
        if known is None:
            return ErrorCode.invalid_producer_id_mapping, None
        if (refused := _not_holder(known, producer_id, producer_epoch)) is not None:
            return refused, None
        if known.state in COMPLETING_STATES:
            return ErrorCode.concurrent_transactions, None
        return _NONE, known

    # --- markers ---

    def take_markers(self) -> list[MarkerWork]:
        """Take the outcomes whose markers are to be written, in the order of their settling.

        Each is given once; after a restart, or when `markers_refused` says so, again.
        """
        due = [settled_work(self._known[transactional_id]) for transactional_id in self._due]
        self._due.clear()
        return due

    def markers_written(self, transactional_id: str, *, now_ms: int) -> None:
        """Close a transaction: all its markers are in the logs, and its groups were told.

        Args:
            transactional_id: Whose work was taken.
            now_ms: Milliseconds since 1970.

        Raises:
            ForbiddenChange: its markers are not due, or are written already.
        """
        self._record(completed(self._known[transactional_id], now_ms=now_ms))

    def markers_refused(self, transactional_id: str) -> None:
        """Give the work out again: a log or a group could not take its marker now.

        Args:
            transactional_id: Whose work was taken.
        """
        self._due[transactional_id] = None

    # --- questions ---

    def list_transactions(
        self,
        states: Collection[str] = (),
        producer_ids: Collection[int] = (),
        duration_ms: int = -1,
        pattern: str | None = None,
        *,
        now_ms: int,
    ) -> TransactionsListed:
        """Answer ListTransactions.

        Args:
            states: Names of states; none: all.
            producer_ids: Producer ids; none: all.
            duration_ms: Only what has lasted longer; negative: all (version 1 and later).
            pattern: Regular expression for the whole id; None: all (version 2).
            now_ms: Milliseconds since 1970.

        Returns:
            The answer.
        """
        wanted = TransactionFilter(
            states=frozenset(states),
            producer_ids=frozenset(producer_ids),
            duration_ms=duration_ms,
            pattern=pattern,
        )
        return listed(self._known.values(), wanted, now_ms=now_ms)

    def describe(self, transactional_id: str) -> TransactionDescription:
        """Answer DescribeTransactions for one id.

        Args:
            transactional_id: The id.

        Returns:
            The answer.
        """
        return described(
            transactional_id,
            self._known.get(transactional_id),
            offsets_topic_partitions=self.config.offsets_topic_partitions,
        )

    def statistics(self) -> CoordinatorStatistics:
        """Return what is now and what has happened since the start."""
        completing = sum(self._known[name].state in COMPLETING_STATES for name in self._open)
        return CoordinatorStatistics(
            transactional_ids=len(self._known),
            ongoing=len(self._open) - completing,
            completing=completing,
            producer_ids_given=self._producer_ids.given,
            committed=self._committed,
            aborted=self._aborted,
            fenced=self._fenced,
            timed_out=self._timed_out,
            expired_ids=self._expired_ids,
            held_bytes=self._held_bytes,
            held_bytes_limit=self.config.max_held_bytes,
        )

    # --- time ---

    def next_deadline_ms(self) -> int | None:
        """Return when `tick` has something to do, in milliseconds since 1970; None: never."""
        return self._deadlines.next_ms()

    def tick(self, now_ms: int) -> None:
        """Abort what has lasted too long, and forget ids that nobody has used for long.

        Kafka looks after both only now and then (every 10 s, every hour), so it may be later.

        Args:
            now_ms: Milliseconds since 1970.
        """
        # A deadline goes with the change that it asks for: what cannot be kept now is still due.
        while (transactional_id := self._deadlines.first_due(now_ms)) is not None:
            known = self._known[transactional_id]
            if known.state is _State.ONGOING:
                self._record(fenced(known, now_ms=now_ms))
                self._timed_out += 1
            else:
                self._keep(TransactionForgotten(transactional_id=transactional_id))
                self._deadlines.cancel(transactional_id)
                del self._known[transactional_id]
                self._held_bytes -= known.weight
                self._expired_ids += 1

    # --- restart ---

    def restore(self, entries: Iterable[TransactionEntry]) -> None:
        """Take over what was kept before a restart; once, and before all else.

        Args:
            entries: In the order in which they were kept.
        """
        for entry in entries:
            match entry:
                case TransactionKept():
                    self._known[entry.transactional_id] = entry
                    self._producer_ids.skip(entry.producer_id)
                case TransactionForgotten():
                    self._known.pop(entry.transactional_id, None)
                case ProducerIdBlockKept():
                    self._producer_ids.restore(entry)
        for known in self._known.values():
            self._held_bytes += known.weight
            self._follow(known)

    def skip_producer_ids(self, largest: int) -> None:
        """Never give a producer id up to this one: a log has it, though the journal lost it.

        Args:
            largest: The largest producer id in any log.
        """
        self._producer_ids.skip(largest)

    def orphans(self, is_open: Iterable[tuple[TopicPartition, int, int]]) -> list[MarkerWork]:
        """Give the markers of transactions that are open in a log and that nobody would end.

        Args:
            is_open: partition, producer id and epoch of each transaction that is open in a log.

        Returns:
            Work without a transactional id: a commit where that was the last outcome, or an abort.
        """
        return orphans_work(self._known.values(), is_open)

    def kept_entries(self) -> Iterator[TransactionEntry]:
        """Give all that a journal has to say that is written anew."""
        yield self._producer_ids.kept
        yield from self._known.values()

    # --- within ---

    def _record(self, after: TransactionKept) -> None:
        """Keep what is known of an id from now on; then it counts."""
        self._keep(after)
        before = self._known.get(after.transactional_id)
        self._held_bytes += after.weight - (0 if before is None else before.weight)
        self._known[after.transactional_id] = after
        self._follow(after)
        if after.state is _State.PREPARE_COMMIT:
            self._committed += 1
        elif after.state is _State.PREPARE_ABORT:
            self._aborted += 1

    def _has_room(self, size: int) -> bool:
        return size <= 0 or self._held_bytes + size <= self.config.max_held_bytes

    def _follow(self, known: TransactionKept) -> None:
        """Set what follows from an id's state: deadline, markers."""
        name = known.transactional_id
        if known.state in EXPIRABLE_STATES:
            self._open.pop(name, None)
            self._deadlines.set(name, known.update_ms + self.config.id_expiration_ms)
            return
        self._open[name] = None
        if known.state is _State.ONGOING:
            # One later than start and time-out together: it may last so long.
            self._deadlines.set(name, known.start_ms + known.timeout_ms + 1)
        else:
            self._deadlines.cancel(name)
            self._due[name] = None


def _not_holder(known: TransactionKept, producer_id: int, epoch: int) -> ErrorCode | None:
    if known.producer_id != producer_id:
        return ErrorCode.invalid_producer_id_mapping
    if known.producer_epoch != epoch:
        return ErrorCode.producer_fenced
    return None
