"""What stands on the schemas topic, what may be written to it, and what is refused."""

import json
from typing import Any

import pytest

from penstock.events.names import IllegalName
from penstock.events.schema_book import SchemaBook, declared_level
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
from penstock.events.schema_records import SchemaEntry
from penstock.schemas.compatibility_levels import Level
from penstock.schemas.errors import ExitCode
from penstock.schemas.schema import AvroSchema

SUBJECT = "shop.orders-value"
_DEFAULTS = {"string": "", "long": 0}


def schema(
    *fields: str,
    name: str = "Placed",
    topic: str | None = "shop.orders",
    level: str | None = None,
    doc: str | None = None,
    optional: tuple[str, ...] = (),
) -> AvroSchema:
    """A schema with fields `name:type`; optional ones have a default."""
    found = []
    for each in (*fields, *optional):
        field, _, kind = each.partition(":")
        kind = kind or "string"
        default = {"default": _DEFAULTS[kind]} if each in optional else {}
        found.append({"name": field, "type": kind, **default})
    document: dict[str, object] = {
        "type": "record",
        "name": name,
        "namespace": "shop",
        "fields": found,
    }
    if topic is not None:
        document["topic"] = topic
    if level is not None:
        document["compatibility"] = level
    if doc is not None:
        document["doc"] = doc
    return AvroSchema.parse(json.dumps(document))


def a_book(limit: int = 100) -> SchemaBook:
    """An empty book."""
    return SchemaBook(limit=limit, schema_bytes=1_000_000)


def written(book: SchemaBook, *schemas: AvroSchema) -> tuple[SchemaEntry, ...]:
    """Register schemas as those of messages; return the records."""
    entries = entries_for(book, [Wish(schema=each, subject=subject_of(each)) for each in schemas])
    for each in entries:
        assert book.apply(*each) is None
    return entries


V1 = schema("id")
V2 = schema("id", optional=("note",))
V3 = schema("id", optional=("note", "price:long"))
OTHER = schema("id", "sum:long", name="Paid")
BROKEN = schema("id", "note")


def test_a_schema_gets_the_next_id_and_its_subject_the_next_version() -> None:
    """As the records say, byte for byte: other programs read them."""
    book = a_book()
    entries = written(book, V1, OTHER, V2)
    digits = [each.fingerprint.hex() for each in (V1, OTHER, V2)]
    assert entries == (
        SchemaEntry(digits[0].encode(), V1.text.encode(), (("penstock-schema-id", b"1"),)),
        SchemaEntry(
            b"subject/shop.orders-value/1", f'{{"id":1,"fingerprint":"{digits[0]}"}}'.encode()
        ),
        SchemaEntry(digits[1].encode(), OTHER.text.encode(), (("penstock-schema-id", b"2"),)),
        SchemaEntry(
            b"subject/shop.orders-value/2", f'{{"id":2,"fingerprint":"{digits[1]}"}}'.encode()
        ),
        SchemaEntry(digits[2].encode(), V2.text.encode(), (("penstock-schema-id", b"3"),)),
        SchemaEntry(
            b"subject/shop.orders-value/3", f'{{"id":3,"fingerprint":"{digits[2]}"}}'.encode()
        ),
    )
    assert book.subjects() == (SUBJECT,)
    found = [(each.version, each.id, each.schema) for each in book.versions(SUBJECT)]
    assert found == [(1, 1, V1), (2, 2, OTHER), (3, 3, V2)]
    assert book.find_id(3) == V2
    assert book.id_of(V2.fingerprint) == 3


def test_what_is_registered_asks_for_nothing() -> None:
    """Also in a book that has only read."""
    book = a_book()
    entries = written(book, V1, OTHER)
    reader = a_book()
    for each in entries:
        assert reader.apply(*each) is None
    assert written(reader, V1, OTHER) == ()


