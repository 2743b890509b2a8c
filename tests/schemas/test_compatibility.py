"""Whether one schema reads what another wrote: the cases that have a name."""

import json
from typing import Any

import pytest

from penstock.schemas.compatibility import (
    MAX_INCOMPATIBILITIES,
    Branches,
    field_targets,
    incompatibilities,
    risk,
)
from penstock.schemas.incompatibility import Rule
from penstock.schemas.lint import tree_of
from penstock.schemas.schema import AvroSchema
from penstock.schemas.type_tree import AvroType, RecordType, UnionType


def type_of(schema: Any) -> AvroType:
    """Return the tree of a schema of any type."""
    return record_of(field("x", schema)).fields[0].type


def record_of(*fields: dict[str, Any], **parts: Any) -> RecordType:
    """Return the tree of a record."""
    return tree_of({"type": "record", "name": "shop.R", "fields": list(fields), **parts})


def field(name: str, schema: Any, **parts: Any) -> dict[str, Any]:
    """Return a field."""
    return {"name": name, "type": schema, **parts}


NEEDED: dict[str, dict[str, Any]] = {
    "record": {"fields": []},
    "enum": {"symbols": ["A"]},
    "fixed": {"size": 2},
}


def named(kind: str, name: str, **parts: Any) -> dict[str, Any]:
    """Return a named type."""
    return {"type": kind, "name": name, **NEEDED[kind], **parts}


def chosen(union: list[Any], writer: Any) -> int | None:
    """Return the number of the branch that a writer's type is read as."""
    reader = type_of(union)
    assert isinstance(reader, UnionType)
    branch = Branches(reader).chosen(type_of(writer))
    return next((n for n, each in enumerate(reader.branches) if each is branch), None)


def told(writer: Any, reader: Any) -> list[tuple[Rule, str]]:
    """Return rule and path of each incompatibility of two fields x."""
    found = incompatibilities(record_of(field("x", reader)), record_of(field("x", writer)))
    return [(each.rule, each.path) for each in found]


def decimal(precision: int, scale: int) -> dict[str, Any]:
    """Return a decimal schema."""
    return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}


def meaning(base: str, name: str) -> dict[str, Any]:
    """Return a logical type."""
    return {"type": base, "logicalType": name}


PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
PROMOTED = {
    ("int", "long"),
    ("int", "float"),
    ("int", "double"),
    ("long", "float"),
    ("long", "double"),
    ("float", "double"),
    ("string", "bytes"),
    ("bytes", "string"),
}


@pytest.mark.parametrize("writer", PRIMITIVES)
@pytest.mark.parametrize("reader", PRIMITIVES)
def test_the_specifications_promotions_and_no_others(writer: str, reader: str) -> None:
    """Avro specification, "Schema Resolution"."""
    readable = writer == reader or (writer, reader) in PROMOTED
    assert told(writer, reader) == ([] if readable else [(Rule.TYPE, "x")])


@pytest.mark.parametrize("kind", ["record", "enum", "fixed"])
@pytest.mark.parametrize(
    ("writer", "reader", "aliases", "matches"),
    [
        pytest.param("a.T", "b.T", [], True, id="another namespace"),
        pytest.param("a.T", "a.U", [], False, id="another name"),
        pytest.param("a.T", "a.U", ["T"], True, id="a relative alias"),
        pytest.param("a.T", "b.U", ["T"], False, id="a relative alias of another namespace"),
        pytest.param("a.T", "b.U", ["a.T"], True, id="an alias in full"),
        pytest.param("a.T", "a.U", ["b.T"], False, id="an alias of another type"),
        pytest.param("T", "a.U", ["a.T"], False, id="no namespace is a namespace"),
    ],
)
def test_names(kind: str, writer: str, reader: str, aliases: list[str], *, matches: bool) -> None:
    """By unqualified name or by an alias of the reader's, relative ones in its own namespace.

    Avro-facts 10: the checker of the package `avro` does not do so and says incompatible.
    """
    theirs, ours = named(kind, writer), named(kind, reader, aliases=aliases)
    for written, read, rule in (
        (theirs, ours, Rule.NAME),
        ([theirs], ["null", ours], Rule.BRANCH),
    ):
        # The records around them have no namespace, so that they lend none.
        records = [record_of(field("x", schema), name="R") for schema in (read, written)]
        found = incompatibilities(*records)
        assert [each.rule for each in found] == ([] if matches else [rule])


def test_an_empty_namespace_is_none() -> None:
    """Avro-facts 10: `"namespace": ""` is no namespace at all, not that of the record around."""
    ours = named("fixed", "U", namespace="", aliases=["T"])
    assert told(named("fixed", "T", namespace=""), ours) == []
    assert told(named("fixed", "T"), ours) == [(Rule.NAME, "x")]


