"""A transaction coordinator with its journal and its clock, for tests."""

from collections.abc import Iterable

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.transactions.transaction_config import TransactionConfig
from penstock.infra.embedded.transactions.transaction_coordinator import TransactionCoordinator
from penstock.infra.embedded.transactions.transaction_entry import TransactionEntry

ID = "orders"
MINUTE_MS = 60_000
A0, A1, B0 = TopicPartition("a", 0), TopicPartition("a", 1), TopicPartition("b", 0)


class JournalFull(Exception):
    """The journal takes no entry now."""


class CoordinatorBench:
    """Asks a coordinator as its callers do, at the time that the test has come to."""

    def __init__(
        self,
        config: TransactionConfig = TransactionConfig(),  # noqa: B008 - it is frozen
        entries: Iterable[TransactionEntry] = (),
    ) -> None:
        """Begin at some time, with what was kept before."""
        self.now_ms = 1_000_000
        self.journal: list[TransactionEntry] = list(entries)
        self.is_full = False
        self.config = config
        self.coordinator = self._made()

    def _made(self) -> TransactionCoordinator:
        made = TransactionCoordinator(config=self.config, keep=self._keep)
        made.restore(tuple(self.journal))
        return made

    def _keep(self, entry: TransactionEntry) -> None:
        if self.is_full:
            raise JournalFull
        self.journal.append(entry)

    def restart(self) -> None:
        """Lose everything but the journal."""
        self.coordinator = self._made()

    def init(
        self,
        transactional_id: str | None = ID,
        timeout_ms: int = MINUTE_MS,
        producer: tuple[int, int] = (-1, -1),
    ) -> tuple[ErrorCode, int, int]:
        """InitProducerId."""
        answer = self.coordinator.init_producer(
            transactional_id, timeout_ms, *producer, now_ms=self.now_ms
        )
        return answer.error, answer.producer_id, answer.producer_epoch

    def producer(self, transactional_id: str = ID, timeout_ms: int = MINUTE_MS) -> tuple[int, int]:
        """InitProducerId that has to succeed: producer id and epoch."""
        error, producer_id, epoch = self.init(transactional_id, timeout_ms)
        assert error is ErrorCode.none
        return producer_id, epoch

    def add(
        self,
        producer: tuple[int, int],
        *partitions: TopicPartition,
        transactional_id: str | None = ID,
    ) -> ErrorCode:
        """AddPartitionsToTxn."""
        return self.coordinator.add_partitions(
            transactional_id, *producer, partitions, now_ms=self.now_ms
        )

    def add_group(
        self, producer: tuple[int, int], group: str, *, transactional_id: str | None = ID
    ) -> ErrorCode:
        """AddOffsetsToTxn."""
        return self.coordinator.add_group(transactional_id, *producer, group, now_ms=self.now_ms)

    def end(
        self,
        producer: tuple[int, int],
        *,
        commit: bool = True,
        transactional_id: str | None = ID,
    ) -> ErrorCode:
        """EndTxn."""
        return self.coordinator.end(transactional_id, *producer, commit=commit, now_ms=self.now_ms)

    def verify(
        self,
        producer: tuple[int, int],
        partition: TopicPartition,
        *,
        transactional_id: str | None = ID,
    ) -> ErrorCode:
        """Whether a partition is in the open transaction."""
        return self.coordinator.verify(transactional_id, *producer, [partition])[partition]

    def settle(self) -> None:
        """Write all markers that are due."""
        for work in self.coordinator.take_markers():
            self.coordinator.markers_written(work.transactional_id, now_ms=self.now_ms)

    def state(self, transactional_id: str = ID) -> str:
        """The state that DescribeTransactions shows."""
        return self.coordinator.describe(transactional_id).state

    def pass_time(self, duration_ms: int) -> None:
        """Let time go by, and the coordinator see to what is due."""
        self.now_ms += duration_ms
        self.coordinator.tick(self.now_ms)