def test_a_schema_without_a_topic_has_an_id_and_no_version() -> None:
    """State, replies and penstock's own records are nobody's messages."""
    book = a_book()
    (entry,) = written(book, schema("id", name="Count", topic=None))
    assert entry.headers == (("penstock-schema-id", b"1"),)
    assert book.subjects() == ()


def test_another_text_keeps_the_id_and_the_version() -> None:
    """F6: of docs the latest is kept."""
    book = a_book()
    written(book, V1)
    (entry,) = written(book, schema("id", doc="what has been ordered"))
    assert entry.headers == (("penstock-schema-id", b"1"),)
    (version,) = book.versions(SUBJECT)
    assert version.schema.document["doc"] == "what has been ordered"


def test_text_from_outside_does_not_replace_what_a_class_says() -> None:
    """A foreign serializer registers the fields alone."""
    book = a_book()
    written(book, V1)
    bare = schema("id", topic=None)
    assert bare.fingerprint == V1.fingerprint
    wish = Wish(schema=bare, subject=SUBJECT, inherits=True, replaces=False)
    assert entries_for(book, [wish]) == ()


def test_one_schema_has_one_id_in_all_of_its_subjects() -> None:
    """As in every registry."""
    book = a_book()
    written(book, V1)
    (entry,) = entries_for(book, [Wish(schema=V1, subject="elsewhere-value", replaces=False)])
    assert entry.key == b"subject/elsewhere-value/1"
    assert json.loads(entry.value or b"")["id"] == 1


def test_a_version_that_does_not_fit_is_refused_with_the_field_and_a_remedy() -> None:
    """By default it must read all that was ever written under its name; exit code 4."""
    book = a_book()
    written(book, V1, OTHER, V2)
    with pytest.raises(SchemaIncompatible) as refused:
        written(book, BROKEN.parse(BROKEN.text.replace('"note"', '"by"')))
    text = str(refused.value)
    assert "all that version 1 wrote" in text
    assert "all that version 3 wrote" in text
    assert "version 2" not in text
    assert "by is not written" in text
    assert "Give it a default" in text
    assert refused.value.level == "BACKWARD_TRANSITIVE"
    assert refused.value.exit_code is ExitCode.SCHEMA


def test_only_versions_of_the_same_name_count() -> None:
    """Several types lie on one topic."""
    book = a_book()
    written(book, V1)
    assert len(written(book, OTHER)) == 2


def test_going_back_is_always_allowed() -> None:
    """The older version is registered, whatever came behind it."""
    book = a_book()
    forward = [schema("id", level="FORWARD"), schema("id", "note", level="FORWARD")]
    written(book, *forward)
    assert written(book, forward[0]) == ()
    strict = level_entry(book, SUBJECT, Level.FULL_TRANSITIVE)
    assert strict is not None
    assert book.apply(*strict) is None
    assert written(book, *forward) == ()


def test_another_text_of_a_version_is_held_against_those_before_it() -> None:
    """A default that is taken away does not show in the fingerprint."""
    book = a_book()
    written(book, V1, V2)
    assert BROKEN.fingerprint == V2.fingerprint
    with pytest.raises(SchemaIncompatible, match="note"):
        written(book, BROKEN)
    assert written(book, schema("id", optional=("note",), doc="said better")) != ()


@pytest.mark.parametrize(
    ("level", "fits"),
    [
        ("NONE", True),
        ("FORWARD", True),
        ("FORWARD_TRANSITIVE", True),
        ("BACKWARD", False),
        ("FULL", False),
        (None, False),
        ("SOMEHOW", False),
    ],
)
def test_the_level_that_a_schema_declares_counts(level: str | None, fits: bool) -> None:
    """A new field without a default can be read by those before, and reads nothing of theirs."""
    book = a_book()
    written(book, V1)
    candidate = schema("id", "note", level=level)
    if fits:
        assert len(written(book, candidate)) == 2
    else:
        with pytest.raises(SchemaIncompatible):
            written(book, candidate)


