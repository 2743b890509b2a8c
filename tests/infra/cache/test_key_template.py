"""Keys of cached functions."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, Flag, StrEnum
from inspect import signature
from typing import Annotated, Any, Literal, NewType
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.cache.errors import BadCache, NotCacheable
from penstock.infra.cache.key_template import KeyOf, compiled_key

Sku = NewType("Sku", str)


class Colour(Enum):
    RED = 1
    BLUE = 2


class Size(StrEnum):
    SMALL = "s"


class Flags(Flag):
    A = 1


def key_of(template: str, function: Callable[..., Any]) -> KeyOf:
    """Compile for a function whose annotations need no resolving."""
    return compiled_key("prices", template, function.__qualname__, signature(function))


async def two(shop: str, sku: str) -> None:
    """Two texts."""


async def many(a: str, b: str | None, c: int, d: str | None = None) -> None:
    """Four arguments."""


def test_a_key_holds_the_arguments_as_they_are() -> None:
    """So that the value of a call can be deleted by hand."""

    async def price_of(sku: str) -> None: ...

    assert key_of("{sku}", price_of)("lamp: 50 W") == "lamp: 50 W"
    assert key_of("price/{sku}!", price_of)(sku="lamp") == "price/lamp!"


def test_what_separates_arguments_is_escaped_in_them() -> None:
    """And the escape itself, everywhere."""
    assert key_of("{shop}:{sku}", two)("no:1", "50%") == "no%3A1:50%25"
    assert key_of("{shop}/{sku}", two)("no:1", "a/b") == "no:1/a%2Fb"


def test_a_placeholder_may_occur_twice_and_braces_are_doubled() -> None:
    """As in `str.format`."""
    assert key_of("{sku}:{{x}}:{sku}", two)("shop", "lamp") == "lamp:{x}:lamp"


TEXTS = st.text(st.sampled_from(":%/-3A2F5{}ab") | st.characters(), max_size=8)
CALLS = st.tuples(TEXTS, TEXTS | st.none(), st.integers(), TEXTS | st.none())


@pytest.mark.parametrize(
    "template", ["{a}:{b}:{c}:{d}", "x{a}/3A{b}:/{c}a:b{d}y", "{d}|{c},{b};{a}"]
)
@given(one=CALLS, other=CALLS)
def test_two_calls_that_differ_have_different_keys(template: str, one: Any, other: Any) -> None:
    """Whatever signs are in the arguments: none of them can pretend to be two."""
    key = key_of(template, many)
    assert (key(*one) == key(*other)) == (one == other)


@given(call=CALLS, moved=st.integers(0, 4))
def test_arguments_are_bound_as_the_call_binds_them(call: Any, moved: int) -> None:
    """By place or by name, with defaults: the same call has the same key."""
    key = key_of("{a}:{b}:{c}:{d}", many)
    names = dict(zip("abcd"[moved:], call[moved:], strict=True))
    assert key(*call[:moved], **names) == key(*call)
    assert key(*call[:3]) == key(*call[:3], None)


def test_every_kind_of_parameter_is_bound() -> None:
    """Also those that are not in the key, with their defaults."""

    async def all_kinds(
        a: str, b: str = "b", /, c: str = "c", *rest: int, d: str, e: str = "e", **more: int
    ) -> None: ...

    async def named_only(a: str = "a", *, b: str) -> None: ...

    async def placed_only(a: str, b: str = "b", /) -> None: ...

    key = key_of("{a}:{b}:{c}:{d}:{e}", all_kinds)
    assert key("1", d="4") == "1:b:c:4:e"
    assert key("1", "2", "3", 9, 9, d="4", e="5", f=6) == "1:2:3:4:5"
    assert key_of("{a}:{b}", named_only)(b="2") == "a:2"
    assert key_of("{b}:{a}", placed_only)("1") == "b:1"


def test_wrong_arguments_are_pythons_own_error_and_name_the_function() -> None:
    """As though the function itself had been called."""

    async def price_of(sku: str) -> None: ...

    key = key_of("{sku}", price_of)
    with pytest.raises(TypeError, match=r"price_of\(\) missing 1 required"):
        key()
    with pytest.raises(TypeError, match="unexpected keyword argument 'shop'"):
        key("lamp", shop=1)


def test_parameters_with_any_name_do_not_meet_ours() -> None:
    """The generated function has names of its own, and evades those of the parameters."""

    async def odd(_key: str, _show0: str, __show1: int = 3, _: str = "x") -> None: ...

    assert key_of("{_key}:{_show0}:{__show1}:{_}", odd)("a", "b") == "a:b:3:x"


@pytest.mark.parametrize(
    ("annotation", "value", "shown"),
    [
        (str, "x", "x"),
        (str, Size.SMALL, "s"),
        (int, -5, "-5"),
        (int, 2**5000, hex(2**5000)),
        (bool, True, "True"),
        (float, 1.5, "1.5"),
        (float, 2, "2"),
        (Decimal, Decimal("1.50"), "1.50"),
        (UUID, UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (date, date(2026, 1, 2), "2026-01-02"),
        (datetime, datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        (Colour, Colour.RED, "RED"),
        (Size, Size.SMALL, "SMALL"),
        (Sku, "lamp", "lamp"),
        (Annotated[str, "for people"], "lamp", "lamp"),
        (Literal["a", "b"], "a", "a"),
        (int | None, 5, "5"),
        (int | None, None, "%-"),
        (Annotated[Sku | None, "for people"], None, "%-"),
    ],
)
def test_each_plain_type_has_a_text(annotation: Any, value: Any, shown: str) -> None:
    """One that differs for all that differ."""

    async def cached(value: Any) -> None: ...

    cached.__annotations__["value"] = annotation
    assert key_of("{value}", cached)(value) == shown


@pytest.mark.parametrize(
    ("annotation", "value"),
    [(str, 1), (str, None), (str, b"x"), (int, "1"), (int, 1.0), (bool, 1), (Colour, 1)],
)
def test_a_value_of_another_kind_is_refused(annotation: Any, value: Any) -> None:
    """5 and "5" would have one text, and None that of "None"."""

    async def cached(value: Any) -> None: ...

    cached.__annotations__["value"] = annotation
    with pytest.raises(NotCacheable, match="argument value"):
        key_of("{value}", cached)(value)


@pytest.mark.parametrize("annotation", [Any, object, str | int, Literal["a", 1], list[str], Flags])
def test_a_kind_that_has_no_text_of_its_own_is_refused_at_once(annotation: Any) -> None:
    """Two different values might look alike."""

    async def cached(value: Any) -> None: ...

    cached.__annotations__["value"] = annotation
    with pytest.raises(BadCache, match="parameter 'value'"):
        key_of("{value}", cached)


@pytest.mark.parametrize(
    "template",
    [
        "",
        "{",
        "{}",
        "{0}",
        "{nobody}",
        "{shop.name}",
        "{shop[0]}",
        "{shop!r}",
        "{shop:>10}",
        "{shop}{sku}",
        "{shop}-{sku}",
        "{shop}a{sku}",
        "{shop}%{sku}",
    ],
)
def test_a_template_that_does_not_fit_is_refused_at_once(template: str) -> None:
    """What separates two arguments must be a sign that is not in ordinary values."""
    with pytest.raises(BadCache, match="The key of two"):
        key_of(template, two)


def test_parameters_without_a_fixed_place_are_refused() -> None:
    """Neither *args nor **kwargs, nor one without an annotation, nor a method's self."""

    async def loose(*args: str, **kwargs: str) -> None: ...

    async def bare(sku) -> None: ...  # type: ignore[no-untyped-def] # noqa: ANN001 - what is tested

    class Shop:
        async def price_of(self, sku: str) -> None: ...

    for template, function in (
        ("{args}", loose),
        ("{kwargs}", loose),
        ("{sku}", bare),
        ("{sku}", Shop.price_of),
    ):
        with pytest.raises(BadCache, match="The key of"):
            key_of(template, function)


def test_a_fixed_key_is_allowed() -> None:
    """For functions without arguments."""

    async def all_prices() -> None: ...

    assert key_of("all", all_prices)() == "all"
