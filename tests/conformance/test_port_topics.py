"""TopicAdmin (events/log.py): topics are made, described, grown and set."""

from collections.abc import Callable
from typing import Any

import pytest

from penstock.events.log import TopicAdmin
from penstock.schemas.errors import PenstockError
from tests.conformance.cluster import Cluster
from tests.conformance.port_play import make_topic
from tests.integration.workbench import eventually, play


async def shows(topics: TopicAdmin, name: str, **wanted: str) -> None:
    """Wait until the topic has these settings; `_` stands for a dot."""
    settings = {key.replace("_", "."): value for key, value in wanted.items()}

    async def seen() -> bool:
        state = (await topics.describe([name])).get(name)
        return state is not None and settings.items() <= state.config.items()

    await eventually(seen, what=f"{settings} of {name}")


def test_a_new_topic_is_listed_and_described(
    cluster: Cluster, unique: Callable[[str], str]
) -> None:
    """With its partitions, replicas, and every setting, defaults included."""

    async def scenario() -> None:
        place = await make_topic(
            cluster, unique("t"), partitions=3, config={"retention.ms": "1000"}
        )
        async with cluster.topics() as topics:
            assert place.topic in await topics.names()
            state = (await topics.describe([place.topic]))[place.topic]
        assert (state.name, state.partitions, state.replication) == (place.topic, 3, 1)
        assert state.config["retention.ms"] == "1000"
        assert state.config["cleanup.policy"] == "delete"
        assert state.config["max.message.bytes"] == "1048588"

    play(scenario())


def test_missing_topics_are_left_out(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """Of a description; and they are not created by asking for them."""

    async def scenario() -> None:
        place, missing = await make_topic(cluster, unique("t")), unique("missing")
        async with cluster.topics() as topics:
            assert set(await topics.describe([place.topic, missing])) == {place.topic}
            assert await topics.describe([]) == {}
            assert missing not in await topics.names()

    play(scenario())


def test_a_topic_is_created_once(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """The second time is an error."""

    async def scenario() -> None:
        place = await make_topic(cluster, unique("t"))
        async with cluster.topics() as topics:
            with pytest.raises(PenstockError) as refused:
                await topics.create(place.topic, partitions=1, replication=1, config={})
        assert place.topic in str(refused.value)

    play(scenario())


GOOD = {"partitions": 1, "replication": 1, "config": {}}
BAD = {
    "name": ("a b", GOOD),
    "partitions": ("t", {**GOOD, "partitions": 0}),
    "replication": ("t", {**GOOD, "replication": 5}),
    "key": ("t", {**GOOD, "config": {"no.such.key": "1"}}),
    "value": ("t", {**GOOD, "config": {"retention.ms": "soon"}}),
}


@pytest.mark.parametrize(("name", "wishes"), BAD.values(), ids=BAD.keys())
def test_a_wrong_topic_is_not_created(
    name: str, wishes: dict[str, Any], cluster: Cluster, unique: Callable[[str], str]
) -> None:
    """Its name, its counts and its settings must be good."""

    async def scenario() -> None:
        wanted = unique(name)
        async with cluster.topics() as topics:
            with pytest.raises(PenstockError):
                await topics.create(wanted, **wishes)
            assert wanted not in await topics.names()

    play(scenario())


def test_settings_that_are_not_named_stay(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """`configure` sets what it is given."""

    async def scenario() -> None:
        place = await make_topic(cluster, unique("t"), config={"retention.ms": "1000"})
        async with cluster.topics() as topics:
            await topics.configure(place.topic, {"segment.ms": "2000"})
            await shows(topics, place.topic, segment_ms="2000", retention_ms="1000")
            await topics.configure(place.topic, {"retention.ms": "3000"})
            await shows(topics, place.topic, segment_ms="2000", retention_ms="3000")
            with pytest.raises(PenstockError):
                await topics.configure(place.topic, {"retention.ms": "soon"})
            await shows(topics, place.topic, segment_ms="2000", retention_ms="3000")

    play(scenario())


def test_a_topic_grows_and_never_shrinks(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """The count is that of all partitions."""

    async def scenario() -> None:
        place = await make_topic(cluster, unique("t"), partitions=2)
        async with cluster.topics() as topics:
            await topics.add_partitions(place.topic, 4)

            async def grown() -> bool:
                return (await topics.describe([place.topic]))[place.topic].partitions == 4

            await eventually(grown, what="four partitions")
            for count in (4, 3):
                with pytest.raises(PenstockError):
                    await topics.add_partitions(place.topic, count)

    play(scenario())
