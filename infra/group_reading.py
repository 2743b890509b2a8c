"""What a subscriber in a group is wired from: its name, its place in the group, its rhythm."""

from collections.abc import Sequence
from typing import Final, final

from penstock.events.group import GroupReader
from penstock.events.group_source import (
    Assigned,
    GroupPlace,
    GroupSource,
    GroupSourceSettings,
    Revoked,
)
from penstock.events.log import Partition, TopicMissing
from penstock.events.names import subscriber_group
from penstock.events.reading_range import Start
from penstock.infra.log_cluster import JoinedMember
from penstock.infra.parts import Parts
from penstock.workers.ports import Assignments

__all__ = ["open_group"]

MAX_POLL_INTERVAL_S: Final = 120.0
"""Without a poll for so long a member leaves its group. Polls do not wait for whoever handles
records, so only a blocked process gets there."""


async def open_group(
    parts: Parts, name: str, topics: Sequence[str], *, start: Start
) -> GroupSource:
    """Prepare to read in a group of subscribers; it joins when it begins.

    Args:
        parts: of the app.
        name: of the group, as worker names are: [a-z][a-z0-9_-]{0,62}.
        topics: what the group reads.
        start: where a partition begins of which the group has no offset.

    Raises:
        IllegalName: the name is illegal.
        TopicMissing: a topic does not exist.
        KafkaUnreachable: no broker answered.
    """
    member = _Member(parts, subscriber_group(parts.settings.app, name), topics)
    # A group waits in silence for a topic that does not exist.
    known = await parts.topics.describe(topics)
    if missing := sorted(set(topics) - known.keys()):
        raise TopicMissing(topics=", ".join(missing))
    return GroupSource(
        GroupPlace(join=member.join, leave=member.leave),
        partitions=[
            Partition(topic, number)
            for topic, state in known.items()
            for number in range(state.partitions)
        ],
        start=start,
        clock=parts.clock,
        raise_alarm=parts.alarm,
        settings=GroupSourceSettings(drain_s=parts.settings.drain_s),
    )


@final
class _Member:
    """One membership."""

    def __init__(self, parts: Parts, group: str, topics: Sequence[str]) -> None:
        self._parts = parts
        self._group = group
        self._topics = topics
        self._member: JoinedMember | None = None

    async def join(self, assigned: Assigned, revoked: Revoked) -> GroupReader:
        settings = self._parts.settings
        self._member = await self._parts.cluster.member(
            group=self._group,
            topics=list(self._topics),
            assignments=Assignments(assigned, revoked),
            session_timeout_s=settings.session_timeout_s,
            rebalance_timeout_s=settings.drain_s + 10.0,
            max_poll_interval_s=MAX_POLL_INTERVAL_S,
        )
        return self._member

    async def leave(self) -> None:
        if self._member is not None:
            await self._member.stop()
