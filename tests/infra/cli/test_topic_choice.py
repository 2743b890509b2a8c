"""Which topics a reading is about, from the types that somebody names."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.cli.topic_choice import TopicChoice, all_named, chosen_topics, topics_of
from penstock.infra.type_names import UnknownType
from penstock.schemas.schema import AvroSchema

PROJECT = {
    "shop.OrderPlaced": frozenset({"shop.orders"}),
    "shop.Noted": frozenset({"shop.notes"}),
    "shop.StockReserved": frozenset[str](),
}
CLUSTER = {
    "shop.OrderPlaced": frozenset({"shop.old-orders"}),
    "stock.Noted": frozenset({"stock.notes"}),
    "stock.Moved": frozenset({"stock.moves", "stock.old-moves"}),
    "penstock.InboxMessage": frozenset[str](),
}


def schema(name: str, topic: Any) -> AvroSchema:
    """A type that says where it travels."""
    document = {"type": "record", "name": name, "namespace": "shop", "fields": [], "topic": topic}
    return AvroSchema.parse(json.dumps(document))


def test_versions_of_a_type_may_have_travelled_on_several_topics() -> None:
    """All of them are known; a reply has none."""
    assert topics_of([schema("A", "shop.a"), schema("A", "shop.b"), schema("B", None)]) == {
        "shop.A": {"shop.a", "shop.b"},
        "shop.B": frozenset(),
    }


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=4))
def test_whatever_a_foreign_schema_says_of_its_topic_is_read(topic: Any) -> None:
    """What Kafka would refuse as a name is no topic."""
    (topics,) = topics_of([schema("A", topic)]).values()
    assert topics <= {topic if isinstance(topic, str) else ""}


def test_without_names_all_types_of_the_project_are_meant() -> None:
    """And none of the cluster's."""
    assert chosen_topics([], PROJECT, CLUSTER) == TopicChoice(topics=("shop.notes", "shop.orders"))


def test_the_project_is_asked_before_the_cluster() -> None:
    """Also for a short name that both know: what the project declares is meant, and must exist."""
    assert chosen_topics(["OrderPlaced", "Noted"], PROJECT, CLUSTER) == TopicChoice(
        types=frozenset({"shop.OrderPlaced", "shop.Noted"}), topics=("shop.notes", "shop.orders")
    )


def test_topics_that_only_the_cluster_names_may_be_gone() -> None:
    """Each that a version has named is looked for."""
    assert chosen_topics(["Moved", "shop.Noted"], PROJECT, CLUSTER) == TopicChoice(
        types=frozenset({"stock.Moved", "shop.Noted"}),
        topics=("shop.notes",),
        perhaps=("stock.moves", "stock.old-moves"),
    )


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("StockReserved", "no topic of its own"),
        ("penstock.InboxMessage", "no topic of its own"),
        ("stock.Move", "Did you mean stock.Moved?"),
        ("Place", "It is none of penstock.InboxMessage"),
    ],
)
def test_what_cannot_be_read_is_told(name: str, hint: str) -> None:
    """Of project and cluster together."""
    with pytest.raises(UnknownType, match=hint):
        chosen_topics([name], PROJECT, CLUSTER)


def test_an_ambiguous_name_is_told_with_what_it_may_mean() -> None:
    """Nobody guesses."""
    with pytest.raises(UnknownType, match=r"short name of a\.Noted and b\.Noted"):
        chosen_topics(["Noted"], {}, {"a.Noted": frozenset({"a"}), "b.Noted": frozenset({"b"})})


def test_the_cluster_is_only_asked_for_names_that_the_project_does_not_know() -> None:
    """A short name that the project has twice is a question for the user, not for the cluster."""
    assert all_named(["OrderPlaced", "shop.Noted"], PROJECT)
    assert not all_named(["OrderPlaced", "Moved"], PROJECT)
    assert all_named([], {})
