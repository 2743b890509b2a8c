"""What a broker does by itself: it forgets what has expired, and makes topics where it may."""

from collections.abc import Callable, Iterator

import pytest
from kio.schema.errors import ErrorCode

from tests.conformance.broker_under_test import BrokerUnderTest
from tests.conformance.conversation import Conversation
from tests.conformance.patience import until
from tests.conformance.raw_client import RawClient
from tests.conformance.raw_member import RawMember


@pytest.fixture
def talk(self_acting_broker: BrokerUnderTest) -> Iterator[Conversation]:
    """A connection to the self-acting broker."""
    with RawClient(self_acting_broker.address) as client:
        yield Conversation(client)


def test_offsets_expire(
    talk: Conversation, self_acting_broker: BrokerUnderTest, unique: Callable[[str], str]
) -> None:
    """An old client says for how long; after that the offset is gone, and so is the group."""
    topic, group = talk.create_topic(unique("topic")), unique("group")
    code = talk.commit(group, topic, 5, version=2, retention_time=200)
    assert code == ErrorCode.none
    self_acting_broker.pass_time(1_000)
    until(lambda: talk.committed(group, topic).committed_offset == -1, what="expiry")
    until(lambda: talk.state_of(group) == "Dead", what="the end of the group")


def test_offsets_without_a_retention_of_their_own_stay(
    talk: Conversation, self_acting_broker: BrokerUnderTest, unique: Callable[[str], str]
) -> None:
    """offsets.retention.minutes is a week."""
    topic = talk.create_topic(unique("topic"))
    lasting, passing = unique("lasting"), unique("passing")
    talk.commit(lasting, topic, 5)
    talk.commit(passing, topic, 5, version=2, retention_time=1)
    self_acting_broker.pass_time(1_000)
    until(lambda: talk.state_of(passing) == "Dead", what="the end of the other group")
    assert talk.committed(lasting, topic).committed_offset == 5


def test_an_empty_group_without_offsets_is_forgotten(
    talk: Conversation, self_acting_broker: BrokerUnderTest, unique: Callable[[str], str]
) -> None:
    """When its last member has left."""
    member = RawMember(client=talk.client, group=unique("group"))
    # By the old way, without an id first: the group is forgotten while nobody has come with it.
    assert not member.try_join(version=3).error_code
    assert member.leave() == ErrorCode.none
    self_acting_broker.pass_time(1_000)
    until(lambda: talk.state_of(member.group) == "Dead", what="the end of the group")


def test_metadata_makes_topics_where_it_may(
    talk: Conversation, unique: Callable[[str], str]
) -> None:
    """With the flag, which came with v4; before, always. The first answer may be an error."""
    name = unique("wanted")
    assert talk.topic(name).error_code == ErrorCode.unknown_topic_or_partition
    first = talk.topic(name, auto_create=True)
    assert first.error_code in {
        ErrorCode.none,
        ErrorCode.unknown_topic_or_partition,
        ErrorCode.leader_not_available,
    }
    until(lambda: len(talk.topic(name).partitions) == 2, what="the topic to be made")
    older = name + "-older"
    talk.ask("metadata", 3, topics=[{"name": older}])
    until(lambda: len(talk.topic(older).partitions) == 2, what="the topic to be made")


def test_metadata_makes_no_illegal_topics(talk: Conversation) -> None:
    """The name is refused."""
    code = talk.topic("a b", auto_create=True).error_code
    assert code == ErrorCode.invalid_topic_exception
