"""A transactional producer by the protocol's own steps, each with its error code in the open."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, final

from kio.schema.errors import ErrorCode

from tests.conformance.conversation import Conversation
from tests.conformance.patience import until
from tests.conformance.raw_client import only
from tests.conformance.record_batches import Batch, Record

__all__ = ["TransactionalProducer", "started"]

MARKERS_OUTSTANDING = ErrorCode.concurrent_transactions
"""The answer while the markers of the last transaction are being written: ask again."""


def started(
    talk: Conversation, transactional_id: str, *, timeout_ms: int = 60_000
) -> "TransactionalProducer":
    """A producer whose id has been fenced."""
    answer = until(
        lambda: _initialised(talk, transactional_id, timeout_ms), what="the former markers"
    )
    assert not answer.error_code, answer
    return TransactionalProducer(
        talk=talk,
        transactional_id=transactional_id,
        producer_id=answer.producer_id,
        epoch=answer.producer_epoch,
    )


def _initialised(talk: Conversation, transactional_id: str, timeout_ms: int) -> Any:
    answer = talk.init_producer(transactional_id, timeout_ms=timeout_ms)
    return None if answer.error_code == MARKERS_OUTSTANDING else answer


@final
@dataclass(slots=True, kw_only=True)
class TransactionalProducer:
    """One holder of a transactional id."""

    talk: Conversation
    transactional_id: str
    producer_id: int
    epoch: int
    sequences: dict[tuple[str, int], int] = field(default_factory=dict)
    begun: dict[str, int] = field(default_factory=dict)
    """By topic, the first offset that `write` was given in partition 0 in this transaction."""

    @property
    def _who(self) -> dict[str, Any]:
        return {
            "transactional_id": self.transactional_id,
            "producer_id": self.producer_id,
            "producer_epoch": self.epoch,
        }

    def try_add(self, topic: str, partition: int = 0, *, version: int = 3) -> ErrorCode:
        """Ask once for a partition to be added."""
        answer = self.talk.ask(
            "add_partitions_to_txn",
            version,
            **{f"v3_and_below_{name}": value for name, value in self._who.items()},
            v3_and_below_topics=[{"name": topic, "partitions": [partition]}],
        )
        result = only(only(answer.results_by_topic_v3_and_below).results_by_partition)
        code: ErrorCode = result.partition_error_code
        return code

    def add(self, topic: str, partition: int = 0) -> None:
        """Add a partition to the transaction."""
        until(lambda: self._added(topic, partition), what="the former markers")

    def _added(self, topic: str, partition: int) -> bool:
        code = self.try_add(topic, partition)
        assert code in {ErrorCode.none, MARKERS_OUTSTANDING}, code
        return not code

    def batch(self, topic: str, partition: int = 0, values: Sequence[bytes] = (b"value",)) -> Batch:
        """The next batch for a partition."""
        sequence = self.sequences.get((topic, partition), 0)
        self.sequences[topic, partition] = sequence + len(values)
        return Batch(
            records=[Record(value=value) for value in values],
            producer_id=self.producer_id,
            producer_epoch=self.epoch,
            sequence=sequence,
            transactional=True,
        )

    def try_produce(self, topic: str, batch: Batch, partition: int = 0, version: int = 9) -> Any:
        """Write a batch; returns the answer for its partition."""
        return self.talk.produce(
            topic,
            batch,
            partition=partition,
            transactional_id=self.transactional_id,
            version=version,
        )

    def write(self, topic: str, *values: bytes, partition: int = 0) -> int:
        """Add the partition and write; returns the first offset."""
        self.add(topic, partition)
        answer = self.try_produce(topic, self.batch(topic, partition, values), partition)
        assert not answer.error_code, answer
        offset: int = answer.base_offset
        if partition == 0:
            self.begun.setdefault(topic, offset)
        return offset

    def add_group(self, group: str) -> ErrorCode:
        """Add the offsets of a group to the transaction."""
        code: ErrorCode = self.talk.ask(
            "add_offsets_to_txn", 3, **self._who, group_id=group
        ).error_code
        return code

    def commit_offset(
        self, group: str, topic: str, offset: int, *, partition: int = 0, **fields: Any
    ) -> ErrorCode:
        """Commit an offset of a group within the transaction."""
        place = {
            "partition_index": partition,
            "committed_offset": offset,
            "committed_metadata": "in a transaction",
        }
        answer = self.talk.ask(
            "txn_offset_commit",
            3,
            **self._who,
            group_id=group,
            topics=[{"name": topic, "partitions": [place]}],
            **fields,
        )
        code: ErrorCode = only(only(answer.topics).partitions).error_code
        return code

    def try_end(self, *, commit: bool) -> ErrorCode:
        """Ask once for the end of the transaction."""
        code: ErrorCode = self.talk.ask("end_txn", 3, **self._who, committed=commit).error_code
        return code

    def end(self, *, commit: bool, topics: Sequence[str] = ()) -> None:
        """End the transaction, and wait until the markers stand in these topics' first partition.

        Kafka answers before the markers are written, and moves the end of committed readers a
        moment after that of all others.
        """
        ends = {topic: self.talk.end(topic) for topic in topics}
        until(lambda: self._ended(commit=commit), what="the former markers")
        for topic, end in ends.items():
            until(
                lambda topic=topic, end=end: self._is_marked(topic, end),  # type: ignore[misc] # mypy knows no such lambda
                what=f"a marker in {topic}",
            )
        self.begun.clear()

    def _is_marked(self, topic: str, end: int) -> bool:
        """Whether there is something behind an end, and this transaction holds no reader any more.

        An earlier transaction of somebody else may, so the end of committed readers need not move.
        """
        if self.talk.end(topic) <= end:
            return False
        return self.talk.end(topic, committed=True) != self.begun.get(topic)

    def _ended(self, *, commit: bool) -> bool:
        code = self.try_end(commit=commit)
        assert code in {ErrorCode.none, MARKERS_OUTSTANDING}, code
        return not code