def test_local_timestamps_are_known() -> None:
    """Avro-facts 10: they are no plain longs."""
    micros, millis = (f"local-timestamp-{unit}" for unit in ("micros", "millis"))
    assert told(meaning("long", micros), meaning("long", millis)) == [(Rule.MEANING, "x")]
    assert told(meaning("long", micros), meaning("long", "timestamp-micros"))


@pytest.mark.parametrize(
    ("writer", "reader", "rule"),
    [
        pytest.param("long", meaning("long", "timestamp-micros"), None, id="gained"),
        pytest.param(meaning("long", "timestamp-micros"), "long", None, id="lost"),
        pytest.param("int", meaning("long", "timestamp-micros"), None, id="promoted and gained"),
        pytest.param(
            meaning("int", "date"), meaning("long", "timestamp-micros"), Rule.MEANING, id="another"
        ),
        pytest.param(decimal(9, 2), decimal(12, 2), None, id="more digits"),
        pytest.param(decimal(12, 2), decimal(9, 2), Rule.PRECISION, id="fewer digits"),
        pytest.param(decimal(9, 2), decimal(9, 4), Rule.MEANING, id="another scale"),
        pytest.param(decimal(9, 2), "bytes", None, id="digits lost"),
        pytest.param(decimal(9, 2), "string", Rule.MEANING, id="digits as text"),
        pytest.param(decimal(9, 2), [decimal(4, 2), "null"], Rule.PRECISION, id="in a union"),
        pytest.param(meaning("string", "uuid"), "bytes", None, id="a UUID as bytes"),
        pytest.param(decimal(9, 2), meaning("string", "uuid"), Rule.MEANING, id="digits as UUID"),
    ],
)
def test_logical_types(writer: Any, reader: Any, rule: Rule | None) -> None:
    """Avro-facts 3: the reader's type decides; two different ones never meet."""
    assert told(writer, reader) == ([(rule, "x")] if rule else [])


def test_what_only_the_value_shows_is_a_risk() -> None:
    """The schemas agree, and a value may still be refused when it comes."""
    uuid = meaning("fixed", "uuid") | {"name": "F", "size": 16}
    cases = [
        ("bytes", "string", "text in UTF-8"),
        ("string", "bytes", None),
        ("string", meaning("string", "uuid"), "a legal uuid"),
        ("bytes", decimal(9, 2), "a legal decimal(9, 2)"),
        (decimal(9, 2), decimal(9, 2), None),
        (named("fixed", "F", size=16), uuid, None),
        (["null", "bytes"], "string", None),
    ]
    for writer, reader, expected in cases:
        assert risk(type_of(reader), type_of(writer)) == expected


def test_paths() -> None:
    """Fields, items, values of maps; a branch only where there are several beside null."""
    card, bank = (named("record", name, fields=[field("n", "int")]) for name in ("Card", "Bank"))
    other = named("record", "Card", fields=[field("n", "string")])
    items = {"type": "array", "items": {"type": "map", "values": card}}
    assert told(items, {"type": "array", "items": {"type": "map", "values": other}}) == [
        (Rule.TYPE, "x[]{}.n")
    ]
    assert told(["null", card], ["null", other]) == [(Rule.TYPE, "x.n")]
    assert told([card, bank], [other, bank]) == [(Rule.TYPE, "x<shop.Card>.n")]
    found = incompatibilities(record_of(name="shop.S"), record_of())
    assert [(each.rule, each.path) for each in found] == [(Rule.NAME, "")]
    assert str(found[0]).startswith("the record itself is written as record shop.R")


def test_the_first_branch_that_matches_is_taken() -> None:
    """Although a later one would be read: records match by name alone, whatever is in them."""
    stranger = named("record", "far.Card", fields=[field("other", "int")])
    own = named("record", "Card", fields=[field("n", "int")])
    assert told(own, [stranger, own]) == [(Rule.FIELD, "x.other")]
    assert told(own, [own, stranger]) == []
    assert told("int", ["double", "int"]) == []


@pytest.mark.parametrize("kind", ["record", "enum", "fixed"])
def test_a_branch_is_found_by_its_place_whatever_it_is_found_by(kind: str) -> None:
    """By an alias before a name, if it stands before it."""
    by_alias = named(kind, "a.Old", aliases=["shop.T"])
    by_name = named(kind, "b.T")
    assert chosen([by_alias, by_name], named(kind, "T")) == 0
    assert chosen([by_name, by_alias], named(kind, "T")) == 0


