"""Lists end with the first bad item; everything else about a class stays as it was."""

from typing import Annotated, Any

import pytest
from pydantic import Field, ValidationError

from penstock.schemas.codec import datum_encoder_of, decoder_of
from penstock.schemas.codec_errors import RecordRejected
from penstock.schemas.record import Record

__namespace__ = "shop"

Positive = Annotated[int, Field(gt=0)]


class Row(Record):
    """Two fields that may be refused."""

    a: Positive
    b: Positive


class Table(Record):
    """Lists in every place, and names and defaults that look like a schema of pydantic's."""

    rows: list[list[Row]] = Field(default_factory=list)
    maybe: tuple[Positive, ...] | None = None
    named: dict[str, Positive] = Field(default_factory=dict)
    type: list[Positive] = Field(default_factory=list)
    fields: dict[str, str] = {"type": "list"}  # noqa: RUF012 - pydantic copies it
    schema_: Annotated[list[str], Field(json_schema_extra={"type": "list"})] = ["list"]  # noqa: RUF012 - the same


def problems(**values: Any) -> list[tuple[Any, ...]]:
    """The places of what is refused."""
    with pytest.raises(ValidationError) as caught:
        Table(**values)
    return [each["loc"] for each in caught.value.errors()]


@pytest.mark.parametrize(
    ("values", "places"),
    [
        ({"maybe": (1, 0, 0)}, [("maybe", 1)]),
        ({"named": {"a": 1, "b": 0, "c": 0}}, [("named", "b")]),
        ({"type": [0, 0]}, [("type", 0)]),
    ],
)
def test_the_first_bad_item_is_told(values: dict[str, Any], places: list[Any]) -> None:
    """Of tuples, dictionaries and lists, in fields of any name."""
    assert problems(**values) == places


def test_all_bad_fields_are_told() -> None:
    """Of the class, and of the nested record that is the first bad item."""
    bad = Row.model_construct(a=0, b=0)
    row = {"a": 0, "b": 0}
    assert problems(maybe=(0,), type=[0]) == [("maybe", 0), ("type", 0)]
    assert len(problems(rows=[[row, row]])) == 2
    assert Table(rows=[[bad]]).rows == [[bad]]  # an object of the class is not looked at again


def test_what_is_valid_stays_valid() -> None:
    """And neither defaults nor the user's metadata are touched."""
    table = Table(rows=[[Row(a=1, b=2)]], maybe=(1,), named={"a": 1}, type=[1, 2])
    assert (table.fields, table.schema_) == ({"type": "list"}, ["list"])
    assert Table.model_fields["schema_"].json_schema_extra == {"type": "list"}


def test_a_payload_of_bad_items_costs_one_problem() -> None:
    """It made three problems for each byte, of some hundred bytes each."""
    schema = Table.__penstock__.schema
    bad = [{"a": 0, "b": 0}] * 1_000
    payload = datum_encoder_of(schema)({"rows": [bad] * 20})
    with pytest.raises(RecordRejected) as caught:
        decoder_of(schema, Table)(payload)
    assert caught.value.problems == "rows[0][0].a: greater_than; rows[0][0].b: greater_than"
