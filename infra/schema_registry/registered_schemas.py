"""The port to what is served: schemas with ids and subjects, as events.catalogue has them.

Law: reading is from memory and at once; `refresh` brings it up to date, and only it and the writing
calls may wait.
"""

from collections.abc import Sequence
from typing import Protocol

from penstock.schemas.compatibility_levels import Level
from penstock.schemas.schema import AvroSchema

__all__ = ["RegisteredSchemas", "RegisteredVersion"]


class RegisteredVersion(Protocol):
    """A version of a subject."""

    @property
    def subject(self) -> str:
        """The subject."""
        ...

    @property
    def version(self) -> int:
        """Its number, from 1."""
        ...

    @property
    def id(self) -> int:
        """The schema's id."""
        ...

    @property
    def schema(self) -> AvroSchema:
        """The schema."""
        ...


class RegisteredSchemas(Protocol):
    """The schemas of a cluster."""

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """Return the schema with this fingerprint."""
        ...

    def find_id(self, schema_id: int) -> AvroSchema | None:
        """Return the schema with this id."""
        ...

    def subjects(self) -> Sequence[str]:
        """Return all subjects, in order."""
        ...

    def versions(self, subject: str) -> Sequence[RegisteredVersion]:
        """Return the versions of a subject, the oldest first; none where it is not known."""
        ...

    def level_of(self, subject: str) -> Level:
        """Return what a subject demands of new versions; "" stands for those not known."""
        ...

    def level_for(self, subject: str, schema: AvroSchema) -> Level:
        """Return what a schema has to meet to be a version of a subject."""
        ...

    async def refresh(self) -> None:
        """Read all that has been written up to now.

        Raises:
            WorldError: it cannot be read in time.
        """
        ...

    async def register(self, subject: str, schema: AvroSchema) -> RegisteredVersion:
        """Make a schema a version of a subject; the same again gives the same answer.

        Raises:
            CallerError: it may not be one.
            WorldError: it could not be written, or whether it was is not known.
        """
        ...

    async def set_level(self, subject: str, level: Level | None) -> None:
        """Set what a subject demands of new versions.

        Args:
            subject: the subject; "" sets it for all that have no level of their own.
            level: the level; None takes it back.

        Raises:
            CallerError: the subject's name is illegal, or there is no room.
            WorldError: it could not be written, or whether it was is not known.
        """
        ...
