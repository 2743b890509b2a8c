"""Codecs: whole payloads, with a class and without."""

import pickle
import threading
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import pytest
from pydantic import AwareDatetime, Field, field_validator, model_validator

from penstock.schemas.codec import datum_decoder_of, datum_encoder_of, decoder_of, encoder_of
from penstock.schemas.codec_errors import (
    EncodeError,
    FieldMissing,
    NotFramed,
    RecordRejected,
    Truncated,
    UnfitValue,
    Unresolvable,
    ValidatorRaised,
    WrongType,
)
from penstock.schemas.decimal_digits import money
from penstock.schemas.declaration_errors import AbstractRecord
from penstock.schemas.record import Record
from penstock.schemas.single_object import FRAME_BYTES

__namespace__ = "shop"


class State(Enum):
    """Where an order stands."""

    OPEN = "open"
    DONE = "done"


class Item(Record):
    """A line of an order."""

    sku: str
    price: Annotated[Decimal, money(12, 2)]


class Order(Record):
    """Every kind of field."""

    order_id: UUID
    at: AwareDatetime
    day: date
    state: State
    way: Literal["card", "cash"]
    count: int
    ratio: float
    paid: bool
    raw: bytes
    note: str | None
    first: Item
    items: list[Item]
    more: tuple[Item, ...] = ()
    rates: dict[str, float] = Field(default_factory=dict)


ORDER = Order(
    order_id=UUID(int=1),
    at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    day=date(2026, 1, 2),
    state=State.DONE,
    way="cash",
    count=-5,
    ratio=0.5,
    paid=True,
    raw=b"\x00\xff",
    note="Grüße",
    first=Item(sku="a", price=Decimal("19.99")),
    items=[Item(sku="b", price=Decimal("-1.28"))],
    more=(Item(sku="c", price=Decimal(0)), Item(sku="d", price=Decimal(1))),
    rates={"eur": 1.0, "usd": 1.1},
)


class Flat(Record):
    """Two fields, for broken payloads."""

    name: str
    count: int


ENCODE_FLAT = encoder_of(Flat)
DECODE_FLAT = decoder_of(Flat.__penstock__.schema, Flat)
FLAT = ENCODE_FLAT(Flat(name="secret", count=7))


def test_objects_come_back_equal() -> None:
    """Every kind of field, members, tuples and nested records included."""
    found = decoder_of(Order.__penstock__.schema, Order)(encoder_of(Order)(ORDER))
    assert found == ORDER
    assert isinstance(found.more, tuple)
    assert found.state is State.DONE


def test_an_instant_comes_back_in_utc() -> None:
    """The zone is not on the wire; the instant is."""
    local = ORDER.model_copy(update={"at": ORDER.at.astimezone(timezone(timedelta(hours=5)))})
    found = decoder_of(Order.__penstock__.schema, Order)(encoder_of(Order)(local))
    assert found.at == ORDER.at
    assert found.at.tzinfo is UTC


def test_dictionaries_come_back_equal() -> None:
    """Whoever has only the schema reads and writes the same bytes."""
    schema = Order.__penstock__.schema
    payload = encoder_of(Order)(ORDER)
    datum = datum_decoder_of(schema)(payload)
    assert datum["state"] == "DONE"
    assert datum["first"] == {"sku": "a", "price": Decimal("19.99")}
    assert datum["at"] == ORDER.at
    assert datum_encoder_of(schema)(datum) == payload


def test_the_wire_does_not_change() -> None:
    """These very bytes lie in topics: what wrote them last year must read them next year."""
    golden = bytes.fromhex(
        "c301 295cb913bb6105b6"  # mark and fingerprint
        f"48 {b'00000000-0000-0000-0000-000000000001'.hex()}"  # order_id
        "eabcbae5ded7a306 cebf02 02 02 09"  # at, day, state, way, count
        "000000000000e03f 01 0400ff 020e4772c3bcc39f65"  # ratio, paid, raw, note
        "0261 0407cf 02 0262 0280 00"  # first, items
        "04 0263 0200 0264 0264 00"  # more
        "04 06657572 000000000000f03f 06757364 9a9999999999f13f 00"  # rates
    )
    assert encoder_of(Order)(ORDER) == golden
    assert decoder_of(Order.__penstock__.schema, Order)(golden) == ORDER


