"""Batches against a dumb twin: whatever happens in whatever order, nothing is lost or reordered."""

from math import inf

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from penstock.events.batches import Batch, Batches
from penstock.events.log import NewRecord, Partition

PARTITIONS = [Partition("a.b", number) for number in range(3)]
LIMIT_BYTES = 300
CAPACITY_BYTES = 90


class Sized:
    """Holds so many bytes."""

    def __init__(self) -> None:
        """Begin empty."""
        self.records: list[NewRecord] = []

    def append(self, record: NewRecord) -> bool:
        """Take it if it fits."""
        size = len(record.value or b"")
        if self.size_bytes + size > CAPACITY_BYTES:
            return False
        self.records.append(record)
        return True

    def __len__(self) -> int:
        """Records taken."""
        return len(self.records)

    def content(self) -> list[NewRecord]:
        """What was taken."""
        return self.records

    @property
    def size_bytes(self) -> int:
        """Bytes taken."""
        return sum(len(record.value or b"") for record in self.records)


class BatchesMachine(RuleBasedStateMachine):
    """The twin is one list of records per partition, and one of what was written."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.batches: Batches[None] = Batches(Sized, limit_bytes=LIMIT_BYTES, timeout_s=30)
        self.now_s = 0.0
        self.number = 0
        self.added: dict[Partition, list[NewRecord]] = {p: [] for p in PARTITIONS}
        self.out: dict[Partition, list[NewRecord]] = {p: [] for p in PARTITIONS}
        self.under_way: dict[Partition, Batch[None]] = {}
        self.held = 0
        self.topic_bytes: float = inf

    @rule(
        partition=st.sampled_from(PARTITIONS),
        size=st.integers(4, CAPACITY_BYTES),
        linger_s=st.sampled_from([0.0, 0.5, 5.0]),
    )
    def add(self, partition: Partition, size: int, linger_s: float) -> None:
        """A record comes; it is refused exactly if it does not fit."""
        self.number += 1
        record = NewRecord(None, f"{self.number:04}".encode().ljust(size, b"."), (), 0)
        due_s = self.now_s + linger_s
        batch = self.batches.add(partition, record, size, due_s, self.now_s)
        assert (batch is None) == (self.held + size > LIMIT_BYTES)
        if batch is not None:
            assert batch.due_s <= due_s
            assert batch.count == 1 or batch.size_bytes <= self.topic_bytes
            self.added[partition].append(record)
            self.held += size

    @rule(limit_bytes=st.integers(4, CAPACITY_BYTES))
    def narrow(self, limit_bytes: int) -> None:
        """A topic turns out to take less; it never takes more again."""
        self.topic_bytes = min(self.topic_bytes, limit_bytes)
        self.batches.narrow("a.b", limit_bytes)
        assert self.batches.topic_limit("a.b") == self.topic_bytes

    @rule(seconds=st.sampled_from([0.1, 0.6, 2.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now_s += seconds

    @rule(partition=st.sampled_from(PARTITIONS))
    def take(self, partition: Partition) -> None:
        """A batch is asked for; there is none beside one under way."""
        if not self.added[partition]:
            return
        batch = self.batches.take(partition, self.now_s)
        if partition in self.under_way:
            assert batch is None
        elif batch is not None:
            assert isinstance(batch.records, Sized)
            assert 0 < batch.count == len(batch.records)
            self.under_way[partition] = batch
            self.out[partition] += batch.records.records

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        """A batch under way ends and gives its bytes back."""
        partition = data.draw(st.sampled_from(sorted(self.under_way)))
        batch = self.under_way.pop(partition)
        self.batches.end(batch)
        self.held -= batch.size_bytes

    @invariant()
    def bytes_are_bounded_and_counted(self) -> None:
        """At all times."""
        assert self.batches.size_bytes == self.held <= LIMIT_BYTES

    @invariant()
    def what_came_out_is_a_prefix_of_what_went_in(self) -> None:
        """Nothing lost in the middle, nothing twice, nothing overtaken."""
        for partition in PARTITIONS:
            out = self.out[partition]
            assert out == self.added[partition][: len(out)]

    def teardown(self) -> None:
        """Sealed, everything comes out, and what is said to be held is what comes."""
        held = self.batches.seal()
        assert sum(batch.size_bytes for batch in held) == self.batches.size_bytes
        for batch in self.under_way.values():
            self.batches.end(batch)
        for partition in {batch.partition for batch in held}:
            while (rest := self.batches.take(partition, self.now_s)) is not None:
                assert isinstance(rest.records, Sized)
                self.out[partition] += rest.records.records
                self.batches.end(rest)
        assert self.out == self.added
        assert self.batches.size_bytes == 0


TestBatches = BatchesMachine.TestCase
