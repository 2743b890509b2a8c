"""Schemas that are about to be written with: made known to all who will read.

    ensure     they stand on the schemas topic, and
    identify   where messages are framed by ids, each has one

Laws:
1. BEFORE the first record that is written with a schema, whoever reads it can look it up.
2. The schemas topic holds every schema, also where ids come from a registry: state, dead letters
   and sagas go on to be readable without that.
"""

from collections.abc import Iterable
from typing import Protocol, final

from penstock.events.schema_ids import SchemaIds
from penstock.events.writer_frames import WriterFrames
from penstock.schemas.schema import AvroSchema

__all__ = ["SchemaKeeper", "WrittenSchemas"]


class SchemaKeeper(Protocol):
    """Where schemas are registered. The catalogue is one."""

    async def ensure(self, schemas: Iterable[AvroSchema]) -> None:
        """Return once all these schemas are registered.

        Raises:
            CallerError: one cannot be registered as it is.
            WorldError: they could not be registered, in bounded time.
        """
        ...


@final
class WrittenSchemas:
    """The schemas of one process's messages. Fulfils `SchemaKeeper`."""

    def __init__(self, keeper: SchemaKeeper, frames: WriterFrames, ids: SchemaIds) -> None:
        """Stand ready.

        Args:
            keeper: keeps the schemas topic.
            frames: learns the ids, where messages are framed by them.
            ids: hands them out.
        """
        self._keeper = keeper
        self._frames = frames
        self._ids = ids

    async def ensure(self, schemas: Iterable[AvroSchema]) -> None:
        """Return once all these schemas can be written with.

        Raises:
            SchemaConflict: one has the fingerprint of a known schema and another meaning.
            SchemaIncompatible: one does not fit to earlier versions of its type.
            CallerError: a registry refuses one; a leaf says why.
            WorldError: they could not be registered, in bounded time.
        """
        schemas = tuple(schemas)
        await self._keeper.ensure(schemas)
        await self.identify(schemas)

    async def identify(self, schemas: Iterable[AvroSchema]) -> None:
        """Return once the frames of schemas that were ensured, by whomever, are known.

        Raises:
            CallerError: a registry refuses one; a leaf says why.
            WorldError: the registry could not be asked, in bounded time.
        """
        unknown = [each for each in schemas if self._frames.frame(each.fingerprint) is None]
        if unknown:
            self._frames.learn(await self._ids.ids_for(unknown))
