"""Decoding whatever a topic holds, by the schemas of its writers and with no class.

A schema that is not known yet is looked for, in bounded time; what cannot be decoded after that is
shown as such.

Laws:
1. No record ends a reading, whatever is in it.
2. What is not wanted is not decoded.
3. Memory is bounded: of compiled decoders the latest used are kept.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, final

from penstock.events.log import LogRecord
from penstock.events.schema_ids import FrameSchemas
from penstock.infra.cli.record_view import RecordFilter, SeenRecord, type_header
from penstock.schemas.codec import datum_decoder_of
from penstock.schemas.codec_errors import DecodeError
from penstock.schemas.framing import find_behind, frame_in_record, unknown_frame

__all__ = ["RecordDecoding"]

_DECODERS: Final = 500
"""Compiled decoders that are kept; a topic has a few."""


class _Compiled(NamedTuple):
    type_name: str
    decode: Callable[[bytes], Mapping[str, Any]]


@final
class RecordDecoding:
    """Makes of records what is shown of them."""

    def __init__(self, schemas: FrameSchemas, wanted: RecordFilter, *, values: bool = True) -> None:
        """Begin with no decoder.

        Args:
            schemas: the writers' schemas.
            wanted: which records are.
            values: False leaves values as they are; of what type they are is still looked at,
                where only some types are wanted.
        """
        self._schemas = schemas
        self._wanted = wanted
        self._values = values
        self._compiled: OrderedDict[bytes, _Compiled] = OrderedDict()

    async def seen(self, record: LogRecord) -> SeenRecord | None:
        """Decode a record.

        Returns:
            None where it is not wanted.

        Raises:
            WorldError: schemas could not be asked for, in bounded time.
        """
        if not self._wanted.takes_key(record.key):
            return None
        if record.value is None or not (self._values or self._wanted.types):
            return self._undecoded(record, None)
        try:
            compiled = await self._compiled_for(record, record.value)
            if not self._wanted.takes_type(compiled.type_name):
                return None
            datum = compiled.decode(record.value) if self._values else None
        except DecodeError as error:
            return self._undecoded(record, error)
        return SeenRecord(record=record, type_name=compiled.type_name, datum=datum)

    def _undecoded(self, record: LogRecord, error: DecodeError | None) -> SeenRecord | None:
        type_name = type_header(record.headers)
        if not self._wanted.takes_type(type_name):
            return None
        problem = None if error is None else str(error)
        return SeenRecord(record=record, type_name=type_name, problem=problem)

    async def _compiled_for(self, record: LogRecord, payload: bytes) -> _Compiled:
        frame = frame_in_record(payload, record.headers)
        if frame in self._compiled:
            self._compiled.move_to_end(frame)
            return self._compiled[frame]
        schema = find_behind(frame, self._schemas, self._schemas)
        if schema is None:
            schema = await self._schemas.look_up(frame)
        if schema is None:
            raise unknown_frame(frame)
        compiled = _Compiled(schema.full_name, datum_decoder_of(schema, frame=frame))
        self._compiled[frame] = compiled
        if len(self._compiled) > _DECODERS:
            self._compiled.popitem(last=False)
        return compiled