def test_the_payload_begins_with_the_fingerprint() -> None:
    """Ten bytes, then the record."""
    assert FLAT[:FRAME_BYTES] == b"\xc3\x01" + Flat.__penstock__.schema.fingerprint
    assert FLAT[FRAME_BYTES:] == b"\x0csecret\x0e"


def test_decoded_containers_are_never_shared() -> None:
    """Avro-facts 2: two decodes of one payload give two lists."""
    decode = decoder_of(Order.__penstock__.schema, Order)
    payload = encoder_of(Order)(ORDER)
    decode(payload).items.clear()
    assert decode(payload).items == ORDER.items


# Broken payloads


@pytest.mark.parametrize("size", range(FRAME_BYTES, len(FLAT)))
def test_b1_every_cut_is_noticed(size: int) -> None:
    """B1: wherever the message was cut."""
    with pytest.raises(Truncated) as caught:
        DECODE_FLAT(FLAT[:size])
    assert caught.value.place.startswith("shop.Flat.")
    assert caught.value.exit_code == 7


@pytest.mark.parametrize("payload", [b"", b"\xc3\x01", b"{}" * 20, b"\x00\x00\x00\x00\x05abc"])
def test_b16_what_is_not_framed_is_refused(payload: bytes) -> None:
    """B16: nothing is guessed."""
    with pytest.raises(NotFramed):
        DECODE_FLAT(payload)


def test_errors_survive_pickling() -> None:
    """They cross process borders in tests and tools."""
    with pytest.raises(Truncated) as caught:
        DECODE_FLAT(FLAT[:-1])
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert str(copy) == str(caught.value)


# The class has the last word


class Checked(Record):
    """A record with opinions."""

    count: int
    rates: dict[str, Annotated[int, Field(gt=0)]] = Field(default_factory=dict)
    items: list[Item] = Field(default_factory=list)
    odd: list[Annotated[int, Field(gt=0)]] | None = None
    short: dict[Annotated[str, Field(max_length=3)], int] = Field(default_factory=dict)

    @field_validator("count")
    @classmethod
    def no_thirteen(cls, count: int) -> int:
        """Refuse thirteen, and fail at zero."""
        if count == 13:
            message = f"secret {count}"
            raise ValueError(message)
        return 26 // count and count

    @model_validator(mode="after")
    def at_most_two_rates(self) -> Self:
        """Refuse a third rate."""
        assert len(self.rates) < 3
        return self


def checked(**datum: Any) -> bytes:
    """Return a payload that never went through the class."""
    return datum_encoder_of(Checked.__penstock__.schema)(datum)


DECODE_CHECKED = decoder_of(Checked.__penstock__.schema, Checked)


def test_validators_run_on_what_is_read() -> None:
    """What the class refuses to be made is not made from bytes either."""
    with pytest.raises(RecordRejected) as caught:
        DECODE_CHECKED(checked(count=13))
    assert caught.value.problems == "count: value_error"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_problems_name_the_place_and_never_the_payload() -> None:
    """Neither values nor keys of maps."""
    with pytest.raises(RecordRejected) as caught:
        DECODE_CHECKED(checked(count=1, rates={"secret": 0, "other": 1}))
    assert caught.value.problems == "rates{}: greater_than"
    with pytest.raises(RecordRejected) as caught:
        DECODE_CHECKED(checked(count=1, odd=[1, 0]))
    assert caught.value.problems == "odd[1]: greater_than"
    with pytest.raises(RecordRejected) as caught:
        DECODE_CHECKED(checked(count=1, short={"secret": 1}))
    assert caught.value.problems == "short{}.?: string_too_long"
    with pytest.raises(RecordRejected) as caught:
        DECODE_CHECKED(checked(count=1, rates={"a": 1, "b": 1, "c": 1}))
    assert caught.value.problems == "as a whole: assertion_error"


def test_a_validator_that_fails_is_this_payloads_failure() -> None:
    """A defect of the user's code must not end the worker; its cause is kept for the author."""
    with pytest.raises(ValidatorRaised, match="ZeroDivisionError") as caught:
        DECODE_CHECKED(checked(count=0))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


# Two versions of a class


class Placed(Record, namespace="old"):
    """The writer's version."""

    order_id: str
    total: int
    dropped: list[str]


class Renamed:
    """Holds the reader's version, which has the same name."""

    class Placed(Record, namespace="new"):
        """The reader's version."""

        total: float
        order_id: str
        tags: list[str] = Field(default_factory=list)
        price: Annotated[Decimal, money(6, 2)] = Decimal("1.5")
        state: State = State.OPEN


