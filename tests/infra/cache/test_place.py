"""Where values lie in Redis."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.cache.errors import BadCache
from penstock.infra.cache.place import Places, checked_name
from penstock.infra.redis.keys import KEY_LIMIT_BYTES

# All of Unicode, halves of characters included, and what keys are separated and escaped by.
TEXT = st.text(st.characters() | st.sampled_from([":", "%", "-", "\ud800"]), max_size=30)
KEYS = TEXT | TEXT.map(lambda text: text * 40) | TEXT.map(lambda text: "%sha256-" + text)
NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,62}", fullmatch=True)


def test_keys_are_spelled_as_documented() -> None:
    """An operator finds a value by its name."""
    place = Places("shop", "prices").place("lamp")
    assert place.value == "penstock:shop:cache:prices:lamp"
    assert place.lock == "penstock:shop:cache-lock:prices:lamp"


@given(one=st.tuples(NAMES, KEYS), other=st.tuples(NAMES, KEYS))
def test_two_keys_never_share_a_place(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Nor does a value share one with a lock."""
    first, second = (Places("shop", name).place(key) for name, key in (one, other))
    assert (first == second) == (one == other)
    places = {*first, *second}
    assert len(places) == (2 if one == other else 4)


@given(app=NAMES, name=NAMES, key=KEYS | st.text(min_size=300, max_size=2000))
def test_any_key_has_a_short_place_under_its_app(app: str, name: str, key: str) -> None:
    """However long it is and whatever is in it: somebody outside may have typed it."""
    places = Places(app, name)
    for each in places.place(key):
        assert len(each.encode()) <= KEY_LIMIT_BYTES
        assert each.startswith(f"penstock:{app}:cache")
    assert places.value(key) == places.place(key).value


@given(st.text(min_size=401, max_size=500), st.text(min_size=401, max_size=500))
def test_long_keys_are_told_apart(one: str, other: str) -> None:
    """They are replaced by their digests."""
    places = Places("shop", "prices")
    assert (places.value(one) == places.value(other)) == (one == other)


def test_no_key_is_taken_for_the_digest_of_another() -> None:
    """Even if somebody gives the digest as a key."""
    places = Places("shop", "prices")
    long = "x" * 1000
    shown = places.value(long).removeprefix("penstock:shop:cache:prices:").replace("%25", "%")
    assert shown.startswith("%sha256-")
    assert places.value(shown) != places.value(long)


@pytest.mark.parametrize("name", ["", "Prices", "1st", "a:b", "a.b", "a" * 64, "a b", "ä"])
def test_a_cache_has_a_simple_name(name: str) -> None:
    """It is part of keys, of errors and of labels in a monitor."""
    with pytest.raises(BadCache):
        checked_name(name)
