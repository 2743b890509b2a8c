"""Records on their way to whoever handles them, against a twin of plain lists.

The twin knows, of each partition, what was offered, what was taken and what was finished; whatever
is done in whatever order, nothing is lost, repeated or moved, and no position passes a record that
is not finished.
"""

from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from penstock.events.intake import Intake, IntakeLimits
from penstock.events.log import Headers, LogRecord, Partition

PARTITIONS = [Partition("a", 0), Partition("a", 1), Partition("b", 0)]
PLACES = st.sampled_from(PARTITIONS)
LIMITS = IntakeLimits(records=4, partition_bytes=40, total_bytes=90)


@dataclass(frozen=True, eq=False)
class Record:
    """A record that is itself and equal to no other."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    key: bytes | None = None
    timestamp: int = 0
    headers: Headers = ()


@dataclass
class Twin:
    """What one partition should hold."""

    next_offset: int
    waiting: list[LogRecord] = field(default_factory=list)
    in_hand: LogRecord | None = None
    position: int = 0
    is_open: bool = True


class IntakeMachine(RuleBasedStateMachine):
    """Offers, takes, finishes, puts back, withholds, forgets."""

    @initialize()
    def begin(self) -> None:
        """Nothing is there."""
        self.intake = Intake(LIMITS)
        self.twins: dict[Partition, Twin] = {}
        self.stale: list[LogRecord] = []

    @rule(place=PLACES, position=st.integers(0, 5))
    def open(self, place: Partition, position: int) -> None:
        """A partition comes, or comes anew; what was in hand of it is of a former life."""
        self._forget(place)
        self.intake.open(place, position)
        self.twins[place] = Twin(next_offset=position, position=position)

    @rule(place=PLACES)
    def forget(self, place: Partition) -> None:
        """A partition goes."""
        self.intake.forget(place)
        self._forget(place)

    def _forget(self, place: Partition) -> None:
        twin = self.twins.pop(place, None)
        if twin is not None and twin.in_hand is not None:
            self.stale.append(twin.in_hand)

    @rule(place=PLACES)
    def withhold(self, place: Partition) -> None:
        """A partition is being let go: nothing more is given of it."""
        self.intake.withhold(place)
        if (twin := self.twins.get(place)) is not None:
            twin.is_open = False
            twin.waiting.clear()

    @rule(place=PLACES, gaps=st.lists(st.integers(0, 3), max_size=5), size=st.integers(0, 15))
    def offer(self, place: Partition, gaps: list[int], size: int) -> None:
        """Records come, with gaps as compaction, markers and aborted transactions leave them."""
        if (twin := self.twins.get(place)) is None:
            return
        records: list[LogRecord] = []
        for gap in gaps:
            offset = twin.next_offset + gap
            value = b"x" * size if size else None
            records.append(Record(place.topic, place.number, offset, value))
            twin.next_offset = offset + 1
        self.intake.offer(place, records)
        if twin.is_open:
            twin.waiting += records

    @rule()
    def take(self) -> None:
        """Of any partition: where one could be given, one is."""
        record = self.intake.take()
        could = {each for each, twin in self.twins.items() if twin.waiting and not twin.in_hand}
        assert (record is None) == (not could)
        if record is not None:
            place = Partition(record.topic, record.partition)
            assert place in could
            self._taken(place, record)

    @rule(place=PLACES)
    def take_of(self, place: Partition) -> None:
        """Of one partition: never two at a time."""
        record, twin = self.intake.take_of(place), self.twins.get(place)
        could = twin is not None and twin.waiting and twin.in_hand is None
        assert (record is not None) == bool(could)
        if record is not None:
            self._taken(place, record)

    def _taken(self, place: Partition, record: LogRecord) -> None:
        twin = self.twins[place]
        assert record is twin.waiting.pop(0)
        twin.in_hand = record

    @rule(place=PLACES)
    def finish(self, place: Partition) -> None:
        """What is in hand is done."""
        twin = self.twins.get(place)
        if twin is not None and twin.in_hand is not None:
            self.intake.finish(twin.in_hand)
            twin.position, twin.in_hand = twin.in_hand.offset + 1, None

    @rule(place=PLACES)
    def put_back(self, place: Partition) -> None:
        """What is in hand was not handled: it waits again, before the others."""
        twin = self.twins.get(place)
        if twin is not None and twin.in_hand is not None:
            self.intake.put_back(twin.in_hand)
            if twin.is_open:
                twin.waiting.insert(0, twin.in_hand)
            twin.position, twin.in_hand = twin.in_hand.offset, None

    @precondition(lambda self: self.stale)
    @rule(finishes=st.booleans())
    def end_of_a_former_life(self, *, finishes: bool) -> None:
        """It changes nothing."""
        record = self.stale.pop()
        (self.intake.finish if finishes else self.intake.put_back)(record)

    @invariant()
    def agrees(self) -> None:
        """With the twin, in all that can be asked."""
        waiting = 0
        for place, twin in self.twins.items():
            position = self.intake.position(place)
            assert position == (twin.in_hand.offset if twin.in_hand else twin.position)
            assert all(each.offset >= position for each in twin.waiting)
            idle = twin.is_open and not twin.waiting and not twin.in_hand
            assert self.intake.is_idle(place) == idle
            assert self.intake.in_hand([place]) == ([twin.in_hand] if twin.in_hand else [])
            assert not (self.intake.is_full(place) and self.intake.is_hungry(place))
            if len(twin.waiting) >= LIMITS.records:
                assert self.intake.is_full(place)
            if twin.is_open and not twin.waiting:
                assert self.intake.is_hungry(place)
            waiting += len(twin.waiting)
        assert self.intake.records == waiting
        assert (self.intake.bytes == 0) if waiting == 0 else (self.intake.bytes >= 0)
        ready = {place for place, twin in self.twins.items() if twin.waiting and not twin.in_hand}
        assert set(self.intake.waiting()) == ready


TestIntake = IntakeMachine.TestCase


def test_no_partition_starves() -> None:
    """A partition that is always filled up lets the others in."""
    intake = Intake()
    for place in PARTITIONS[:2]:
        intake.open(place, 0)
    busy, quiet = PARTITIONS[:2]
    intake.offer(busy, [Record("a", 0, offset, b"") for offset in range(1_000)])
    intake.offer(quiet, [Record("a", 1, 0, b"")])
    for taken in range(1, 1_000):
        record = intake.take()
        assert record is not None
        intake.finish(record)
        intake.offer(busy, [Record("a", 0, 1_000 + taken, b"")])
        if record.partition == quiet.number:
            break
    assert taken < 200


def test_headers_count_as_bytes() -> None:
    """Records that are little but headers once filled memory with five thousand of them."""
    intake = Intake()
    (place, *_) = PARTITIONS
    intake.open(place, 0)
    headers = [("note", bytes(1024 * 1024)), ("none", None)]
    records = [Record("a", 0, offset, None, headers=headers) for offset in range(4)]  # type: ignore[arg-type] # Kafka has headers without a value
    intake.offer(place, records)
    assert intake.is_full(place)
    assert intake.bytes > 4 * 1024 * 1024
