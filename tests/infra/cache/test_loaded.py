"""How a loaded value is handed out."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from penstock.infra.cache.loaded import Loaded, is_changeable
from penstock.infra.cache.plain_values import plain_format

FORM = plain_format("prices", limit_bytes=1000)
KEY = "key"


def test_no_two_callers_share_what_can_be_changed() -> None:
    """The first has the value itself, each other one a copy."""
    value = {"prices": [1, 2]}
    loaded = Loaded(value, FORM.encode(value, KEY))
    first, second, third = (loaded.own(FORM, KEY) for _ in range(3))
    assert first is value
    first["prices"].append(3)
    assert second == third == {"prices": [1, 2]}
    assert second is not third


def test_what_cannot_be_kept_is_shared() -> None:
    """It has no bytes to make a copy of."""
    value = object()
    loaded = Loaded(value, None)
    assert loaded.own(FORM, KEY) is value
    assert loaded.own(FORM, KEY) is value


@pytest.mark.parametrize(
    "value",
    [None, True, 5, "x", b"x", Decimal(1), datetime(2026, 1, 1, tzinfo=UTC)],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_changed_is_shared(value: Any) -> None:
    """A copy would be work for nothing."""
    assert not is_changeable(value)
    loaded = Loaded(value, b"unreadable")
    assert all(loaded.own(FORM, KEY) is value for _ in range(3))


@pytest.mark.parametrize("value", [[], {}, set(), object()])
def test_what_can_be_changed(value: Any) -> None:
    """Whatever is not known to be safe."""
    assert is_changeable(value)
