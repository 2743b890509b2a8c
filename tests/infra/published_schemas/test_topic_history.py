"""The schemas topic by type: versions in order, numbers and ids as the topic has them."""

from collections.abc import Sequence

from penstock.events.schema_book import SchemaBook
from penstock.events.schema_judgement import Wish, entries_for, level_entry, subject_of
from penstock.events.schema_records import SchemaEntry
from penstock.infra.published_schemas.topic_history import on_topic
from penstock.schemas.compatibility_levels import Level
from penstock.schemas.schema import AvroSchema
from tests.infra.avro_texts import ORDER, field, schema

STATE = schema("shop.State", field("n", "int"))
PAID = schema("shop.Paid", field("n", "int"), topic="shop.orders")
NEWER = schema(
    "shop.OrderPlaced",
    *ORDER.document["fields"],
    field("note", default=""),
    topic="shop.orders",
    key="order_id",
)


SIDEWAYS = schema(
    "shop.OrderPlaced",
    *ORDER.document["fields"],
    field("by", default=""),
    topic="shop.orders",
    key="order_id",
)
HALF = schema("shop.OrderPlaced", field("order_id"), topic="shop.orders", key="order_id")


def book(*schemas: AvroSchema) -> SchemaBook:
    """Return a book with these schemas, registered one after the other."""
    made = SchemaBook(limit=100, schema_bytes=10_000)
    for each in schemas:
        register(made, each)
    return made


def register(made: SchemaBook, each: AvroSchema) -> None:
    """Register a schema as what is written to its topic."""
    apply(made, entries_for(made, [Wish(schema=each, subject=subject_of(each))]))


def keep(made: SchemaBook, each: AvroSchema) -> None:
    """Keep a schema as what is only read."""
    apply(made, entries_for(made, [Wish(schema=each, replaces=False)]))


def apply(made: SchemaBook, entries: Sequence[SchemaEntry]) -> None:
    """Write records."""
    for entry in entries:
        assert made.apply(entry.key, entry.value, entry.headers) is None


def test_versions_have_the_numbers_of_their_subject_and_the_ids_of_the_topic() -> None:
    """Types that share a topic share its numbers; what travels nowhere has an id alone."""
    published = on_topic(book(ORDER, STATE, PAID, NEWER))
    found = {
        name: [(each.subject, each.number, each.id) for each in versions]
        for name, versions in published.versions.items()
    }
    assert found == {
        "shop.OrderPlaced": [("shop.orders-value", 1, 1), ("shop.orders-value", 3, 4)],
        "shop.State": [(None, None, 2)],
        "shop.Paid": [("shop.orders-value", 2, 3)],
    }
    assert published.latest()["shop.OrderPlaced"] == NEWER
    assert published.keeps_versions


def test_levels_that_somebody_has_set() -> None:
    """For a subject, and for all others."""
    made = book(ORDER, STATE)
    assert on_topic(made).levels == {}
    assert on_topic(made).default_level is Level.BACKWARD_TRANSITIVE
    for subject, level in (("shop.orders-value", Level.FULL), ("", Level.NONE)):
        entry = level_entry(made, subject, level)
        assert entry is not None
        made.apply(entry.key, entry.value, entry.headers)
    assert on_topic(made).levels == {"shop.OrderPlaced": Level.FULL}
    assert on_topic(made).default_level is Level.NONE


def test_the_newest_version_is_the_one_that_was_registered_last() -> None:
    """Its id may be older: a consumer may have had that schema first, for nobody's version."""
    made = book(ORDER)
    keep(made, NEWER)
    for each in (SIDEWAYS, NEWER):
        register(made, each)
    found = on_topic(made).versions["shop.OrderPlaced"]
    assert [(each.number, each.id) for each in found] == [(1, 1), (2, 3), (3, 2)]
    assert on_topic(made).latest()["shop.OrderPlaced"] == NEWER


def test_what_is_only_read_is_not_the_newest_version() -> None:
    """A consumer that knows half of a type says nothing of what is published."""
    made = book(ORDER)
    keep(made, HALF)
    published = on_topic(made)
    assert [each.number for each in published.of("shop.OrderPlaced")] == [None, 1]
    assert published.latest()["shop.OrderPlaced"] == ORDER


def test_a_schema_has_the_number_of_its_own_topic() -> None:
    """Somebody may have registered it under another name, too."""
    made = book()
    wish = Wish(schema=PAID, subject="another", replaces=False)
    apply(made, entries_for(made, [wish]))
    for each in (ORDER, PAID):
        register(made, each)
    (found,) = on_topic(made).of("shop.Paid")
    assert (found.subject, found.number) == ("shop.orders-value", 2)


def test_an_empty_topic() -> None:
    """It is a place like others."""
    assert on_topic(book()).versions == {}
