"""Counters as the records of their topic, and back.

A record is one replica's component of one counter (workers/counters.py). Writing is canonical: one
state has one list of records, in the order of their keys, and each record one text of bytes.

Laws:
1. What cannot be read is never guessed: `ComponentUnreadable` says where it lies and why.
2. A number below 0, and a decrement of a counter that only grows, are not read: they would make
   what never goes down go down.
3. Pure: a schema that is not known is asked for by whoever reads, who may wait for it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, NamedTuple, final

from penstock.events.log import LogRecord, Partition
from penstock.infra.replication.pn_counter import PNCounter
from penstock.schemas.codec import datum_decoder_of, encoder_of
from penstock.schemas.codec_errors import DecodeError, UnknownFingerprint
from penstock.schemas.errors import ExitCode, WorldError
from penstock.schemas.lookup import SchemaLookup, found_in, own_in
from penstock.schemas.record import declaration_of
from penstock.schemas.single_object import FRAME_BYTES, fingerprint_in
from penstock.workers.counters import CounterComponent, CounterKind, component_key

__all__ = [
    "COMPONENT_SCHEMA",
    "Component",
    "ComponentDecoder",
    "ComponentUnreadable",
    "encode_component",
    "records_of",
]

COMPONENT_SCHEMA: Final = declaration_of(CounterComponent).schema
"""What every record of a topic of counters is written with by this version."""

encode_component: Final[Callable[[CounterComponent], bytes]] = encoder_of(CounterComponent)
"""The value of a component's record."""


class Component(NamedTuple):
    """What one record says: all that one replica has ever counted on one counter."""

    kind: CounterKind
    increments: int
    decrements: int


@dataclass(eq=False, kw_only=True)
class ComponentUnreadable(WorldError):
    """A record of a topic of counters cannot be read."""

    partition: Partition
    """Where it lies."""
    offset: int
    """Its offset."""
    problem: str
    """What is wrong with it, or the code of the error."""

    code: ClassVar[str] = "PEN-I93"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "The record of {partition} at offset {offset} is no count: {problem}."
    why: ClassVar[str] = "What cannot be read is never guessed."
    remedy: ClassVar[str] = "Run the version that wrote it, or a newer one; else find its writer."


def records_of(counter: str, state: PNCounter, kind: CounterKind) -> list[tuple[bytes, bytes]]:
    """Return a counter as records, key and value, in the order of their keys.

    Args:
        counter: its name.
        state: all of its components; one that only grows has no decrements.
        kind: as it is declared.
    """
    return sorted(
        (
            component_key(replica, counter),
            encode_component(CounterComponent(kind=kind, increments=ups, decrements=downs)),
        )
        for replica, (ups, downs) in state.versions.items()
    )


@final
class ComponentDecoder:
    """Reads the values of records, by the schemas that wrote them."""

    def __init__(self, schemas: SchemaLookup, *, to_write_again: bool = False) -> None:
        """Know no schema yet.

        Args:
            schemas: knows schemas by fingerprint.
            to_write_again: refuse what a newer version has written with more in it than this one
                knows, because writing it again would lose that (formats.md F9).
        """
        self._schemas = schemas
        self._to_write_again = to_write_again
        self._decoders: dict[bytes, Callable[[bytes], dict[str, Any]]] = {}

    def decode(self, record: LogRecord) -> Component:
        """Return what a record says.

        Raises:
            UnknownFingerprint: its schema is not known, or not yet.
            ComponentUnreadable: it is no component.
        """
        value = record.value
        if value is None:
            raise _unreadable(record, "it is a tombstone, and counts are never removed")
        try:
            decode = self._decoders.get(value[:FRAME_BYTES])
            datum = (decode or self._decoder(value))(value)
        except UnknownFingerprint:
            raise
        except DecodeError as error:
            raise _unreadable(record, error.code) from error
        kind, increments, decrements = datum["kind"], datum["increments"], datum["decrements"]
        if increments < 0 or decrements < 0:
            raise _unreadable(record, "it is negative")
        if decrements and kind == "g":
            raise _unreadable(record, "it counts down, and says that it only grows")
        return Component(kind, increments, decrements)

    def _decoder(self, value: bytes) -> Callable[[bytes], dict[str, Any]]:
        fingerprint = fingerprint_in(value)
        if self._to_write_again:
            writer = own_in(self._schemas, fingerprint, COMPONENT_SCHEMA)
        else:
            writer = found_in(self._schemas, fingerprint)
        decoder = datum_decoder_of(writer, COMPONENT_SCHEMA)
        # As many as there are versions of one record.
        self._decoders[value[:FRAME_BYTES]] = decoder
        return decoder


def _unreadable(record: LogRecord, problem: str) -> ComponentUnreadable:
    place = Partition(record.topic, record.partition)
    return ComponentUnreadable(partition=place, offset=record.offset, problem=problem)
