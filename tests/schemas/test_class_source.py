"""Source of classes: what it looks like, what it refuses, and where it puts what."""

import json
from pathlib import Path
from typing import Any

import pytest

from penstock.schemas.class_source import (
    ClassBase,
    ClassNamed,
    ClassWish,
    FieldNamed,
    ValueMade,
    class_source,
    module_source,
)
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.schemas.source_errors import IllegalSourceWish, NoFaithfulClass
from tests.schemas.executed import fresh_module, imported, next_package
from tests.schemas.test_avro_words import Order
from tests.schemas.test_mapping import Wide
from tests.schemas.test_tagged import Outcome, WithDefault

TOPIC = ClassBase(module="penstock.events", name="Topic")
MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}


def schema(*fields: Any, name: str = "shop.Made", **parts: Any) -> AvroSchema:
    """Return the schema of a record."""
    return AvroSchema.parse(
        json.dumps({"type": "record", "name": name, "fields": list(fields), **parts})
    )


def field(avro_type: Any, name: str = "x", **parts: Any) -> dict[str, Any]:
    """Return a field."""
    return {"name": name, "type": avro_type, **parts}


def source_of(*schemas: AvroSchema) -> str:
    """Return the source of one module, without what stands above its classes."""
    text = module_source([ClassWish(schema=each) for each in schemas])
    return text.partition('__namespace__ = "shop"\n\n\n')[2]


GOLDEN = '''\
class Line(Record):
    sku: str
    price: Annotated[Decimal, money(12, 2)]


class State(Enum):
    """Where an order stands."""

    OPEN = "OPEN"
    SENT = "SENT"


class OrderPlaced(Record, aliases=("OrderMade",)):
    """A customer placed an order.

    Once.
    """

    order_id: str = Field(description="Given by the shop.")
    lines: list[Line]
    state: State = State.OPEN
    way: Literal["card", "cash"] = "card"
    note: str | None = None
    class_: Annotated[int, written_as("int"), aliases("kind")] = Field(
        default=3,
        validation_alias="class",
        description="What the warehouse calls a class, which is a number there.",
    )
    at: AwareDatetime
    rates: dict[str, float] = Field(default_factory=dict)
    total: Annotated[Decimal, money(12, 2)] = Decimal("1.50")
'''


def test_a_schema_as_a_person_would_have_written_it() -> None:
    """Docstrings, words only where they are needed, and Python's names where they can be."""
    line = {"type": "record", "name": "Line", "fields": [field("string", "sku")]}
    line["fields"].append(field(MONEY, "price"))  # type: ignore[attr-defined]  # a list
    state = {"type": "enum", "name": "State", "symbols": ["OPEN", "SENT"]}
    placed = schema(
        field("string", "order_id", doc="Given by the shop."),
        field({"type": "array", "items": line}, "lines"),
        field({**state, "doc": "Where an order stands."}, "state", default="OPEN"),
        field(
            {"type": "enum", "name": "OrderPlaced_way", "symbols": ["card", "cash"]},
            "way",
            default="card",
        ),
        field(["null", "string"], "note", default=None),
        field(
            "int",
            "class",
            default=3,
            aliases=["kind"],
            doc="What the warehouse calls a class, which is a number there.",
        ),
        field({"type": "long", "logicalType": "timestamp-micros"}, "at"),
        field({"type": "map", "values": "double"}, "rates", default={}),
        field(MONEY, "total", default="\x00\x96"),
        name="shop.OrderPlaced",
        aliases=["OrderMade"],
        doc="A customer placed an order.\n\nOnce.",
    )
    assert source_of(placed) == GOLDEN


@pytest.mark.parametrize("kind", [Wide, Order, Outcome, WithDefault])
def test_classes_that_people_wrote_come_back(kind: Any) -> None:
    """The class that is made of a class's schema has that schema."""
    own = declaration_of(kind).schema
    with fresh_module(module_source([ClassWish(schema=own)])) as module:
        found = next(
            each
            for each in vars(module).values()
            if getattr(each, "__penstock__", None) and each.__penstock__.full_name == own.full_name
        )
        assert declaration_of(found).schema.text == own.text


LINE = {
    "type": "record",
    "name": "Line",
    "fields": [field("double"), field("string", "y", default="a")],
}


