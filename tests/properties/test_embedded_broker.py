"""The whole broker against a dumb twin: what was committed is seen, whatever happens in between.

Topics come and go, producers are idempotent or transactional, transactions carry offsets of groups
and end, time out or are fenced; markers may be held back; and the broker is killed at any moment
and started again on its journal and its stores.
"""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.groups.group_requests import (
    CommittedOffset,
    OffsetCommit,
    TransactionalOffsetCommit,
)
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.topics.partition_growth import PartitionGrowth
from penstock.infra.embedded.topics.topic_deletion import TopicReference
from penstock.infra.embedded.transactions.transaction_answers import InitAnswer
from tests.infra.embedded.broker_bench import BrokerBench, Killed
from tests.infra.embedded.log.record_batches import client_batch
from tests.properties.effort import LONG_PLAYS

_TOPICS = ("orders", "payments")
_GROUPS = ("billing", "stock")
_IDS = ("tx-a", "tx-b")
_PARTITIONS = 2
_TIMEOUT_MS = 59_999
_NONE = ErrorCode.none

_topics = st.sampled_from(_TOPICS)
_numbers = st.integers(0, _PARTITIONS - 1)
_ids = st.sampled_from(_IDS)
_Action = tuple[str, int, str | None, int]
"""Topic, partition, group for an offset or None for records, and the offset or how many."""
_actions = st.tuples(_topics, _numbers, st.sampled_from([None, None, *_GROUPS]), st.integers(0, 2))
_endings = st.tuples(
    st.sampled_from(["commit", "commit", "abort", "leave", "commit and die", "abort and die"]),
    st.integers(0, 3),
)


@dataclass
class _Transaction:
    """What a transactional producer has done that is not yet decided."""

    start_ms: int | None = None
    """None: no transaction is open."""
    records: list[tuple[TopicPartition, bytes]] = field(default_factory=list)
    offsets: dict[tuple[str, TopicPartition], tuple[int, int]] = field(default_factory=dict)
    """Turn and offset: of two commits the one that was made later wins, whenever it counts."""
    partitions: set[TopicPartition] = field(default_factory=set)


@dataclass
class _Producer:
    """A client: what it was told, and the sequence numbers that it counts."""

    producer_id: int
    epoch: int
    transactional_id: str | None
    fenced: bool = False
    """Somebody else has its id, or its transaction lasted too long."""
    sequences: dict[TopicPartition, int] = field(default_factory=dict)
    transaction: _Transaction = field(default_factory=_Transaction)
    last: tuple[TopicPartition, bytes, int] | None = None


