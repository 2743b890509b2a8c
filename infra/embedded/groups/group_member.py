"""One member of a group: what it told about itself, what it was given, and whether it waits."""

from collections.abc import Sequence
from typing import final

from penstock.infra.embedded.groups.group_answers import DescribedMember, JoinedMember
from penstock.infra.embedded.groups.group_entry import KeptMember
from penstock.infra.embedded.groups.memory_gauge import MEMBER_WEIGHT, PROTOCOL_WEIGHT

__all__ = ["GroupMember", "Protocols", "weight_of"]

Protocols = tuple[tuple[str, bytes], ...]
"""Assignors in order of preference, each with the member's metadata for it."""


@final
class GroupMember:
    """A member, mutable; only its group changes it."""

    __slots__ = (
        "assignment",
        "client_host",
        "client_id",
        "instance_id",
        "is_new",
        "join_token",
        "member_id",
        "protocols",
        "rebalance_timeout_ms",
        "session_timeout_ms",
        "sync_token",
    )

    def __init__(
        self,
        *,
        member_id: str,
        instance_id: str | None,
        client_id: str,
        client_host: str,
        protocols: Protocols,
        session_timeout_ms: int,
        rebalance_timeout_ms: int,
        assignment: bytes = b"",
    ) -> None:
        """Make a member that waits for nothing.

        Args:
            member_id: what the coordinator named it.
            instance_id: name of a static member.
            client_id: what the client calls itself.
            client_host: where it connects from.
            protocols: what it supports.
            session_timeout_ms: without a heartbeat for so long it is removed.
            rebalance_timeout_ms: how long the others wait for it.
            assignment: what the leader gave it.
        """
        self.member_id = member_id
        self.instance_id = instance_id
        self.client_id = client_id
        self.client_host = client_host
        self.protocols = protocols
        self.session_timeout_ms = session_timeout_ms
        self.rebalance_timeout_ms = rebalance_timeout_ms
        self.assignment = assignment
        self.is_new = False
        """True until its first generation: its first join may time out although it waits."""
        self.join_token: int | None = None
        """Its join that waits; None when none does."""
        self.sync_token: int | None = None
        """Its sync that waits; None when none does."""

    @property
    def is_static(self) -> bool:
        """True where it has an instance id."""
        return self.instance_id is not None

    @property
    def needs_no_heartbeat(self) -> bool:
        """True while it waits for an answer: it cannot send heartbeats then."""
        if self.is_new:
            return False
        return self.join_token is not None or self.sync_token is not None

    @property
    def protocol_names(self) -> Sequence[str]:
        """What it supports, in its order of preference."""
        return [name for name, _ in self.protocols]

    @property
    def weight(self) -> int:
        """Bytes that it holds, by estimate."""
        texts = len(self.member_id) + len(self.client_id) + len(self.client_host)
        return MEMBER_WEIGHT + texts + weight_of(self.protocols) + len(self.assignment)

    def metadata(self, protocol: str | None) -> bytes:
        """Return its metadata for a protocol; empty for one that it does not support.

        Args:
            protocol: an assignor's name.
        """
        return next((metadata for name, metadata in self.protocols if name == protocol), b"")

    def joined(self, protocol: str | None) -> JoinedMember:
        """Show it to the leader.

        Args:
            protocol: the chosen assignor.
        """
        return JoinedMember(
            member_id=self.member_id,
            instance_id=self.instance_id,
            metadata=self.metadata(protocol),
        )

    def described(self, protocol: str | None) -> DescribedMember:
        """Show it to an administrator.

        Args:
            protocol: the chosen assignor; None hides the metadata.
        """
        return DescribedMember(
            member_id=self.member_id,
            instance_id=self.instance_id,
            client_id=self.client_id,
            client_host=self.client_host,
            metadata=self.metadata(protocol),
            assignment=self.assignment,
        )

    def kept(self, protocol: str | None, assignment: bytes) -> KeptMember:
        """Show it to the journal.

        Args:
            protocol: the chosen assignor.
            assignment: what it gets or has.
        """
        return KeptMember(
            member_id=self.member_id,
            instance_id=self.instance_id,
            client_id=self.client_id,
            client_host=self.client_host,
            session_timeout_ms=self.session_timeout_ms,
            rebalance_timeout_ms=self.rebalance_timeout_ms,
            metadata=self.metadata(protocol),
            assignment=assignment,
        )


def weight_of(protocols: Protocols) -> int:
    """Estimate the bytes of what a member tells about its protocols.

    Args:
        protocols: of a member, or of one who wants to be one.
    """
    return sum(PROTOCOL_WEIGHT + len(name) + len(metadata) for name, metadata in protocols)
