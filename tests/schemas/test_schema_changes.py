"""What changed from one schema to another, and who minds."""

from typing import Any

import pytest

from penstock.schemas.lint import tree_of
from penstock.schemas.reading import Reading
from penstock.schemas.schema_change import ChangeKind, SchemaChange
from penstock.schemas.schema_changes import MAX_CHANGES, changes
from penstock.schemas.type_tree import RecordType

ALL, FITTING, NOT_ALL = Reading.ALL, Reading.FITTING, Reading.NOT_ALL
Parts = dict[str, Any]


def record(*fields: Parts, **parts: Any) -> RecordType:
    """Return the tree of a record."""
    return tree_of({"type": "record", "name": "shop.R", "fields": list(fields), **parts})


def field(name: str, schema: Any, **parts: Any) -> Parts:
    """Return a field."""
    return {"name": name, "type": schema, **parts}


def told(before: Any, after: Any, **parts: Any) -> list[tuple[ChangeKind, Reading, Reading]]:
    """Return the changes of a field x, and how old and new readers fare."""
    found = changes(record(field("x", before)), record(field("x", after, **parts)))
    return [(each.kind, each.old_readers, each.new_readers) for each in found]


def enum(*symbols: str, **parts: Any) -> Parts:
    """Return an enum."""
    return {"type": "enum", "name": "E", "symbols": list(symbols), **parts}


def fixed(size: int, **parts: Any) -> Parts:
    """Return a fixed type."""
    return {"type": "fixed", "name": "F", "size": size, **parts}


def inner(*fields: Parts, **parts: Any) -> Parts:
    """Return a record inside."""
    return {"type": "record", "name": "I", "fields": list(fields), **parts}


def decimal(precision: int, scale: int) -> Parts:
    """Return the attributes of a decimal."""
    return {"logicalType": "decimal", "precision": precision, "scale": scale}


