"""The whole broker, without a socket and without a clock: topics, logs, groups, transactions.

The shell hands requests in and answers out, calls `settle` after each request and each `tick`,
wakes whom `take_readable` and `take_answers` name, and calls `tick` when `next_deadline_ms` is
reached.

    restart = the journal's entries + the partitions' stores, at any moment

Laws:
1. `now_ms` is an argument, and so are ids; nothing here waits or draws.
2. A client's fault is an error code in an answer. What raises is a fault of ours, or the journal or
   a store that cannot keep what it is given; then nothing has been promised yet.
3. A settled transaction is: kept as prepared, then its markers written, then its groups told, then
   kept as complete. A restart in between does the rest again; markers and groups bear it twice.
4. Everything is bounded: bytes of all logs, partitions, settings; what a tick does at once.
5. A coordinator is made, and its room imported, when something first wants it: a broker that only
   takes records in has neither, and is ready a third sooner.

There is no topic __consumer_offsets and no __transaction_state: Kafka keeps groups and transactions
in logs of its own because its brokers replicate logs, and one node has a journal for it. No name is
special, and whoever lists topics sees only those that somebody made.
"""

from base64 import urlsafe_b64encode
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, final
from uuid import UUID

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.broker_errors import BrokerDefect
from penstock.infra.embedded.cluster_entry import ClusterKept
from penstock.infra.embedded.config_administration import ConfigAdministration, topic_entry
from penstock.infra.embedded.configs.broker_config import BrokerConfig
from penstock.infra.embedded.configs.config_query import ConfigQuery
from penstock.infra.embedded.journal_replay import JournalReplay
from penstock.infra.embedded.log.log_answers import Appended
from penstock.infra.embedded.log.partition_log import PartitionLog
from penstock.infra.embedded.log.record_batch import BatchHeader, split_batches
from penstock.infra.embedded.only_broker import ONLY_BROKER
from penstock.infra.embedded.partition_logs import PartitionLogs, StoreFactory
from penstock.infra.embedded.topic_administration import TopicAdministration
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.topics.topic_creation import NewTopic, TopicCreated
from penstock.infra.embedded.topics.topic_table import TopicTable

if TYPE_CHECKING:
    from penstock.infra.embedded.broker_statistics import BrokerStatistics
    from penstock.infra.embedded.configs.config_answer import ConfigsAltered, ConfigsDescribed
    from penstock.infra.embedded.configs.config_change import ConfigChange
    from penstock.infra.embedded.configs.config_resource import ConfigResource
    from penstock.infra.embedded.groups.group_answers import JoinAnswer, SyncAnswer
    from penstock.infra.embedded.groups.group_coordinator import GroupCoordinator
    from penstock.infra.embedded.journal_entry import JournalEntry
    from penstock.infra.embedded.topics.partition_growth import PartitionGrowth, TopicGrown
    from penstock.infra.embedded.topics.topic_deletion import TopicDeleted, TopicReference
    from penstock.infra.embedded.transactions.marker_work import MarkerWork
    from penstock.infra.embedded.transactions.transaction_coordinator import TransactionCoordinator

__all__ = ["LOG_MEMORY_BYTES", "MOST_PARTITIONS", "Broker"]

LOG_MEMORY_BYTES: Final = 1 << 30
"""What all logs together hold unless somebody says otherwise: 1 GiB, far more than a test or a demo
needs and less than a developer's machine has."""
MOST_PARTITIONS: Final = 20_000
"""Of all topics together unless somebody says otherwise; an empty one costs some kilobytes."""

_LEGAL_ACKS: Final = frozenset({-1, 0, 1})
_FENCED: Final = frozenset(
    {ErrorCode.invalid_producer_epoch, ErrorCode.transaction_coordinator_fenced}
)
"""A log that knows a newer epoch of the producer: this transaction's end is behind it already."""

_CONCURRENT: Final = (
    "Unable to verify the partition has been added to the transaction. "
    "Underlying error: CONCURRENT_TRANSACTIONS"
)
_UNVERIFIED: Final[Mapping[ErrorCode, Appended]] = {
    ErrorCode.producer_fenced: Appended(error=ErrorCode.invalid_producer_epoch),
    # Older clients do not try again after CONCURRENT_TRANSACTIONS.
    ErrorCode.concurrent_transactions: Appended(
        error=ErrorCode.not_enough_replicas, reason=_CONCURRENT, message=_CONCURRENT
    ),
}
"""What a producer is told of the coordinator's answer (ReplicaManager.handleProduceAppend). Other
answers are told as they are; TRANSACTION_ABORTABLE is for the request's version to translate."""


