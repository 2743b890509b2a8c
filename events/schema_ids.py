"""Schema ids: the port to whoever hands out numbers for schemas, and the schemas behind a frame.

    SchemaIds      ids of one registry: the product's own topic (catalogue.py), or one over HTTP
    FrameSchemas   the schemas behind frames of both kinds, for whoever reads events

Laws:
1. An id, once handed out, means one schema for ever.
2. A schema has its id before the first record that carries it is written.
3. `find…` answers from memory, at once; `lookup…` and `look_up` may wait, in bounded time.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from penstock.schemas.schema import AvroSchema

__all__ = ["FrameSchemas", "SchemaIds"]


class SchemaIds(Protocol):
    """The ids of one registry."""

    def find_id(self, schema_id: int) -> AvroSchema | None:
        """Return the schema with this id if it has been seen."""
        ...

    async def lookup_id(self, schema_id: int) -> AvroSchema | None:
        """Return the schema with this id, after one look at the registry if need be.

        Returns:
            None where the registry has no such id.

        Raises:
            DecodeError: the schema is there, and no record can be read by it.
            WorldError: the registry could not be asked, in bounded time.
        """
        ...

    async def ids_for(self, schemas: Sequence[AvroSchema]) -> Mapping[bytes, int]:
        """Register schemas as what is written to their topics, and return their ids.

        Args:
            schemas: of events and commands; each names its topic.

        Returns:
            An id by fingerprint, for each of them.

        Raises:
            CallerError: one cannot be registered as it is.
            WorldError: the registry could not be asked, in bounded time.
        """
        ...


class FrameSchemas(Protocol):
    """The schemas behind the frames of events."""

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """Return the schema with this fingerprint if it has been read."""
        ...

    def find_id(self, schema_id: int) -> AvroSchema | None:
        """Return the schema with this id if it has been seen."""
        ...

    async def look_up(self, frame: bytes) -> AvroSchema | None:
        """Hold whoever has an event with an unknown frame, while its schema is looked for.

        Args:
            frame: as `framing.frame_in` yields it.

        Returns:
            None where the schema has not come in the time allowed, or is known to be missing.

        Raises:
            DecodeError: the schema is there, and no record can be read by it.
            WorldError: the topic or the registry could not be asked, in bounded time.
        """
        ...
