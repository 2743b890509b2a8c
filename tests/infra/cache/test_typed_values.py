"""What a cached function returns comes back by its type, or is refused."""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from inspect import Signature
from struct import pack
from typing import Annotated, Any, NamedTuple
from uuid import UUID
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, ConfigDict, field_validator
from typing_extensions import TypedDict

from penstock.events import Record, money
from penstock.infra.cache.errors import BadCache, CachedValueUnreadable, NotCacheable
from penstock.infra.cache.typed_values import typed_format
from penstock.infra.cache.value_format import ValueFormat

KEY = "penstock:shop:cache:prices:lamp"


class Colour(Enum):
    RED = "red"


class Item(Record, namespace="shop"):
    sku: str
    price: Annotated[Decimal, money(12, 2)]
    tags: tuple[str, ...] = ()
    colour: Colour | None = None


class Order(Record, namespace="shop"):
    id: UUID
    placed_at: AwareDatetime
    items: list[Item]


class Model(BaseModel):
    name: str
    inner: "dict[str, Model] | None" = None


class Twin(BaseModel):
    name: str
    inner: "dict[str, Model] | None" = None


class Blob(BaseModel):
    data: bytes


class SafeBlob(BaseModel):
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
    data: bytes


@dataclass
class Plain:
    number: int
    when: date


class Point(NamedTuple):
    x: int
    y: Decimal


class Shape(TypedDict):
    sides: int


def form_of(annotation: Any) -> ValueFormat:
    """The format of a function that returns that."""
    return typed_format("prices", "f", "{sku}", annotation, limit_bytes=100_000)


def there_and_back(annotation: Any, value: Any) -> Any:
    """What a hit would give."""
    form = form_of(annotation)
    return form.decode(form.encode(value, KEY), KEY)


MINUTES = st.integers(-14 * 60, 14 * 60).map(lambda offset: timezone(timedelta(minutes=offset)))
ITEMS = st.builds(
    Item,
    sku=st.text(max_size=5),
    price=st.decimals(0, 1000, places=2),
    tags=st.lists(st.text(max_size=3), max_size=3).map(tuple),
    colour=st.none() | st.just(Colour.RED),
)
TYPED = st.one_of(
    st.tuples(st.just(int), st.integers()),
    st.tuples(st.just(str), st.text()),
    st.tuples(st.just(float), st.floats(allow_nan=False)),
    st.tuples(st.just(bool), st.booleans()),
    st.tuples(st.just(bytes), st.binary()),
    st.tuples(st.just(Decimal), st.decimals(allow_nan=False, allow_infinity=False)),
    st.tuples(st.just(datetime), st.datetimes()),
    st.tuples(st.just(UUID), st.uuids()),
    st.tuples(st.just(int | str | None), st.none() | st.integers() | st.text()),
    st.tuples(st.just(list[int | bool]), st.lists(st.integers() | st.booleans())),
    st.tuples(st.just(frozenset[int]), st.frozensets(st.integers())),
    st.tuples(st.just(dict[UUID, tuple[str, ...]]), st.dictionaries(
        st.uuids(), st.lists(st.text()).map(tuple))),
    st.tuples(st.just(Item), ITEMS),
    st.tuples(st.just(list[Item] | None), st.none() | st.lists(ITEMS, max_size=3)),
    st.tuples(st.just(Order), st.builds(
        Order,
        id=st.uuids(),
        placed_at=st.datetimes(timezones=MINUTES),
        items=st.lists(ITEMS, max_size=2),
    )),
)  # fmt: skip


