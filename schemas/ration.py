"""The ration: how many values one payload may become, over all of its arrays and maps together.

A byte may be an item, and an item may be an object of a class with defaults for fifty fields: a
megabyte of nested lists made a million objects and took seven hundred megabytes. The limit on the
items of one array does not see that, for each inner list is small. So what items become is counted
where blocks begin, in payloads that are long enough for it to matter.

Laws:
1. What is counted is what is made: a reader's defaults count, whether or not the bytes show them.
2. A payload too short to exceed the ration is not counted at all.
3. The writer counts as a reader of its own schema would: what it writes, such a reader takes.
"""

from collections.abc import Iterable
from typing import Any, Final, final

from penstock.schemas.binary import Read
from penstock.schemas.codec_errors import TooManyValues
from penstock.schemas.defaults import value_of
from penstock.schemas.fault import Fault
from penstock.schemas.limits import MAX_VALUES
from penstock.schemas.type_tree import (
    ArrayType,
    AvroType,
    MapType,
    RecordType,
    UnionType,
)

__all__ = ["Rationed", "harmless_bytes", "rationed", "weight_of"]

_RECORD: Final = 4
"""What a record costs beside its fields, in values: a dictionary, then an object of a class."""


@final
class Rationed(bytes):
    """A payload that knows how many values it may still become."""

    left: int = MAX_VALUES
    """The values."""

    def spend(self, values: int, at: int) -> None:
        """Take from the ration for a block that begins there."""
        self.left -= values
        if self.left < 0:
            raise Fault(TooManyValues, offset=at, limit=MAX_VALUES)


def rationed(read: Read, *types: AvroType) -> Read:
    """Put a compiled reader on the ration.

    Args:
        read: a reader that asks `Rationed` payloads where a block begins.
        types: what it reads and what it makes of it.

    Returns:
        The reader itself where no array and no map is read.
    """
    harmless = harmless_bytes(*types)
    if harmless is None:
        return read

    def read_rationed(data: bytes, at: int) -> tuple[Any, int]:
        return read(Rationed(data) if len(data) > harmless else data, at)

    return read_rationed


def harmless_bytes(*types: AvroType) -> int | None:
    """Return the size up to which no payload of the types exceeds the ration; None for all sizes.

    An item takes at least one byte, and each byte counts for one item only.
    """
    heaviest = max((weight for each in types for weight in _weights(each)), default=None)
    return None if heaviest is None else MAX_VALUES // heaviest


def weight_of(avro_type: AvroType) -> int:
    """Return the values that one value of a type is made of, without the items in it."""
    match avro_type:
        case RecordType(fields=fields):
            return _RECORD + sum(
                max(weight_of(each.type), _default_weight(each.type, each.default))
                for each in fields
            )
        case UnionType(branches=branches):
            return max(map(weight_of, branches))
        case _:
            return 1


def _default_weight(avro_type: AvroType, default: Any) -> int:
    if not isinstance(default, list | dict):
        return 1
    return _parts(value_of(avro_type, default, {}))


def _parts(value: Any) -> int:
    match value:
        case list():
            return 1 + sum(map(_parts, value))
        case dict():
            return _RECORD + sum(map(_parts, value.values()))
        case _:
            return 1


def _weights(avro_type: AvroType) -> Iterable[int]:
    """The weights of the items of all arrays and maps in a type."""
    match avro_type:
        case ArrayType(items=inner):
            yield weight_of(inner)
            yield from _weights(inner)
        case MapType(values=inner):
            yield 1 + weight_of(inner)
            yield from _weights(inner)
        case UnionType(branches=branches):
            for branch in branches:
                yield from _weights(branch)
        case RecordType(fields=fields):
            for each in fields:
                yield from _weights(each.type)
