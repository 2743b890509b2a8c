"""Unions of records: the name on the wire says which, whatever the fields look like."""

from typing import Annotated, Any

import pytest
from pydantic import create_model, model_validator

from penstock.schemas.avro_words import branches
from penstock.schemas.codec import datum_encoder_of, decoder_of, encoder_of
from penstock.schemas.codec_errors import BranchRaised, BranchRejected
from penstock.schemas.declaration_errors import UnmappableField, UnusableDefault
from penstock.schemas.record import Record, declaration_of
from penstock.schemas.schema import AvroSchema

__namespace__ = "shop"


class Paid(Record):
    """Looks like Refused."""

    code: str


class Refused(Record):
    """Looks like Paid."""

    code: str


class Even(Record):
    """Refuses odd numbers, and fails at seven."""

    number: int

    @model_validator(mode="after")
    def _judge(self) -> "Even":
        if self.number == 7:
            raise RuntimeError
        if self.number % 2:
            message = "odd"
            raise ValueError(message)
        return self


class Outcome(Record):
    """Unions wherever there can be some."""

    one: Refused | Paid
    maybe: Paid | Refused | None = None
    several: list[Refused | Paid]
    named: dict[str, Paid | Refused | None]


class WithDefault(Record):
    """A default decides which branch is first."""

    outcome: Paid | Refused = Refused(code="r")
    others: list[Paid | Refused] = [Paid(code="p")]  # noqa: RUF012 - pydantic copies it


class Judged(Record):
    """A union with a record that judges itself."""

    part: Even | Paid


def made(annotation: Any, *default: Any) -> type[Record]:
    """Return a record with the one field x."""
    found: type[Record] = create_model(
        "Made", __base__=Record, __module__=__name__, x=(annotation, *(default or (...,)))
    )
    return found


def test_what_was_written_as_one_record_is_read_as_that_record() -> None:
    """Although both have the same fields."""
    outcome = Outcome(
        one=Refused(code="a"),
        maybe=Refused(code="b"),
        several=[Paid(code="c"), Refused(code="d")],
        named={"e": None, "f": Refused(code="g"), "h": Paid(code="i")},
    )
    payload = encoder_of(Outcome)(outcome)
    assert decoder_of(declaration_of(Outcome).schema, Outcome)(payload) == outcome


def test_the_order_is_null_then_names_then_what_is_said() -> None:
    """Python may forget the order in an annotation, so it is not the order on the wire."""
    fields = {each["name"]: each for each in declaration_of(Outcome).schema.document["fields"]}
    assert [each["name"] for each in fields["one"]["type"]] == ["Paid", "Refused"]
    assert fields["maybe"]["type"] == ["null", "shop.Paid", "shop.Refused"]
    [x] = declaration_of(
        made(Annotated[Paid | Refused | None, branches("shop.Refused", "null", "shop.Paid")])
    ).schema.root.fields
    assert [getattr(each, "full_name", None) for each in x.type.branches] == [  # type: ignore[union-attr]  # a union
        "shop.Refused",
        None,
        "shop.Paid",
    ]


def test_a_default_is_of_the_first_branch_and_read_as_its_record() -> None:
    """An event that lacks the field gets the record that the default was."""
    document = declaration_of(WithDefault).schema.document
    assert document["fields"][0]["type"][0]["name"] == "Refused"
    empty = AvroSchema.parse(
        '{"type": "record", "name": "WithDefault", "namespace": "shop", "fields": []}'
    )
    assert decoder_of(empty, WithDefault)(datum_encoder_of(empty)({})) == WithDefault()


@pytest.mark.parametrize(
    ("annotation", "default"),
    [
        (Paid, Refused(code="r")),
        (list[Paid | Refused], [Refused(code="r")]),
        (Annotated[Paid | Refused, branches("shop.Paid", "shop.Refused")], Refused(code="r")),
    ],
)
def test_a_default_that_would_be_read_as_another_record_is_refused(
    annotation: Any, default: Any
) -> None:
    """Avro reads a default as the first branch that fits."""
    with pytest.raises(UnusableDefault):
        made(annotation, default)


def test_records_that_could_be_confused_make_no_union() -> None:
    """Readers tell them apart by the name without its namespace, and by aliases."""

    class Same(Record, namespace="far", name="Paid"):
        x: int

    class Former(Record, aliases=("Paid",)):
        x: int

    for other in (Same, Former):
        with pytest.raises(UnmappableField, match="told apart"):
            made(Paid | other)


def test_what_a_class_refuses_is_a_decode_error_at_its_place() -> None:
    """And so is a validator that fails."""
    schema = declaration_of(Judged).schema
    encode, decode = datum_encoder_of(schema), decoder_of(schema, Judged)
    assert decode(encode({"part": {"number": 2}})).part == Even(number=2)
    with pytest.raises(BranchRejected, match=r"shop\.Judged\.part.*value_error"):
        decode(encode({"part": {"number": 3}}))
    with pytest.raises(BranchRaised, match="RuntimeError"):
        decode(encode({"part": {"number": 7}}))
