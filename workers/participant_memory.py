"""The memory of a participant, as entries of its partition's state.

There is one entry for each step of each saga that has left something to remember, in the changelog
of the topic of its commands; it is written in the transaction that holds the answer. An entry names
the time at which it is forgotten, and the partition's timers remove it then (timers.py).

Laws:
1. These records are on the wire: fields are added with defaults, none is removed (formats.md F9).
2. An entry that cannot be read fails the partition: answering without it could repeat an effect.
   So does one that a newer version wrote, for what is added there would be lost.
3. The entry of a step is read and written in the lane of its saga's key, so nothing comes between.
   An entry under the digest of a long key may be forgotten in another lane, which disturbs nobody:
   whoever is just using it writes it again.
4. Pure: time is an argument.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final, final

from penstock.events.log import RecordTooLarge
from penstock.events.saga_headers import CommandHeaders
from penstock.events.saga_messages import Outcome
from penstock.schemas.codec import datum_decoder_of, datum_encoder_of
from penstock.schemas.codec_errors import DecodeError
from penstock.schemas.lookup import SchemaLookup, own_in
from penstock.schemas.record import Record, declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.schemas.single_object import fingerprint_in
from penstock.workers.group_commit import Effects
from penstock.workers.participant import BLANK, Answer, Memory
from penstock.workers.state import PartitionState, StateView, state_key, table_prefix
from penstock.workers.state_table import StateUnreadable
from penstock.workers.timers import Timing

__all__ = ["Memories", "ParticipantMemory", "memory_key"]

__namespace__ = "penstock"

TEXT_KEY_BYTES: Final = 896
"""Bytes of a saga's key up to which the entry's key holds it as it is. With the names of saga and
step it stays within what a key of state may have; a longer one stands there as its digest."""
SMALL_BYTES: Final = 16 * 1024
"""An entry without a reply has less, and is always written, however little a record may have: what
stops a do must not be lost. Every broker takes it."""
_OVERHEAD_BYTES: Final = 64
"""Around key and value of a record in a batch, rounded up."""


class RememberedAnswer(Record):
    """A certain answer to the do or the undo of a step."""

    outcome: Outcome
    data: bytes | None
    code: str
    text: str


class ParticipantMemory(Record):
    """What a participant remembers of one step of one saga."""

    forget_ms: int
    done: RememberedAnswer | None
    undone: RememberedAnswer | None
    undo_attempt: int
    tombstone: bool


_SCHEMA: Final[AvroSchema] = declaration_of(ParticipantMemory).schema
_TABLE: Final = declaration_of(ParticipantMemory).full_name
_PREFIX: Final = table_prefix(_TABLE)
_TIMES: Final[AvroSchema] = AvroSchema.parse(
    '{"type":"record","name":"ParticipantMemory","namespace":"penstock","fields":['
    '{"name":"forget_ms","type":"long"}]}'
)
"""The part that timers need; a restore reads nothing else."""
_NEVER: Final = Timing(None)

_write: Callable[[Mapping[str, Any]], bytes] = datum_encoder_of(_SCHEMA)


def memory_key(asked: CommandHeaders, key: bytes) -> bytes:
    """Return the changelog key of a step's entry.

    Args:
        asked: a command for the step, in either direction.
        key: the saga's key, which is the record's: UTF-8, as `answers.asked_of` has checked.
    """
    step = f"{asked.saga}/{asked.step}"  # neither holds the separators that follow
    if len(key) <= TEXT_KEY_BYTES:
        return state_key(_TABLE, f"{step}:{key.decode()}")
    return state_key(_TABLE, f"{step}#{sha256(key).hexdigest()}")


@final
class Memories:
    """Reads and writes the entries of participants; fulfils timers.Timed but for `condemned`."""

    def __init__(self, schemas: SchemaLookup, *, limit_bytes: int) -> None:
        """Compile nothing yet.

        Args:
            schemas: Knows the schemas of older versions.
            limit_bytes: Size of a record at the most.
        """
        self._schemas = schemas
        self._limit_bytes = max(limit_bytes, SMALL_BYTES)
        self._readers: dict[bytes, Callable[[bytes], dict[str, Any]]] = {}
        self._time_readers: dict[bytes, Callable[[bytes], dict[str, Any]]] = {}

    def recall(self, key: bytes, state: PartitionState) -> Memory:
        """Return what is remembered.

        Raises:
            StateUnreadable: the entry cannot be read.
        """
        value = state.get(key)
        if value is None:
            return BLANK
        datum = self._read(self._readers, value, _SCHEMA)
        return Memory(
            done=_answer(datum["done"]),
            undone=_answer(datum["undone"]),
            undo_attempt=datum["undo_attempt"],
            tombstone=datum["tombstone"],
            forget_ms=datum["forget_ms"],
        )

    def keep(self, key: bytes, memory: Memory, effects: Effects) -> None:
        """Write what is remembered into a command's effects.

        Raises:
            RecordTooLarge: the entry is larger than a record may be.
        """
        value = _write(
            {
                "forget_ms": memory.forget_ms,
                "done": _datum(memory.done),
                "undone": _datum(memory.undone),
                "undo_attempt": memory.undo_attempt,
                "tombstone": memory.tombstone,
            }
        )
        size = len(key) + len(value) + _OVERHEAD_BYTES
        if size > self._limit_bytes:
            raise RecordTooLarge(
                topic="this worker's changelog", size_bytes=size, limit_bytes=self._limit_bytes
            )
        effects.change(key, value)

    # --- time ------------------------------------------------------------------------------------

    def timing(self, key: bytes, value: bytes) -> Timing:
        """When an entry of state is to be forgotten; never, where it is of another table.

        Raises:
            StateUnreadable: the entry cannot be read.
        """
        if not key.startswith(_PREFIX):
            return _NEVER
        return Timing(self._read(self._time_readers, value, _TIMES)["forget_ms"])

    @staticmethod
    def lane_key(key: bytes) -> bytes:
        """The saga's key, where the entry's holds it; else its digest, which is as good (law 3)."""
        text = key.removeprefix(_PREFIX)
        _, colon, saga_key = text.partition(b":")
        return saga_key if colon else text

    def forget(self, key: bytes, now_ms: int, state: PartitionState) -> Effects:
        """Remove an entry, if its time has come."""
        effects = Effects()
        value = state.get(key)
        due_ms = None if value is None else self.timing(key, value).due_ms
        if due_ms is not None and due_ms <= now_ms:
            StateView(state, effects).put(key, None)
        return effects

    def _read(
        self,
        readers: dict[bytes, Callable[[bytes], dict[str, Any]]],
        value: bytes,
        schema: AvroSchema,
    ) -> dict[str, Any]:
        try:
            fingerprint = fingerprint_in(value)
            read = readers.get(fingerprint)
            if read is None:
                writer = own_in(self._schemas, fingerprint, _SCHEMA)
                read = readers[fingerprint] = datum_decoder_of(writer, schema)
            return read(value)
        except DecodeError as error:
            raise StateUnreadable(table=_TABLE, reason=error.code) from error


def _answer(datum: Mapping[str, Any] | None) -> Answer | None:
    if datum is None:
        return None
    return Answer(
        outcome=Outcome[datum["outcome"]],
        data=datum["data"],
        code=datum["code"],
        text=datum["text"],
    )


def _datum(answer: Answer | None) -> dict[str, Any] | None:
    if answer is None:
        return None
    return {
        "outcome": answer.outcome.name,
        "data": answer.data,
        "code": answer.code,
        "text": answer.text,
    }
