"""Several processes over one schemas topic, in any order of their steps.

Each takes the turn, reads, judges and commits; others come between wherever they can: they take the
turn away, commit first, start anew, or the topic is compacted. The log itself is the witness.
"""

import json
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from penstock.events.schema_book import SchemaBook
from penstock.events.schema_judgement import (
    CatalogueFull,
    SchemaConflict,
    SchemaIncompatible,
    Wish,
    entries_for,
    judge_reader,
    level_entry,
    subject_of,
)
from penstock.events.schema_records import (
    LevelRecord,
    SchemaEntry,
    SchemaRecord,
    VersionRecord,
    read_record,
)
from penstock.schemas.compatibility import incompatibilities
from penstock.schemas.compatibility_levels import Level
from penstock.schemas.schema import AvroSchema

PROCESSES = range(3)
LIMIT = 12
_FIELDS = ("id", "note", "price")


@st.composite
def wishes(draw: st.DrawFn) -> Wish:
    """A schema of one of two types, on one of two topics or on none, in some version and text."""
    names = draw(st.lists(st.sampled_from(_FIELDS), min_size=1, unique=True))
    kind: object = "bytes"
    if draw(st.booleans()):
        scale = draw(st.sampled_from([2, 4]))
        kind = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": scale}
    optional = draw(st.booleans())
    fields = [
        {"name": name, "type": kind, **({"default": "\x00"} if optional and name != "id" else {})}
        for name in sorted(names)
    ]
    document: dict[str, object] = {
        "type": "record",
        "name": draw(st.sampled_from(["shop.Placed", "shop.Paid"])),
        "fields": fields,
        "doc": draw(st.sampled_from(["old", "new"])),
    }
    topic = draw(st.sampled_from([None, "shop.orders", "shop.returns"]))
    if topic is not None:
        document["topic"] = topic
    level = draw(st.sampled_from([None, *Level]))
    if level is not None:
        document["compatibility"] = level.value
    schema = AvroSchema.parse(json.dumps(document))
    subject = draw(st.sampled_from([subject_of(schema), "another"]))
    return Wish(schema=schema, subject=subject, replaces=draw(st.booleans()))


@dataclass
class Process:
    """What one process knows, and how far it is with a registration."""

    book: SchemaBook = field(
        default_factory=lambda: SchemaBook(limit=LIMIT, schema_bytes=1_000_000)
    )
    position: int = 0
    epoch: int = -1
    """The turn it took; -1 for none."""
    read_since: bool = False
    pending: tuple[SchemaEntry, ...] = ()


