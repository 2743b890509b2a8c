"""`Topic`: what may be declared, and what it means in Kafka's own words."""

import pickle
from datetime import timedelta
from inspect import signature
from typing import Any, get_args

import pytest

from penstock.events.names import IllegalName
from penstock.events.topic import (
    DEFAULT_COMPATIBILITY,
    FOREVER,
    BadTopic,
    Compatibility,
    Topic,
)
from penstock.schemas.compatibility_levels import Level, check


def test_a_bare_topic_takes_the_defaults() -> None:
    """Four partitions, deleted by age, age left to the cluster."""
    topic = Topic("shop.orders")
    assert (topic.partitions, topic.cleanup, topic.retention) == (4, "delete", None)
    assert topic.entries == {"cleanup.policy": "delete"}


def test_a_declaration_speaks_kafkas_names() -> None:
    """Retention in milliseconds, the rest as given."""
    topic = Topic(
        "shop.orders",
        partitions=12,
        retention=timedelta(days=30),
        config={"max.message.bytes": "2097164"},
    )
    assert topic.entries == {
        "cleanup.policy": "delete",
        "retention.ms": "2592000000",
        "max.message.bytes": "2097164",
    }


def test_for_ever_is_minus_one() -> None:
    """Kafka's way to say it."""
    assert Topic("shop.orders", retention=FOREVER).entries["retention.ms"] == "-1"


@pytest.mark.parametrize(
    "fields",
    [
        {"partitions": 0},
        {"partitions": 10_001},
        {"retention": timedelta(microseconds=999)},
        {"cleanup": "compact", "retention": timedelta(days=1)},
        {"cleanup": "compact,delete"},
        {"config": {"cleanup.policy": "compact"}},
        {"config": {"retention.ms": "1"}},
        {"config": {"segment.ms": 1}},
        {"compatibility": "SIDEWAYS"},
        {"compatibility": ["FULL"]},
    ],
)
def test_contradictions_and_ranges_are_refused(fields: dict[str, Any]) -> None:
    """At the declaration, not at the cluster."""
    with pytest.raises(BadTopic):
        Topic("shop.orders", **fields)


def test_all_problems_are_told_at_once() -> None:
    """One run, one list."""
    with pytest.raises(BadTopic) as refused:
        Topic("shop.orders", partitions=0, retention=timedelta(0), config={"retention.ms": "1"})
    assert len(refused.value.problems) == 3
    assert "partitions is 0" in str(refused.value)
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)  # noqa: S301 - our own bytes


def test_illegal_names_are_refused() -> None:
    """A topic of the product may have an underscore; nothing may have a slash."""
    assert Topic("_penstock.schemas", partitions=1).name == "_penstock.schemas"
    with pytest.raises(IllegalName):
        Topic("shop/orders")


def test_declarations_are_values() -> None:
    """Equal ones are one, and what is given is copied."""
    config = {"segment.ms": "1000"}
    topic = Topic("shop.orders", config=config)
    config["segment.ms"] = "2000"
    assert topic == Topic("shop.orders", config={"segment.ms": "1000"})
    assert topic != Topic("shop.orders")
    assert len({topic, Topic("shop.orders", config={"segment.ms": "1000"})}) == 1


def test_compatibility_has_the_words_of_the_levels() -> None:
    """All of them, and where nothing is said the level that a check takes by itself."""
    assert get_args(Compatibility) == tuple(Level)
    assert Topic("shop.orders").compatibility == DEFAULT_COMPATIBILITY
    assert signature(check).parameters["level"].default == DEFAULT_COMPATIBILITY


def test_compatibility_is_no_setting_of_kafkas_and_still_part_of_the_declaration() -> None:
    """Two types of one topic cannot differ in it."""
    topic = Topic("shop.orders", compatibility="FULL")
    assert topic.entries == Topic("shop.orders").entries
    assert topic != Topic("shop.orders")
