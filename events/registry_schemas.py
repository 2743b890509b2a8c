"""The schemas behind frames, where a registry of others hands out the ids.

Fingerprints are found on our own topic, which holds every schema that penstock writes with; ids are
the registry's. The ids of our own topic are other numbers, and mean nothing here.
"""

from functools import partial
from typing import final

from penstock.events.catalogue import CatalogueSettings
from penstock.events.clock import Clock
from penstock.events.schema_hold import HoldStatistics, SchemaHold
from penstock.events.schema_ids import FrameSchemas, SchemaIds
from penstock.schemas.confluent import FRAME_BYTES, id_in_frame
from penstock.schemas.schema import AvroSchema

__all__ = ["RegistrySchemas"]


@final
class RegistrySchemas:
    """Schemas by fingerprint from one place, by id from another. Fulfils `FrameSchemas`."""

    def __init__(
        self,
        catalogue: FrameSchemas,
        ids: SchemaIds,
        clock: Clock,
        *,
        settings: CatalogueSettings | None = None,
    ) -> None:
        """Stand over both.

        Args:
            catalogue: knows schemas by fingerprint.
            ids: knows schemas by id.
            clock: time.
            settings: how long an event is held.
        """
        settings = settings or CatalogueSettings()
        self._catalogue = catalogue
        self._ids = ids
        self._hold = SchemaHold(
            clock,
            wait_s=settings.schema_wait_s,
            missing_s=settings.missing_s,
            remembered=settings.schemas,
        )

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """Return the schema with this fingerprint if it has been read."""
        return self._catalogue.find(fingerprint)

    def find_id(self, schema_id: int) -> AvroSchema | None:
        """Return the schema with this id if it has been seen."""
        return self._ids.find_id(schema_id)

    async def look_up(self, frame: bytes) -> AvroSchema | None:
        """Hold whoever has an event with an unknown frame, while its schema is looked for.

        Returns:
            None where the schema has not come in the time allowed, or is known to be missing.

        Raises:
            DecodeError: the schema is there, and no record can be read by it.
            WorldError: the topic or the registry could not be asked, in bounded time.
        """
        if len(frame) != FRAME_BYTES:
            return await self._catalogue.look_up(frame)
        schema_id = id_in_frame(frame)
        find, look = partial(self.find_id, schema_id), partial(self._ids.lookup_id, schema_id)
        return await self._hold.until_found(frame, find, look)

    def statistics(self) -> HoldStatistics:
        """Return what was held because of ids."""
        return self._hold.statistics()
