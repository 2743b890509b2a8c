"""A member of a group by the protocol's own steps, each with its error code in the open.

It speaks over a connection of its own, because a join holds up its connection until the group is
complete. What it says about itself is a subscription of Kafka's consumers: Apache Kafka looks into
those, and a join whose subscription cannot be read is never answered.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from kio.schema.errors import ErrorCode

from tests.conformance.patience import until
from tests.conformance.raw_client import RawClient, Sent, only

__all__ = ["PROTOCOLS", "MakeMember", "RawMember", "joined_by", "rejoined", "subscription"]


def subscription(*topics: str, note: bytes = b"") -> bytes:
    """What a consumer says with its join, version 0.

    Args:
        topics: what it reads.
        note: anything that tells one member from another.
    """
    names = [topic.encode() for topic in topics]
    listed = b"".join(len(name).to_bytes(2, "big") + name for name in names)
    header = (0).to_bytes(2, "big") + len(names).to_bytes(4, "big")
    return header + listed + len(note).to_bytes(4, "big") + note


PROTOCOLS: Sequence[tuple[str, bytes]] = (("range", subscription("what-i-read")),)
SESSION_MS = 10_000
REBALANCE_MS = 10_000


@final
@dataclass(slots=True, kw_only=True)
class RawMember:
    """One member, known or not yet."""

    client: RawClient
    group: str
    member_id: str = ""
    instance_id: str | None = None
    generation: int = -1
    session_timeout_ms: int = SESSION_MS
    rebalance_timeout_ms: int = REBALANCE_MS
    protocols: Sequence[tuple[str, bytes]] = PROTOCOLS
    protocol_type: str = "consumer"

    def send_join(self, *, version: int = 5) -> Sent:
        """Ask to join, and leave the answer for later."""
        fields: dict[str, Any] = {}
        if version >= 1:
            fields["rebalance_timeout"] = self.rebalance_timeout_ms
        if version >= 5:
            fields["group_instance_id"] = self.instance_id
        return self.client.send(
            "join_group",
            version,
            group_id=self.group,
            session_timeout=self.session_timeout_ms,
            member_id=self.member_id,
            protocol_type=self.protocol_type,
            protocols=[{"name": name, "metadata": data} for name, data in self.protocols],
            **fields,
        )

    def joined(self, sent: Sent) -> Any:
        """The answer to a join; the member takes its id and generation from it."""
        answer = self.client.answer(sent)
        if not answer.error_code:
            self.generation = answer.generation_id
        if not answer.error_code or answer.error_code == ErrorCode.member_id_required:
            self.member_id = answer.member_id
        return answer

    def try_join(self, *, version: int = 5) -> Any:
        """Ask once to join, and wait for the answer."""
        return self.joined(self.send_join(version=version))

    def begin_join(self) -> Sent:
        """Ask to join with an id, which is asked for first where there is none."""
        if not self.member_id and self.instance_id is None:
            answer = self.try_join()
            assert answer.error_code == ErrorCode.member_id_required, answer
        return self.send_join()

    def join(self) -> Any:
        """Join, alone or with others that have asked already."""
        answer = self.joined(self.begin_join())
        assert not answer.error_code, answer
        return answer

    @property
    def _who(self) -> dict[str, Any]:
        return {
            "group_id": self.group,
            "generation_id": self.generation,
            "member_id": self.member_id,
            "group_instance_id": self.instance_id,
        }

    def send_sync(self, assignments: Mapping[str, bytes] | None = None) -> Sent:
        """Ask for the assignment, as the leader with everybody's."""
        return self.client.send(
            "sync_group",
            3,
            **self._who,
            assignments=[
                {"member_id": member, "assignment": assignment}
                for member, assignment in (assignments or {}).items()
            ],
        )

    def sync(self, assignments: Mapping[str, bytes] | None = None) -> Any:
        """Ask for the assignment and wait for it."""
        return self.client.answer(self.send_sync(assignments))

    def begin(self) -> None:
        """Join alone and sync."""
        self.join()
        answer = self.sync({self.member_id: b"all"})
        assert (answer.error_code, answer.assignment) == (ErrorCode.none, b"all")

    def heartbeat(self) -> ErrorCode:
        """Say that it is there."""
        code: ErrorCode = self.client.ask("heartbeat", 3, **self._who).error_code
        return code

    def leave(self) -> ErrorCode:
        """Leave the group."""
        identity = {"member_id": self.member_id, "group_instance_id": self.instance_id}
        answer = self.client.ask("leave_group", 3, group_id=self.group, members=[identity])
        assert not answer.error_code
        code: ErrorCode = only(answer.members).error_code
        return code

    def commit(self, topic: str, offset: int, metadata: str = "") -> ErrorCode:
        """Commit an offset of partition 0 with the member's generation."""
        place = {
            "partition_index": 0,
            "committed_offset": offset,
            "committed_metadata": metadata,
        }
        answer = self.client.ask(
            "offset_commit",
            7,
            group_id=self.group,
            generation_id_or_member_epoch=self.generation,
            member_id=self.member_id,
            group_instance_id=self.instance_id,
            topics=[{"name": topic, "partitions": [place]}],
        )
        code: ErrorCode = only(only(answer.topics).partitions).error_code
        return code


MakeMember = Callable[..., RawMember]
"""Makes members of one group; takes the fields of a member."""


def joined_by(one: RawMember, two: RawMember) -> RawMember:
    """Let a second member join a stable group of one.

    Returns:
        The leader. The first member is assigned `1`, the second one `2`.
    """
    sent = two.begin_join()
    _notices(one)
    answer = one.joined(one.send_join())
    two.joined(sent)
    leader, other = (one, two) if answer.leader == one.member_id else (two, one)
    synced(leader, other, {one.member_id: b"1", two.member_id: b"2"})
    return leader


def rejoined(leader: RawMember, other: RawMember) -> None:
    """Let the leader of a stable group of two begin a rebalance, and see it through."""
    sent = leader.send_join()
    _notices(other)  # before that, its join would be answered with the old generation
    assert not other.joined(other.send_join()).error_code
    assert not leader.joined(sent).error_code
    synced(leader, other, {leader.member_id: b"leads", other.member_id: b"follows"})


def synced(leader: RawMember, other: RawMember, shares: Mapping[str, bytes]) -> None:
    """Let the leader assign these shares, and each member take its own."""
    waiting = other.send_sync()
    assert leader.sync(shares).assignment == shares[leader.member_id]
    assert other.client.answer(waiting).assignment == shares[other.member_id]


def _notices(member: RawMember) -> None:
    until(lambda: member.heartbeat() == ErrorCode.rebalance_in_progress, what="the rebalance")
