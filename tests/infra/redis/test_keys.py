import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.infra.redis.errors import BadKey
from penstock.infra.redis.keys import KEY_LIMIT_BYTES, redis_key

apps = st.sampled_from(["a", "shop", "shop-a", "shop_a"])
free_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.text(
    "a:%3A25", max_size=6
)
lists = st.lists(free_text, max_size=4)


@given(apps, lists, apps, lists)
@example("a", ["b", "c"], "a", ["b:c"])
@example("a", ["%3A"], "a", [":"])
@example("a", [], "a", [""])
def test_keys_are_injective(one: str, parts: list[str], other: str, others: list[str]) -> None:
    """Two keys are alike only where app and parts are, whatever the parts hold."""
    alike = redis_key(one, *parts) == redis_key(other, *others)
    assert alike == ((one, parts) == (other, others))


@given(apps, lists)
def test_each_key_belongs_to_its_app(app: str, parts: list[str]) -> None:
    """So that rights can be given by prefix (F4)."""
    assert f"{redis_key(app, *parts)}:".startswith(f"penstock:{app}:")


def test_plain_parts_stay_readable() -> None:
    """A person who looks into Redis finds what the code says; only separators are escaped."""
    assert redis_key("shop", "registry", "payments") == "penstock:shop:registry:payments"
    assert redis_key("shop", "cache", "a:b 100%") == "penstock:shop:cache:a%3Ab 100%25"


def test_the_longest_key() -> None:
    """The limit counts bytes of the whole key, escapes included."""
    room = KEY_LIMIT_BYTES - len("penstock:shop:")
    assert len(redis_key("shop", "x" * room)) == KEY_LIMIT_BYTES
    for too_long in ("x" * (room + 1), "é" * (room // 2 + 1), ":" * (room // 3 + 1), "x" * 10**7):
        with pytest.raises(BadKey, match="longer than 1024 bytes"):
            redis_key("shop", too_long)


@pytest.mark.parametrize("app", ["", "Shop", "a:b", "shop.eu", "ä"])
def test_an_illegal_app(app: str) -> None:
    """The app's name is part of every name, so its rule holds here too."""
    with pytest.raises(BadKey, match="the app's name"):
        redis_key(app, "x")


def test_half_a_character() -> None:
    """What UTF-8 cannot encode is refused here, not somewhere on the way."""
    with pytest.raises(BadKey, match="half a character"):
        redis_key("shop", "\ud800")
