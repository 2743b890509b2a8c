"""From the bytes of a record to a message: which class it is, and the compiled decoder for it.

The fingerprint in the bytes names the writer's schema, the schema names the type, and the type is
the reader's class; writer and reader may be versions apart. What a fingerprint stands for is found
out once.

Laws:
1. Nothing is guessed: bytes without a known schema are refused, never tried.
2. Nothing waits here. An unknown schema is an error that a shell may cure, by letting the catalogue
   look at its topic and decoding again.
"""

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar, final

from penstock.events.event_types import TypeNamedTwice
from penstock.schemas.codec import decoder_of
from penstock.schemas.limits import MAX_RECORD_BYTES
from penstock.schemas.lookup import SchemaLookup, found_in
from penstock.schemas.mapping import class_name
from penstock.schemas.record import Record, declaration_of
from penstock.schemas.single_object import fingerprint_in

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
        limit_bytes: int = MAX_RECORD_BYTES,
    ) -> None:
        """Take the classes; each fingerprint is compiled when it first comes.

        Args:
            types: concrete classes.
            schemas: the writers' schemas.
            limit_bytes: size above which a record is not looked at.

        Raises:
            AbstractRecord: a class is a base.
            TypeNamedTwice: two classes have one full name.
        """
        self._types: dict[str, type[_RecordT]] = {}
        for each in types:
            name = declaration_of(each).full_name
            known = self._types.setdefault(name, each)
            if known is not each:
                raise TypeNamedTwice(
                    full_name=name, first=class_name(known), second=class_name(each)
                )
        self._schemas = schemas
        self._limit_bytes = limit_bytes
        self._decoders: dict[bytes, Callable[[bytes], _RecordT | None]] = {}

    def decode(self, payload: bytes) -> _RecordT | None:
        """Decode a record.

        Returns:
            None where the record is of a type that was not asked for.

        Raises:
            UnknownFingerprint: its schema is not known (yet).
            DecodeError: a leaf for each other way in which bytes can be wrong.
        """
        fingerprint = fingerprint_in(payload)
        decode = self._decoders.get(fingerprint)
        if decode is None:
            decode = self._decoders[fingerprint] = self._compiled(fingerprint)
        return decode(payload)

    def _compiled(self, fingerprint: bytes) -> Callable[[bytes], _RecordT | None]:
        schema = found_in(self._schemas, fingerprint)
        wanted = self._types.get(schema.full_name)
        if wanted is None:
            return _passed_over
        return decoder_of(schema, wanted, limit_bytes=self._limit_bytes)


def _passed_over(payload: bytes) -> None:
    """Decode nothing: the type was not asked for."""
    del payload