MICROS = {"type": "long", "logicalType": "timestamp-micros"}
OTHER = inner(field("y", "int"))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("int", "long", [(ChangeKind.TYPE_WIDENED, NOT_ALL, ALL)]),
        ("long", "int", [(ChangeKind.TYPE_NARROWED, ALL, NOT_ALL)]),
        ("int", "string", [(ChangeKind.TYPE_CHANGED, NOT_ALL, NOT_ALL)]),
        ("string", "bytes", [(ChangeKind.TYPE_CHANGED, FITTING, ALL)]),
        ("long", MICROS, [(ChangeKind.MEANING_CHANGED, ALL, FITTING)]),
        ("string", ["null", "string"], [(ChangeKind.MADE_OPTIONAL, NOT_ALL, ALL)]),
        (["null", "string"], "string", [(ChangeKind.MADE_REQUIRED, ALL, NOT_ALL)]),
        (["null", "string"], ["string", "null"], [(ChangeKind.BRANCHES_REORDERED, ALL, ALL)]),
        (
            ["null", "int"],
            ["null", "int", "string"],
            [(ChangeKind.BRANCH_ADDED, NOT_ALL, ALL)],
        ),
        (["int", "string"], ["int"], [(ChangeKind.BRANCH_REMOVED, ALL, NOT_ALL)]),
        (["null", "int"], ["null", "long"], [(ChangeKind.TYPE_WIDENED, NOT_ALL, ALL)]),
        (
            ["int"],
            ["long", "int"],
            # The int is read as the long before it, and old readers know no long.
            [(ChangeKind.BRANCH_ADDED, NOT_ALL, ALL)],
        ),
        (
            ["int", "double"],
            ["double", "long"],
            # The int is read as a double, so that the long is not what it became.
            [(ChangeKind.BRANCH_REMOVED, ALL, ALL), (ChangeKind.BRANCH_ADDED, ALL, ALL)],
        ),
        (
            [OTHER],
            [{**inner(field("z", "int")), "namespace": "far"}, OTHER],
            # Both are called I, and the first is taken for the old one.
            [
                (ChangeKind.BRANCH_ADDED, NOT_ALL, ALL),
                (ChangeKind.BRANCHES_REORDERED, ALL, NOT_ALL),
            ],
        ),
        (enum("A"), enum("A", "B"), [(ChangeKind.SYMBOL_ADDED, NOT_ALL, ALL)]),
        (
            enum("A", default="A"),
            enum("A", "B", default="A"),
            [(ChangeKind.SYMBOL_ADDED, ALL, ALL)],
        ),
        (enum("A", "B"), enum("A"), [(ChangeKind.SYMBOL_REMOVED, ALL, NOT_ALL)]),
        (
            enum("A", "B"),
            enum("A", default="A"),
            [(ChangeKind.SYMBOL_REMOVED, ALL, ALL), (ChangeKind.DEFAULT_CHANGED, ALL, ALL)],
        ),
        (enum("A", "B"), enum("B", "A"), [(ChangeKind.SYMBOLS_REORDERED, ALL, ALL)]),
        (enum("A"), enum("A", doc="x"), [(ChangeKind.DOC_CHANGED, ALL, ALL)]),
        (enum("A"), enum("A", name="N"), [(ChangeKind.TYPE_RENAMED, NOT_ALL, NOT_ALL)]),
        (
            enum("A"),
            enum("A", name="N", aliases=["E"]),
            [(ChangeKind.TYPE_RENAMED, NOT_ALL, ALL)],
        ),
        (enum("A"), enum("A", namespace="far"), [(ChangeKind.TYPE_RENAMED, ALL, ALL)]),
        (fixed(2), fixed(3), [(ChangeKind.SIZE_CHANGED, NOT_ALL, NOT_ALL)]),
        (
            fixed(16, **decimal(9, 2)),
            fixed(16, **decimal(12, 2)),
            [(ChangeKind.MEANING_CHANGED, NOT_ALL, ALL)],
        ),
        (OTHER, "int", [(ChangeKind.TYPE_CHANGED, NOT_ALL, NOT_ALL)]),
        (
            {"type": "map", "values": "int"},
            {"type": "map", "values": "long"},
            [(ChangeKind.TYPE_WIDENED, NOT_ALL, ALL)],
        ),
    ],
)
def test_types(before: Any, after: Any, expected: list[Any]) -> None:
    """Kind, how old readers fare with new records, how new readers fare with old ones."""
    assert told(before, after) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([], [field("x", "int")], [(ChangeKind.FIELD_ADDED, ALL, NOT_ALL)]),
        ([], [field("x", "int", default=0)], [(ChangeKind.FIELD_ADDED, ALL, ALL)]),
        ([field("x", "int")], [], [(ChangeKind.FIELD_REMOVED, NOT_ALL, ALL)]),
        ([field("x", "int", default=0)], [], [(ChangeKind.FIELD_REMOVED, ALL, ALL)]),
        (
            [field("x", "int")],
            [field("y", "int", aliases=["x"])],
            [(ChangeKind.FIELD_RENAMED, NOT_ALL, ALL)],
        ),
        (
            [field("y", "int", aliases=["x"])],
            [field("x", "int")],
            [
                (ChangeKind.FIELD_RENAMED, ALL, NOT_ALL),
                (ChangeKind.ALIASES_CHANGED, ALL, ALL),
            ],
        ),
        (
            # Old readers take their default, whatever the field has become.
            [field("x", "int", default=0)],
            [field("y", "string", default="", aliases=["x"])],
            [
                (ChangeKind.FIELD_RENAMED, ALL, ALL),
                (ChangeKind.TYPE_CHANGED, ALL, NOT_ALL),
                (ChangeKind.DEFAULT_CHANGED, ALL, ALL),
            ],
        ),
        (
            # Each side would take the other's field for another one: they are two.
            [field("x", "int", aliases=["z"]), field("w", "int")],
            [field("y", "int", aliases=["x"]), field("z", "int"), field("w", "int")],
            [
                (ChangeKind.FIELD_ADDED, ALL, ALL),
                (ChangeKind.FIELD_ADDED, ALL, NOT_ALL),
                (ChangeKind.FIELD_REMOVED, ALL, ALL),
            ],
        ),
        (
            [field("x", "int"), field("y", "int")],
            [field("y", "int"), field("x", "int")],
            [(ChangeKind.FIELDS_REORDERED, ALL, ALL)],
        ),
        (
            [field("x", "boolean", default=True)],
            [field("x", "boolean", default=False, doc="x", aliases=["y"])],
            [
                (ChangeKind.DEFAULT_CHANGED, ALL, ALL),
                (ChangeKind.ALIASES_CHANGED, ALL, ALL),
                (ChangeKind.DOC_CHANGED, ALL, ALL),
            ],
        ),
    ],
)
def test_fields(before: list[Parts], after: list[Parts], expected: list[Any]) -> None:
    """By name, then by the aliases of either side; a default stands for what is not written."""
    found = changes(record(*before), record(*after))
    assert [(each.kind, each.old_readers, each.new_readers) for each in found] == expected


