"""Keys of records, read back: the bytes that key a record become the value that a user gave.

A tombstone has a key and no value, so there is nothing else by which to tell what it removes.

Law: what is returned is keyed by exactly these bytes again. `007` is no int key and an upper-case
UUID is no UUID key, since nobody who publishes has written them, and they lie elsewhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeVar
from uuid import UUID

from penstock.events.event import key_bytes
from penstock.schemas.errors import ExitCode, WorldError

__all__ = ["KeyT", "KeyUnreadable", "read_key"]

KeyT = TypeVar("KeyT", str, int, UUID, bytes)
"""What may key a record; see `event.Key`."""

_DIGITS_LIMIT: Final = 1_000
"""Digits of a number that is a key at most; Python refuses to read many more."""


@dataclass(eq=False, kw_only=True)
class KeyUnreadable(WorldError):
    """A record is not keyed by what was expected."""

    kind: str
    """What was expected."""
    reason: str
    """What is wrong, without the key."""

    code: ClassVar[str] = "PEN-E54"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "The key of a record is no {kind}: {reason}."
    why: ClassVar[str] = "Whoever publishes keys a record by a value of that type in one form only."
    remedy: ClassVar[str] = "Read it as the type by which its writer keys records, or as bytes."


def _read_int(data: bytes) -> int:
    if len(data) > _DIGITS_LIMIT:
        message = f"it has more than {_DIGITS_LIMIT} digits"
        raise ValueError(message)
    return int(data)


_READERS: Final[Mapping[type, Callable[[bytes], Any]]] = {
    str: bytes.decode,
    int: _read_int,
    UUID: lambda data: UUID(data.decode()),
    bytes: bytes,
}


def read_key(data: bytes | None, kind: type[KeyT]) -> KeyT:
    """Read the bytes that key a record.

    Args:
        data: the key; None where the record has none.
        kind: str, int, UUID or bytes, as the key's field is declared.

    Returns:
        The value that its writer gave.

    Raises:
        KeyUnreadable: there is no key, or it is no such value.
    """
    if data is None:
        raise KeyUnreadable(kind=kind.__name__, reason="there is none")
    try:
        key: KeyT = _READERS[kind](data)
    except ValueError:  # UnicodeDecodeError is one
        raise KeyUnreadable(kind=kind.__name__, reason="its bytes do not read so") from None
    if key_bytes(key, "") != data:
        raise KeyUnreadable(kind=kind.__name__, reason="it is written in another form")
    return key
