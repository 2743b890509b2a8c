"""Names: what is legal, what is refused, and what the refusal says."""

import pytest

from penstock.events import names
from penstock.schemas.errors import ExitCode


def test_joined_names_read_as_the_formats_say() -> None:
    """F1 and F3, letter by letter."""
    assert names.consumer_group("shop", "stock") == "shop.stock"
    assert names.consumer_group("shop", names.saga_worker("order")) == "shop.saga-order"
    assert (
        names.transactional_id("shop.stock", "shop.orders", 3)
        == "penstock/shop.stock/shop.orders/3"
    )
    assert names.dead_letter_topic("shop.orders", "shop", "mail") == "shop.orders.shop.mail.dlq"
    assert names.retry_topic("shop.orders", "shop", "mail", 2) == "shop.orders.shop.mail.retry.2"
    assert (
        names.changelog_topic("shop", "stock", "shop.orders")
        == "_penstock.shop.changelog.stock.shop.orders"
    )
    assert names.saga_inbox_topic("shop", "order") == "_penstock.shop.saga.order.inbox"
    assert names.saga_state_topic("shop", "order") == "_penstock.shop.saga.order.state"
    assert names.saga_history_topic("shop", "order") == "_penstock.shop.saga.order.history"
    assert names.saga_definitions_topic("shop", "order") == "_penstock.shop.saga.order.definitions"
    assert names.crdt_topic("shop", "visits") == "_penstock.shop.crdt.visits"


@pytest.mark.parametrize("name", ["", "Shop", "1shop", "shop.x", "shop/x", "s" * 64, "é", "shop\n"])
def test_apps_and_workers_are_simple_names(name: str) -> None:
    """No dots, no slashes, no capitals: a joined name must fall apart in one way only."""
    for check in (names.check_app, names.check_worker, names.check_saga):
        with pytest.raises(names.IllegalName):
            check(name)


@pytest.mark.parametrize("name", ["s", "s" * 63, "shop-2", "a_b"])
def test_simple_names_up_to_63_characters_are_legal(name: str) -> None:
    """The pattern of F1 at its edges."""
    assert names.check_app(name) == names.check_worker(name) == names.check_saga(name) == name


def test_no_worker_of_a_user_is_named_like_a_saga() -> None:
    """Its group would be a saga's group."""
    with pytest.raises(names.IllegalName, match="saga-"):
        names.check_worker("saga-order")


def test_a_saga_worker_needs_a_legal_saga() -> None:
    """The prefix alone does not make a name legal."""
    for worker in ("saga-", "saga-Order", "saga-saga.x"):
        with pytest.raises(names.IllegalName):
            names.consumer_group("shop", worker)


@pytest.mark.parametrize("topic", ["", ".", "..", "a b", "a/b", "ä", "a\n"])
def test_topics_follow_kafkas_own_rule(topic: str) -> None:
    """Characters that Kafka refuses are refused before a broker is asked."""
    with pytest.raises(names.IllegalName):
        names.check_topic(topic)


@pytest.mark.parametrize("topic", ["orders", "shop.", ".orders", "shop..orders", "_shop.orders"])
def test_declared_topics_have_a_domain_and_an_entity(topic: str) -> None:
    """The first segment is the default namespace of the types; the underscore is not a user's."""
    with pytest.raises(names.IllegalName, match="domain"):
        names.check_declared_topic(topic)


def test_declared_topics_may_have_more_than_two_segments() -> None:
    """Teams that version their topics go on doing so."""
    assert names.check_declared_topic("shop.orders.v2") == "shop.orders.v2"
    assert names.domain_of("shop.orders.v2") == "shop"


def test_a_joined_name_that_is_too_long_is_refused_with_its_length() -> None:
    """Kafka's limit is 249, and the parts together may pass it although each is legal."""
    topic = "t" * 249
    assert names.check_topic(topic) == topic
    with pytest.raises(names.NameTooLong) as refused:
        names.dead_letter_topic(topic, "shop", "mail")
    assert refused.value.length == len(topic) + len(".shop.mail.dlq")
    assert "249" in str(refused.value)
    assert refused.value.exit_code is ExitCode.CONFIGURATION


def test_transactional_ids_are_made_of_groups_and_real_partitions() -> None:
    """Whatever is not a group, or not a partition, would make two ids alike."""
    with pytest.raises(names.IllegalName, match="group"):
        names.transactional_id("shop", "shop.orders", 0)
    with pytest.raises(names.IllegalName, match="partition"):
        names.transactional_id("shop.stock", "shop.orders", -1)
    with pytest.raises(names.IllegalName):
        names.transactional_id("shop.stock", "shop/orders", 0)


def test_retry_topics_are_counted_from_one() -> None:
    """Zero would be the topic itself."""
    with pytest.raises(names.IllegalName):
        names.retry_topic("shop.orders", "shop", "mail", 0)


def test_a_refused_name_is_shown_escaped_and_cut() -> None:
    """Names come from outside: a message must not carry control characters or a megabyte."""
    with pytest.raises(names.IllegalName) as refused:
        names.check_app("\x1b[31m" + "x" * 1_000)
    assert "\x1b" not in str(refused.value)
    assert len(str(refused.value)) < 400