def test_a_level_that_somebody_has_set_counts_more() -> None:
    """For the subject; what is set for all counts only where nothing is declared."""
    book = a_book()
    written(book, V1)

    def set_level(subject: str, level: Level | None) -> None:
        entry = level_entry(book, subject, level)
        assert entry is not None
        assert book.apply(*entry) is None
        assert level_entry(book, subject, level) is None

    set_level("", Level.NONE)
    assert book.level_of(SUBJECT) is Level.NONE
    with pytest.raises(SchemaIncompatible):
        written(book, schema("id", "note", level="BACKWARD"))
    set_level(SUBJECT, Level.FULL)
    with pytest.raises(SchemaIncompatible) as refused:
        written(book, schema("id", "note", level="NONE"))
    assert refused.value.level == "FULL"
    set_level(SUBJECT, None)
    assert book.level_set(SUBJECT) is None
    assert len(written(book, schema("id", "note", level="NONE"))) == 2
    assert book.level_of(SUBJECT) is Level.NONE


def test_text_from_outside_is_judged_by_what_the_topic_declares() -> None:
    """It does not say so itself; a class that says nothing asks for the default."""
    book = a_book()
    written(book, schema("id", level="NONE"))
    bare = schema("id", "note", topic=None)
    assert entries_for(book, [Wish(schema=bare, subject=SUBJECT, inherits=True)]) != ()
    with pytest.raises(SchemaIncompatible):
        entries_for(book, [Wish(schema=bare, subject=SUBJECT)])


def test_a_reader_may_know_half_but_must_read_what_is_promised() -> None:
    """It becomes no version; older versions may read whatever their level promises them."""
    book = a_book()
    written(book, schema("id", "note"))
    judge_reader(book, V1)
    with pytest.raises(SchemaIncompatible, match="price"):
        judge_reader(book, schema("id", "price:long"))
    judge_reader(book, schema("id", "price:long", topic="shop.other"))
    judge_reader(book, schema("id", "price:long", level="NONE"))
    forward = a_book()
    written(forward, schema("id", level="FORWARD"))
    judge_reader(forward, schema("id", "price:long"))


@pytest.mark.parametrize(("level", "reads"), [("BACKWARD", True), ("BACKWARD_TRANSITIVE", False)])
def test_what_upcasts_carry_over_a_reader_need_not_read(level: str, reads: bool) -> None:
    """Not even the latest, where nothing is promised of those before it."""
    book = a_book()
    written(book, V1, schema("id", "price:long", level="NONE"))
    reader = schema("id", "sum:long", level=level)
    with pytest.raises(SchemaIncompatible):
        judge_reader(book, reader)

    def latest(version: AvroSchema) -> bool:
        return version.fingerprint != V1.fingerprint

    if reads:
        judge_reader(book, reader, upcast=latest)
    else:
        with pytest.raises(SchemaIncompatible, match="version 1"):
            judge_reader(book, reader, upcast=latest)
    judge_reader(book, reader, upcast=lambda _: True)


def test_wishes_of_one_call_are_held_against_each_other() -> None:
    """Also where the topic knows none of them."""
    book = a_book()
    with pytest.raises(SchemaIncompatible):
        written(book, V1, BROKEN)
    assert len(book) == 0
    total = {"type": "bytes", "logicalType": "decimal", "precision": 9}
    cents = [
        AvroSchema.parse(
            json.dumps(
                {
                    "type": "record",
                    "name": "C",
                    "fields": [{"name": "t", "type": {**total, "scale": scale}}],
                }
            )
        )
        for scale in (2, 4)
    ]
    with pytest.raises(SchemaConflict):
        written(book, *cents)


def test_there_is_an_end_to_schemas_and_to_versions() -> None:
    """What others would pass over is not written."""
    book = a_book(limit=2)
    written(book, V1, V2)
    with pytest.raises(CatalogueFull):
        written(book, V3)
    with pytest.raises(CatalogueFull):
        entries_for(book, [Wish(schema=V1, subject="b-value")])
    for subject in ("a", "b"):
        entry = level_entry(book, subject, Level.NONE)
        assert entry is not None
        book.apply(*entry)
    with pytest.raises(CatalogueFull):
        level_entry(book, "c", Level.NONE)
    assert level_entry(book, "b", Level.FULL) is not None


