"""How long a commit takes, alone and back to back, and how long a partition takes to come back.

A commit here is what a worker's is: some outputs, a state change, the offset, one transaction.
"""

import asyncio
import statistics
import time
import uuid

from benchmarks.rig import Stopwatch, main, settings_for, topics
from penstock.events.log import NewRecord, Partition
from penstock.events.topic import Topic
from penstock.infra.kafka.gate import KafkaGate
from penstock.schemas.codec import encoder_of
from penstock.schemas.record import Record, declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.workers.changelog import BARRIER_KEY, BarrierRecord, barrier_value, closing, restore
from penstock.workers.ports import InputOffset, Transaction, TransactionalWriter
from penstock.workers.state import PartitionState, state_key, table_prefix

__namespace__ = "bench"

COMMITS = 200
ENTRIES = 100_000
LOG = Topic("bench.changelog", partitions=1, cleanup="compact")
OUT = Topic("bench.outputs", partitions=1)
SOURCE = Partition(OUT.name, 0)


class Balance(Record):
    """An entry of state, of usual size."""

    account: str
    payments: int


def _now() -> int:
    return time.time_ns() // 1_000_000


def _transaction(position: int) -> Transaction:
    outputs = [NewRecord(b"key", b"v" * 100, [], _now()) for _ in range(5)]
    change = [NewRecord(b"s/bench.Balance/x", b"v" * 40, [], _now())]
    return Transaction(
        outputs={SOURCE: outputs, Partition(LOG.name, 0): change},
        offset=InputOffset(
            group="bench.commits", source=SOURCE, position=position, metadata="penstock/1"
        ),
    )


async def _latencies(writer: TransactionalWriter, pause_s: float) -> list[float]:
    found = []
    for position in range(COMMITS):
        await asyncio.sleep(pause_s)
        watch = Stopwatch()
        await writer.commit(_transaction(position))
        found.append(watch.seconds * 1000)
    return found


class _Known:
    """The two schemas that the restore meets."""

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        schemas = [declaration_of(each).schema for each in (BarrierRecord, Balance)]
        return next((each for each in schemas if each.fingerprint == fingerprint), None)


async def _fill(writer: TransactionalWriter, log: Partition) -> tuple[int, uuid.UUID]:
    encode, nonce = encoder_of(Balance), uuid.uuid4()
    for start in range(0, ENTRIES, 5_000):
        entries = [
            NewRecord(
                state_key("bench.Balance", f"account-{number:06}"),
                encode(Balance(account=f"account-{number:06}", payments=number)),
                [],
                _now(),
            )
            for number in range(start, start + 5_000)
        ]
        await writer.commit(Transaction(outputs={log: entries}, offset=None))
    barrier = NewRecord(BARRIER_KEY, barrier_value(nonce, writer.epoch, 0), [], _now())
    offsets = await writer.commit(Transaction(outputs={log: [barrier]}, offset=None))
    return offsets[log], nonce


async def run(bootstrap: str) -> None:
    """Fences, commits, a restore."""
    settings = settings_for(bootstrap)
    restored = Topic(f"bench.restored-{uuid.uuid4().hex[:8]}", partitions=1, cleanup="compact")
    gate = KafkaGate(settings.connection())
    async with topics(settings, LOG, OUT, restored):
        fences = []
        for _ in range(10):
            watch = Stopwatch()
            writer = await gate.fence("penstock/bench.commits/bench.outputs/0")
            fences.append(watch.seconds * 1000)
            await writer.close()
        writer = await gate.fence("penstock/bench.commits/bench.outputs/0")
        idle, busy = await _latencies(writer, 0.02), await _latencies(writer, 0.0)
        log = Partition(restored.name, 0)
        until, nonce = await _fill(writer, log)
        await writer.close()
        state, watch = PartitionState(), Stopwatch()
        async with closing(await gate.reader(log)) as reader:
            await restore(
                reader,
                log,
                into=state,
                until=until,
                nonce=nonce,
                schemas=_Known(),
                readable=frozenset({table_prefix("bench.Balance")}),
            )
    assert len(state) == ENTRIES
    print(f"fence, median                      {statistics.median(fences):8.1f} ms")
    print(f"commit, 20 ms apart, median        {statistics.median(idle):8.1f} ms")
    print(f"commit, back to back, median       {statistics.median(busy):8.1f} ms")
    print(f"restore of {ENTRIES:,} entries         {watch.seconds:8.2f} s")


if __name__ == "__main__":
    main(run)
