"""Batches as a log writes them, and logs over a partition's folder."""

import os
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from penstock.infra.embedded.log.log_config import LogConfig
from penstock.infra.embedded.log.partition_log import PartitionLog
from penstock.infra.embedded.log.segment_store import PartitionStore
from penstock.infra.embedded.storage.disk_store import DiskStore
from penstock.infra.embedded.storage.file_sync import FileSync
from penstock.infra.embedded.storage.open_files import OpenFiles
from tests.infra.embedded.log.record_batches import (
    DAY_MS,
    NOW,
    append,
    client_batch,
    with_field,
)

PLAIN: Final = LogConfig()
COMPACTED: Final = LogConfig(
    segment_bytes=200, cleanup_compact=True, cleanup_delete=False, min_cleanable_dirty_ratio=0.0
)


def batch(base_offset: int, count: int = 1, *, value: bytes = b"v") -> bytes:
    """A batch of some records, as it lies in a file."""
    data = client_batch([(b"k", value)] * count)
    return with_field(data, base_offset=base_offset, partition_leader_epoch=0)


def batches(count: int, *, base_offset: int = 0) -> list[bytes]:
    """Batches of one, two, one, two … records, one after the other."""
    made = []
    for number in range(count):
        made.append(batch(base_offset, number % 2 + 1, value=b"%d" % number * (number + 1)))
        base_offset += number % 2 + 1
    return made


def store_at(folder: Path) -> DiskStore:
    """A partition on disk, without fsync; its files are closed when nobody has it any more."""
    files = OpenFiles()
    weakref.finalize(files, _close_all, files._open)
    return DiskStore(folder, files=files, sync=FileSync(enabled=False))


def _close_all(descriptors: Mapping[Path, int]) -> None:
    for descriptor in descriptors.values():
        os.close(descriptor)


def log_over(
    store: PartitionStore, config: LogConfig = PLAIN, *, now_ms: int = NOW
) -> PartitionLog:
    """A log over a store."""
    return PartitionLog(
        config=config,
        store=store,
        producer_expiry_ms=DAY_MS,
        now_ms=now_ms,
        name="t-0",
    )


def write(log: PartitionLog, *values: bytes, now_ms: int = NOW, key: bytes = b"k") -> None:
    """Append one batch."""
    data = client_batch([(key, value) for value in values], time_ms=now_ms)
    assert append(log, data, now_ms=now_ms).error == 0


def files(folder: Path) -> dict[str, int]:
    """Names and sizes of a folder's files."""
    return {file.name: file.stat().st_size for file in sorted(folder.iterdir())}