@pytest.mark.parametrize("subject", ["", "x" * 513])
def test_a_subject_has_a_length(subject: str) -> None:
    """It stands in a key and in URLs."""
    with pytest.raises(IllegalName):
        entries_for(a_book(), [Wish(schema=V1, subject=subject)])


@pytest.mark.parametrize("subject", ["a/b", "a/1", "ä b", "subject/x/9", "/"])
def test_a_subject_may_hold_any_character(subject: str) -> None:
    """Its key is read back in one way."""
    book = a_book()
    for entry in entries_for(book, [Wish(schema=V1, subject=subject)]):
        assert book.apply(*entry) is None
    assert [each.version for each in book.versions(subject)] == [1]
    assert book.subjects() == (subject,)


KEY = V1.fingerprint.hex().encode()
NOTE = f'{{"id":1,"fingerprint":"{V1.fingerprint.hex()}"}}'.encode()


@pytest.mark.parametrize(
    ("key", "value", "headers"),
    [
        (KEY, V1.text.encode(), [("penstock-schema-id", b"0")]),
        (KEY, V1.text.encode(), [("penstock-schema-id", b"x")]),
        (KEY, V1.text.encode(), [("penstock-schema-id", None)]),
        (KEY, V1.text.encode(), [("penstock-schema-id", b"9" * 30)]),
        (KEY, V1.text.encode(), [("penstock-schema-id", b"2147483648")]),
        (KEY, V1.text.encode(), [("penstock-schema-id", b"2")]),
        (b"subject/a-value", NOTE, []),
        (b"subject/a-value/0", NOTE, []),
        (b"subject/a-value/01", NOTE, []),
        (b"subject/a-value/x", NOTE, []),
        (b"subject/\xff/1", NOTE, []),
        (b"subject/" + b"x" * 513 + b"/1", NOTE, []),
        (b"subject/a-value/1", None, []),
        (b"subject/a-value/1", b"[]", []),
        (b"subject/a-value/1", b"{" * 100, []),
        (b"subject/a-value/1", b" " * 5_000, []),
        (b"subject/a-value/1", NOTE.replace(b'"id":1', b'"id":true'), []),
        (b"subject/a-value/1", NOTE.replace(b'"id":1', b'"id":2'), []),
        (b"subject/a-value/1", b'{"id":1,"fingerprint":"0011223344556677"}', []),
        (b"subject/a-value/1", b'{"id":1,"fingerprint":"zz"}', []),
        (b"subject/shop.orders-value/1", b'{"id":9,"fingerprint":"0011223344556677"}', []),
        (b"config/a-value", b'{"compatibility":"SOMEHOW"}', []),
        (b"config/a-value", b"\xff", []),
        (b"config/" + b"x" * 513, None, []),
    ],
)
def test_a_record_that_contradicts_or_cannot_be_read_changes_nothing(
    key: bytes, value: bytes | None, headers: Any
) -> None:
    """It is told why."""
    book = a_book()
    written(book, V1)
    before = repr(book)
    problem = book.apply(key, value, headers)
    assert problem is not None
    assert problem.endswith(".")
    assert repr(book) == before


def test_an_id_of_another_schema_is_not_taken() -> None:
    """The first holds."""
    book = a_book()
    written(book, V1)
    headers = [("penstock-schema-id", b"1")]
    problem = book.apply(OTHER.fingerprint.hex().encode(), OTHER.text.encode(), headers)
    assert problem is not None
    assert book.find_id(1) == V1
    assert book.find(OTHER.fingerprint) is None


