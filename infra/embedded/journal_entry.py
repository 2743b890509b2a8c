"""Everything durable that is no record batch: its types in one place, and its form as bytes.

A line of JSON holds one entry: the type's name under "type", then its fields. Bytes are base64, ids
their usual text, a partition `[topic, number]`, sets and tuples lists. The fields' own annotations
say how each is read again, so a new entry needs only a line in the list below.

Laws:
1. `decode_entry(encode_entry(entry)) == entry` for every entry.
2. What cannot be read is an error that shows it, never a guess: a name that is not known, a field
   that is missing or too many, a value of another type.
3. The name of a type and of its fields are the format on disk: renaming one breaks it.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Any, ClassVar, Final, Union, final, get_args, get_origin, get_type_hints
from uuid import UUID

from penstock.infra.embedded.cluster_entry import ClusterKept
from penstock.infra.embedded.configs.configs_kept import ConfigsKept
from penstock.infra.embedded.groups.group_entry import (
    GroupEntry,
    GroupRemoved,
    GroupStored,
    OffsetsCommitted,
    OffsetsForgotten,
    TransactionalOffsetsFinished,
)
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.topics.topic_entry import TopicEntry, TopicKept, TopicRemoved
from penstock.infra.embedded.transactions.transaction_entry import (
    ProducerIdBlockKept,
    TransactionEntry,
    TransactionForgotten,
    TransactionKept,
)
from penstock.schemas.errors import ExitCode, WorldError

__all__ = [
    "ENTRY_TYPES",
    "ClusterKept",
    "JournalEntry",
    "JournalEntryUnreadable",
    "decode_entry",
    "encode_entry",
]


JournalEntry = ClusterKept | ConfigsKept | TopicEntry | GroupEntry | TransactionEntry
"""One durable fact."""

ENTRY_TYPES: Final[Mapping[str, type[JournalEntry]]] = MappingProxyType(
    {
        kind.__name__: kind
        for kind in (
            ClusterKept,
            ConfigsKept,
            TopicKept,
            TopicRemoved,
            GroupStored,
            GroupRemoved,
            OffsetsCommitted,
            OffsetsForgotten,
            TransactionalOffsetsFinished,
            ProducerIdBlockKept,
            TransactionKept,
            TransactionForgotten,
        )
    }
)
"""Every type of entry by the name that it has in the journal."""

_SHOWN: Final = 200
"""So many characters of an unreadable entry stand in the error."""


@final
@dataclass(eq=False, kw_only=True)
class JournalEntryUnreadable(WorldError):
    """The journal holds what is no entry, or one of another version."""

    code: ClassVar[str] = "PEN-I124"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "An entry of the broker's journal cannot be read: {entry!r}."
    why: ClassVar[str] = "{reason}."
    remedy: ClassVar[str] = (
        "Start the broker with the version that wrote it, or on another data folder."
    )

    entry: str
    """How it begins."""
    reason: str
    """What is wrong with it."""


def encode_entry(entry: JournalEntry) -> bytes:
    """Make the bytes of an entry.

    Args:
        entry: the entry.

    Returns:
        One line of JSON in ASCII, without its line end.
    """
    kind = type(entry)
    plain = {"type": kind.__name__, **_codec(kind).encode(entry)}
    return json.dumps(plain, separators=(",", ":")).encode()


def decode_entry(data: bytes) -> JournalEntry:
    """Read the bytes of an entry.

    Args:
        data: what `encode_entry` made.

    Returns:
        The entry.

    Raises:
        JournalEntryUnreadable: it is none.
    """
    try:
        plain = json.loads(data)
        kind = ENTRY_TYPES[plain.pop("type")]
        entry: JournalEntry = _codec(kind).decode(plain)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        shown = data[:_SHOWN].decode("ascii", "backslashreplace")
        raise JournalEntryUnreadable(
            entry=shown, reason=f"{type(error).__name__}: {error}"
        ) from None
    return entry


@final
@dataclass(frozen=True, slots=True)
class _Codec:
    """How values of one type become JSON and values again."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


def _exactly(kind: type) -> Callable[[Any], Any]:
    def decode(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(f"{value!r} is no {kind.__name__}")
        return value

    return decode


_PLAIN: Final[Mapping[Any, _Codec]] = {
    int: _Codec(_same, _exactly(int)),
    str: _Codec(_same, _exactly(str)),
    bool: _Codec(_same, _exactly(bool)),
    bytes: _Codec(
        lambda value: b64encode(value).decode(), lambda text: b64decode(text, validate=True)
    ),
    UUID: _Codec(str, UUID),
    TopicPartition: _Codec(
        list, lambda pair: TopicPartition(_exactly(str)(pair[0]), _exactly(int)(pair[1]))
    ),
}


def _codec(kind: Any) -> _Codec:
    return _made_codec(kind)


@cache  # one for each type in the annotations of the entries above
def _made_codec(kind: Hashable) -> _Codec:  # noqa: PLR0911 - one for each form of a type
    plain = _PLAIN.get(kind)
    if plain is not None:
        return plain
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType}:
        return _optional(_codec(next(each for each in arguments if each is not NoneType)))
    if origin is tuple:
        if arguments[-1] is ...:
            return _many(tuple, _codec(arguments[0]))
        return _row(tuple(map(_codec, arguments)))
    if origin is frozenset:
        return _many(frozenset, _codec(arguments[0]))
    if origin is Mapping:
        return _mapping(_codec(arguments[0]), _codec(arguments[1]))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _Codec(lambda value: value.value, kind)
    if isinstance(kind, type) and is_dataclass(kind):
        return _record(kind)
    raise TypeError(f"no journal entry may hold a {kind}")


def _optional(inner: _Codec) -> _Codec:
    return _Codec(
        lambda value: None if value is None else inner.encode(value),
        lambda value: None if value is None else inner.decode(value),
    )


def _many(kind: type, inner: _Codec) -> _Codec:
    is_list = _exactly(list)
    # Sets are sorted, so that the same entry is always the same bytes.
    arranged: Callable[[Any], Any] = sorted if kind is frozenset else _same
    return _Codec(
        lambda values: [inner.encode(value) for value in arranged(values)],
        lambda values: kind(inner.decode(value) for value in is_list(values)),
    )


def _row(columns: tuple[_Codec, ...]) -> _Codec:
    def decode(values: Any) -> Any:
        return tuple(column.decode(value) for column, value in zip(columns, values, strict=True))

    return _Codec(
        lambda values: [
            column.encode(value) for column, value in zip(columns, values, strict=True)
        ],
        decode,
    )


def _mapping(key: _Codec, value: _Codec) -> _Codec:
    return _Codec(
        lambda pairs: {key.encode(name): value.encode(each) for name, each in pairs.items()},
        lambda pairs: {key.decode(name): value.decode(each) for name, each in pairs.items()},
    )


def _record(kind: type[Any]) -> _Codec:
    hints = get_type_hints(kind)
    columns = tuple((each.name, _codec(hints[each.name])) for each in fields(kind))
    names = {name for name, _ in columns}

    def decode(plain: Any) -> Any:
        if plain.keys() != names:
            raise KeyError(*sorted(plain.keys() ^ names))
        return kind(**{name: column.decode(plain[name]) for name, column in columns})

    return _Codec(
        lambda record: {name: column.encode(getattr(record, name)) for name, column in columns},
        decode,
    )
