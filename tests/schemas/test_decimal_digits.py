"""`money`: digits are declared, checked when the object is made, and never rounded."""

from decimal import Decimal
from typing import Annotated

import pytest
from pydantic import ValidationError

from penstock.schemas.decimal_digits import money
from penstock.schemas.declaration_errors import IllegalMoney
from penstock.schemas.record import Record

__namespace__ = "shop"


class Price(Record):
    """An amount of up to 9999.99."""

    amount: Annotated[Decimal, money(6, 2)]


def test_an_amount_is_brought_to_its_scale() -> None:
    """Sender and receiver print the same digits."""
    assert str(Price(amount=Decimal(5)).amount) == "5.00"
    assert str(Price(amount=Decimal("1.500")).amount) == "1.50"


@pytest.mark.parametrize("amount", ["0.001", "10000", "1e9", "NaN", "Infinity"])
def test_an_amount_that_does_not_fit_is_refused(amount: str) -> None:
    """It is refused where it is made, not where it is read."""
    with pytest.raises(ValidationError):
        Price(amount=Decimal(amount))


def test_the_refusal_says_which_digits() -> None:
    """The author of the call learns what fits."""
    with pytest.raises(ValidationError, match="more than 2 digits after the point"):
        Price(amount=Decimal("0.001"))


@pytest.mark.parametrize(("precision", "scale"), [(0, 0), (-1, 0), (4, 5), (4, -1), (1001, 2)])
def test_impossible_digits_are_refused(precision: int, scale: int) -> None:
    """At the place where they are written."""
    with pytest.raises(IllegalMoney):
        money(precision, scale)


def test_money_stands_at_a_decimal_only() -> None:
    """At any other type it would say nothing."""
    with pytest.raises(IllegalMoney, match="float"):

        class Wrong(Record):
            amount: Annotated[float, money(6, 2)]
