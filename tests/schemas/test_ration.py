"""The ration: what counts, and which payloads need not be counted."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.schemas.codec_errors import TooManyValues
from penstock.schemas.fault import Fault
from penstock.schemas.limits import MAX_VALUES
from penstock.schemas.ration import Rationed, harmless_bytes, rationed, weight_of
from penstock.schemas.type_tree import (
    ArrayType,
    AvroType,
    FieldOfRecord,
    MapType,
    PrimitiveType,
    RecordType,
    UnionType,
)
from penstock.schemas.writer import writer_of
from tests.schemas.generated import records, values_of

LONG = PrimitiveType(name="long")
NULL = PrimitiveType(name="null")
LONGS = ArrayType(items=LONG)
ROW = RecordType(
    full_name="shop.Row",
    fields=(
        FieldOfRecord(name="a", type=LONG),
        FieldOfRecord(name="b", type=UnionType(branches=(NULL, LONG)), default=None),
        FieldOfRecord(name="c", type=LONGS, default=[1, 2, 3]),
    ),
)


@pytest.mark.parametrize(
    ("avro_type", "weight"),
    [
        pytest.param(LONG, 1, id="a value"),
        pytest.param(LONGS, 1, id="an array without its items"),
        pytest.param(ROW, 4 + 1 + 1 + 4, id="a record with its defaults"),
        pytest.param(UnionType(branches=(NULL, ROW)), 10, id="the heaviest branch"),
    ],
)
def test_weights(avro_type: AvroType, weight: int) -> None:
    """A record is a dictionary, an object and its fields."""
    assert weight_of(avro_type) == weight


def test_the_ration_ends_with_its_last_value() -> None:
    """Exactly."""
    payload = Rationed(b"x")
    payload.spend(MAX_VALUES, 0)
    with pytest.raises(Fault) as caught:
        payload.spend(1, 7)
    assert caught.value.leaf is TooManyValues
    assert caught.value.facts == {"offset": 7, "limit": MAX_VALUES}
    Rationed(b"x").spend(MAX_VALUES, 0)  # each payload has its own


def test_only_large_payloads_are_counted() -> None:
    """A reader is given the payload as it is, as long as it can do no harm."""
    seen: list[type] = []

    def read(data: bytes, at: int) -> tuple[Any, int]:
        seen.append(type(data))
        return None, at

    harmless = harmless_bytes(LONGS)
    assert harmless == MAX_VALUES
    rationed(read, LONGS)(b"x" * harmless, 0)
    rationed(read, LONGS)(b"x" * (harmless + 1), 0)
    assert seen == [bytes, Rationed]
    assert harmless_bytes(ROW.fields[0].type) is None
    assert rationed(read, LONG) is read


def made(avro_type: AvroType, value: Any) -> Iterator[int]:
    """The weights of all items of all arrays and maps in a value."""
    match avro_type:
        case RecordType(fields=fields):
            for each in fields:
                yield from made(each.type, value[each.name])
        case ArrayType(items=items):
            for each in value:
                yield weight_of(items)
                yield from made(items, each)
        case MapType(values=values):
            for each in value.values():
                yield 1 + weight_of(values)
                yield from made(values, each)
        case UnionType(branches=branches) if value is not None:
            (other,) = (each for each in branches if each != NULL)
            yield from made(other, value)


@given(st.data())
def test_what_is_not_counted_is_within_the_ration(data: st.DataObject) -> None:
    """Whatever is in it: bytes bound the weights of all items together."""
    record: RecordType = data.draw(records())
    value = data.draw(values_of(record))
    out = bytearray()
    writer_of(record, {})(value, out)
    harmless = harmless_bytes(record)
    total = sum(made(record, value))
    if harmless is None:
        assert total == 0
    else:
        heaviest = max(made(record, value), default=1)
        assert total <= heaviest * len(out)
        assert heaviest * harmless <= MAX_VALUES