def test_the_paths_lead_to_the_change() -> None:
    """Through items and values, and into one branch of several."""
    before = inner(field("x", "int"))
    after = inner(field("x", "long"))
    bank = {**OTHER, "name": "Bank"}
    for old, new, path in (
        ({"type": "array", "items": before}, {"type": "array", "items": after}, "x[].x"),
        ([before, "int"], [after, "int"], "x<shop.I>.x"),
        ([before, "null"], [after, "null"], "x.x"),
        ([before, bank], [bank, after], "x<shop.I>.x"),
    ):
        found = changes(record(field("x", old)), record(field("x", new)))
        assert path in [each.path for each in found]


def test_a_pair_of_types_is_told_of_once() -> None:
    """At its first place."""
    before = record(field("x", enum("A")), field("y", "E"))
    after = record(field("x", enum("B")), field("y", "E"))
    assert {each.path for each in changes(before, after)} == {"x"}


def test_a_pair_of_types_is_told_of_again_where_other_readers_look() -> None:
    """What a renamed field hides from old readers they meet in another field."""
    before = record(field("x", enum("A"), default="A"), field("z", "E"))
    after = record(field("y", enum("A", "B"), default="A", aliases=["x"]), field("z", "E"))
    found = [(each.kind, each.path, each.old_readers) for each in changes(before, after)]
    assert found == [
        (ChangeKind.FIELD_RENAMED, "y", ALL),
        (ChangeKind.SYMBOL_ADDED, "y", ALL),
        (ChangeKind.SYMBOL_ADDED, "z", NOT_ALL),
    ]


def test_true_is_not_one() -> None:
    """Defaults are compared as JSON, not as Python."""
    union = ["int", "boolean"]
    before, after = (record(field("x", union, default=each)) for each in (1, True))
    assert [each.kind for each in changes(before, after)] == [ChangeKind.DEFAULT_CHANGED]


def test_texts_are_short_and_safe() -> None:
    """A default of a stranger's cannot turn a terminal round, and docs are not shown."""
    default = "\u202e\x1b[2J" * 100
    [added] = changes(record(), record(field("x", "string", default=default)))
    assert added.text.isascii()
    assert "\x1b" not in added.text
    assert len(added.text) < 100
    [doc] = changes(record(), record(doc="secret"))
    assert str(doc) == "the record itself: doc of shop.R added. No reader minds."


def test_a_change_is_a_sentence() -> None:
    """Place, change, old readers, new readers."""
    change = SchemaChange(
        kind=ChangeKind.TYPE_CHANGED,
        path="items[].x",
        text="string became bytes",
        old_readers=FITTING,
        new_readers=ALL,
    )
    assert str(change) == (
        "items[].x: string became bytes. "
        "Old readers can read new records whose value fits; new readers can read old ones."
    )


def test_the_list_ends() -> None:
    """A hostile pair has thousands of changes, and they are found in no time."""
    branches = [{"type": "record", "name": f"T{n}", "fields": []} for n in range(4_000)]
    others = [{"type": "record", "name": f"U{n}", "fields": []} for n in range(4_000)]
    before = record(field("x", branches), *(field(f"a{n}", "int") for n in range(4_000)))
    after = record(field("x", others), *(field(f"b{n}", "int") for n in range(4_000)))
    assert len(changes(before, after)) == MAX_CHANGES
