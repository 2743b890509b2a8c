"""The topics in a consumer's metadata."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.embedded.groups.consumer_subscription import subscribed_topics
from tests.infra.embedded.groups.group_bench import subscription


@given(st.lists(st.text("abc.-_", min_size=1, max_size=20)))
def test_topics_are_found_in_any_version(topics: list[str]) -> None:
    """Later versions only append to the first."""
    assert subscribed_topics(subscription(*topics)) == frozenset(topics)


def test_user_data_belongs_to_the_first_version() -> None:
    """Bytes of the assignor's own are stepped over; they must all be there."""
    whole = struct.pack(">hi", 0, 1) + struct.pack(">h", 5) + b"tests" + struct.pack(">i", 3)
    assert subscribed_topics(whole + b"own") == frozenset({"tests"})
    assert subscribed_topics(whole + b"ow") is None


@given(st.binary(max_size=60))
def test_bytes_from_anybody_are_topics_or_nothing(metadata: bytes) -> None:
    """Nothing raises."""
    found = subscribed_topics(metadata)
    assert found is None or all(isinstance(topic, str) for topic in found)


def test_a_huge_count_ends_where_the_bytes_end() -> None:
    """Two thousand million topics are not looked for in ten bytes."""
    assert subscribed_topics(struct.pack(">hi", 0, 2**31 - 1) + b"\0\0\0\0") is None
    assert subscribed_topics(struct.pack(">hi", 0, -1)) is None
    assert subscribed_topics(struct.pack(">hihi", 0, 1, -5, -1)) is None


def test_user_data_of_a_negative_length_are_no_subscription() -> None:
    """Minus one means none; anything else below zero means nothing."""
    assert subscribed_topics(struct.pack(">hii", 0, 0, -1)) == frozenset()
    assert subscribed_topics(struct.pack(">hii", 0, 0, -2)) is None
