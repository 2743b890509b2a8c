"""Upcasts: what can be one, what a chain is, and what becomes of the record when one fails."""

from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import Annotated, Any

import pytest

from penstock.events import Event, Record, money
from penstock.events.dead_letter import failure_message
from penstock.events.upcasting import (
    AnyUpcast,
    BadUpcast,
    Upcast,
    UpcastFailed,
    chains_of,
    upcast,
    upcasting,
)
from penstock.schemas.codec import decoder_of, encoder_of
from penstock.schemas.errors import ExitCode
from penstock.schemas.record import declaration_of


class PlacedInCents(Record, namespace="shop", name="Placed"):
    """The first shape."""

    order_id: str
    cents: int


class PlacedInEuros(Record, namespace="shop", name="Placed"):
    """The second."""

    order_id: str
    euros: Annotated[Decimal, money(12, 2)]


class Placed(Event, topic="shop.orders", key="order_id"):
    """The present one."""

    order_id: str
    total: Annotated[Decimal, money(12, 2)]
    currency: str


class Scaled(Record, namespace="shop", name="Placed"):
    """As `PlacedInEuros`, for a fingerprint, and with another meaning."""

    order_id: str
    euros: Annotated[Decimal, money(12, 4)]


class Base(Record, abstract=True):
    """No shape."""


@upcast
def in_euros(old: PlacedInCents) -> PlacedInEuros:
    """Divide."""
    return PlacedInEuros(order_id=old.order_id, euros=Decimal(old.cents) / 100)


@upcast
def with_currency(old: PlacedInEuros) -> Placed:
    """Say what was understood."""
    return Placed(order_id=old.order_id, total=old.euros, currency="EUR")


def test_an_upcast_knows_its_shapes_and_is_still_a_function() -> None:
    """So that its author can test it as one."""
    assert isinstance(in_euros, Upcast)
    assert (in_euros.old, in_euros.new) == (PlacedInCents, PlacedInEuros)
    assert in_euros.name == f"{__name__}:in_euros"
    newer = in_euros(PlacedInCents(order_id="o-1", cents=1999))
    assert newer == PlacedInEuros(order_id="o-1", euros=Decimal("19.99"))


def test_a_chain_is_followed_to_its_end_from_every_shape() -> None:
    """In whatever order it is given."""
    orders: list[list[AnyUpcast]] = [[in_euros, with_currency], [with_currency, in_euros]]
    for given in orders:
        assert chains_of(given) == {
            PlacedInCents: (in_euros, with_currency),
            PlacedInEuros: (with_currency,),
        }
    decode = upcasting(
        decoder_of(declaration_of(PlacedInCents).schema, PlacedInCents), (in_euros, with_currency)
    )
    payload = encoder_of(PlacedInCents)(PlacedInCents(order_id="o-1", cents=5))
    assert decode(payload) == Placed(order_id="o-1", total=Decimal("0.05"), currency="EUR")


def test_without_upcasts_a_decoder_stays_as_it_is() -> None:
    """Nothing is paid for what is not used."""
    decode = decoder_of(declaration_of(Placed).schema, Placed)
    assert upcasting(decode, ()) is decode


def untyped(old):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - what is refused
    """Says nothing."""
    return old


def half_typed(old: PlacedInCents):  # type: ignore[no-untyped-def] # noqa: ANN201 - likewise
    """Does not say what it gives."""
    return old


def no_argument() -> Placed:
    """Takes nothing."""
    raise AssertionError


def two_arguments(old: PlacedInCents, note: str = "") -> Placed:
    """Takes more."""
    raise AssertionError(old, note)


async def waiting(old: PlacedInCents) -> Placed:
    """Waits."""
    raise AssertionError(old)


def several(old: PlacedInCents) -> Iterator[Placed]:
    """Gives several."""
    yield Placed(order_id=old.order_id, total=Decimal(1), currency="EUR")


def from_text(old: str) -> Placed:
    """Takes no record."""
    raise AssertionError(old)


def maybe(old: PlacedInCents) -> Placed | None:
    """May give nothing."""
    raise AssertionError(old)


def from_base(old: Base) -> Placed:
    """Takes what no bytes are."""
    raise AssertionError(old)


def to_itself(old: Placed) -> Placed:
    """Goes nowhere."""
    return old


