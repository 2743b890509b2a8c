from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.redis.answers import (
    UnexpectedAnswer,
    as_bytes,
    as_entries,
    as_number,
    as_status,
    as_values,
)
from penstock.infra.redis.line import RedisReply
from penstock.infra.redis.stream_entry import StreamEntry

SHAPES = [as_bytes, as_number, as_status, as_entries, partial(as_values, count=1)]

replies = st.recursive(
    st.none() | st.integers() | st.binary(max_size=3), lambda inner: st.lists(inner, max_size=3)
)


@given(replies, st.sampled_from(SHAPES))
def test_no_answer_surprises(reply: RedisReply, shape: Callable[[RedisReply], Any]) -> None:
    """Whatever came is read, or is unexpected; there is no third way out."""
    with suppress(UnexpectedAnswer):
        shape(reply)


def test_what_redis_answers() -> None:
    """Each shape reads what the protocol says of its commands."""
    assert as_bytes(b"PONG") == b"PONG"
    assert as_number(3) == 3
    assert (as_status(b"OK"), as_status(None)) == (True, False)
    assert as_values([b"a", None], count=2) == [b"a", None]
    assert as_entries(None) == []
    entry: RedisReply = [b"1-0", [b"a", b"1", b"b", b"2"]]
    assert as_entries([[b"stream", [entry]]]) == [
        StreamEntry(entry_id="1-0", fields={b"a": b"1", b"b": b"2"})
    ]


@pytest.mark.parametrize(
    ("shape", "reply"),
    [
        (as_bytes, None),
        (as_number, b"1"),
        (as_status, b"QUEUED"),
        (as_values, [b"a"]),
        (as_values, [b"a", 1]),
        (as_entries, [[b"one", []], [b"two", []]]),
        (as_entries, [[b"s", [[b"1-0", [b"name without value"]]]]]),
        (as_entries, [[b"s", [[b"1-0", None]]]]),
    ],
)
def test_what_no_redis_answers(shape: Callable[..., Any], reply: RedisReply) -> None:
    """Another type, other lengths, and more than was asked for."""
    counted = partial(shape, count=2) if shape is as_values else shape
    with pytest.raises(UnexpectedAnswer):
        counted(reply)