class SchemasTopic(RuleBasedStateMachine):
    """The topic, its compaction, and the processes."""

    def __init__(self) -> None:
        """Begin with an empty topic."""
        super().__init__()
        self.epoch = 0
        self.end = 0
        self.log: list[tuple[int, SchemaEntry]] = []
        self.processes = [Process() for _ in PROCESSES]
        self.ids: dict[bytes, int] = {}
        self.numbers: dict[tuple[str, int], bytes] = {}
        self.meanings: dict[bytes, AvroSchema] = {}

    def read(self, process: Process) -> None:
        """Read the topic to its end; nothing that was committed is unusable."""
        for offset, entry in self.log:
            if offset >= process.position:
                assert process.book.apply(*entry) is None
        process.position = self.end

    def commit(self, process: Process) -> None:
        """Append what was judged, if the turn is still there; the witness looks at each record."""
        if process.epoch == self.epoch:
            for entry in process.pending:
                self.witness(entry)
                self.log.append((self.end, entry))
                self.end += 1
                assert process.book.apply(*entry) is None
        process.epoch, process.pending = -1, ()

    def witness(self, entry: SchemaEntry) -> None:
        """Hold a record against all that was ever committed."""
        record = read_record(*entry, limit_bytes=1_000_000)
        match record:
            case SchemaRecord(schema=schema, id=schema_id):
                assert schema_id is not None
                assert self.ids.setdefault(schema.fingerprint, schema_id) == schema_id
            case VersionRecord():
                key = record.subject, record.version
                assert self.numbers.setdefault(key, record.fingerprint) == record.fingerprint
                assert self.ids[record.fingerprint] == record.id
            case LevelRecord():
                pass

    @rule(number=st.sampled_from(PROCESSES))
    def take_turn(self, number: int) -> None:
        """Whoever had it can commit no more."""
        process = self.processes[number]
        self.epoch += 1
        process.epoch, process.read_since, process.pending = self.epoch, False, ()

    @rule(number=st.sampled_from(PROCESSES))
    def look(self, number: int) -> None:
        """At any time, and more than once."""
        process = self.processes[number]
        self.read(process)
        process.read_since = process.epoch >= 0

    @precondition(lambda self: any(each.read_since for each in self.processes))
    @rule(number=st.sampled_from(PROCESSES), wanted=st.lists(wishes(), min_size=1, max_size=3))
    def judge(self, number: int, wanted: list[Wish]) -> None:
        """Only who has read since it took the turn may."""
        process = self.processes[number]
        if not process.read_since or process.epoch < 0:
            return
        before = repr(process.book)
        try:
            process.pending = entries_for(process.book, wanted)
        except (SchemaConflict, SchemaIncompatible, CatalogueFull):
            process.pending = ()
        assert repr(process.book) == before

    @rule(
        number=st.sampled_from(PROCESSES),
        subject=st.sampled_from(["", "another", "shop.orders-value"]),
        level=st.sampled_from([None, *Level]),
    )
    def judge_level(self, number: int, subject: str, level: Level | None) -> None:
        """Levels are set in the same way."""
        process = self.processes[number]
        if process.read_since and process.epoch >= 0:
            entry = level_entry(process.book, subject, level)
            process.pending = () if entry is None else (entry,)

    @rule(number=st.sampled_from(PROCESSES))
    def commit_or_lose(self, number: int) -> None:
        """The broker decides."""
        self.commit(self.processes[number])
        self.processes[number].read_since = False

    @rule(number=st.sampled_from(PROCESSES), wanted=st.lists(wishes(), min_size=1, max_size=3))
    def register(self, number: int, wanted: list[Wish]) -> None:
        """All steps in a row, as they mostly are."""
        self.take_turn(number)
        self.look(number)
        self.judge(number, wanted)
        self.commit_or_lose(number)
        process = self.processes[number]
        for wish in wanted:
            again = process.book.find(wish.schema.fingerprint)
            if again is not None and again.text == wish.schema.text and wish.subject is None:
                assert entries_for(process.book, [wish]) == ()

    @rule(number=st.sampled_from(PROCESSES))
    def start_anew(self, number: int) -> None:
        """A process that has crashed knows nothing."""
        self.processes[number] = Process()

    @rule(upto=st.floats(0, 1))
    def compact(self, upto: float) -> None:
        """Of the older records of a key the last one stays; the newest part is left alone."""
        border = int(self.end * upto)
        last = {entry.key: offset for offset, entry in self.log if offset < border}
        self.log = [
            (offset, entry)
            for offset, entry in self.log
            if offset >= border or last[entry.key] == offset
        ]

    @rule(wish=wishes())
    def judge_as_reader(self, wish: Wish) -> None:
        """Whoever reads is never a version, and is judged by what stands there."""
        book = self.processes[0].book
        before = repr(book)
        try:
            judge_reader(book, wish.schema)
        except SchemaIncompatible:
            subject = subject_of(wish.schema)
            assert subject is not None
            assert any(
                incompatibilities(wish.schema.root, each.schema.root)
                for each in book.versions(subject)
            )
        assert repr(book) == before

    @invariant()
    def one_id_one_schema(self) -> None:
        """Whatever came between."""
        assert len(set(self.ids.values())) == len(self.ids)

    @invariant()
    def who_has_read_to_the_end_knows_the_same(self) -> None:
        """From the beginning of a compacted topic or from whenever it was there."""
        fresh = Process()
        self.read(fresh)
        for process in self.processes:
            if process.position == self.end:
                assert answers(process.book) == answers(fresh.book)

    @invariant()
    def subjects_are_numbered_without_gaps_and_without_repetition(self) -> None:
        """From 1 on; one schema is one version."""
        fresh = Process()
        self.read(fresh)
        for subject in fresh.book.subjects():
            versions = fresh.book.versions(subject)
            assert [each.version for each in versions] == list(range(1, len(versions) + 1))
            prints = [each.schema.fingerprint for each in versions]
            assert len(set(prints)) == len(prints)


def answers(book: SchemaBook) -> object:
    """All that a book says."""
    subjects = {
        subject: [(each.version, each.id, each.schema.text) for each in book.versions(subject)]
        for subject in book.subjects()
    }
    levels = {subject: book.level_of(subject) for subject in (*subjects, "", "another")}
    return subjects, levels, len(book), book.next_id()


SchemasTopic.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestSchemasTopic = SchemasTopic.TestCase


KEYS = st.one_of(
    st.none(),
    st.binary(max_size=30),
    st.sampled_from([b"subject/", b"config/", b"subject/a/"]).flatmap(
        lambda prefix: st.binary(max_size=12).map(lambda rest: prefix + rest)
    ),
    st.sampled_from([b"subject/a/1", b"config/a", b"config/"]),
)
VALUES = st.one_of(
    st.none(),
    st.binary(max_size=60),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(),
        lambda inner: st.dictionaries(
            st.sampled_from(["id", "fingerprint", "compatibility", "type", "name", "fields"]), inner
        ),
        max_leaves=6,
    ).map(lambda value: json.dumps(value).encode()),
)
HEADERS = st.lists(
    st.tuples(st.sampled_from(["penstock-schema-id", "x"]), st.binary(max_size=12)), max_size=3
)


@given(KEYS, VALUES, HEADERS)
@settings(max_examples=500, deadline=None)
def test_any_record_is_taken_or_refused_with_a_reason(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    """Whatever somebody writes there, nobody falls over it, and what is refused changes nothing."""
    book = SchemaBook(limit=LIMIT, schema_bytes=1_000)
    problem = book.apply(key, value, headers)
    if problem is not None:
        assert problem.endswith(".")
        assert book == SchemaBook(limit=LIMIT, schema_bytes=1_000)