def of_other_meaning(old: PlacedInEuros) -> Scaled:
    """Differs in what a fingerprint does not see."""
    raise AssertionError(old)


def unreadable(old: "Nowhere") -> Placed:  # type: ignore[name-defined] # noqa: F821 - as said
    """Names what is not there."""
    raise AssertionError(old)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (untyped, "does not say what it takes"),
        (half_typed, "does not say what it takes"),
        (no_argument, "has 0 parameters"),
        (two_arguments, "has 2 parameters"),
        (waiting, "is async"),
        (several, "is a generator"),
        (from_text, "str is no record"),
        (maybe, "is no record"),
        (from_base, "Base is abstract"),
        (to_itself, "a reader could not tell"),
        (of_other_meaning, "a reader could not tell"),
        (unreadable, "cannot be read"),
        (partial(two_arguments, note="x"), "cannot be read"),
    ],
)
def test_what_cannot_be_an_upcast_is_refused_where_it_stands(function: Any, words: str) -> None:
    """With what is wrong and what to write instead."""
    with pytest.raises(BadUpcast, match=words) as refused:
        upcast(function)
    assert refused.value.exit_code is ExitCode.SCHEMA
    assert refused.value.cure


def test_one_shape_has_one_upcast() -> None:
    """Which of the two should run?"""

    @upcast
    def otherwise(old: PlacedInCents) -> Placed:
        raise AssertionError(old)

    with pytest.raises(BadUpcast, match=r"Both take .*PlacedInCents") as refused:
        chains_of([in_euros, otherwise])
    assert refused.value.upcast == f"{in_euros.name} or {otherwise.name}"
    assert chains_of([in_euros, in_euros]) == chains_of([in_euros])


def test_upcasts_that_go_round_are_told_with_the_way() -> None:
    """They would never arrive."""

    @upcast
    def back(old: PlacedInEuros) -> PlacedInCents:
        raise AssertionError(old)

    with pytest.raises(BadUpcast, match=r"PlacedInCents -> \S+PlacedInEuros -> \S+PlacedInCents"):
        chains_of([in_euros, back])


def test_a_bare_function_is_no_upcast() -> None:
    """The decorator was forgotten."""
    given: Any = [two_arguments]
    with pytest.raises(BadUpcast, match="Write @upcast"):
        chains_of(given)


def failure(function: Any) -> UpcastFailed:
    """What becomes of a record whose upcast ends so."""
    step = Upcast(old=PlacedInCents, new=Placed, function=function, name="here:it")
    schema = declaration_of(PlacedInCents).schema
    decode = upcasting(decoder_of(schema, PlacedInCents), [step])
    with pytest.raises(UpcastFailed) as refused:
        decode(encoder_of(PlacedInCents)(PlacedInCents(order_id="secret", cents=5)))
    assert "secret" not in str(refused.value)
    assert "secret" not in failure_message(refused.value)
    assert (refused.value.record, refused.value.upcast) == ("shop.Placed", "here:it")
    return refused.value


def test_an_upcast_that_raises_has_failed_its_record() -> None:
    """Its exception is kept for whoever mends it, and not shown: it may quote the record."""

    def raising(old: PlacedInCents) -> Placed:
        raise LookupError(old.order_id)

    found = failure(raising)
    assert found.problem == "raised LookupError"
    assert isinstance(found.__cause__, LookupError)


def test_values_that_the_new_shape_refuses_are_told_by_their_place() -> None:
    """By field and kind, as those of a class that refuses what was read."""
    wrong: Any = 5
    found = failure(lambda old: Placed(order_id=old.order_id, total=old.order_id, currency=wrong))
    assert found.problem.startswith("gave values that Placed refuses (")
    assert "currency: string_type" in found.problem
    assert found.__cause__ is None


@pytest.mark.parametrize(
    ("returned", "kind"),
    [
        (None, "NoneType"),
        (PlacedInEuros(order_id="secret", euros=Decimal(1)), "PlacedInEuros"),
        ({"order_id": "secret"}, "dict"),
    ],
)
def test_what_is_returned_is_exactly_what_is_announced(returned: object, kind: str) -> None:
    """Whoever follows counts on it."""
    problem = failure(lambda _old: returned).problem
    assert f"{kind} and announces a" in problem