def test_fixed_branches_are_found_by_size_and_meaning() -> None:
    """Of several with one name the first whose size and meaning meet the writer's."""
    uuid, digits = {"logicalType": "uuid"}, {**decimal(9, 2), "type": "fixed"}
    union = [
        named("fixed", "a.F"),
        named("fixed", "b.F", size=16, **uuid),
        named("fixed", "c.F", **{**digits, "size": 16}),
    ]
    assert chosen(union, named("fixed", "F")) == 0
    assert chosen(union, named("fixed", "F", size=16)) == 1
    assert chosen(union, named("fixed", "F", size=16, **uuid)) == 1
    assert chosen(union, named("fixed", "F", **{**digits, "size": 16})) == 2
    assert chosen(union, named("fixed", "F", **{**digits, "size": 16, "scale": 3})) is None


def test_a_collection_is_chosen_by_its_items_as_far_as_they_are_no_union() -> None:
    """Either side's union matches whatever is in it, and is judged when it is chosen."""
    texts, numbers = ({"type": "array", "items": each} for each in ("string", "int"))
    maybe = {"type": "array", "items": ["null", "int"]}
    assert told(texts, ["null", numbers]) == [(Rule.BRANCH, "x")]
    assert told(texts, ["null", maybe]) == [(Rule.BRANCH, "x[]")]
    assert told(numbers, ["null", maybe]) == []
    assert told(maybe, ["null", numbers]) == [(Rule.BRANCH, "x[]")]


def test_fixed_types_have_one_size() -> None:
    """Whatever their names."""
    assert told(named("fixed", "F"), named("fixed", "F", size=3)) == [(Rule.SIZE, "x")]


def test_fields_are_found_by_name_before_any_alias() -> None:
    """A written field that some field of the reader's is named after is nobody's old name."""
    writer = record_of(field("a", "int"), field("b", "int"))
    reader = record_of(field("c", "int", aliases=["a", "b"]), field("a", "int"))
    assert {old: new.name for old, new in field_targets(writer, reader).items()} == {
        "a": "a",
        "b": "c",
    }


def test_one_written_field_is_read_once() -> None:
    """The first field that has it as an alias gets it."""
    writer = record_of(field("a", "int"))
    reader = record_of(field("b", "int", aliases=["a"]), field("c", "int", aliases=["a"]))
    found = incompatibilities(reader, writer)
    assert [(each.rule, each.path) for each in found] == [(Rule.FIELD, "c")]


def test_symbols() -> None:
    """A symbol that the reader lacks is a default, if there is one."""
    old, new = named("enum", "E"), named("enum", "E", symbols=["A", "B", "C"])
    assert told(old, new) == []
    assert told(new, old) == [(Rule.SYMBOL, "x")]
    assert told(new, old | {"default": "A"}) == []


def test_a_pair_of_named_types_is_told_of_once() -> None:
    """At its first place; what is mended there is mended everywhere."""
    old = record_of(field("a", named("enum", "E", symbols=["A", "B"])), field("b", "E"))
    new = record_of(field("a", named("enum", "E")), field("b", "E"))
    assert [each.path for each in incompatibilities(new, old)] == ["a"]


def test_unions_of_thousands_are_looked_up_and_the_list_ends() -> None:
    """Compared all with all they would be a hundred million pairs: this test would time out."""
    count = 9_000
    theirs = type_of([named("record", f"T{number}") for number in range(count)])
    ours = type_of([named("record", f"T{number}") for number in reversed(range(count))])
    assert incompatibilities(ours, theirs) == ()
    others = type_of([named("record", f"U{number}") for number in range(count)])
    assert len(incompatibilities(others, theirs)) == MAX_INCOMPATIBILITIES


def test_a_graph_that_unfolds_is_judged_once() -> None:
    """A chain of records that mention the one before twice, as far as the lint lets it go."""

    def chain(last: str) -> RecordType:
        inner: Any = named("record", "T0", fields=[field("a", last)])
        for number in range(1, 12):
            fields = [field("a", inner), field("b", f"T{number - 1}")]
            inner = named("record", f"T{number}", fields=fields)
        return record_of(field("x", inner))

    found = incompatibilities(chain("int"), chain("string"))
    assert [each.path for each in found] == ["x" + ".a" * 12]


def test_a_verdict_is_one_short_line_whatever_the_schemas_hold() -> None:
    """Types are cut, names are the lint's."""
    branches = [named("record", f"{'long' * 50}.T{number}") for number in range(9)]
    [found] = incompatibilities(type_of(["null", "int"]), type_of(branches[:1]))
    assert len(str(found)) < 700
    [found] = incompatibilities(type_of(branches), type_of("int"))
    assert len(str(found)) < 400
    schema = AvroSchema.parse(json.dumps(named("record", "R", fields=[field("a", "int")])))
    assert str(incompatibilities(schema.root, record_of(name="R"))[0]) == (
        "a is not written and is read as int: it has no default."
    )
