"""What Avro says and Python does not: each word, where it fits, and where it is refused."""

from datetime import UTC, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import AwareDatetime, Field, NaiveDatetime, ValidationError, create_model

from penstock.schemas.avro_words import (
    aliases,
    branches,
    enum_words,
    fixed,
    written_as,
)
from penstock.schemas.codec import datum_decoder_of, decoder_of, encoder_of
from penstock.schemas.decimal_digits import money
from penstock.schemas.declaration_errors import (
    IllegalRecordName,
    IllegalWord,
    NameConflict,
    UnmappableField,
)
from penstock.schemas.record import Record, declaration_of

__namespace__ = "shop"


@enum_words(name="state", namespace="far", aliases=("Old", "a.B"), doc="A state.", default="OPEN")
class State(Enum):
    OPEN = 1
    CLOSED = 2


class Order(Record, name="order", aliases=("Purchase",), doc=" what \t it says "):
    class_: str = Field(validation_alias="class")
    count: Annotated[int, written_as("int"), aliases("number", "quantity")] = 1
    state: State = State.OPEN


def field_of(annotation: Any) -> dict[str, Any]:
    """Return the field x of the schema that an annotation makes."""
    made = create_model("Made", __base__=Record, __module__=__name__, x=(annotation, ...))
    found: dict[str, Any] = declaration_of(made).schema.document["fields"][0]
    return found


@pytest.mark.parametrize(
    ("annotation", "avro_type"),
    [
        (Annotated[int, written_as("int")], "int"),
        (Annotated[float, written_as("float")], "float"),
        (
            Annotated[time, written_as("time-millis")],
            {"type": "int", "logicalType": "time-millis"},
        ),
        (
            Annotated[AwareDatetime, written_as("timestamp-millis")],
            {"type": "long", "logicalType": "timestamp-millis"},
        ),
        (
            Annotated[NaiveDatetime, written_as("local-timestamp-micros")],
            {"type": "long", "logicalType": "local-timestamp-micros"},
        ),
        (Annotated[str | None, branches("string", "null")], ["string", "null"]),
        (
            list[Annotated[bytes, fixed("far.Digest", 4, aliases=("Hash",))]],
            {
                "type": "array",
                "items": {
                    "type": "fixed",
                    "name": "Digest",
                    "namespace": "far",
                    "aliases": ["far.Hash"],
                    "size": 4,
                },
            },
        ),
        (
            Annotated[Decimal, money(9, 2), fixed("far.Price", 8)],
            {
                "type": "fixed",
                "name": "Price",
                "namespace": "far",
                "size": 8,
                "logicalType": "decimal",
                "precision": 9,
                "scale": 2,
            },
        ),
        (
            Annotated[Literal["None", "mro"], enum_words(name="Odd", default="mro")],
            {
                "type": "enum",
                "name": "Odd",
                "namespace": "shop",
                "symbols": ["None", "mro"],
                "default": "mro",
            },
        ),
    ],
    ids=str,
)
def test_each_word_says_what_it_says(annotation: Any, avro_type: Any) -> None:
    """Each row of the table of words."""
    assert field_of(annotation)["type"] == avro_type


def test_names_aliases_and_docs_are_in_the_schema() -> None:
    """Of a class, of its fields and of an enum; aliases of types are full."""
    document = declaration_of(Order).schema.document
    assert (document["name"], document["doc"]) == ("order", " what \t it says ")
    assert document["aliases"] == ["shop.Purchase"]
    assert document["fields"][0]["name"] == "class"
    assert document["fields"][1]["aliases"] == ["number", "quantity"]
    assert document["fields"][2]["type"] == {
        "type": "enum",
        "name": "state",
        "namespace": "far",
        "doc": "A state.",
        "aliases": ["far.Old", "a.B"],
        "symbols": ["OPEN", "CLOSED"],
        "default": "OPEN",
    }


