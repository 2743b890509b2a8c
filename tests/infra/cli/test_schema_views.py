"""Schemas as they are shown: paths, bounds, and nothing that a schema could do to a terminal."""

import json
from typing import Any

from penstock.infra.cli.schema_views import (
    MOST_FIELDS,
    SchemaDifference,
    field_rows,
    list_rows,
    schema_document,
    schema_head,
)
from penstock.infra.published_schemas.versions import PublishedSchemas, PublishedVersion, of_files
from penstock.infra.schema_files.roles import roles_of
from penstock.schemas.schema import AvroSchema
from tests.infra.avro_texts import ORDER, field, schema


def record(name: str, *fields: Any) -> dict[str, Any]:
    """Return a record type."""
    return {"type": "record", "name": name, "fields": list(fields)}


CARD, BANK = record("Card", field("number")), record("Bank", field("iban"))
ITEM = record("Item", field("sku"), field("count", "int", default=1, doc="How many."))
PRICE = record("Price", field("value"))
WIDE = schema(
    "shop.Wide",
    field("items", {"type": "array", "items": ITEM}),
    field("first", "Item"),
    field("prices", {"type": "map", "values": {"type": "array", "items": PRICE}}),
    field("paid", ["null", CARD, BANK], default=None),
    field("only", ["null", record("Note", field("text"))]),
)


def test_paths_lead_into_records_and_each_is_opened_once() -> None:
    """As in messages of the check: `[]` an item, `{}` a value of a map, `<T>` a branch."""
    assert [row["field"] for row in field_rows(WIDE)] == [
        "items",
        "items[].sku",
        "items[].count",
        "first",
        "prices",
        "prices{}[].value",
        "paid",
        "paid<shop.Card>.number",
        "paid<shop.Bank>.iban",
        "only",
        "only.text",
    ]


def test_defaults_are_json_and_docs_are_cut() -> None:
    """JSON's null is a default, and none is none."""
    rows = {row["field"]: row for row in field_rows(WIDE)}
    assert (rows["paid"]["default"], rows["only"]["default"]) == ("null", None)
    assert (rows["items[].count"]["default"], rows["items[].count"]["doc"]) == ("1", "How many.")
    long = schema("a.B", field("x", doc="y" * 1_000, default="z" * 1_000))
    (row,) = field_rows(long)
    assert len(str(row["doc"])) == len(str(row["default"])) == 80


def test_a_list_of_fields_ends() -> None:
    """A schema may have thousands."""
    many = schema("a.B", *(field(f"f{number}") for number in range(MOST_FIELDS + 10)))
    rows = field_rows(many)
    assert (len(rows), rows[-1]["field"]) == (MOST_FIELDS + 1, "...")


def test_a_list_counts_versions_where_they_are_kept() -> None:
    """A commit has one of each, which says nothing."""
    files = of_files("git:main", {"shop.OrderPlaced": ORDER})
    (row,) = list_rows(files, roles_of(files.latest()))
    assert (row["versions"], row["topic"], row["kind"]) == (None, "shop.orders", "event")
    kept = PublishedSchemas(place="it", versions=files.versions, keeps_versions=True)
    (row,) = list_rows(kept, roles_of(kept.latest()))
    assert row["versions"] == 1


def test_all_about_one() -> None:
    """For people a sentence, for programs the schema with names that stay."""
    role = roles_of({"a": ORDER})["a"]
    versions = [PublishedVersion(schema=ORDER, subject="s", number=2, id=7)]
    sentence, head = schema_head(ORDER, role, versions)
    assert sentence == "shop.OrderPlaced is an event on shop.orders, keyed by order_id"
    assert dict(head)["versions"] == f"2: {ORDER.fingerprint.hex()}"
    document = json.loads(json.dumps(schema_document(ORDER, role, versions)))
    assert document["schema"] == ORDER.document
    assert list(document) == [
        "type",
        "kind",
        "topic",
        "key",
        "reply",
        "compatibility",
        "fingerprint",
        "versions",
        "schema",
    ]
    assert document["versions"] == [
        {"subject": "s", "version": 2, "id": 7, "fingerprint": ORDER.fingerprint.hex()}
    ]


def difference(before: AvroSchema, after: AvroSchema) -> SchemaDifference:
    """Return two schemas beside each other."""
    return SchemaDifference(before=before, before_place="then", after=after, after_place="now")


def test_a_difference_of_attributes_is_one_although_no_reader_sees_it() -> None:
    """Avro does not know them, and people must."""
    moved = schema("shop.OrderPlaced", *ORDER.document["fields"], topic="shop.\x1bnew")
    told = difference(ORDER, moved)
    assert told.document()["attributes"] == [
        {"name": "topic", "before": "shop.orders", "after": "shop.\x1bnew"},
        {"name": "key", "before": "order_id", "after": None},
    ]
    assert told.document()["changes"] == []
    assert told.document()["new_reads_old"] is told.document()["old_reads_new"] is True
    assert '"key": "order_id" became nothing.' in told.lines()
    assert "\x1b" not in "".join(told.lines())


def test_no_difference_is_said() -> None:
    """Rather than nothing."""
    assert difference(ORDER, ORDER).lines()[-1] == "No change."
