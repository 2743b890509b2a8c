"""The table of topics finds each by name and by id, and counts partitions."""

from dataclasses import replace
from uuid import UUID

from penstock.infra.embedded.topics.topic import Topic
from penstock.infra.embedded.topics.topic_table import TopicTable

_ORDERS = Topic(name="a.orders", topic_id=UUID(int=7), partition_count=3)
_STOCK = Topic(name="stock", topic_id=UUID(int=8), partition_count=2)


def test_a_topic_is_found_by_name_and_by_id() -> None:
    """And nothing else is."""
    table = TopicTable([_STOCK, _ORDERS])
    assert table.get("stock") is table.by_id(UUID(int=8)) is _STOCK
    assert table.get("nope") is None
    assert table.by_id(UUID(int=9)) is None
    assert (len(table), table.names(), list(table)) == (2, ["a.orders", "stock"], [_ORDERS, _STOCK])
    assert table.partition_count == 5


def test_a_new_value_takes_the_place_of_the_old() -> None:
    """A topic that grows is still one topic."""
    table = TopicTable([_ORDERS])
    grown = replace(_ORDERS, partition_count=4)
    table.put(grown)
    assert (len(table), table.by_id(UUID(int=7)), table.partition_count) == (1, grown, 4)


def test_nothing_is_left_of_a_removed_topic() -> None:
    """Its name may be used again, under another id."""
    table = TopicTable([_ORDERS])
    table.remove(_ORDERS)
    assert (len(table), table.partition_count, table.colliding("a_orders")) == (0, 0, None)
    again = replace(_ORDERS, topic_id=UUID(int=9))
    table.put(again)
    assert table.by_id(UUID(int=7)) is None
    assert table.get("a.orders") is again


def test_a_colliding_topic_is_named() -> None:
    """So that the refusal can say it."""
    assert TopicTable([_ORDERS]).colliding("a_orders") == "a.orders"
    assert TopicTable([_ORDERS]).colliding("orders") is None


def test_the_table_may_change_while_somebody_goes_through_it() -> None:
    """Whoever deletes all topics does."""
    table = TopicTable([_ORDERS, _STOCK])
    for topic in table:
        table.remove(topic)
    assert len(table) == 0