class WholeBroker(RuleBasedStateMachine):
    """The broker and its twin."""

    idempotent: Bundle[_Producer] = Bundle("idempotent")

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.bench = BrokerBench()
        self.committed: dict[TopicPartition, list[bytes]] = {}
        """What readers of committed records must see, by partition."""
        self.offsets: dict[tuple[str, TopicPartition], tuple[int, int]] = {}
        """Turn and offset of what is committed, by group and partition."""
        self.transactional: dict[str, _Producer] = {}
        self.producers: list[_Producer] = []
        self.turn = 0
        self.held = False

    # --- topics ---

    @initialize()
    def begin(self) -> None:
        """There is something to write to."""
        for topic in _TOPICS:
            self._create(topic)

    @rule(topic=_topics)
    def create(self, topic: str) -> None:
        """A topic is made once."""
        if self.bench.broker.topics.get(topic) is None:
            self._create(topic)
        else:
            assert self.bench.broker.ensure_topic(topic, now_ms=self.bench.now_ms).error is _NONE

    @rule(topic=_topics)
    def delete(self, topic: str) -> None:
        """A topic takes its records and its offsets along, also those not yet committed."""
        known = self.bench.broker.topics.get(topic)
        if known is None:
            return
        (answer,) = self.bench.broker.delete_topics(
            [TopicReference(topic_id=known.topic_id)], now_ms=self.bench.now_ms
        )
        assert answer.error is _NONE
        for number in known.partitions:
            partition = TopicPartition(topic, number)
            del self.committed[partition]
            for group in _GROUPS:
                self.offsets.pop((group, partition), None)
            for producer in self.producers:
                producer.sequences.pop(partition, None)
                if producer.last is not None and producer.last[0] == partition:
                    producer.last = None
                transaction = producer.transaction  # which knows names, also of what is gone
                transaction.records = [each for each in transaction.records if each[0] != partition]
                for group in _GROUPS:
                    transaction.offsets.pop((group, partition), None)

    @rule(topic=_topics)
    def grow(self, topic: str) -> None:
        """A topic has one more partition."""
        known = self.bench.broker.topics.get(topic)
        if known is None or known.partition_count > _PARTITIONS:
            return
        wish = PartitionGrowth(name=topic, count=known.partition_count + 1)
        (answer,) = self.bench.broker.create_partitions([wish], now_ms=self.bench.now_ms)
        assert answer.error is _NONE
        self.committed[TopicPartition(topic, known.partition_count)] = []

    # --- producers ---

    @rule(topic=_topics, number=_numbers, count=st.integers(1, 3))
    def produce_plainly(self, topic: str, number: int, count: int) -> None:
        """What is acknowledged is there."""
        partition = TopicPartition(topic, number)
        batch = self._pairs(count)
        appended = self.bench.produce(topic, batch, partition=number)
        self._acknowledged(partition, batch, appended.error)

    @rule(target=idempotent)
    def begin_idempotent(self) -> _Producer:
        """No producer id is ever given twice."""
        answer = self.bench.broker.transactions.init_producer(None, 0, now_ms=self.bench.now_ms)
        assert answer.error is _NONE
        producer = _Producer(answer.producer_id, answer.producer_epoch, None)
        assert producer.producer_id not in {each.producer_id for each in self.producers}
        self.producers.append(producer)
        return producer

    @rule(producer=idempotent, topic=_topics, number=_numbers, count=st.integers(1, 3))
    def produce_idempotently(
        self, producer: _Producer, topic: str, number: int, count: int
    ) -> None:
        """Numbered batches are taken in order."""
        partition = TopicPartition(topic, number)
        batch = self._pairs(count)
        error = self._send(producer, partition, batch)
        self._acknowledged(partition, batch, error)

    @rule(producer=idempotent)
    def send_again(self, producer: _Producer) -> None:
        """A batch that comes twice is there once."""
        if producer.last is None:
            return
        partition, data, base = producer.last
        appended = self.bench.send(partition.topic, data, partition=partition.partition)
        assert appended.error is _NONE
        assert (appended.duplicate, appended.base_offset) == (True, base)

    # --- transactions ---

    @rule(
        transactional_id=_ids, actions=st.lists(_actions, min_size=1, max_size=4), ending=_endings
    )
    def transact(
        self, transactional_id: str, actions: list[_Action], ending: tuple[str, int]
    ) -> None:
        """A client writes and commits, as clients do; or leaves off somewhere."""
        producer = self.transactional.get(transactional_id)
        if producer is None or producer.fenced:
            self.begin_transactional(transactional_id)
        for topic, number, group, argument in actions:
            if group is None:
                self.write(transactional_id, topic, number, argument + 1)
            else:
                self.write_offset(transactional_id, group, topic, number, argument)
        match ending:
            case "commit" | "abort" as word, _:
                self.end(transactional_id, word == "commit")
            case "commit and die" | "abort and die" as word, survived:
                self.end_and_die(transactional_id, word == "commit and die", survived)

    @rule(transactional_id=_ids)
    def begin_transactional(self, transactional_id: str) -> None:
        """Whoever takes over an id aborts what its former self has left open."""
        old = self.transactional.get(transactional_id)
        answer = self._init(transactional_id)
        if old is not None and old.transaction.start_ms is not None:
            assert answer.error is ErrorCode.concurrent_transactions
            old.transaction, old.fenced = _Transaction(), True
            self._settle()
            answer = self._init(transactional_id)
        if self.held and answer.error is ErrorCode.concurrent_transactions:
            return
        assert answer.error is _NONE, answer
        producer = _Producer(answer.producer_id, answer.producer_epoch, transactional_id)
        if old is not None:
            old.fenced = True
            assert (producer.producer_id, producer.epoch) > (old.producer_id, old.epoch)
        self.producers.append(producer)
        self.transactional[transactional_id] = producer

    @rule(
        transactional_id=_ids,
        topic=_topics,
        number=_numbers,
        count=st.integers(1, 3),
    )
    def write(self, transactional_id: str, topic: str, number: int, count: int) -> None:
        """A transaction writes to a partition that was made part of it."""
        producer = self.transactional.get(transactional_id)
        partition = TopicPartition(topic, number)
        if producer is None or partition not in self.committed:
            return
        error = self.bench.broker.transactions.add_partitions(
            transactional_id,
            producer.producer_id,
            producer.epoch,
            [partition],
            now_ms=self.bench.now_ms,
        )
        if error is not _NONE:
            self._fenced_or_held(producer, error)
            return
        self._opened(producer)
        producer.transaction.partitions.add(partition)
        batch = self._pairs(count)
        assert self._send(producer, partition, batch) is _NONE
        producer.transaction.records += [(partition, value) for _, value in batch if value]

    @rule(transactional_id=_ids, topic=_topics, number=_numbers)
    def write_outside(self, transactional_id: str, topic: str, number: int) -> None:
        """A partition that is not part of the transaction takes none of its records."""
        producer = self.transactional.get(transactional_id)
        partition = TopicPartition(topic, number)
        if (
            producer is None
            or self.held  # while a marker is held back the log's transaction is still open
            or partition not in self.committed
            or partition in producer.transaction.partitions
        ):
            return
        assert self._send(producer, partition, self._pairs(1)) is not _NONE

    @rule(
        transactional_id=_ids,
        group=st.sampled_from(_GROUPS),
        topic=_topics,
        number=_numbers,
        offset=st.integers(0, 9),
    )
    def write_offset(
        self, transactional_id: str, group: str, topic: str, number: int, offset: int
    ) -> None:
        """A transaction carries a group's offset."""
        producer = self.transactional.get(transactional_id)
        partition = TopicPartition(topic, number)
        if producer is None or partition not in self.committed:
            return
        now_ms = self.bench.now_ms
        broker = self.bench.broker
        error = broker.transactions.add_group(
            transactional_id, producer.producer_id, producer.epoch, group, now_ms=now_ms
        )
        if error is not _NONE:
            self._fenced_or_held(producer, error)
            return
        self._opened(producer)
        commit = TransactionalOffsetCommit(
            group=group,
            producer_id=producer.producer_id,
            producer_epoch=producer.epoch,
            offsets={partition: CommittedOffset(offset=offset)},
        )
        answers = broker.groups.commit_in_transaction(commit, now_ms=now_ms)
        assert answers == {partition: _NONE}
        producer.transaction.offsets[group, partition] = self._next_turn(), offset

    @rule(transactional_id=_ids, commit=st.booleans())
    def end(self, transactional_id: str, commit: bool) -> None:
        """A transaction counts as a whole or not at all."""
        producer = self.transactional.get(transactional_id)
        if producer is None or producer.transaction.start_ms is None:
            return
        assert self._end(producer, commit=commit) is _NONE
        self._decided(producer, commit=commit)
        self._settle()

    @rule(transactional_id=_ids, commit=st.booleans(), survived=st.integers(0, 3))
    def end_and_die(
        self,
        transactional_id: str,
        commit: bool,
        survived: int,
    ) -> None:
        """A broker that dies while a transaction ends has decided it or has not."""
        producer = self.transactional.get(transactional_id)
        if producer is None or producer.transaction.start_ms is None:
            return
        self.bench.keeps_left = survived
        decided = False
        with suppress(Killed):
            assert self._end(producer, commit=commit) is _NONE
            decided = True
            self._settle()
        if decided:
            self._decided(producer, commit=commit)
        self.bench.restart()
        self._settle()

    @rule(group=st.sampled_from(_GROUPS), topic=_topics, number=_numbers, offset=st.integers(0, 9))
    def commit_plainly(self, group: str, topic: str, number: int, offset: int) -> None:
        """A commit without a transaction counts at once, and over all that were made before."""
        partition = TopicPartition(topic, number)
        if partition not in self.committed:
            return
        commit = OffsetCommit(group=group, offsets={partition: CommittedOffset(offset=offset)})
        answers = self.bench.broker.groups.commit_offsets(commit, now_ms=self.bench.now_ms)
        assert answers == {partition: _NONE}
        self.offsets[group, partition] = self._next_turn(), offset

    # --- time and death ---

    @rule(later_ms=st.sampled_from([1, 5_000, 40_000]))
    def wait(self, later_ms: int) -> None:
        """Time passes; what lasts too long is aborted."""
        self.held = False
        self.bench.now_ms += later_ms
        self.bench.broker.tick(self.bench.now_ms)
        self._settle()
        for producer in self.transactional.values():
            start_ms = producer.transaction.start_ms
            if start_ms is not None and self.bench.now_ms >= start_ms + _TIMEOUT_MS:
                producer.transaction, producer.fenced = _Transaction(), True

    @rule()
    def kill(self) -> None:
        """The broker dies and comes back, with all that it had said."""
        self.bench.restart()
        self._settle()

    @rule()
    def kill_after_compaction(self) -> None:
        """The same on a journal that was written anew."""
        self.bench.restart_on_snapshot()
        self._settle()

    @rule()
    def hold(self) -> None:
        """Markers are held back."""
        self.held = True

    @precondition(lambda self: self.held)
    @rule()
    def release(self) -> None:
        """Markers are written."""
        self.held = False
        self._settle()

    # --- what must always hold ---

    @invariant()
    def readers_see_what_was_committed(self) -> None:
        """Never more than was committed, and all of it when no transaction is in the way."""
        for partition, expected in self.committed.items():
            values = self.bench.values(*partition, committed=True)
            assert len(set(values)) == len(values)
            assert set(values) <= set(expected)
            log = self.bench.broker.log(*partition)
            assert log is not None
            if log.last_stable_offset == log.end_offset:
                assert set(values) == set(expected)

    @invariant()
    def offsets_are_those_of_committed_transactions(self) -> None:
        """A group's offset is the last one that was committed."""
        if self.held:
            return
        for group in _GROUPS:
            fetched = self.bench.broker.groups.fetch_offsets(group, None, require_stable=False)
            found = {
                (group, partition): offset.offset
                for partition, offset in fetched.items()
                if offset.offset >= 0
            }
            expected = {key: value for key, (_, value) in self.offsets.items() if key[0] == group}
            assert found == expected

    def teardown(self) -> None:
        """In the end everything comes to rest, and then all is seen."""
        self.held = False
        self.bench.tick(_TIMEOUT_MS + 1)
        for partition, expected in self.committed.items():
            log = self.bench.broker.log(*partition)
            assert log is not None
            assert log.last_stable_offset == log.end_offset
            assert Counter(self.bench.values(*partition, committed=True)) == Counter(expected)

    # --- the twin's hands ---

    def _create(self, topic: str) -> None:
        self.bench.create(topic, partitions=_PARTITIONS)
        for number in range(_PARTITIONS):
            self.committed[TopicPartition(topic, number)] = []

    def _pairs(self, count: int) -> list[tuple[bytes | None, bytes | None]]:
        return [(b"k", b"%d" % self._next_turn()) for _ in range(count)]

    def _next_turn(self) -> int:
        self.turn += 1
        return self.turn

    def _send(
        self,
        producer: _Producer,
        partition: TopicPartition,
        batch: list[tuple[bytes | None, bytes | None]],
    ) -> ErrorCode:
        sequence = producer.sequences.get(partition, 0)
        data = client_batch(
            batch,
            time_ms=self.bench.now_ms,
            producer_id=producer.producer_id,
            epoch=producer.epoch,
            sequence=sequence,
            transactional=producer.transactional_id is not None,
        )
        appended = self.bench.send(
            partition.topic,
            data,
            partition=partition.partition,
            transactional_id=producer.transactional_id,
        )
        if appended.error is _NONE:
            producer.sequences[partition] = sequence + len(batch)
            producer.last = (partition, data, appended.base_offset)
        return appended.error

    def _acknowledged(
        self,
        partition: TopicPartition,
        batch: list[tuple[bytes | None, bytes | None]],
        error: ErrorCode,
    ) -> None:
        if partition in self.committed:
            assert error is _NONE
            self.committed[partition] += [value for _, value in batch if value is not None]
        else:
            assert error is ErrorCode.unknown_topic_or_partition

    def _init(self, transactional_id: str) -> InitAnswer:
        return self.bench.broker.transactions.init_producer(
            transactional_id, _TIMEOUT_MS, now_ms=self.bench.now_ms
        )

    def _opened(self, producer: _Producer) -> None:
        assert not producer.fenced
        if producer.transaction.start_ms is None:
            producer.transaction.start_ms = self.bench.now_ms

    def _end(self, producer: _Producer, *, commit: bool) -> ErrorCode:
        assert producer.transactional_id is not None
        return self.bench.broker.transactions.end(
            producer.transactional_id,
            producer.producer_id,
            producer.epoch,
            commit=commit,
            now_ms=self.bench.now_ms,
        )

    def _decided(self, producer: _Producer, *, commit: bool) -> None:
        transaction, producer.transaction = producer.transaction, _Transaction()
        if not commit:
            return
        for partition, value in transaction.records:
            self.committed[partition].append(value)
        for key, turned in transaction.offsets.items():
            self.offsets[key] = max(turned, self.offsets.get(key, turned))

    def _fenced_or_held(self, producer: _Producer, error: ErrorCode) -> None:
        assert producer.fenced or self.held, error
        if not producer.fenced:
            assert error is ErrorCode.concurrent_transactions

    def _settle(self) -> None:
        if not self.held:
            self.bench.broker.settle(self.bench.now_ms)


TestWholeBroker = WholeBroker.TestCase
TestWholeBroker.settings = settings(
    max_examples=LONG_PLAYS, stateful_step_count=40, suppress_health_check=[HealthCheck.too_slow]
)