@pytest.mark.parametrize(
    ("made", "place", "problem"),
    [
        (schema(field("int"), name="Made"), "Made", "no namespace"),
        (schema(field("null")), "shop.Made.x", "type is null"),
        (schema(field(["string"])), "shop.Made.x", "union of one type"),
        (schema(field(["null"])), "shop.Made.x", "union of one type"),
        (schema(field({"type": "array", "items": ["int", "string"]})), "shop.Made.x", "not all"),
        (schema(field(["null", "int"], default=1)), "shop.Made.x", "first branch"),
        (schema(field(["int", "null"], default=None)), "shop.Made.x", "first branch"),
        (schema(field(MONEY, default="\x00\x00\x96")), "shop.Made.x", "written otherwise"),
        (schema(field(LINE, default={"x": 1.5})), "shop.Made.x", "does not name all"),
        (schema(field(LINE, default={"x": 1, "y": "b"})), "shop.Made.x", "an int for a float"),
        (
            schema(
                field(
                    [
                        {"type": "record", "name": "a.Same", "fields": []},
                        {"type": "record", "name": "b.Same", "fields": []},
                    ]
                )
            ),
            "shop.Made.x",
            "cannot be told apart",
        ),
        (
            schema(field({"type": "enum", "name": "E", "namespace": "", "symbols": ["A"]})),
            "E",
            "no namespace",
        ),
    ],
    ids=range(12),
)
def test_what_no_class_says_is_refused(made: AvroSchema, place: str, problem: str) -> None:
    """With the type and the field, and what to write instead."""
    with pytest.raises(NoFaithfulClass) as caught:
        module_source([ClassWish(schema=made)])
    assert caught.value.place == place
    assert problem in caught.value.problem
    assert caught.value.instead
    assert caught.value.exit_code == 4


def test_a_name_is_one_type_over_all_schemas() -> None:
    """Else one of the two would silently win."""
    one, other = (
        schema(field({"type": "enum", "name": "E", "symbols": [symbol]}), name=name)
        for symbol, name in (("A", "shop.One"), ("B", "shop.Other"))
    )
    with pytest.raises(NoFaithfulClass, match=r"shop\.E"):
        module_source([ClassWish(schema=one), ClassWish(schema=other)])


def test_what_changes_no_value_is_left_out_and_named() -> None:
    """Attributes of others, orders, logical types that are not understood, docs of fixed types."""
    made = schema(
        field({"type": "string", "avro.java.string": "String"}, order="ignore"),
        field({"type": "long", "logicalType": "a/b"}, "y"),
        field({"type": "fixed", "name": "F", "size": 2, "doc": "d"}, "z"),
        field(MONEY, "m"),
        topic="shop.made",
    )
    source = class_source(
        [
            ClassWish(
                schema=made,
                base=ClassBase(module="penstock.events", name="Event"),
                keywords={"topic": "shop.made"},
            )
        ],
        package="made",
    )
    assert source.left_out == {
        "shop.Made": (
            "/fields/0/order",
            "/fields/0/type/avro.java.string",
            "/fields/1/type/logicalType",
            "/fields/2/type/doc",
        )
    }


# Modules


def nested(name: str, *inner: Any) -> dict[str, Any]:
    """Return a record whose fields have these types."""
    fields = [field(each, f"f{number}") for number, each in enumerate(inner)]
    return {"type": "record", "name": name, "fields": fields}


def files_of(*documents: dict[str, Any], package: str = "made") -> dict[str, str]:
    """Return the files of a package."""
    wishes = [ClassWish(schema=AvroSchema.parse(json.dumps(each))) for each in documents]
    return dict(class_source(wishes, package=package).files)


def test_each_namespace_is_a_module_that_imports_what_it_mentions() -> None:
    """A namespace with others below it is a package."""
    files = files_of(nested("shop.orders.Placed", nested("shop.Line"), nested("pay.Card")))
    assert sorted(files) == ["__init__.py", "pay.py", "shop/__init__.py", "shop/orders.py"]
    assert "from made.pay import Card\nfrom made.shop import Line\n" in files["shop/orders.py"]


