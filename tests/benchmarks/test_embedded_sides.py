"""What the benchmarks of the embedded broker compute from what they measure."""

import os

from aiokafka.producer.message_accumulator import BatchBuilder

from benchmarks.embedded_throughput import BATCH_BYTES, CpuTimes, batches
from benchmarks.import_times import import_times_ms
from benchmarks.process_memory import resident_bytes

REPORT = """\
import time: self [us] | cumulative | imported package
import time:       500 |        500 |   asyncio.events
import time:       250 |        750 | asyncio
penstock-broker ready 127.0.0.1:1
import time:      1000 |       1500 |   penstock.infra.embedded.log.segment
import time:      2000 |       3500 | penstock.infra.embedded.log.partition_log
import time:       100 |       3600 | penstock.infra
"""


def empty_batch() -> BatchBuilder:
    """As a producer with this batch size makes them."""
    return BatchBuilder(BATCH_BYTES, 0, is_transactional=False)


def test_imports_are_summed_up_by_package_and_by_room_of_the_broker() -> None:
    """Each module's own time counts once; the heading and the broker's own lines do not."""
    assert import_times_ms(REPORT) == [
        ("penstock.infra.embedded.log", 2, 3.0),
        ("asyncio", 2, 0.75),
        ("penstock", 1, 0.1),
    ]


def test_batches_are_as_full_as_they_get_and_hold_each_record_once() -> None:
    """Of several batches only the last has room for another record."""
    made = list(batches(empty_batch, 1_000))
    assert sum(batch.record_count() for batch in made) == 1_000
    assert all(batch.size() <= BATCH_BYTES for batch in made)
    assert len({batch.record_count() for batch in made[:-1]}) == 1
    assert made[0].size() + 120 > BATCH_BYTES


def test_batches_of_one_record_are_as_many_as_the_records() -> None:
    """A limit on the records of a batch is kept."""
    assert [batch.record_count() for batch in batches(empty_batch, 3, most=1)] == [1, 1, 1]


def test_cpu_time_is_told_for_a_million_records() -> None:
    """Rounds add up, and each side and work is for itself."""
    times = CpuTimes()
    times.add("ours", "produce", 0.5, 100_000)
    times.add("ours", "produce", 1.5, 300_000)
    times.add("ours", "fetch", 9.0, 1)
    assert times.per_million("ours", "produce") == 5.0
    assert times.per_million("theirs", "produce") is None


def test_memory_is_that_of_the_whole_process() -> None:
    """An interpreter takes some megabytes, and one that holds more takes more."""
    before = resident_bytes(os.getpid())
    held = bytes(b"x" * 50_000_000)
    assert before > 5_000_000
    assert resident_bytes(os.getpid()) - before > 25_000_000
    assert len(held) == 50_000_000
