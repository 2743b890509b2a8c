"""DescribeLogDirs: the sizes of partitions."""

import os
import shutil
from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.storage.disk_storage import DiskStorage
from tests.conformance.record_batches import Batch
from tests.infra.embedded.apis.node_stand import NodeStand

BATCH = Batch().encoded()


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_sizes_are_told_of_partitions_that_are_there(version: int) -> None:
    """All, those that are named, or none; unknown ones are left out."""
    stand = NodeStand()
    stand.create_topic("a", 2)
    stand.create_topic("b")
    stand.write("a", 1, BATCH)
    named = [{"topic": "a", "partitions": [1, 9, 1]}, {"topic": "nobody", "partitions": [0]}]
    for topics, sizes in (
        (None, {("a", 0): 0, ("a", 1): len(BATCH), ("b", 0): 0}),
        (named, {("a", 1): len(BATCH)}),
        ([], {}),
    ):
        (place,) = stand.ask("describe_log_dirs", version, topics=topics).results
        assert place.error_code == ErrorCode.none
        assert sizes == {
            (topic.name, part.partition_index): part.partition_size
            for topic in place.topics
            for part in topic.partitions
        }


def test_in_memory_nobody_knows_how_much_room_there_is() -> None:
    """Kafka's own way to say so is -1."""
    (place,) = NodeStand().ask("describe_log_dirs", 4, topics=None).results
    assert (place.log_dir, place.total_bytes, place.usable_bytes) == ("memory", -1, -1)


def test_on_disk_the_folder_is_told_and_what_lies_in_it(tmp_path: Path) -> None:
    """The sizes are those of the files; a folder that is gone is a disk that failed."""
    folder = tmp_path / "data"
    storage = DiskStorage(folder)
    try:
        stand = NodeStand(storage=storage)
        storage.attach(stand.node.broker.snapshot)
        stand.create_topic("a")
        stand.write("a", 0, BATCH)
        (place,) = stand.ask("describe_log_dirs", 4, topics=None).results
        assert place.log_dir == str(folder)
        room = os.statvfs(folder)
        assert place.total_bytes == room.f_blocks * room.f_frsize
        assert 0 < place.usable_bytes <= place.total_bytes
        assert place.topics[0].partitions[0].partition_size == len(BATCH)
        assert any(len(BATCH) == file.stat().st_size for file in folder.rglob("*"))
        shutil.rmtree(folder)
        (place,) = stand.ask("describe_log_dirs", 4, topics=None).results
        assert (place.error_code, place.topics) == (ErrorCode.kafka_storage_error, ())
    finally:
        storage.close()
