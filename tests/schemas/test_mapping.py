"""The mapping: what pydantic says, Avro says, or the class is refused."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum, auto
from types import new_class
from typing import Annotated, Any, Literal, NamedTuple, NewType, Optional, TypeVar
from uuid import UUID

import pytest
from pydantic import (
    AliasPath,
    AwareDatetime,
    BaseModel,
    Field,
    NaiveDatetime,
    PositiveInt,
    create_model,
)
from typing_extensions import TypeAliasType, TypedDict

from penstock.schemas.decimal_digits import money
from penstock.schemas.declaration_errors import (
    AbstractRecord,
    DeclarationError,
    IllegalRecordName,
    NameConflict,
    RecordRulesChanged,
    UnmappableField,
    UnsafeShape,
    UnusableDefault,
)
from penstock.schemas.mapping import schema_of
from penstock.schemas.record import Record

__namespace__ = "shop"

OrderId = NewType("OrderId", str)
Amount = TypeAliasType("Amount", Annotated[Decimal, money(12, 2)])
MaybeNumber = TypeAliasType("MaybeNumber", int | None)
Letter = TypeVar("Letter")


class State(Enum):
    """Where an order stands."""

    OPEN = "open"
    IN_PROGRESS = "in-progress"
    WORKING = "in-progress"  # noqa: PIE796 - a second name for the same member


class Level(IntEnum):
    """A number to Python, a symbol on the wire."""

    LOW = 1
    HIGH = 2


class Colour(StrEnum):
    """Values that differ from names in case."""

    RED = auto()


class Item(Record):
    """A line of an order."""

    sku: str
    count: int = 1


def record(annotation: Any, **parts: Any) -> type[Record]:
    """Return a record with the one field x."""
    default = parts.pop("default", ...)
    made: type[Record] = create_model(
        "Made", __base__=Record, __module__=__name__, x=(annotation, default), **parts
    )
    return made


def field_of(annotation: Any, **parts: Any) -> dict[str, Any]:
    """Return the field x of the schema that an annotation makes."""
    document = record(annotation, **parts).__penstock__.schema.document
    found: dict[str, Any] = document["fields"][0]
    return found


def type_of(annotation: Any) -> Any:
    """Return the Avro type that an annotation makes."""
    return field_of(annotation)["type"]


@pytest.mark.parametrize(
    ("annotation", "avro_type"),
    [
        (str, "string"),
        (bytes, "bytes"),
        (bool, "boolean"),
        (int, "long"),
        (float, "double"),
        (AwareDatetime, {"type": "long", "logicalType": "timestamp-micros"}),
        (date, {"type": "int", "logicalType": "date"}),
        (time, {"type": "long", "logicalType": "time-micros"}),
        (UUID, {"type": "string", "logicalType": "uuid"}),
        (
            Annotated[Decimal, money(12, 2)],
            {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2},
        ),
        (str | None, ["null", "string"]),
        (Optional[str], ["null", "string"]),  # noqa: UP045 - both spellings are mapped
        (list[int], {"type": "array", "items": "long"}),
        (tuple[int, ...], {"type": "array", "items": "long"}),
        (dict[str, float], {"type": "map", "values": "double"}),
        (
            list[dict[str, int | None]],
            {
                "type": "array",
                "items": {"type": "map", "values": ["null", "long"]},
            },
        ),
        (PositiveInt, "long"),
        (Annotated[str, Field(max_length=3)], "string"),
        (OrderId, "string"),
        (dict[OrderId, int], {"type": "map", "values": "long"}),
        (dict[Annotated[str, Field(max_length=3)], int], {"type": "map", "values": "long"}),
        (
            list[Amount],
            {
                "type": "array",
                "items": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2},
            },
        ),
    ],
)
def test_the_table(annotation: Any, avro_type: Any) -> None:
    """Each row of the mapping's table."""
    assert type_of(annotation) == avro_type


def test_enum_symbols_are_the_names_of_members() -> None:
    """Names are always legal in Avro; values may be anything and may change."""
    assert type_of(State) == {
        "type": "enum",
        "name": "State",
        "namespace": "shop",
        "doc": "Where an order stands.",
        "symbols": ["OPEN", "IN_PROGRESS"],
    }
    assert type_of(Level)["symbols"] == ["LOW", "HIGH"]
    assert type_of(Colour)["symbols"] == ["RED"]


