"""Schemas from outside: what hurts is refused, with the place."""

import json
from typing import Any

import pytest

from penstock.schemas.limits import MAX_DEPTH, MAX_HOLLOW_PARTS, MAX_NODES
from penstock.schemas.lint import is_name, is_namespace, tree_of
from penstock.schemas.schema_errors import (
    DuplicateName,
    IllegalDecimal,
    IllegalDefault,
    IllegalName,
    IllegalSize,
    IllegalUnion,
    NotASchema,
    RecursiveSchema,
    SchemaError,
    SchemaPartIllegal,
    SchemaPartMissing,
    SchemaTooDeep,
    SchemaTooLarge,
    UnknownType,
    WeightlessItems,
)
from penstock.schemas.type_tree import (
    ArrayType,
    AvroType,
    EnumType,
    FixedType,
    Logical,
    PrimitiveType,
    RecordType,
)


def record(*fields: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """Return a record schema with these fields."""
    return {"type": "record", "name": "R", "namespace": "shop", "fields": list(fields), **parts}


def field(schema: Any, **parts: Any) -> dict[str, Any]:
    """Return a field named x of this type."""
    return {"name": "x", "type": schema, **parts}


def type_of(schema: Any) -> AvroType:
    """Return the tree of the only field's type."""
    return tree_of(record(field(schema))).fields[0].type


def enum(name: str = "E", **parts: Any) -> dict[str, Any]:
    """Return an enum schema."""
    return {"type": "enum", "name": name, "symbols": ["A", "B"], **parts}


def fixed(size: Any, **parts: Any) -> dict[str, Any]:
    """Return a fixed schema."""
    return {"type": "fixed", "name": "F", "size": size, **parts}


REFUSED: list[tuple[str, Any, type[SchemaError], str]] = [
    # B18: duplicates, names, fields, sizes, unions
    (
        "B18 a second field of one name",
        record(field("int"), field("long")),
        DuplicateName,
        "/fields/1",
    ),
    ("B18 a name that begins with a digit", record(name="1bad"), IllegalName, "/name"),
    (
        "B18 a field's name with a dash",
        record({"name": "a-b", "type": "int"}),
        IllegalName,
        "/fields/0/name",
    ),
    ("B18 a name of another script", record(name="Größe"), IllegalName, "/name"),
    ("B18 a name of absurd length", record(name="a" * 250), IllegalName, "/name"),
    ("B18 a namespace with an empty part", record(namespace="a..b"), IllegalName, "/name"),
    ("B18 a primitive redefined", record(name="string"), IllegalName, "/name"),
    (
        "B18 a record without fields",
        {"type": "record", "name": "R"},
        SchemaPartMissing,
        "",
    ),
    ("B18 fields that are no list", record(fields={}), SchemaPartIllegal, "/fields"),
    ("B18 a negative size", record(field(fixed(-1))), IllegalSize, "/fields/0/type/size"),
    ("B18 a size of zero", record(field(fixed(0))), IllegalSize, "/fields/0/type/size"),
    ("B18 an absurd size", record(field(fixed(10**11))), IllegalSize, "/fields/0/type/size"),
    ("B18 a size that is a truth", record(field(fixed(True))), IllegalSize, "/fields/0/type/size"),
    ("B18 a union with one type twice", record(field(["int", "int"])), IllegalUnion, "/fields/0"),
    ("B18 a union without branches", record(field([])), IllegalUnion, "/fields/0/type"),
    ("B18 a union in a union", record(field(["null", ["int"]])), IllegalUnion, "/fields/0/type"),
    (
        "B18 a union with two arrays",
        record(field([{"type": "array", "items": "int"}, {"type": "array", "items": "string"}])),
        IllegalUnion,
        "/fields/0/type",
    ),
    (
        "B18 a type defined twice",
        record(field(enum()), {"name": "y", "type": enum()}),
        DuplicateName,
        "/fields/1/type/name",
    ),
    (
        "B18 a symbol twice",
        record(field(enum(symbols=["A", "A"]))),
        DuplicateName,
        "/fields/0/type/symbols/1",
    ),
    (
        "B18 an illegal symbol",
        record(field(enum(symbols=["in-progress"]))),
        IllegalName,
        "/fields/0/type/symbols/0",
    ),
    (
        "B18 an enum without symbols",
        record(field(enum(symbols=[]))),
        SchemaPartIllegal,
        "/fields/0/type/symbols",
    ),
    # B20: missing and unknown pieces
    ("B20 an empty object", {}, NotASchema, ""),
    ("B20 no record at the top", {"type": "array", "items": "int"}, NotASchema, ""),
    ("B20 a list", [], NotASchema, ""),
    ("B20 a number as a type", record(field(5)), SchemaPartIllegal, "/fields/0/type"),
    ("B20 an empty type", record(field({})), SchemaPartMissing, "/fields/0/type"),
    (
        "B20 an array without items",
        record(field({"type": "array"})),
        SchemaPartMissing,
        "/fields/0/type",
    ),
    (
        "B20 a map without values",
        record(field({"type": "map"})),
        SchemaPartMissing,
        "/fields/0/type",
    ),
    (
        "B20 a fixed without size",
        record(field({"type": "fixed", "name": "F"})),
        SchemaPartMissing,
        "/fields/0/type",
    ),
    (
        "B20 an enum without a list of symbols",
        record(field({"type": "enum", "name": "E"})),
        SchemaPartMissing,
        "/fields/0/type",
    ),
    ("B20 an unknown type", record(field("strnig")), UnknownType, "/fields/0/type"),
    (
        "B20 an unknown type in an object",
        record(field({"type": "strnig"})),
        UnknownType,
        "/fields/0/type/type",
    ),
    (
        "B20 a type in a type",
        record(field({"type": {"type": "string"}})),
        SchemaPartIllegal,
        "/fields/0/type/type",
    ),
    (
        "B20 a name used before it is defined",
        record(field("E"), {"name": "y", "type": enum()}),
        UnknownType,
        "/fields/0/type",
    ),
    ("B20 a field without a type", record({"name": "x"}), SchemaPartMissing, "/fields/0"),
    ("B20 a field without a name", record({"type": "int"}), SchemaPartMissing, "/fields/0"),
    ("B20 a field that is no object", record("x"), SchemaPartIllegal, "/fields/0"),  # type: ignore[arg-type]  # on purpose
    (
        "aliases that are no list",
        record(field("int", aliases="y")),
        SchemaPartIllegal,
        "/fields/0/aliases",
    ),
    (
        "an alias that is no name",
        record(aliases=["Old", "1bad"]),
        IllegalName,
        "/aliases/1",
    ),
    ("a namespace of absurd length", record(namespace="a." * 200 + "a"), IllegalName, "/name"),
    # what hurts readers
    ("a record in itself", record(field("R")), RecursiveSchema, "/fields/0/type"),
    (
        "a record in its own list",
        record(field({"type": "array", "items": ["null", "shop.R"]})),
        RecursiveSchema,
        "/fields/0/type/items/1",
    ),
    (
        "B10 items without bytes",
        record(field({"type": "array", "items": "null"})),
        WeightlessItems,
        "/fields/0/type/items",
    ),
    (
        "B10 items that are empty records",
        record(field({"type": "array", "items": {"type": "record", "name": "N", "fields": []}})),
        WeightlessItems,
        "/fields/0/type/items",
    ),
    (
        "values without bytes",
        record(field({"type": "map", "values": "null"})),
        WeightlessItems,
        "/fields/0/type/values",
    ),
    (
        "a decimal without precision",
        record(field({"type": "bytes", "logicalType": "decimal"})),
        IllegalDecimal,
        "/fields/0/type/precision",
    ),
    (
        "a decimal of absurd precision",
        record(field({"type": "bytes", "logicalType": "decimal", "precision": 10**9})),
        IllegalDecimal,
        "/fields/0/type/precision",
    ),
    (
        "a scale beyond the precision",
        record(field({"type": "bytes", "logicalType": "decimal", "precision": 2, "scale": 3})),
        IllegalDecimal,
        "/fields/0/type/scale",
    ),
    (
        "a decimal too large for its fixed",
        record(field(fixed(2, logicalType="decimal", precision=5))),
        IllegalDecimal,
        "/fields/0/type/precision",
    ),
    (
        "a default of another type",
        record(field("int", default="5")),
        IllegalDefault,
        "/fields/0/default",
    ),
    (
        "an enum's default that is no symbol",
        record(field(enum(default="C"))),
        IllegalDefault,
        "/fields/0/type/default",
    ),
]


@pytest.mark.parametrize(
    ("schema", "kind", "pointer"),
    [pytest.param(*rest, id=name) for name, *rest in REFUSED],
)
def test_refused_with_the_place(schema: Any, kind: type[SchemaError], pointer: str) -> None:
    """Each broken rule has an error of its own that points at the place."""
    with pytest.raises(kind) as caught:
        tree_of(schema)
    assert caught.value.pointer.startswith(pointer)
    assert caught.value.exit_code == 4


def nested(levels: int) -> dict[str, Any]:
    """Return a record whose only field is an array in an array in an array."""
    schema: Any = "int"
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return record(field(schema))


def test_depth_is_limited() -> None:
    """B19: 64 levels are read, one more is refused."""
    assert tree_of(nested(MAX_DEPTH - 2)).extent.height == MAX_DEPTH
    with pytest.raises(SchemaTooDeep):
        tree_of(nested(MAX_DEPTH - 1))


def test_depth_counts_through_names() -> None:
    """A type mentioned by its name brings its own depth with it."""
    deep = {"type": "record", "name": "Deep", "fields": nested(40)["fields"]}
    outer: Any = "Deep"
    for _ in range(40):
        outer = {"type": "array", "items": outer}
    with pytest.raises(SchemaTooDeep):
        tree_of(record(field(deep), {"name": "y", "type": outer}))


def test_unfolding_is_limited() -> None:
    """Forty records that mention the one before twice are two kilobytes and 2^40 fields."""
    schema: Any = {"type": "record", "name": "R0", "fields": [field("int")]}
    for level in range(1, 40):
        again = {"name": "y", "type": f"R{level - 1}"}
        schema = {"type": "record", "name": f"R{level}", "fields": [field(schema), again]}
    assert len(json.dumps(schema)) < 8_000
    with pytest.raises(SchemaTooLarge):
        tree_of(schema)
    assert MAX_NODES < 2**40


def test_parts_without_bytes_in_items_are_limited() -> None:
    """An item may hold a few fields that take no bytes, not any number of them."""

    def items_with(count: int) -> dict[str, Any]:
        nulls = [{"name": f"n{number}", "type": "null"} for number in range(count)]
        item = {"type": "record", "name": "Item", "fields": [field("int"), *nulls]}
        return record(field({"type": "array", "items": item}))

    tree_of(items_with(MAX_HOLLOW_PARTS))
    with pytest.raises(WeightlessItems):
        tree_of(items_with(MAX_HOLLOW_PARTS + 1))


def test_optional_fields_of_items_are_not_without_bytes() -> None:
    """The number of a union's branch takes a byte, so optional fields are not counted."""
    many = [{"name": f"n{number}", "type": ["null", "int"]} for number in range(100)]
    item = {"type": "record", "name": "Item", "fields": many}
    assert tree_of(record(field({"type": "array", "items": item}))).extent.nodes == 303


def test_names_are_resolved_against_the_enclosing_namespace() -> None:
    """A name without a dot stands in the namespace of the record around it."""
    inner = {
        "type": "record",
        "name": "other.Inner",
        "fields": [field(enum()), {"name": "y", "type": "E"}],
    }
    tree = tree_of(record(field(inner), {"name": "y", "type": "other.E"}))
    assert isinstance(tree.fields[0].type, RecordType)
    assert tree.fields[1].type is tree.fields[0].type.fields[0].type


def test_an_empty_namespace_is_no_namespace() -> None:
    """`"namespace": ""` leaves the enclosing namespace."""
    found = type_of(enum(namespace=""))
    assert isinstance(found, EnumType)
    assert found.full_name == "E"


def test_aliases_are_relative_to_the_type_itself() -> None:
    """An alias without a dot stands in the namespace of the type that has it."""
    found = type_of(enum("other.E", aliases=["Old", "far.Away"]))
    assert isinstance(found, EnumType)
    assert found.aliases == ("other.Old", "far.Away")


@pytest.mark.parametrize(
    ("schema", "logical"),
    [
        ({"type": "long", "logicalType": "timestamp-micros"}, Logical(name="timestamp-micros")),
        ({"type": "string", "logicalType": "uuid"}, Logical(name="uuid")),
        (fixed(16, logicalType="uuid"), Logical(name="uuid")),
        (
            {"type": "bytes", "logicalType": "decimal", "precision": 4},
            Logical(name="decimal", precision=4, scale=0),
        ),
        ({"type": "string", "logicalType": "timestamp-micros"}, None),
        ({"type": "long", "logicalType": "sea-level"}, None),
        ({"type": "long", "logicalType": 5}, None),
        (fixed(12, logicalType="uuid"), None),
        (fixed(12, logicalType="duration"), None),
    ],
)
def test_unknown_and_misplaced_logical_types_are_ignored(
    schema: Any, logical: Logical | None
) -> None:
    """The specification demands it: the base type is the type."""
    found = type_of(schema)
    assert isinstance(found, PrimitiveType | FixedType)
    assert found.logical == logical


def test_attributes_of_others_are_let_pass() -> None:
    """Schemas carry what their authors like: topic, key, and things we never heard of."""
    tree = tree_of(record(field("int", order="ignore", unit="kg"), topic="shop.orders"))
    assert tree.full_name == "shop.R"


def test_an_error_is_a_record() -> None:
    """Avro's "error" type is a record by another name."""
    tree = tree_of(record(field({"type": "error", "name": "Oops", "fields": []})))
    assert isinstance(tree.fields[0].type, RecordType)


def test_a_default_fits_any_branch() -> None:
    """Avro 1.12 lets a union's default be of any branch."""
    tree_of(record(field(["null", "string"], default="here")))
    with pytest.raises(IllegalDefault):
        tree_of(record(field(["null", "string"], default=5)))


def test_hostile_names_are_shown_escaped_and_short() -> None:
    """A message never carries control characters or kilobytes of somebody's name."""
    with pytest.raises(UnknownType) as caught:
        tree_of(record(field("\x1b[31m\u202e" + "x" * 10_000)))
    message = str(caught.value)
    assert message.isprintable()
    assert "\u202e" not in message
    assert len(message) < 400


def test_names_and_namespaces() -> None:
    """Names are ASCII letters, digits and underscores; namespaces join them by dots."""
    assert is_name("Order_2")
    assert not is_name("a.b")
    assert is_namespace("shop.orders")
    assert not is_namespace("")


def test_a_list_keeps_its_item_type() -> None:
    """The tree says what the schema said."""
    assert type_of({"type": "array", "items": "string"}) == ArrayType(
        items=PrimitiveType(name="string")
    )
