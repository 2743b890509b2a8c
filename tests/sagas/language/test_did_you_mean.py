"""A name that nobody knows is near to one, or to none."""

import pytest

from penstock.sagas.language.did_you_mean import did_you_mean

NAMES = ("order_id", "items", "shop.OrderPlaced", "stock.ReserveStock", "max_delay")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ordr_id", "order_id"),
        ("orderid", "order_id"),
        ("item", "items"),
        ("max-delay", "max_delay"),
        ("shop.orderplaced", "shop.OrderPlaced"),
        ("OrderPlaced", "shop.OrderPlaced"),
        ("store.ReserveStock", "stock.ReserveStock"),
        ("xyz", None),
        ("", None),
        ("o" * 200, None),
    ],
)
def test_slips_find_what_was_meant(name: str, meant: str | None) -> None:
    """By letters, by case, by the last segment; guesses without ground are not made."""
    assert did_you_mean(name, NAMES) == meant
