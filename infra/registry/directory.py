"""The port: where entries are kept, for as long as their leases run.

`redis_directory.RedisDirectory` is its adapter. Whoever writes another one, for another store,
keeps these laws; the shells of this folder then work with it.

Laws:
1. Leases run by one clock, that of the store.
2. `heartbeat` renews a lease that runs, and nothing else: it neither makes an entry nor brings one
   back whose lease has ended.
3. Each call ends within a bound. It raises a WorldError where the store did not answer, refused, or
   holds what cannot be understood (RegistryDamaged); other errors are mistakes of ours.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final, Protocol

from penstock.infra.registry.instance import Instance
from penstock.infra.registry.instance_codec import InstanceUnreadable
from penstock.schemas.errors import ExitCode, WorldError

__all__ = ["LISTED_LIMIT", "Directory", "Lease", "Outcome", "RegistryDamaged", "Snapshot"]

LISTED_LIMIT: Final = 2_000
"""Instances of one service in a snapshot at most. A snapshot is one answer, of a few hundred bytes
for each of them and never more than four kilobytes."""


@dataclass(eq=False, kw_only=True)
class RegistryDamaged(WorldError):
    """What the registry holds about a service, or about all, is not what it must be."""

    key: str
    """Under which key of the store."""

    code: ClassVar[str] = "PEN-I82"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "The registry's key '{key}' in Redis is of a wrong type."
    why: ClassVar[str] = "Another program wrote it, so who is there cannot be known."
    remedy: ClassVar[str] = (
        "A process of that service deletes it with its next heartbeat, within three seconds; where "
        "none runs, delete it. See who else writes to this Redis."
    )


class Outcome(StrEnum):
    """What became of an entry."""

    JOINED = "joined"
    """It was not there, or its lease had ended; now it is."""
    CHANGED = "changed"
    """It was there and said something else."""
    RENEWED = "renewed"
    """It was there and said the same; its lease begins anew."""
    GONE = "gone"
    """It is not there as the heartbeat describes it: register again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """An instance and for how long its last word counts."""

    instance: Instance
    """The instance."""
    left_s: float
    """Seconds until its lease ends, unless it is renewed; more than 0, at most LEASE_S."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that is known of a service at one moment."""

    epoch: str
    """Another one where all that was known before has been lost; empty where there is nothing."""
    event: str
    """Where the service's events stand; for `wait`."""
    leases: tuple[Lease, ...] = ()
    """Those that run, by the instances' ids."""
    unreadable: tuple[InstanceUnreadable, ...] = ()
    """Those that run, and whose entries cannot be read."""
    left_out: int = 0
    """Those that run beyond the number that is listed at most."""


class Directory(Protocol):
    """Keeps entries."""

    async def register(self, instance: Instance) -> Outcome:
        """Make or change an entry, and begin its lease. Doing it again changes nothing.

        Returns:
            JOINED, CHANGED or RENEWED.

        Raises:
            WorldError: as the laws say; it may have happened.
        """
        ...

    async def heartbeat(self, instance: Instance) -> Outcome:
        """Renew a lease that runs.

        Args:
            instance: as it was registered, word for word.

        Returns:
            RENEWED or GONE.

        Raises:
            WorldError: as the laws say; it may have happened.
        """
        ...

    async def leave(self, instance: Instance) -> bool:
        """Remove an entry at once.

        Returns:
            Whether it was there.

        Raises:
            WorldError: as the laws say; it may have happened.
        """
        ...

    async def look(self, service: str) -> Snapshot:
        """Return what is known of a service.

        Raises:
            WorldError: as the laws say.
        """
        ...

    async def wait(self, service: str, *, event: str, wait_s: float) -> None:
        """Return when a service has changed since a snapshot, or the time is over.

        A lease that ends by itself is no event.

        Args:
            service: its name.
            event: as the snapshot says.
            wait_s: seconds at most.

        Raises:
            WorldError: as the laws say.
        """
        ...

    async def services(self) -> tuple[str, ...]:
        """Return the services of which an instance has said something lately, by name.

        Raises:
            WorldError: as the laws say.
        """
        ...
