"""The topics of a saga: names, cleanup and partitions as formats.md F3 has them."""

from datetime import timedelta

from penstock.sagas.topics import (
    changelogged_topics_of_saga,
    output_topics,
    own_topics,
    written_schemas,
)
from tests.sagas.shop import HEAD, MAIL_ONLY, ORDER, TURNED_BACK, definition

DAY = timedelta(days=1)


def test_a_saga_has_topics_of_its_own() -> None:
    """F3, line by line, and the dead letters of its inbox."""
    topics = own_topics("shop", definition(), 4, None)
    prefix = "_penstock.shop.saga.order"
    assert {topic.name: (topic.partitions, topic.cleanup, topic.retention) for topic in topics} == {
        f"{prefix}.inbox": (4, "delete", 7 * DAY),
        f"{prefix}.state": (4, "compact", None),
        f"{prefix}.history": (4, "delete", 30 * DAY),
        f"{prefix}.definitions": (1, "compact", None),
        f"{prefix}.inbox.shop.saga-order.dlq": (4, "delete", 30 * DAY),
    }


def test_the_topic_that_starts_a_saga_has_a_changelog_and_dead_letters() -> None:
    """With as many partitions as it has itself, whatever the inbox has."""
    beside = own_topics("shop", definition(), 4, 9)[5:]
    assert {topic.name: (topic.partitions, topic.cleanup) for topic in beside} == {
        "_penstock.shop.changelog.saga-order.shop.orders": (9, "compact"),
        "shop.orders.shop.saga-order.dlq": (9, "delete"),
    }


def test_all_that_is_sent_is_counted_among_outputs() -> None:
    """Commands, their undos and events; nothing of the saga's own."""
    assert output_topics(definition()) == {
        "stock.commands",
        "payments.commands",
        "shipping.commands",
        "mail.commands",
        "shop.orders",
    }
    assert output_topics(definition(HEAD + MAIL_ONLY)) == {"mail.commands"}
    assert output_topics(definition(HEAD + MAIL_ONLY + TURNED_BACK)) == {
        "mail.commands",
        "shop.turned",
    }


def test_all_that_is_sent_has_a_schema_that_is_written() -> None:
    """Of each topic of outputs, and of nothing that is only read."""
    saga = definition(HEAD + MAIL_ONLY + TURNED_BACK)
    for each in (definition(), saga):
        schemas = written_schemas(each)
        assert {schema.document["topic"] for schema in schemas} == output_topics(each)
        assert len({schema.text for schema in schemas}) == len(schemas)
        assert {schema.text for schema in schemas} < set(each.schemas)


def test_counts_of_what_has_state_are_for_life() -> None:
    """Partition-life rule 8: the inbox with its records, the source with its changelog."""
    assert changelogged_topics_of_saga("shop", definition(ORDER)) == {
        "_penstock.shop.saga.order.inbox",
        "_penstock.shop.saga.order.state",
        "_penstock.shop.changelog.saga-order.shop.orders",
        "shop.orders",
    }