@pytest.mark.parametrize(
    "documents",
    [
        [nested("a.One", nested("b.Two")), nested("b.Three", nested("a.Four"))],
        [nested("a.One", nested("b.Two", nested("a.c.Three")))],
    ],
    ids=["two that need each other", "a package that needs its own part by another"],
)
def test_modules_import_each_other_in_no_circle(
    documents: list[dict[str, Any]], tmp_path: Path
) -> None:
    """Namespaces that would are one module, and each class keeps its namespace."""
    package = next_package()
    wishes = [ClassWish(schema=AvroSchema.parse(json.dumps(each))) for each in documents]
    source = class_source(wishes, package=package)
    with imported(source.files, package, tmp_path) as modules:
        for wish in wishes:
            module, name = source.homes[wish.schema.full_name]
            found = getattr(modules[module], name)
            assert declaration_of(found).schema.fingerprint == wish.schema.fingerprint


def test_one_name_in_two_namespaces_is_two_names_in_a_module() -> None:
    """The second bears its namespace."""
    files = files_of(nested("shop.Made", nested("a.Card"), nested("b.pay.Card"), nested("c.Made")))
    assert "from made.a import Card\n" in files["shop.py"]
    assert "from made.b.pay import Card as BPayCard\n" in files["shop.py"]
    assert "from made.c import Made as CMade\n" in files["shop.py"]


def test_namespaces_that_python_forbids_are_changed() -> None:
    """And those that a file system would take for one."""
    files = files_of(nested("com.import.A"), nested("com.__init__.B"), nested("x.C"), nested("X.D"))
    assert sorted(files) == [
        "X.py",
        "__init__.py",
        "com/__init__.py",
        "com/__init___.py",
        "com/import_.py",
        "x_.py",
    ]


# Wishes

MADE = schema(field("string", "class"))


@pytest.mark.parametrize(
    "wish",
    [
        lambda: class_source([], package="a-b"),
        lambda: class_source([], package="class"),
        lambda: ClassBase(module="os\nimport sys", name="Event"),
        lambda: ClassBase(module="penstock.events", name="Event()"),
        lambda: ClassWish(schema=MADE, keywords={"a b": "x"}),
        lambda: ClassWish(schema=MADE, keywords={"namespace": "x"}),
        lambda: ValueMade(base=TOPIC, argument="shop.x", keywords={"a b": "x"}),
        lambda: module_source([]),
        lambda: module_source([ClassWish(schema=MADE, keywords={"key": FieldNamed(name="no")})]),
        lambda: module_source(
            [ClassWish(schema=MADE, keywords={"reply": ClassNamed(full_name="shop.No")})]
        ),
        lambda: module_source(
            [ClassWish(schema=MADE, keywords={"reply": ClassNamed(full_name="shop.Made")})]
        ),
        lambda: module_source(
            [ClassWish(schema=MADE), ClassWish(schema=schema(field("bytes", "class")))]
        ),
    ],
    ids=range(12),
)
def test_what_is_wished_is_judged(wish: Any) -> None:
    """It is written into source: names are names, and what is named is there."""
    with pytest.raises(IllegalSourceWish):
        wish()


def test_a_base_brings_its_keywords_and_the_namespace_is_said() -> None:
    """The namespace of an event would else be that of its topic."""
    text = source_of_wish(keywords={"topic": 'shop."x"', "key": FieldNamed(name="class")})
    assert text == (
        'class Made(Event, topic=\'shop."x"\', key="class_", namespace="shop"):\n'
        '    class_: str = Field(validation_alias="class")\n'
    )


def test_a_keyword_may_be_made_by_a_class_from_elsewhere() -> None:
    """What its keywords say is said, and a record of that name steps aside."""
    topic = ValueMade(base=TOPIC, argument="shop.x", keywords={"compatibility": "FULL"})
    made = schema(field("bytes"), name="shop.Topic", compatibility="FULL", owner="us")
    source = class_source(
        [
            ClassWish(
                schema=made,
                base=ClassBase(module="penstock.events", name="Event"),
                keywords={"topic": topic},
            )
        ],
        package="made",
    )
    text = source.files["shop.py"]
    assert "from penstock.events import Event, Topic\n" in text
    assert (
        'class Topic_(Event, topic=Topic("shop.x", compatibility="FULL"), namespace="shop", '
        'name="Topic"):\n'
    ) in text
    assert source.left_out == {"shop.Topic": ("/owner",)}


def source_of_wish(**parts: Any) -> str:
    """Return the class of an event."""
    base = ClassBase(module="penstock.events", name="Event")
    text = module_source([ClassWish(schema=MADE, base=base, **parts)])
    assert "from penstock.events import Event\n" in text
    return text.partition('__namespace__ = "shop"\n\n\n')[2]