def test_a_literal_is_an_enum_beside_its_record() -> None:
    """Its name is that of the record and the field."""
    assert type_of(Literal["card", "cash"]) == {
        "type": "enum",
        "name": "Made_x",
        "namespace": "shop",
        "symbols": ["card", "cash"],
    }
    assert type_of(list[Literal["card"]])["items"]["name"] == "Made_x"


def test_an_enum_without_a_namespace_stands_beside_its_record() -> None:
    """An enum of a module without `__namespace__` takes the record's."""
    foreign = Enum("foreign", "A B", module="json")

    class Order(Record, namespace="far.away"):
        x: foreign

    assert Order.__penstock__.schema.document["fields"][0]["type"]["namespace"] == "far.away"


def test_nested_records_are_defined_once_and_then_named() -> None:
    """The second mention of a type is its full name."""

    class Order(Record):
        first: Item
        rest: list[Item]
        state: State
        before: State | None

    fields = Order.__penstock__.schema.document["fields"]
    assert fields[0]["type"]["name"] == "Item"
    assert fields[0]["type"]["doc"] == "A line of an order."
    assert fields[1]["type"]["items"] == "shop.Item"
    assert fields[3]["type"] == ["null", "shop.State"]


def test_docs_come_from_docstrings_and_descriptions() -> None:
    """What the author wrote is what other services read."""

    class Order(Record):
        """An order.

        With two lines.
        """

        x: int = Field(description="How many")

    document = Order.__penstock__.schema.document
    assert document["doc"] == "An order.\n\nWith two lines."
    assert document["fields"][0]["doc"] == "How many"


class Wide(Record):
    """Defaults of every kind."""

    text: str = "x"
    raw: bytes = b"\x00\xff"
    number: int = 5
    ratio: float = 1
    amount: Annotated[Decimal, money(12, 2)] = Decimal("1.5")
    day: date = date(1970, 1, 2)
    state: State = State.OPEN
    way: Literal["a", "b"] = "b"
    note: str | None = None
    count: int | None = 3
    item: Item = Item(sku="a")
    items: tuple[Item, ...] = (Item(sku="b", count=2),)
    tags: list[str] = Field(default_factory=list)
    rates: dict[str, float] = {}  # noqa: RUF012 - pydantic copies it
    made: UUID = Field(default_factory=lambda: UUID(int=0))


def test_defaults_are_in_the_schema() -> None:
    """Simple and nested ones, in Avro's JSON form; a factory only when it makes nothing."""
    fields = {field["name"]: field for field in Wide.__penstock__.schema.document["fields"]}
    assert {name: field["default"] for name, field in fields.items() if "default" in field} == {
        "text": "x",
        "raw": "\x00\xff",
        "number": 5,
        "ratio": 1,
        "amount": "\x00\x96",
        "day": 1,
        "state": "OPEN",
        "way": "b",
        "note": None,
        "count": 3,
        "item": {"sku": "a", "count": 1},
        "items": [{"sku": "b", "count": 2}],
        "tags": [],
        "rates": {},
    }


def test_null_comes_first_unless_the_default_is_another() -> None:
    """Before Avro 1.12 a union's default had to be of the first branch."""
    assert field_of(int | None, default=None) == {
        "name": "x",
        "type": ["null", "long"],
        "default": None,
    }
    assert field_of(int | None, default=3)["type"] == ["long", "null"]
    assert "default" not in field_of(int | None)


class Shape(BaseModel):
    """A plain model."""

    x: int


class Choice(Flag):
    """Flags combine."""

    A = 1


class Base(Record, abstract=True):
    """A base without a schema."""

    x: int


class Nothing(Record):
    """A record without fields."""


class Pair(NamedTuple):
    """A named tuple."""

    x: int


class Keyed(TypedDict):
    """A typed dictionary."""

    x: int


@dataclass
class Plain:
    """A dataclass."""

    x: int