def test_the_wire_has_one_name_and_python_another() -> None:
    """Objects have the attribute; datums, schemas and bytes the name on the wire."""
    order = Order(class_="a")
    payload = encoder_of(Order)(order)
    schema = declaration_of(Order).schema
    assert datum_decoder_of(schema)(payload)["class"] == "a"
    assert decoder_of(schema, Order)(payload) == order


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[str, written_as("int")],
        Annotated[int, written_as("float")],
        Annotated[int, written_as("int"), written_as("int")],
        Annotated[int, aliases("a"), aliases("b")],
        list[Annotated[int, aliases("a")]],
        Annotated[str, fixed("far.Text", 4)],
        Annotated[UUID, fixed("far.Id", 4)],
        Annotated[str, branches("string")],
        Annotated[str | None, branches("string")],
        Annotated[str | None, branches("string", "string")],
        Annotated[str, enum_words(name="E")],
        Annotated[Literal["A"], enum_words(default="B")],
        Annotated[State, enum_words(name="E")],
        Annotated[Order, written_as("int")],
    ],
    ids=str,
)
def test_nothing_is_said_in_vain(annotation: Any) -> None:
    """A word at a place about which it says nothing is refused with the field."""
    with pytest.raises(UnmappableField) as caught:
        field_of(annotation)
    assert caught.value.field == "x"


@pytest.mark.parametrize(
    "say",
    [
        aliases,
        lambda: aliases("1a"),
        lambda: fixed("Digest", 4),
        lambda: fixed("far.Digest", 0),
        lambda: written_as("long"),
        lambda: enum_words(name="a.b"),
        lambda: enum_words(aliases="Old"),  # type: ignore[arg-type]  # on purpose
        lambda: enum_words(default="GONE")(State),
        lambda: type("Made", (Record,), {}, aliases=("1a",)),
    ],
    ids=range(9),
)
def test_a_word_is_judged_where_it_is_made(say: Any) -> None:
    """What it says is legal in Avro."""
    with pytest.raises(IllegalWord) as caught:
        say()
    assert caught.value.exit_code == 4


def test_one_fixed_name_is_one_type() -> None:
    """As for all named types."""
    with pytest.raises(NameConflict, match=r"far\.Digest"):

        class Made(Record):
            one: Annotated[bytes, fixed("far.Digest", 4)]
            two: Annotated[bytes, fixed("far.Digest", 5)]


def test_no_two_fields_share_a_name_on_the_wire() -> None:
    """One of them would be lost."""
    with pytest.raises(NameConflict, match="x"):

        class Made(Record):
            x: int
            y: int = Field(validation_alias="x")


def test_the_name_of_a_record_is_legal_in_avro() -> None:
    """The name that is said, too."""
    with pytest.raises(IllegalRecordName):

        class Made(Record, name="string"):
            x: int


class Strict(Record):
    """One field for each kind of value that could be changed silently."""

    number: int = 0
    small: Annotated[int, written_as("int")] = 0
    at: AwareDatetime = datetime(2020, 1, 1, tzinfo=UTC)
    local: Annotated[NaiveDatetime, written_as("local-timestamp-micros")] = datetime(2020, 1, 1)  # noqa: DTZ001 - local by definition
    price: Annotated[Decimal, money(4, 2)] = Decimal(0)
    digest: Annotated[bytes, fixed("far.Four", 4)] = b"four"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("number", True),
        ("number", 1.5),
        ("number", "1"),
        ("small", 2**31),
        ("small", -(2**31) - 1),
        ("at", datetime(2020, 1, 1)),  # noqa: DTZ001 - the point
        ("local", datetime(2020, 1, 1, tzinfo=UTC)),
        ("price", Decimal("0.001")),
        ("price", Decimal("100.00")),
        ("price", 1.5),
        ("digest", b"five!"),
    ],
    ids=str,
)
def test_nothing_is_converted_silently(field: str, value: Any) -> None:
    """What a field cannot hold exactly is refused when the object is made."""
    with pytest.raises(ValidationError):
        Strict(**{field: value})