@given(TYPED)
def test_values_come_back_as_they_went(typed: tuple[Any, Any]) -> None:
    """Equal, and of the same class."""
    annotation, value = typed
    back = there_and_back(annotation, value)
    assert type(back) is type(value)
    assert back == value


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (None, None),
        (Model, Model(name="a", inner={"b": Model(name="c")})),
        (Plain, Plain(number=1, when=date(2026, 1, 1))),
        (Point, Point(1, Decimal("2.50"))),
        (Shape, {"sides": 3}),
        (timedelta, timedelta(seconds=1.5)),
        (float, float("inf")),
        (SafeBlob, SafeBlob(data=b"\xff")),
        (Blob, Blob(data=b"text")),
        (Colour, Colour.RED),
        (dict[str, Any], {"a": [1, "2", None]}),
    ],
)
def test_kinds_of_classes(annotation: Any, value: Any) -> None:
    """Whatever pydantic has a strict form for."""
    back = there_and_back(annotation, value)
    assert (type(back), back) == (type(value), value)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, "5"),
        (int, True),
        (str, 5),
        (str | Decimal, Decimal(5)),
        (dict[str, Any], {"a": Decimal(5)}),
        (list[Any], [(1, 2)]),
        (frozenset[Any], frozenset({Decimal(1)})),
        (Model | Twin, Twin(name="a")),
        (Model, Twin(name="a")),
        (Blob, Blob(data=b"\xff")),
        (float, float("nan")),
        (datetime, datetime(1936, 1, 1, tzinfo=timezone(timedelta(hours=2, seconds=35)))),
        pytest.param(int, 10**5000, id="too-many-digits"),
        pytest.param(str, "\ud800", id="half-a-character"),
    ],
)
def test_a_value_that_would_come_back_different_is_refused(annotation: Any, value: Any) -> None:
    """JSON has fewer types than Python; where it cannot tell them apart, nothing is guessed."""
    with pytest.raises(NotCacheable):
        form_of(annotation).encode(value, KEY)


@pytest.mark.parametrize("annotation", [Any, object, Signature.empty, type, list[type]])
def test_a_type_that_says_nothing_or_has_no_form_is_refused_at_once(annotation: Any) -> None:
    """Where the function is decorated."""
    with pytest.raises(BadCache):
        form_of(annotation)


def test_a_class_that_stands_further_below_is_told_from_a_mistake() -> None:
    """It is looked for again at the first use."""

    class Early(BaseModel):
        late: "NotThereYet"  # type: ignore[name-defined] # noqa: F821 - what is tested

    with pytest.raises(NameError):
        form_of(Early)
    with pytest.raises(NameError):
        form_of(list["NotThereYet"])  # type: ignore[name-defined] # noqa: F821 - what is tested


def test_the_mark_follows_what_a_value_means() -> None:
    """The same for the same, in every process; another for another function, template or type."""
    marks = {
        typed_format("c", function, template, annotation, limit_bytes=100).mark
        for function in ("f", "g")
        for template in ("{a}", "{b}")
        for annotation in (int, str, int | None, Item, list[Item], Model, Twin)
    }
    assert len(marks) == 2 * 2 * 7
    assert form_of(Item).mark == form_of(Item).mark
    assert form_of(int).mark.hex() == "14a24ec09705c760"


def sealed(form: ValueFormat, body: bytes) -> bytes:
    """A frame with the right mark and checksum around any body."""
    return pack(">B8sI", 1, form.mark, crc32(body, crc32(KEY.encode()))) + body


@given(st.sampled_from([int, Decimal, Item, list[Item] | None, dict[UUID, int]]), st.binary())
def test_any_body_is_read_or_refused_by_one_error(annotation: Any, body: bytes) -> None:
    """Somebody may have read our code and made a right frame."""
    form = form_of(annotation)
    try:
        form.decode(sealed(form, body), KEY)
    except CachedValueUnreadable:
        return


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode())


@given(st.sampled_from([int, str, Item, list[int]]), JSON)
def test_what_is_read_is_of_the_type(annotation: Any, body: bytes) -> None:
    """Whatever JSON stands there: no text becomes a number, and no field too many passes."""
    form = form_of(annotation)
    try:
        value = form.decode(sealed(form, body), KEY)
    except CachedValueUnreadable:
        return
    assert type(value) is (list if annotation == list[int] else annotation)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"name":"a","inner":' * 20_000, b"1" * 90_000])
def test_depth_and_length_are_no_trouble(body: bytes) -> None:
    """Nothing is descended into without a limit."""
    for annotation in (list[Any], Model, int):
        form = form_of(annotation)
        with pytest.raises(CachedValueUnreadable):
            form.decode(sealed(form, body), KEY)


def test_a_validator_that_fails_in_its_own_way_makes_a_value_unreadable() -> None:
    """What users' classes raise is not pydantic's alone."""

    class Picky(BaseModel):
        name: str

        @field_validator("name")
        @classmethod
        def _only_lamps(cls, name: str) -> str:
            return {"lamp": name}[name]

    form = form_of(Picky)
    assert form.decode(form.encode(Picky(name="lamp"), KEY), KEY) == Picky(name="lamp")
    with pytest.raises(CachedValueUnreadable, match="KeyError"):
        form.decode(sealed(form, b'{"name":"desk"}'), KEY)