def test_a_newer_class_reads_an_older_writers_bytes() -> None:
    """Fields dropped, promoted, reordered and filled in."""
    payload = encoder_of(Placed)(Placed(order_id="o", total=3, dropped=["x"]))
    decode = decoder_of(Placed.__penstock__.schema, Renamed.Placed)
    found = decode(payload)
    assert found == Renamed.Placed(
        order_id="o", total=3.0, tags=[], price=Decimal("1.50"), state=State.OPEN
    )
    found.tags.append("mine")
    assert decode(payload).tags == []


def test_dictionaries_are_resolved_too() -> None:
    """A saga reads with the schema that it was defined with."""
    payload = encoder_of(Placed)(Placed(order_id="o", total=3, dropped=[]))
    decode = datum_decoder_of(Placed.__penstock__.schema, Renamed.Placed.__penstock__.schema)
    assert decode(payload)["price"] == Decimal("1.50")
    assert decode(payload)["state"] == "OPEN"


def test_b17_what_cannot_be_resolved_names_the_field() -> None:
    """B17: a factory is no default for somebody else's old event."""

    class Outer:
        class Placed(Record):
            order_id: str
            id: UUID = Field(default_factory=lambda: UUID(int=0))

    payload = encoder_of(Placed)(Placed(order_id="o", total=3, dropped=[]))
    with pytest.raises(Unresolvable, match=r"old\.Placed\.id was written as .*no default"):
        decoder_of(Placed.__penstock__.schema, Outer.Placed)(payload)


# Encoding refuses what would be silent


@pytest.mark.parametrize(
    ("update", "kind", "place"),
    [
        ({"at": datetime(2026, 1, 2)}, UnfitValue, "at"),  # noqa: DTZ001 - what must be refused
        ({"day": datetime(2026, 1, 2, tzinfo=UTC)}, UnfitValue, "day"),
        ({"count": 2**63}, UnfitValue, "count"),
        ({"count": 1.5}, WrongType, "count"),
        pytest.param({"count": True}, WrongType, "count", id="a truth for a number"),
        ({"state": "OPEN"}, WrongType, "state"),
        ({"way": "cheque"}, UnfitValue, "way"),
        ({"order_id": str(UUID(int=1))}, UnfitValue, "order_id"),
        ({"first": {"sku": "a"}}, WrongType, "first"),
        ({"items": [ORDER]}, WrongType, "items[0]"),
        (
            {"first": Item.model_construct(sku="a", price=Decimal("0.001"))},
            UnfitValue,
            "first.price",
        ),
        ({"rates": {"secret": "1"}}, WrongType, "rates{0}"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else None,
)
def test_model_copy_and_model_construct_slip_nothing_in(
    update: dict[str, Any], kind: type[EncodeError], place: str
) -> None:
    """B7, B21: pydantic checks neither; the encoder does, and shows no payload."""
    with pytest.raises(kind) as caught:
        encoder_of(Order)(ORDER.model_copy(update=update))
    assert caught.value.place == f"shop.Order.{place}"
    assert "secret" not in str(caught.value)
    assert caught.value.exit_code == 7


def test_only_objects_of_the_class_itself_are_encoded() -> None:
    """A subclass may have fields that would be lost."""

    class Wider(Flat):
        extra: int = 0

    with pytest.raises(WrongType):
        ENCODE_FLAT(Wider(name="a", count=1))
    with pytest.raises(FieldMissing):
        ENCODE_FLAT(Flat.model_construct(name="a"))  # type: ignore[call-arg]  # on purpose


def test_abstract_records_have_no_codec() -> None:
    """They have no name on the wire."""

    class Base(Record, abstract=True):
        x: int

    with pytest.raises(AbstractRecord):
        encoder_of(Base)
    with pytest.raises(AbstractRecord):
        decoder_of(Flat.__penstock__.schema, Base)


def test_codecs_may_be_shared_between_threads() -> None:
    """A compiled codec keeps nothing of one message."""
    decode, encode = decoder_of(Order.__penstock__.schema, Order), encoder_of(Order)
    wrong: list[int] = []

    def run(number: int) -> None:
        order = ORDER.model_copy(update={"count": number})
        if any(decode(encode(order)) != order for _ in range(50)):
            wrong.append(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
