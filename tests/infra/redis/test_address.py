from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.redis.address import RedisAddress, parse_redis_url
from penstock.infra.redis.errors import BadRedisUrl

SECRET = "n0t-to-be-shown"  # noqa: S105 - made up

text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://h", RedisAddress(host="h")),
        ("redis://h/", RedisAddress(host="h")),
        ("rediss://h:7/3", RedisAddress(host="h", port=7, database=3, tls=True)),
        ("redis://[::1]:7", RedisAddress(host="::1", port=7)),
        ("redis://:p@h", RedisAddress(host="h", password="p")),  # noqa: S106 - made up
        ("redis://u@h", RedisAddress(host="h", username="u")),
        (
            "redis://u%40x:p%3A%2F@h",
            RedisAddress(host="h", username="u@x", password="p:/"),  # noqa: S106 - made up
        ),
    ],
)
def test_what_a_url_says(url: str, address: RedisAddress) -> None:
    """Port 6379, database 0, no login and no TLS where nothing else is said."""
    assert parse_redis_url(url) == address


@given(text, text)
def test_any_login_can_be_written(username: str, password: str) -> None:
    """Percent escapes carry every character."""
    url = f"redis://{quote(username, safe='')}:{quote(password, safe='')}@host:1/2"
    address = parse_redis_url(url)
    assert (address.username, address.password) == (username, password)
    assert (address.host, address.port, address.database) == ("host", 1, 2)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "begins with neither"),
        ("localhost:6379", "begins with neither"),
        ("http://h", "begins with neither"),
        ("unix:///run/redis.sock", "begins with neither"),
        ("redis://", "names no host"),
        (f"redis://:{SECRET}@", "names no host"),
        ("redis://h:0", "port is 0"),
        ("redis://h:65536", "cannot be read"),
        ("redis://h:x", "cannot be read"),
        ("redis://[::1", "cannot be read"),
        ("redis://h/cache", "no number of a database"),
        ("redis://h/-1", "no number of a database"),
        ("redis://h/٣", "no number of a database"),
        ("redis://h/99999", "no number of a database"),
        ("redis://h/1/2", "no number of a database"),
        (f"redis://u:{SECRET}?retry_on_timeout=1@h", "cannot be read"),
        ("redis://h?retry_on_timeout=True", "has options"),
        ("rediss://h/0?ssl_cert_reqs=none", "has options"),
        (f"redis://:{SECRET}@h#x", "has options"),
    ],
)
def test_what_no_url_may_say(url: str, problem: str) -> None:
    """Options of redis-py among it: nobody switches retries on or certificates off by an address.

    Of the URL nothing is repeated.
    """
    with pytest.raises(BadRedisUrl, match=problem) as caught:
        parse_redis_url(url)
    assert SECRET not in repr(caught.value) + str(caught.value)
    assert caught.value.__cause__ is None


def test_a_password_is_not_shown() -> None:
    """Neither by repr nor by what errors show."""
    address = parse_redis_url(f"redis://u:{SECRET}@[::1]:7")
    assert SECRET not in repr(address)
    assert address.shown == "[::1]:7"
