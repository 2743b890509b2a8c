"""GroupMember (workers/ports.py): partitions are shared, positions are kept, strangers refused."""

from collections.abc import Callable

import pytest

from penstock.events.log import Partition, PositionLost
from penstock.workers.ports import GroupMember, Membership, NotAMember
from tests.conformance.cluster import Cluster
from tests.conformance.port_play import Reader, filled, make_topic
from tests.integration.workbench import eventually, play


def test_one_member_reads_everything(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """Each partition from where it was told to begin, in order."""

    async def scenario() -> None:
        first = await make_topic(cluster, unique("t"), partitions=2)
        second = Partition(first.topic, 1)
        reader = Reader(unique("g"), first.topic)
        async with cluster.writer() as writer, cluster.member(reader.seat) as member:
            await eventually(lambda: reader.owns(member, first, second), what="both partitions")
            await filled(writer, first, b"a", b"b")
            await filled(writer, second, b"c")

            async def read() -> bool:
                await reader.polls(member)
                return reader.values == {first: [b"a", b"b"], second: [b"c"]}

            await eventually(read, what="all records")
            assert (member.position(first), member.position(second)) == (2, 1)
            await eventually(lambda: _knows_end(reader, member, first, 2), what="the end")
            assert await member.bounds(first) == (0, 2)
            assert await member.offset_at(first, 0) == 0
            assert await member.offset_at(first, 1 << 50) == 2
            assert await member.membership() is Membership.MEMBER
            assert list(member.missing()) == []

    play(scenario())


async def _knows_end(reader: Reader, member: GroupMember, partition: Partition, end: int) -> bool:
    await reader.polls(member)
    return member.end(partition) == end


def test_a_poll_returns_no_more_than_was_asked_for(
    cluster: Cluster, unique: Callable[[str], str]
) -> None:
    """The rest comes with the next ones."""

    async def scenario() -> None:
        place = await make_topic(cluster, unique("t"))
        reader = Reader(unique("g"), place.topic)
        async with cluster.writer() as writer, cluster.member(reader.seat) as member:
            await filled(writer, place, b"a", b"b", b"c")
            sizes: list[int] = []

            async def read() -> bool:
                sizes.append(await reader.polls(member, max_records=2))
                return len(reader.values.get(place, [])) == 3

            await eventually(read, what="three records")
            assert [size for size in sizes if size] == [2, 1]

    play(scenario())


def test_a_paused_partition_rests(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """The others go on; when it is resumed, nothing is missing."""

    async def scenario() -> None:
        first = await make_topic(cluster, unique("t"), partitions=2)
        second = Partition(first.topic, 1)
        reader = Reader(unique("g"), first.topic)
        async with cluster.writer() as writer, cluster.member(reader.seat) as member:
            await eventually(lambda: reader.owns(member, first, second), what="both partitions")
            member.pause(first)
            await filled(writer, first, b"a")
            await filled(writer, second, b"b")

            async def read(wanted: dict[Partition, list[bytes]]) -> bool:
                await reader.polls(member)
                return reader.values == wanted

            await eventually(lambda: read({second: [b"b"]}), what="the other record")
            member.resume(first)
            await eventually(lambda: read({first: [b"a"], second: [b"b"]}), what="both records")

    play(scenario())


def test_a_member_goes_where_it_is_told(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """Records before the new position are not returned any more."""

    async def scenario() -> None:
        place = await make_topic(cluster, unique("t"))
        reader = Reader(unique("g"), place.topic)
        async with cluster.writer() as writer, cluster.member(reader.seat) as member:
            await filled(writer, place, b"a", b"b", b"c")
            await eventually(lambda: reader.owns(member, place), what="the partition")
            reader.values.clear()
            member.seek(place, 1)
            assert member.position(place) == 1

            async def read() -> bool:
                await reader.polls(member)
                return len(reader.values.get(place, [])) == 2

            await eventually(read, what="two records")
            assert reader.values == {place: [b"b", b"c"]}

    play(scenario())


def test_a_position_beyond_the_log_is_lost(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """PositionLost names partition and position; nobody is moved in silence."""

    async def scenario() -> None:
        place = await make_topic(cluster, unique("t"))
        reader = Reader(unique("g"), place.topic)
        async with cluster.member(reader.seat) as member:
            await eventually(lambda: reader.owns(member, place), what="the partition")
            member.seek(place, 77)

            async def raises() -> bool:
                try:
                    await reader.polls(member)
                except PositionLost as lost:
                    return (lost.partition, lost.position) == (place, 77)
                return False

            await eventually(raises, what="PositionLost")

    play(scenario())


def test_committed_offsets_are_kept_with_their_metadata(
    cluster: Cluster, unique: Callable[[str], str]
) -> None:
    """By partition, and for whoever comes next; None where nothing was committed."""

    async def scenario() -> None:
        first = await make_topic(cluster, unique("t"), partitions=2)
        second = Partition(first.topic, 1)
        reader = Reader(unique("g"), first.topic)
        async with cluster.member(reader.seat) as member:
            await eventually(lambda: reader.owns(member, first, second), what="both partitions")
            assert await member.committed(first) is None
            await member.commit(first, 5, "note")
            assert await member.committed(first) == (5, "note")
            await member.commit(first, 3, "")
            assert await member.committed(first) == (3, "")
        later = Reader(reader.seat.group, first.topic)
        async with cluster.member(later.seat) as member:
            await eventually(lambda: later.owns(member, first, second), what="both partitions")
            assert await member.committed(first) == (3, "")
            assert await member.committed(second) is None

    play(scenario())


def test_two_members_share(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """What one gets was taken from the other before; when it leaves, it is given back."""

    async def scenario() -> None:
        first = await make_topic(cluster, unique("t"), partitions=2)
        both = {first, Partition(first.topic, 1)}
        group = unique("g")
        # A short session, because a member learns of the rebalance with its next heartbeat; and not
        # shorter, because one that a busy machine lets expire makes another rebalance.
        one, two = (Reader(group, first.topic, session_timeout_s=6.0) for _ in range(2))
        async with cluster.member(one.seat) as early:
            await eventually(lambda: one.owns(early, *both), what="both partitions")
            async with cluster.member(two.seat) as late:

                async def shared() -> bool:
                    await one.polls(early)
                    await two.polls(late)
                    return len(one.owned) == len(two.owned) == 1

                await eventually(shared, what="one partition each")
                assert one.owned | two.owned == both
                assert one.revocations == [both]
                assert await early.membership() is Membership.MEMBER
                assert await late.membership() is Membership.MEMBER
            await eventually(lambda: one.owns(early, *both), what="both partitions again")

    play(scenario())


def test_a_missing_topic_is_told(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """The member waits for it, and reads what there is."""

    async def scenario() -> None:
        place, missing = await make_topic(cluster, unique("t")), unique("missing")
        reader = Reader(unique("g"), place.topic, missing)
        async with cluster.member(reader.seat) as member:
            await eventually(lambda: reader.owns(member, place), what="the partition")
            assert list(member.missing()) == [missing]
        async with cluster.topics() as topics:
            assert missing not in await topics.names()

    play(scenario())


def test_who_was_thrown_out_may_not_commit(cluster: Cluster, unique: Callable[[str], str]) -> None:
    """A session that timed out: the coordinator says so, and takes no offset of that generation."""
    if not cluster.moves_time:
        pytest.skip("heartbeats go on while real time passes")

    async def scenario() -> None:
        place = await make_topic(cluster, unique("t"))
        reader = Reader(unique("g"), place.topic)
        async with cluster.member(reader.seat) as member:
            await eventually(lambda: reader.owns(member, place), what="the partition")
            await member.commit(place, 1, "")
            await cluster.pass_time(11.0)
            assert await member.membership() is Membership.LOST
            with pytest.raises(NotAMember):
                await member.commit(place, 2, "")
            assert await member.committed(place) == (1, "")
            await eventually(lambda: reader.owns(member, place), what="the partition again")

    play(scenario())
