"""A value as it lies in Redis: what it is, that it is whole and where it was put, and itself.

    byte 0       1: the number of this format; another first byte is another format, or a stranger
    bytes 1-8    the mark: what the value is, and whose
    bytes 9-12   CRC-32 over key and body, big-endian
    from 13 on   the body: the value as JSON

The key is part of the checksum, so a value that lies under another key, or an answer that belongs
to another question (redis-py had that, CVE-2023-28858), is not taken for the value asked for. Later
formats, with the time of a load or with tags, will have other numbers; whoever does not know them
loads anew.

Laws:
1. What cannot be read is told by one error, whatever the bytes are.
2. What is written comes back the same. Each value is read back before it is kept, and one that
   comes back different is refused: JSON has fewer types than Python.
3. Nothing is ever unpickled.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import Any, Final
from zlib import crc32

from penstock.infra.cache.errors import CachedValueUnreadable, NotCacheable
from penstock.infra.plain_text import excerpt

__all__ = ["MARK_BYTES", "ValueFormat"]

MARK_BYTES: Final = 8
_NUMBER: Final = 1
_HEADER: Final = Struct(f">B{MARK_BYTES}sI")


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueFormat:
    """How values of one kind are written and read."""

    cache: str
    """Name of the cache, for errors."""
    mark: bytes
    """8 bytes; two formats that might mistake each other's bodies have different ones."""
    dump: Callable[[Any], bytes]
    """Writes a body. Raises whatever it likes where it cannot."""
    load: Callable[[bytes], Any]
    """Reads a body. Raises whatever it likes where it cannot."""
    cure: str
    """What to do about a value that cannot be written, as a sentence without its end."""
    limit_bytes: int
    """Longest value, as it is kept."""

    def encode(self, value: Any, key: str) -> bytes:
        """Write a value.

        Args:
            value: to be kept.
            key: in Redis.

        Raises:
            NotCacheable: it would not come back the same, or is too long.
        """
        try:
            body = self.dump(value)
            back = self.load(body)
            # Equal is not the same: True is equal to 1, and so is Decimal(1). But they are written
            # differently.
            same = (
                type(back) is type(value)
                and back == value
                and _written_alike(self.dump(back), body)
            )
        except Exception as error:
            # Methods of the value's own class run here, so anything may be raised, and all of it
            # means the same.
            raise self._not_cacheable(f"has no form of its own ({_said(error)})", value) from error
        if not same:
            raise self._not_cacheable("comes back different from how it went", value)
        length = _HEADER.size + len(body)
        if length > self.limit_bytes:
            raise self._not_cacheable(f"takes {length} bytes, more than {self.limit_bytes}", value)
        return _HEADER.pack(_NUMBER, self.mark, crc32(body, crc32(key.encode()))) + body

    def decode(self, frame: bytes, key: str) -> Any:
        """Read a value.

        Args:
            frame: any bytes.
            key: in Redis, under which they lie.

        Raises:
            CachedValueUnreadable: they are no value of this format.
        """
        if len(frame) < _HEADER.size or frame[0] != _NUMBER:
            raise self._unreadable("it does not begin as values do")
        _, mark, checksum = _HEADER.unpack_from(frame)
        if mark != self.mark:
            raise self._unreadable("it is of another type, or another function's")
        body = frame[_HEADER.size :]
        if crc32(body, crc32(key.encode())) != checksum:
            raise self._unreadable("it was changed, cut, or written for another key")
        try:
            return self.load(body)
        except Exception as error:
            # Validators of the value's own class run here: as in `encode`.
            raise self._unreadable(f"its body is refused by its type ({_said(error)})") from error

    def _not_cacheable(self, problem: str, value: object) -> NotCacheable:
        name = excerpt(type(value).__name__)
        return NotCacheable(
            cache=self.cache, problem=f"A value of type {name} {problem}", cure=self.cure
        )

    def _unreadable(self, problem: str) -> CachedValueUnreadable:
        return CachedValueUnreadable(cache=self.cache, problem=problem)


def _written_alike(one: bytes, other: bytes) -> bool:
    # The members of equal sets may come in another order, and are the same bytes all the same.
    return one == other or Counter(one) == Counter(other)


def _said(error: Exception) -> str:
    # Not its text, which may repeat the value.
    return type(error).__name__
