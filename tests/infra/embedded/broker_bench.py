"""A broker under test, with a journal of bytes and stores in memory that outlive it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.broker import Broker
from penstock.infra.embedded.configs.broker_config import BrokerConfig
from penstock.infra.embedded.journal_entry import JournalEntry, decode_entry, encode_entry
from penstock.infra.embedded.log.control_marker import read_marker
from penstock.infra.embedded.log.log_answers import Appended, LogRead
from penstock.infra.embedded.log.record_batch import split_batches
from penstock.infra.embedded.log.segment_store import MemoryStore
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.topics.topic_creation import NewTopic, TopicCreated
from tests.infra.embedded.log.dying_store import DyingStore
from tests.infra.embedded.log.record_batches import NOW, Pair, SeenRecord, client_batch, seen_batch

__all__ = ["NOW", "BrokerBench", "Killed"]

_NOTHING: Final[Mapping[str, str]] = {}


class Killed(Exception):
    """The broker dies in the middle of something: its journal takes nothing more."""


class BrokerBench:
    """A broker, its time, and what is left of it when it is killed."""

    def __init__(self, options: Mapping[str, str] = _NOTHING, **limits: Any) -> None:
        """Start a broker on nothing; limits are further arguments of its constructor."""
        self.options = options
        self.limits = limits
        self.now_ms = NOW
        self.journal: list[bytes] = []
        self.stores: dict[tuple[UUID, int], MemoryStore] = {}
        self.keeps_left: int | None = None
        """So many more entries go into the journal; None: all."""
        self.stores_left: int | None = None
        """So many more stores can be opened on a full disk; None: all."""
        self.journal_is_full = False
        """While it is, the journal takes nothing."""
        self.doors: dict[tuple[UUID, int], DyingStore] = {}
        """What the broker sees of each store; one whose `changes` are 0 begins no segment."""
        self._drawn = 1
        self.broker = self._started()

    def restart(self, *, options: Mapping[str, str] | None = None) -> Broker:
        """Kill the broker and start another one on what it has kept."""
        if options is not None:
            self.options = options
        self.keeps_left = None
        self.broker = self._started()
        return self.broker

    def restart_on_snapshot(self) -> Broker:
        """As `restart`, with a journal that was written anew."""
        self.journal = [encode_entry(entry) for entry in self.broker.snapshot()]
        return self.restart()

    def create(self, name: str, partitions: int = 1, **configs: str) -> TopicCreated:
        """Make a topic, with `_` for `.` in the names of its settings."""
        settings = tuple((key.replace("_", "."), text) for key, text in configs.items())
        created = self.broker.create_topic(
            NewTopic(name=name, num_partitions=partitions, configs=settings), now_ms=self.now_ms
        )
        assert created.error is ErrorCode.none, created
        return created

    def produce(
        self,
        topic: str,
        pairs: Sequence[Pair],
        *,
        partition: int = 0,
        transactional_id: str | None = None,
        acks: int = -1,
        **batch: Any,
    ) -> Appended:
        """Send one batch."""
        transactional = transactional_id is not None
        data = client_batch(
            pairs, **{"time_ms": self.now_ms, "transactional": transactional, **batch}
        )
        return self.send(
            topic, data, partition=partition, transactional_id=transactional_id, acks=acks
        )

    def send(
        self,
        topic: str,
        data: bytes | None,
        *,
        partition: int = 0,
        transactional_id: str | None = None,
        acks: int = -1,
    ) -> Appended:
        """Send bytes."""
        return self.broker.produce(
            TopicPartition(topic, partition),
            data,
            transactional_id=transactional_id,
            acks=acks,
            now_ms=self.now_ms,
        )

    def values(
        self, topic: str, partition: int = 0, *, committed: bool = False
    ) -> list[bytes | None]:
        """Return the values that a reader sees, in order."""
        return [record.value for record in self.records(topic, partition, committed=committed)]

    def records(
        self, topic: str, partition: int = 0, *, committed: bool = False
    ) -> list[SeenRecord]:
        """Read a partition as a client does: whole batches, aborted ones and markers left out."""
        log = self.broker.log(topic, partition)
        assert log is not None
        found: list[SeenRecord] = []
        offset = log.start_offset
        while True:
            read = log.read(offset, max_bytes=1 << 20, committed=committed, at_least_one=True)
            assert read.error is ErrorCode.none
            if not read.records:
                return [record for record in found if record.offset >= log.start_offset]
            found += _visible(read)
            offset = split_batches(read.records).batches[-1].header.last_offset + 1

    def tick(self, later_ms: int = 0) -> None:
        """Let time pass, and everything be done that is due by then."""
        self.now_ms += later_ms
        for _ in range(10_000):
            self.broker.tick(self.now_ms)
            self.broker.settle(self.now_ms)
            deadline = self.broker.next_deadline_ms()
            if deadline is None or deadline > self.now_ms:
                return
        raise AssertionError("the broker never comes to rest")

    def _started(self) -> Broker:
        return Broker(
            config=BrokerConfig.parse(self.options),
            stores=self._store,
            journal=self._keep,
            draw_uuid=self._draw,
            name_member=lambda client: f"{client}-{len(self.journal)}",
            entries=[decode_entry(line) for line in self.journal],
            now_ms=self.now_ms,
            **self.limits,
        )

    def _store(self, topic_id: UUID, partition: int) -> DyingStore:
        if self.stores_left is not None:
            if self.stores_left == 0:
                raise OSError(28, "No space left on device")
            self.stores_left -= 1
        store = self.stores.setdefault((topic_id, partition), MemoryStore())
        door = self.doors[topic_id, partition] = DyingStore(store, changes=-1)
        return door

    def _keep(self, entry: JournalEntry) -> None:
        if self.keeps_left is not None:
            if self.keeps_left == 0:
                raise Killed
            self.keeps_left -= 1
        if self.journal_is_full:
            raise OSError(28, "No space left on device")
        self.journal.append(encode_entry(entry))

    def _draw(self) -> UUID:
        self._drawn += 1
        return UUID(int=self._drawn)


def _visible(read: LogRead) -> list[SeenRecord]:
    """Drop aborted transactions as a consumer does, by the list that the broker gives."""
    waiting = sorted(read.aborted, key=lambda aborted: aborted.first_offset)
    dropped: set[int] = set()
    found: list[SeenRecord] = []
    for batch in split_batches(read.records).batches:
        header = batch.header
        while waiting and waiting[0].first_offset <= header.last_offset:
            dropped.add(waiting.pop(0).producer_id)
        if header.is_control:
            marker = read_marker(header, batch.data)
            if marker is not None and not marker.commit:
                dropped.discard(header.producer_id)
        elif header.record_count and not (
            header.is_transactional and header.producer_id in dropped
        ):
            found += seen_batch(batch)
    return found