@final
class Broker:
    """A Kafka broker of one node."""

    node_id: Final = ONLY_BROKER

    def __init__(
        self,
        *,
        config: BrokerConfig,
        stores: StoreFactory,
        journal: Callable[["JournalEntry"], None],
        draw_uuid: Callable[[], UUID],
        name_member: Callable[[str], str],
        entries: Iterable["JournalEntry"] = (),
        now_ms: int,
        log_memory_bytes: int | None = LOG_MEMORY_BYTES,
        most_partitions: int = MOST_PARTITIONS,
    ) -> None:
        """Begin, or go on with what was kept.

        Args:
            config: what the broker is started with.
            stores: gives the store of a partition.
            journal: keeps an entry; when it raises, the change it stands for has not happened.
            draw_uuid: gives an id that was never given before.
            name_member: makes the id of a group's member of the id of its client.
            entries: what the journal was given before, in order.
            now_ms: the broker's time, in milliseconds since 1970.
            log_memory_bytes: what all logs together may hold; None: no limit.
            most_partitions: how many partitions all topics together may have.
        """
        replay = JournalReplay(entries)
        self.topics = TopicTable(replay.topics)
        self._configs = ConfigAdministration(
            config=config, topics=self.topics, kept=replay.configs, keep=journal
        )
        self._began_with = self.config
        self._began_ms = now_ms
        self._name_member = name_member
        self._journal = journal
        self._groups: GroupCoordinator | None = None
        self._transactions: TransactionCoordinator | None = None
        self._orphans: list[MarkerWork] = []
        """Transactions that are open in a log, and that no coordinator will end."""
        self._unfinished: dict[MarkerWork, set[TopicPartition]] = {}
        """Transactions that are being finished, and the partitions that have no marker yet: where
        one cannot be written now, it is tried again, and no other is written twice."""
        self._logs = PartitionLogs(
            stores=stores, memory_bytes=log_memory_bytes, config=self.config, now_ms=now_ms
        )
        self._configs.attach(self._logs)
        self._topic_administration = TopicAdministration(
            topics=self.topics,
            configs=self._configs,
            logs=self._logs,
            forget_partitions=self._forget_partitions,
            keep=journal,
            draw_uuid=draw_uuid,
            most_partitions=most_partitions,
        )
        self._batches = self._records = self._bytes = self._refused = 0
        self._restore(replay, now_ms)
        self.cluster_id: Final = replay.cluster_id or _cluster_id(draw_uuid)
        if replay.cluster_id is None:
            journal(ClusterKept(cluster_id=self.cluster_id))

    @property
    def config(self) -> BrokerConfig:
        """The broker's settings as they are now."""
        return self._configs.config

    @property
    def groups(self) -> "GroupCoordinator":
        """The group coordinator."""
        if self._groups is None:
            from penstock.infra.embedded.groups.group_coordinator import (  # noqa: PLC0415 - law 5
                GroupCoordinator,
            )

            self._groups = GroupCoordinator(
                config=self._began_with.group_config(),
                name_member=self._name_member,
                keep=self._journal,
                now_ms=self._began_ms,
            )
        return self._groups

    @property
    def transactions(self) -> "TransactionCoordinator":
        """The transaction coordinator."""
        if self._transactions is None:
            from penstock.infra.embedded.transactions.transaction_coordinator import (  # noqa: PLC0415 - law 5
                TransactionCoordinator,
            )

            self._transactions = TransactionCoordinator(
                config=self._began_with.transaction_config(), keep=self._journal
            )
        return self._transactions

    def log(self, topic: str, partition: int) -> PartitionLog | None:
        """Return a partition's log.

        Args:
            topic: the topic's name.
            partition: the partition's number.

        Returns:
            The log, to be read; None where there is no such partition.
        """
        return self._logs.get(TopicPartition(topic, partition))

    # --- topics ---

    def create_topics(
        self, wishes: Sequence[NewTopic], *, validate_only: bool = False, now_ms: int
    ) -> tuple[TopicCreated, ...]:
        """Make topics.

        Args:
            wishes: the topics.
            validate_only: make nothing, but say what would be.
            now_ms: the broker's time.

        Returns:
            One answer for each name, in the order of their first mention.
        """
        return self._topic_administration.create(wishes, validate_only=validate_only, now_ms=now_ms)

    def create_topic(
        self, wish: NewTopic, *, validate_only: bool = False, now_ms: int
    ) -> TopicCreated:
        """Make one topic; as `create_topics`."""
        return self.create_topics([wish], validate_only=validate_only, now_ms=now_ms)[0]

    def ensure_topic(self, name: str, *, now_ms: int) -> TopicCreated:
        """Make a topic that Metadata asks for, where it is not there and may be made.

        Args:
            name: its name.
            now_ms: the broker's time.

        Returns:
            Without an error where it is there now, else the error that Metadata tells.
        """
        return self._topic_administration.ensure(name, now_ms=now_ms)

    def delete_topics(
        self, references: "Sequence[TopicReference]", *, now_ms: int
    ) -> "tuple[TopicDeleted, ...]":
        """Delete topics with all that belongs to them.

        Args:
            references: each by its name or by its id.
            now_ms: the broker's time.

        Returns:
            One answer for each topic, in the order of their first mention.
        """
        if self._groups is not None:
            self._groups.tick(now_ms)
        return self._topic_administration.delete(references)

    def create_partitions(
        self, wishes: "Sequence[PartitionGrowth]", *, validate_only: bool = False, now_ms: int
    ) -> "tuple[TopicGrown, ...]":
        """Give topics more partitions.

        Args:
            wishes: topics and their new totals.
            validate_only: change nothing.
            now_ms: the broker's time.

        Returns:
            One answer for each name, in the order of their first mention.
        """
        return self._topic_administration.grow(wishes, validate_only=validate_only, now_ms=now_ms)

    # --- configurations ---

    def describe_configs(
        self,
        resource: "ConfigResource",
        *,
        names: Collection[str] | None = None,
        synonyms: bool = False,
        documentation: bool = False,
    ) -> "ConfigsDescribed":
        """Show the settings of a topic, the broker, the cluster, a group or a subscription.

        Args:
            resource: whose.
            names: those asked for; None or none: all.
            synonyms: whether to name all places that a value may come from.
            documentation: whether to say what each is for.

        Returns:
            The settings, or why they cannot be told.
        """
        return self._configs.describe(resource, ConfigQuery(names or (), synonyms, documentation))

    def alter_configs(
        self,
        wishes: "Sequence[tuple[ConfigResource, Sequence[tuple[str, str | None]]]]",
        *,
        validate_only: bool = False,
    ) -> "tuple[ConfigsAltered, ...]":
        """Replace all settings of resources.

        Args:
            wishes: resources and what is to be set for each.
            validate_only: change nothing.

        Returns:
            One answer for each wish.
        """
        return self._configs.alter(wishes, validate_only=validate_only)

    def incremental_alter_configs(
        self,
        wishes: "Sequence[tuple[ConfigResource, Sequence[ConfigChange]]]",
        *,
        validate_only: bool = False,
    ) -> "tuple[ConfigsAltered, ...]":
        """Change single settings of resources.

        Args:
            wishes: resources and what is to change of each.
            validate_only: change nothing.

        Returns:
            One answer for each wish.
        """
        return self._configs.incremental_alter(wishes, validate_only=validate_only)

    # --- records ---

    def produce(
        self,
        partition: TopicPartition,
        records: bytes | memoryview | None,
        *,
        transactional_id: str | None,
        acks: int,
        now_ms: int,
    ) -> Appended:
        """Append what a producer sends for one partition.

        min.insync.replicas has no say: Kafka never asks for more replicas than the partition has.

        Args:
            partition: where to.
            records: exactly one batch, as it came.
            transactional_id: of the request.
            acks: of the request.
            now_ms: the broker's time.

        Returns:
            What became of it.
        """
        appended = self._produced(partition, records, transactional_id, acks, now_ms)
        if appended.error is not ErrorCode.none:
            self._refused += 1
        return appended

    def delete_records(self, partition: TopicPartition, before: int) -> tuple[ErrorCode, int]:
        """Delete a partition's records before an offset.

        Args:
            partition: the partition.
            before: the first offset that stays; -1: none stays.

        Returns:
            The error, and where the log begins now; -1 on errors.
        """
        return self._logs.delete_before(partition, before)

    def take_readable(self) -> set[TopicPartition]:
        """Return the partitions whose waiting readers have something to see since the last call."""
        return self._logs.take_readable()

    def take_answers(self) -> "list[tuple[int, JoinAnswer | SyncAnswer]]":
        """Return the answers of groups that became due since the last call, with their tokens."""
        return [] if self._groups is None else self._groups.take_answers()

    # --- time ---

    def settle(self, now_ms: int) -> None:
        """Finish the transactions whose outcome is settled: markers, then groups, then the record.

        To be called after each request and each tick; whoever does not, holds the markers back.

        Args:
            now_ms: the broker's time.
        """
        self.carry_out(self.take_decided(), now_ms)

    def take_decided(self) -> "list[MarkerWork]":
        """Take the transactions whose outcome is settled, each once: to be carried out, or given
        back. In between, the decisions can be made safe.
        """  # noqa: D205 - one sentence
        taken, self._orphans = self._orphans, []
        if self._transactions is not None:
            taken += self._transactions.take_markers()
        return taken

    def carry_out(self, works: "Sequence[MarkerWork]", now_ms: int) -> None:
        """Finish transactions: markers, then groups, then the record.

        Args:
            works: what `take_decided` gave.
            now_ms: the broker's time.

        Raises:
            OSError: a log or the journal could not keep something, the first failure of all; what
                is not finished is given back.
        """
        left = deque(works)
        refused: list[MarkerWork] = []
        broken: dict[TopicPartition, OSError] = {}
        failure: OSError | None = None
        try:
            while left:
                try:
                    self._finish(left[0], broken, now_ms)
                except OSError as one:  # of one log, maybe: all the others have their turn
                    refused.append(left[0])
                    failure = failure or one
                left.popleft()
        finally:
            self.give_back([*refused, *left])
        if failure is not None:
            raise failure

    def give_back(self, works: "Sequence[MarkerWork]") -> None:
        """Leave transactions that were taken to the next who settles.

        Args:
            works: what `take_decided` gave, and what was not carried out.
        """
        for work in works:
            if work.transactional_id:
                self.transactions.markers_refused(work.transactional_id)
            else:
                self._orphans.append(work)

    def next_deadline_ms(self) -> int | None:
        """Return when `tick` has something to do; None: never, as things are."""
        parts = (self._groups, self._transactions, self._logs)
        deadlines = (part.next_deadline_ms() for part in parts if part is not None)
        return min((each for each in deadlines if each is not None), default=None)

    def tick(self, now_ms: int) -> None:
        """Let happen what is due: time-outs of groups and transactions, expiry, cleaning of logs.

        Cleaning is done a few logs at a time; while some are left the next deadline is now.

        Args:
            now_ms: the broker's time.
        """
        # Each has its turn whatever becomes of the others: on a full disk the journal takes nothing
        # of groups and transactions, and only the cleaning of logs can make room.
        try:
            if self._groups is not None:
                self._groups.tick(now_ms)
        finally:
            try:
                if self._transactions is not None:
                    self._transactions.tick(now_ms)
            finally:
                self._logs.clean(now_ms)

    # --- the whole ---

    def snapshot(self) -> "Iterator[JournalEntry]":
        """Say in few entries what the journal was given so far, for one that is written anew."""
        yield ClusterKept(cluster_id=self.cluster_id)
        for topic in self.topics:
            yield topic_entry(topic)
        yield from self._configs.entries()
        if self._groups is not None:
            yield from self._groups.snapshot()
        if self._transactions is not None:
            yield from self._transactions.kept_entries()

    def statistics(self) -> "BrokerStatistics":
        """Return the broker in numbers."""
        from penstock.infra.embedded.broker_statistics import (  # noqa: PLC0415 - law 5
            BrokerStatistics,
        )

        return BrokerStatistics(
            topics=len(self.topics),
            batches_appended=self._batches,
            records_appended=self._records,
            bytes_appended=self._bytes,
            appends_refused=self._refused,
            logs=self._logs.statistics(),
            groups=self.groups.statistics(),
            transactions=self.transactions.statistics(),
        )

    def _restore(self, replay: JournalReplay, now_ms: int) -> None:
        largest, is_open = -1, []
        for topic in self.topics:
            self._logs.open(topic, topic.partitions, now_ms=now_ms)
            for number in topic.partitions:
                partition = TopicPartition(topic.name, number)
                log = self._logs.get(partition)
                assert log is not None
                for producer in log.producers():
                    largest = max(largest, producer.producer_id)
                    if producer.current_transaction_start_offset >= 0:
                        is_open.append((partition, producer.producer_id, producer.producer_epoch))
        if replay.groups:
            self.groups.restore(replay.groups, now_ms=now_ms)
        if replay.transactions:
            self.transactions.restore(replay.transactions)
        if largest >= 0:  # the journal's last entries may be lost where a log's are not
            self.transactions.skip_producer_ids(largest)
        if is_open:
            self._orphans = self.transactions.orphans(is_open)

    def _produced(
        self,
        partition: TopicPartition,
        records: bytes | memoryview | None,
        transactional_id: str | None,
        acks: int,
        now_ms: int,
    ) -> Appended:
        log = self._logs.get(partition)
        if log is None:
            return Appended(error=ErrorCode.unknown_topic_or_partition)
        found = split_batches(records or b"", verify=False)
        if found.error is not ErrorCode.none:
            return Appended(error=found.error, reason=found.reason)
        if acks not in _LEGAL_ACKS:
            return Appended(error=ErrorCode.invalid_required_acks)
        if len(found.batches) == 1:
            header = found.batches[0].header
            error = self._unverified(partition, log, header, transactional_id, now_ms)
            if error is not None:
                return error
        appended = self._logs.append(partition, log, found.batches, now_ms=now_ms)
        if appended.error is ErrorCode.none and not appended.duplicate:
            header = found.batches[0].header
            self._batches += 1
            self._records += header.record_count
            self._bytes += header.length_bytes
        return appended

    def _unverified(
        self,
        partition: TopicPartition,
        log: PartitionLog,
        header: BatchHeader,
        transactional_id: str | None,
        now_ms: int,
    ) -> Appended | None:
        """Ask the coordinator whether a batch belongs to a transaction, as Kafka does (KIP-890)."""
        if not header.is_transactional:
            return None
        if transactional_id is None:
            return Appended(error=ErrorCode.transactional_id_authorization_failed)
        if not self.config.flag("transaction.partition.verification.enable"):
            return None
        producer_id, epoch = header.producer_id, header.producer_epoch
        if log.has_open_transaction(producer_id):
            return None
        log.begin_verification(producer_id, epoch, header.base_sequence, now_ms=now_ms)
        verified = self.transactions.verify(transactional_id, producer_id, epoch, (partition,))
        error = verified[partition]
        return None if error is ErrorCode.none else _UNVERIFIED.get(error, Appended(error=error))

    def _forget_partitions(self, partitions: Collection[TopicPartition]) -> None:
        if self._groups is not None:
            self._groups.forget_partitions(partitions)

    def _finish(
        self, work: "MarkerWork", broken: dict[TopicPartition, OSError], now_ms: int
    ) -> None:
        """Finish a transaction, but for logs that cannot take a marker now: each is tried once.

        Args:
            work: the transaction.
            broken: those logs; more are put in.
            now_ms: the broker's time.

        Raises:
            OSError: it is not finished.
        """
        unmarked = self._unfinished.setdefault(work, set(work.partitions))
        for partition in sorted(unmarked - broken.keys()):
            try:
                error = self._logs.mark(partition, work, now_ms=now_ms)
            except OSError as failure:
                broken[partition] = failure
                continue
            if error is not ErrorCode.none and error not in _FENCED:
                raise BrokerDefect(fact=f"{partition} refuses a marker with {error.name}")
            unmarked.discard(partition)
        if unmarked:
            raise broken[min(unmarked)]
        if work.transactional_id:
            if work.groups:
                self.groups.finish_transaction(work.producer_id, commit=work.commit, now_ms=now_ms)
            self.transactions.markers_written(work.transactional_id, now_ms=now_ms)
        del self._unfinished[work]


def _cluster_id(draw_uuid: Callable[[], UUID]) -> str:
    """Write an id as Kafka does: base64 for URLs, without padding."""
    return urlsafe_b64encode(draw_uuid().bytes).decode().rstrip("=")