def test_a_version_may_come_before_its_schema() -> None:
    """Compaction moves a schema whose text was replaced behind its versions."""
    reader = a_book()
    entries = written(a_book(), V1, V2)
    schema_of_v1, *others = entries
    assert schema_of_v1.key == KEY
    for each in others:
        assert reader.apply(*each) is None
    assert [found.schema for found in reader.versions(SUBJECT)] == [V2]
    assert reader.apply(*schema_of_v1) is None
    assert [found.schema for found in reader.versions(SUBJECT)] == [V1, V2]


def test_an_id_whose_schema_is_lost_is_not_given_to_another() -> None:
    """A tool deletes V2's record, and compaction leaves its version alone: events still name it."""
    reader = a_book()
    entries = written(a_book(), V1, V2)
    for each in entries:
        if each.key != V2.fingerprint.hex().encode():
            assert reader.apply(*each) is None
    assert reader.find_id(2) is None
    assert [found.schema for found in reader.versions(SUBJECT)] == [V1]
    assert written(reader, OTHER)[0].headers == (("penstock-schema-id", b"3"),)


@pytest.mark.parametrize("left", [None, KEY])
def test_a_schema_that_was_lost_comes_back_under_its_id(left: bytes | None) -> None:
    """Its producer registers it again, also where a tool has written it anew and without an id."""
    reader = a_book()
    _, *others = written(a_book(), V1, V2)
    for each in others:
        assert reader.apply(*each) is None
    if left is not None:
        assert reader.apply(left, V1.text.encode(), ()) is None
    ours = SchemaEntry(KEY, V1.text.encode(), (("penstock-schema-id", b"1"),))
    assert written(reader, V1) == (ours,)
    assert [(each.version, each.id) for each in reader.versions(SUBJECT)] == [(1, 1), (2, 2)]


def test_an_id_that_somebody_else_has_taken_is_not_written_again() -> None:
    """A version may name any."""
    version = b'{"id":1,"fingerprint":"%s"}' % KEY
    lost = a_book()
    assert lost.apply(b"subject/a/1", version, ()) is None
    assert lost.apply(*written(a_book(), OTHER)[0]) is None
    assert written(lost, V1)[0].headers == (("penstock-schema-id", b"2"),)


def test_a_topic_created_anew_gives_out_its_own_ids() -> None:
    """Schemas stay known by their fingerprints."""
    book = a_book()
    written(book, V1, V2)
    book.forget_numbers()
    assert book.subjects() == ()
    assert book.id_of(V1.fingerprint) is None
    assert book.find(V1.fingerprint) == V1
    entries = written(book, V2)
    assert entries[0].headers == (("penstock-schema-id", b"1"),)


def test_the_last_id_of_all_leaves_the_free_ones_below_it() -> None:
    """Somebody has written the highest number there is."""
    book = a_book()
    headers = [("penstock-schema-id", b"2147483647")]
    assert book.apply(KEY, V1.text.encode(), headers) is None
    assert written(book, OTHER)[0].headers == (("penstock-schema-id", b"1"),)


def test_a_level_is_declared_by_its_name() -> None:
    """Anything else declares none."""
    assert declared_level(schema("id", level="FULL")) is Level.FULL
    assert declared_level(schema("id", level="full")) is None
    assert declared_level(V1) is None


@pytest.mark.parametrize("number", [2**31 - 1, 2**31, 9_999_999_999])
def test_whoever_takes_the_highest_number_stops_nobody(number: int) -> None:
    """What is allotted after it can be read again, by us and by clients that count in 31 bits."""
    book = a_book()
    foreign = b'{"id":7,"fingerprint":"0011223344556677"}'
    refused = book.apply(b"subject/%s/%d" % (SUBJECT.encode(), number), foreign, ())
    assert (refused is None) == (number < 2**31)
    for entry in entries_for(book, [Wish(schema=schema("id"), subject=SUBJECT)]):
        assert book.apply(*entry) is None
    (version,) = book.versions(SUBJECT)
    assert version.version == 1
