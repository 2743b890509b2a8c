"""What members of a group tell each other: as aiokafka writes it, and dealt out as it deals."""

from types import SimpleNamespace

from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocol
from hypothesis import given
from hypothesis import strategies as st

from penstock.events.log import Partition
from penstock.infra.memory.consumer_protocol import (
    decode_assignment,
    encode_assignment,
    encode_subscription,
    round_robin,
    subscribed_topics,
)

topics = st.sampled_from(["a", "b", "c.d", "ü"])
subscriptions = st.dictionaries(
    st.text("xyz", min_size=1, max_size=3), st.frozensets(topics, min_size=1), min_size=1
)
counts = st.dictionaries(topics, st.integers(0, 5))


@given(st.lists(topics, unique=True))
def test_subscriptions_are_aiokafka_s(names: list[str]) -> None:
    """To the byte, and read back."""
    theirs = RoundRobinPartitionAssignor.metadata(names)
    assert encode_subscription(names) == theirs.encode()
    assert subscribed_topics(encode_subscription(names)) == frozenset(names)


@given(st.lists(st.builds(Partition, topics, st.integers(0, 9)), unique=True))
def test_assignments_are_aiokafka_s(partitions: list[Partition]) -> None:
    """They can be read there, and are read back here."""
    data = encode_assignment(partitions)
    assert decode_assignment(data) == tuple(sorted(partitions))
    theirs = ConsumerProtocol.ASSIGNMENT.decode(data)
    assert sorted(Partition(*each) for each in theirs.partitions()) == sorted(partitions)


def test_no_bytes_are_no_partitions() -> None:
    """A member that the leader did not know gets them."""
    assert decode_assignment(b"") == ()


@given(subscriptions, counts)
def test_partitions_are_dealt_as_aiokafka_deals_them(
    members: dict[str, frozenset[str]], partition_counts: dict[str, int]
) -> None:
    """Missing topics are left out; everybody is in the answer."""
    cluster = SimpleNamespace(
        partitions_for_topic=lambda name: (
            set(range(partition_counts[name])) if name in partition_counts else None
        )
    )
    theirs = RoundRobinPartitionAssignor.assign(
        cluster,
        {name: RoundRobinPartitionAssignor.metadata(wanted) for name, wanted in members.items()},
    )
    assert {
        name: sorted(dealt) for name, dealt in round_robin(members, partition_counts).items()
    } == {
        name: sorted(Partition(*each) for each in given.partitions())
        for name, given in theirs.items()
    }
