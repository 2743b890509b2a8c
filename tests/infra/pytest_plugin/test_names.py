"""Every test gets a legal name for its app, which no other test has."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.events.names import check_app
from penstock.infra.pytest_plugin.names import PenstockNames, app_name


@given(test=st.text(max_size=300))
def test_the_app_of_any_test_has_a_legal_name(test: str) -> None:
    """Whatever parameters stand in the test's name."""
    assert check_app(app_name(test, "0a1b2c3d"))


def test_the_name_tells_whose_it_is() -> None:
    """Whoever looks at a broker finds the test."""
    assert app_name("test_orders[gold-2]", "0a1b2c3d") == "test-orders-gold-2-0a1b2c3d"


def test_no_two_tests_share_a_name() -> None:
    """Nor do two runs of one."""
    first, second = PenstockNames("test_orders"), PenstockNames("test_orders")
    assert first.app != second.app
    assert first.unique("shop.orders") != first.unique("shop.orders")
