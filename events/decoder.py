"""From the bytes of a record to a message: which class it is, and the compiled decoder for it.

The frame of the bytes, a fingerprint or an id (framing.py), names the writer's schema, the schema
names the type, and the type is the reader's class; writer and reader may be versions apart, and an
upcast between them (type_choice.py). What a frame stands for is found out once.

Laws:
1. Nothing is guessed: bytes without a known schema are refused, never tried.
2. Nothing waits here. An unknown schema is an error that a shell may cure, by letting the catalogue
   look at its topic and decoding again.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar, final

from penstock.events.log import Headers
from penstock.events.type_choice import Reading, TypeChoice, Unasked, Undecided
from penstock.events.upcasting import AnyUpcast, upcasting
from penstock.schemas.codec import decoder_of
from penstock.schemas.framing import found_behind, frame_in, frame_in_record
from penstock.schemas.limits import MAX_RECORD_BYTES
from penstock.schemas.lookup import SchemaIdLookup, SchemaLookup
from penstock.schemas.record import Record
from penstock.schemas.single_object import FRAME_BYTES

__all__ = ["EventDecoder"]

_RecordT = TypeVar("_RecordT", bound=Record)


@final
class EventDecoder(Generic[_RecordT]):
    """Decodes the records of some classes, whichever version wrote them."""

    def __init__(
        self,
        types: Iterable[type[_RecordT]],
        schemas: SchemaLookup,
        *,
        ids: SchemaIdLookup | None = None,
        upcasts: Iterable[AnyUpcast] = (),
        ignores: Iterable[type[Record]] = (),
        limit_bytes: int = MAX_RECORD_BYTES,
    ) -> None:
        """Take the classes; each frame is compiled when it first comes.

        Args:
            types: concrete classes.
            schemas: the writers' schemas by fingerprint.
            ids: the writers' schemas by id; not given where ids are not read, as in penstock's own
                records.
            upcasts: lead from shapes that the classes had before to the classes.
            ignores: classes whose records are left out on purpose.
            limit_bytes: size above which a record is not looked at.

        Raises:
            AbstractRecord: a class is a base.
            TypeNamedTwice: two classes have one full name.
            BadUpcast: upcasts contradict each other or the classes, or lead nowhere.
        """
        self._choice = TypeChoice(types, upcasts, ignores)
        self._schemas = schemas
        self._ids = ids
        self._limit_bytes = limit_bytes
        self._singles: dict[bytes, Callable[[bytes], _RecordT | None]] = {}
        self._by_id: dict[bytes, Callable[[bytes], _RecordT | None]] = {}
        self._unasked: dict[bytes, Unasked] = {}

    @property
    def names(self) -> Mapping[str, type[Record]]:
        """The class that each full name leads to; also names of former times and of old shapes."""
        return self._choice.names

    def decode(self, payload: bytes, headers: Headers = ()) -> _RecordT | None:
        """Decode a record.

        Args:
            payload: its value.
            headers: its headers; they may say that the value has no frame.

        Returns:
            None where the record is of a type that was not asked for.

        Raises:
            SchemaUnknown: its schema is not known (yet).
            DecodeError: a leaf for each other way in which bytes can be wrong.
        """
        # Of ten bytes that begin as a single object does, and name a schema, nothing else is asked.
        decode = self._singles.get(payload[:FRAME_BYTES]) or self._framed(payload, headers)
        return decode(payload)

    def unasked(self, payload: bytes) -> Unasked:
        """Say of which type a record is for which `decode` has just returned None."""
        return self._unasked[frame_in(payload)]

    def _framed(self, payload: bytes, headers: Headers) -> Callable[[bytes], _RecordT | None]:
        frame = frame_in_record(payload, headers)
        decoders = self._singles if len(frame) == FRAME_BYTES else self._by_id
        decode = decoders.get(frame)
        if decode is None:
            decode = decoders[frame] = self._compiled(frame)
        return decode

    def _compiled(self, frame: bytes) -> Callable[[bytes], _RecordT | None]:
        schema = found_behind(frame, self._schemas, self._ids)
        match self._choice.choose(schema):
            case Reading(shape=shape, upcasts=chain):
                decode = decoder_of(schema, shape, limit_bytes=self._limit_bytes, frame=frame)
                return upcasting(decode, chain)
            case Undecided() as undecided:
                return _refusing(undecided)
            case Unasked() as unasked:
                self._unasked[frame] = unasked
                return _passed_over


def _passed_over(payload: bytes) -> None:
    """Decode nothing: the type was not asked for."""
    del payload


def _refusing(undecided: Undecided) -> Callable[[bytes], None]:
    def refuse(payload: bytes) -> None:
        del payload
        raise undecided.error()

    return refuse
