"""A broker over a data folder: everything is there again when it is started anew."""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.broker import Broker
from penstock.infra.embedded.configs.broker_config import BrokerConfig
from penstock.infra.embedded.groups.group_requests import CommittedOffset, OffsetCommit
from penstock.infra.embedded.storage.disk_storage import DiskStorage
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.topics.topic_creation import NewTopic
from penstock.infra.embedded.topics.topic_deletion import TopicReference
from tests.infra.embedded.log.record_batches import NOW, client_batch, everything, seen

ORDERS = TopicPartition("orders", 0)


class OnDisk:
    """A broker and its storage."""

    def __init__(self, folder: Path) -> None:
        """Start it on a folder."""
        self.folder = folder
        self.storage = DiskStorage(folder)
        self.broker = Broker(
            config=BrokerConfig.parse({}),
            stores=self.storage.store,
            journal=self.storage.keep,
            draw_uuid=uuid4,
            name_member=lambda client: f"{client}-{uuid4()}",
            entries=self.storage.entries(),
            now_ms=NOW,
        )
        self.storage.attach(self.broker.snapshot)

    def create(self) -> None:
        """Make the topic."""
        created = self.broker.create_topic(NewTopic(name="orders", num_partitions=1), now_ms=NOW)
        assert created.error is ErrorCode.none

    def produce(self, value: bytes, **batch: int) -> None:
        """Send a record; with a producer, in its transaction."""
        data = client_batch([(b"k", value)], transactional=bool(batch), **batch)
        appended = self.broker.produce(
            ORDERS, data, transactional_id="tid" if batch else None, acks=-1, now_ms=NOW
        )
        assert appended.error is ErrorCode.none, appended

    def values(self, *, committed: bool = False) -> list[bytes | None]:
        """What a reader sees."""
        log = self.broker.log(*ORDERS)
        assert log is not None
        return [record.value for record in seen(everything(log, committed=committed))]


@pytest.fixture
def restart(tmp_path: Path) -> Callable[[OnDisk | None], OnDisk]:
    """End a broker, if there is one, and start the next on the same folder."""

    def started(former: OnDisk | None) -> OnDisk:
        if former is not None:
            former.storage.close()
        return OnDisk(tmp_path)

    return started


def test_topics_records_and_offsets_come_back(restart: Callable[[OnDisk | None], OnDisk]) -> None:
    """With the same cluster, and after two starts, the second on a journal written anew."""
    disk = restart(None)
    cluster = disk.broker.cluster_id
    disk.create()
    disk.produce(b"first")
    for offset in range(10):
        commit = OffsetCommit(group="g", offsets={ORDERS: CommittedOffset(offset=offset)})
        assert disk.broker.groups.commit_offsets(commit, now_ms=NOW) == {ORDERS: ErrorCode.none}
    for _ in range(2):
        disk = restart(disk)
        assert disk.broker.cluster_id == cluster
        assert disk.values() == [b"first"]
        fetched = disk.broker.groups.fetch_offsets("g", [ORDERS], require_stable=False)
        assert fetched[ORDERS].offset == 9
    assert disk.storage.statistics().journal_entries < 10
    disk.storage.close()


def test_a_topic_made_again_begins_empty(restart: Callable[[OnDisk | None], OnDisk]) -> None:
    """Nothing of the former one is left on the disk."""
    disk = restart(None)
    disk.create()
    disk.produce(b"old")
    (deleted,) = disk.broker.delete_topics([TopicReference(name="orders")], now_ms=NOW)
    assert deleted.error is ErrorCode.none
    disk.create()
    disk.produce(b"new")
    disk = restart(disk)
    assert disk.values() == [b"new"]
    assert len([path for path in disk.folder.iterdir() if path.is_dir()]) == 1
    disk.storage.close()


def test_a_settled_transaction_is_completed_after_a_restart(
    restart: Callable[[OnDisk | None], OnDisk],
) -> None:
    """The broker died between the recorded outcome and the markers."""
    disk = restart(None)
    disk.create()
    transactions = disk.broker.transactions
    given = transactions.init_producer("tid", 60_000, now_ms=NOW)
    producer = given.producer_id, given.producer_epoch
    transactions.add_partitions("tid", *producer, [ORDERS], now_ms=NOW)
    disk.produce(b"in", producer_id=producer[0], epoch=producer[1], sequence=0)
    assert transactions.end("tid", *producer, commit=True, now_ms=NOW) is ErrorCode.none
    disk = restart(disk)
    assert disk.values(committed=True) == []
    disk.broker.settle(NOW)
    assert disk.values(committed=True) == [b"in"]
    again = disk.broker.transactions
    assert again.end("tid", *producer, commit=True, now_ms=NOW) is ErrorCode.none
    assert again.init_producer(None, 0, now_ms=NOW).producer_id == 1_000
    disk.storage.close()
