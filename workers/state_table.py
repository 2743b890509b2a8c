"""One table of a partition's state, with types: what `delivery.state(RecordType)` gives a handler.

Entries are records of one type under text keys. A value that an older version wrote is resolved to
the present class; one that cannot be read at all fails the partition, because going on would mean
to work on wrong state.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar, final

from penstock.schemas.codec import decoder_of, encoder_of
from penstock.schemas.codec_errors import DecodeError
from penstock.schemas.errors import ExitCode, WorldError
from penstock.schemas.lookup import SchemaLookup
from penstock.schemas.record import Record, declaration_of
from penstock.schemas.single_object import fingerprint_in
from penstock.workers.state import StateView, state_key, table_prefix

__all__ = ["StateTable", "StateUnreadable", "TableMaker", "table_maker"]

RecordT = TypeVar("RecordT", bound=Record)

TableMaker = Callable[[StateView], "StateTable[Any]"]
"""Makes the typed table of one record type over a view."""


@dataclass(eq=False, kw_only=True)
class StateUnreadable(WorldError):
    """An entry of state cannot be read."""

    table: str
    """Full name of the table's record."""
    reason: str
    """The code of the error, or what is missing."""

    code: ClassVar[str] = "PEN-W16"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "An entry of the table {table} cannot be read: {reason}."
    why: ClassVar[str] = "Going on without it would compute wrong state."
    remedy: ClassVar[str] = "Run the version that wrote it, or a newer one."


@final
class StateTable(Generic[RecordT]):
    """Records of one type, by text key."""

    def __init__(
        self,
        name: str,
        view: StateView,
        encode: Callable[[RecordT], bytes],
        decode: Callable[[bytes], RecordT],
    ) -> None:
        """Give a view types.

        Args:
            name: Full name of the table's record type.
            view: The state as one record's handler sees it.
            encode: Writes a framed value.
            decode: Reads a framed value of any known version.
        """
        self._name = name
        self._view = view
        self._encode = encode
        self._decode = decode

    def get(self, key: str) -> RecordT | None:
        """The record of a key, or None.

        Raises:
            IllegalStateKey: the key is no legal text.
        """
        value = self._view.get(state_key(self._name, key))
        return None if value is None else self._decode(value)

    def put(self, key: str, record: RecordT) -> None:
        """Set the record of a key.

        Raises:
            IllegalStateKey: the key is no legal text.
            LateChange: the handler has returned.
        """
        self._view.put(state_key(self._name, key), self._encode(record))

    def delete(self, key: str) -> None:
        """Forget a key; a missing one is no error.

        Raises:
            IllegalStateKey: the key is no legal text.
            LateChange: the handler has returned.
        """
        self._view.put(state_key(self._name, key), None)

    def scan(self, prefix: str = "") -> Iterator[tuple[str, RecordT]]:
        """All keys that begin with a prefix, in the order of their UTF-8 bytes, with records."""
        start = table_prefix(self._name)
        for key in self._view.keys(start + prefix.encode()):
            value = self._view.get(key)
            assert value is not None
            yield key.removeprefix(start).decode(), self._decode(value)


def table_maker(record_type: type[Record], schemas: SchemaLookup) -> TableMaker:
    """Compile the table of a record type.

    Args:
        record_type: A concrete record.
        schemas: Knows the schemas of older versions.
    """
    name = declaration_of(record_type).full_name
    encode: Callable[[Any], bytes] = encoder_of(record_type)
    decoders: dict[bytes, Callable[[bytes], Any]] = {}

    def decode(value: bytes) -> Any:
        try:
            fingerprint = fingerprint_in(value)
            decoder = decoders.get(fingerprint)
            if decoder is None:
                decoder = decoders[fingerprint] = _decoder(fingerprint)
            return decoder(value)
        except DecodeError as error:
            raise StateUnreadable(table=name, reason=error.code) from error

    def _decoder(fingerprint: bytes) -> Callable[[bytes], Any]:
        writer = schemas.find(fingerprint)
        if writer is None:
            reason = f"the schema {fingerprint.hex()} is not known"
            raise StateUnreadable(table=name, reason=reason)
        return decoder_of(writer, record_type)

    return lambda view: StateTable(name, view, encode, decode)