@pytest.mark.parametrize(
    ("annotation", "instead"),
    [
        (datetime, "AwareDatetime"),
        (Decimal, "money"),
        (list[Decimal], "money"),
        (NaiveDatetime, "local-timestamp-micros"),
        (timedelta, "timeout_ms"),
        (set[int], "list"),
        (frozenset[str], "tuple"),
        (tuple[int, str], "nested Record"),
        pytest.param(tuple[()], "nested Record", id="the empty tuple"),
        (tuple, "tuple[T, ...]"),
        (list, "list[T]"),
        (dict, "dict[str, T]"),
        pytest.param(dict[int, str], "dict[str, T]", id="keys that are no text"),
        (int | str, "one optional field per case"),
        (int | str | None, "one optional field per case"),
        (Shape, "a Record"),
        (Plain, "a Record"),
        (Pair, "tuple[T, ...]"),
        (Keyed, "a Record"),
        (Choice, "Enum"),
        (Any, "nested Record"),
        (object, "nested Record"),
        (None, "T | None"),
        (Literal[1], "str"),
        (Literal["in-progress"], "Enum"),
        (Sequence[int], "nested Record"),
        (Mapping[str, int], "nested Record"),
        (Callable[[], int], "nested Record"),
        (complex, "nested Record"),
        (Letter, "nested Record"),
        (type, "nested Record"),
        pytest.param(MaybeNumber | None, "T | None", id="optional twice"),
    ],
)
def test_everything_else_is_refused_with_an_alternative(annotation: Any, instead: str) -> None:
    """The error names the class, the field, the annotation, and what to write instead."""
    with pytest.raises(UnmappableField) as caught:
        record(annotation)
    assert caught.value.record.endswith(".Made")
    assert caught.value.field == "x"
    assert caught.value.annotation
    assert instead in caught.value.instead
    assert caught.value.exit_code == 4


def test_a_record_in_itself_is_refused() -> None:
    """Directly or through others: readers would have to recurse without limit."""
    with pytest.raises(UnmappableField, match="contains itself"):

        class Node(Record):
            children: "list[Node]"


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ({"annotation": int, "default": "a"}, UnusableDefault),
        ({"annotation": int, "default": None}, UnusableDefault),
        ({"annotation": int, "default": 2**63}, UnusableDefault),
        ({"annotation": float, "default": float("nan")}, UnusableDefault),
        (
            {"annotation": Annotated[Decimal, money(4, 2)], "default": Decimal("0.001")},
            UnusableDefault,
        ),
        ({"annotation": list[int | None], "default": [1]}, UnusableDefault),
        ({"annotation": Base}, AbstractRecord),
        ({"annotation": list[Nothing]}, UnsafeShape),
        ({"annotation": Annotated[int, Field(serialization_alias="y")]}, UnmappableField),
        ({"annotation": Annotated[int, Field(validation_alias=AliasPath("y"))]}, UnmappableField),
        ({"annotation": Annotated[int, Field(alias="y-z")]}, IllegalRecordName),
        ({"annotation": Enum("Leer", "Größe", module=__name__)}, IllegalRecordName),
        ({"annotation": Enum("Empty", "", module=__name__)}, UnmappableField),
    ],
)
def test_what_readers_would_refuse_is_refused_at_once(
    parts: dict[str, Any], kind: type[DeclarationError]
) -> None:
    """Defaults of another type, items without bytes, names that Avro forbids."""
    with pytest.raises(kind) as caught:
        record(**parts)
    assert caught.value.exit_code == 4


def test_a_fields_name_must_be_legal_in_avro() -> None:
    """Python allows letters of all scripts, Avro does not."""
    with pytest.raises(IllegalRecordName, match="field"):

        class Order(Record):
            größe: int  # noqa: PLC2401 - what must be refused


def test_one_name_is_one_type() -> None:
    """Two enums of one name in one schema are refused."""

    class Outside:
        class State(Enum):
            """Bears the name of the other."""

            A = 1

    with pytest.raises(NameConflict, match=r"shop\.State"):

        class Order(Record):
            first: State
            second: Outside.State


@pytest.mark.parametrize(
    "config",
    [
        {"frozen": False},
        {"strict": False},
        {"extra": "allow"},
        {"extra": "ignore"},
        {"use_enum_values": True},
        {"validate_by_alias": False},
        {"validate_by_name": False},
    ],
)
def test_the_laws_of_records_cannot_be_switched_off(config: dict[str, Any]) -> None:
    """A record that may change, coerce or carry unknown fields would lose data."""
    with pytest.raises(RecordRulesChanged):
        new_class(
            "Made",
            (Record,),
            exec_body=lambda body: body.update(model_config=config, __module__=__name__),
        )


def test_attributes_stand_at_the_top() -> None:
    """F5: topic, key and reply are in the schema, so that others need no Python."""
    schema = schema_of(Item, full_name="shop.Item", attributes={"topic": "t", "key": "sku"})
    assert schema.document["topic"] == "t"
    assert schema.document["key"] == "sku"
    assert schema.fingerprint == Item.__penstock__.schema.fingerprint


def test_the_same_class_gives_the_same_text() -> None:
    """The text is what is hashed and published."""
    once = schema_of(Wide, full_name="shop.Wide").text
    assert schema_of(Wide, full_name="shop.Wide").text == once
    assert json.loads(once)["name"] == "Wide"
