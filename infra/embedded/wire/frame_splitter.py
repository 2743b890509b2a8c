"""Where one message ends and the next begins: four bytes of length before each.

Sans-I/O: bytes go in as they come from the socket, whole frames come out. A length is judged when
its four bytes are there, before anything is kept for it.

Law: never keeps more than one frame's bytes and what came behind it in the same piece.
"""

from collections.abc import Iterator
from typing import final

from penstock.infra.embedded.wire.wire_errors import FrameRefused

__all__ = ["FrameSplitter"]

_PREFIX = 4
_SMALL = 4096
"""Pieces below this are joined as they come: a frame sent byte by byte must not cost an object for
each byte."""


@final
class FrameSplitter:
    """One connection's bytes on their way in."""

    __slots__ = ("_bytes", "_limit", "_missing", "_pieces")

    def __init__(self, limit: int) -> None:
        """Begin with nothing.

        Args:
            limit: greatest length of a frame in bytes (`socket.request.max.bytes`).
        """
        self._limit = limit
        self._pieces: list[bytes] = []
        self._bytes = 0
        """How many are kept in the pieces."""
        self._missing = _PREFIX
        """How many bytes have to come until there is something to do."""

    @property
    def kept_bytes(self) -> int:
        """How many bytes of the frame in the making have come."""
        return self._bytes

    @property
    def claimed_bytes(self) -> int:
        """How many bytes the frame in the making will have in all; 0 between frames."""
        return self._bytes + self._missing if self._bytes else 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take bytes in.

        Args:
            data: the next piece, of any size.

        Yields:
            Each frame that it completes, without its length.

        Raises:
            FrameRefused: a length is negative or beyond the limit. What follows means nothing.
        """
        if self._bytes:
            self._append(data)
            if len(data) < self._missing:
                self._missing -= len(data)
                return
            data = b"".join(self._pieces)
            self._pieces.clear()
            self._bytes = 0
        yield from self._split(data)

    def _split(self, data: bytes) -> Iterator[bytes]:
        start, size = 0, len(data)
        while size - start >= _PREFIX:
            length = int.from_bytes(data[start : start + _PREFIX], "big", signed=True)
            if not 0 <= length <= self._limit:
                raise FrameRefused(length=length, limit=self._limit)
            end = start + _PREFIX + length
            if end > size:
                self._keep(data[start:], missing=end - size)
                return
            yield data[start + _PREFIX : end]
            start = end
        if start < size:
            self._keep(data[start:], missing=_PREFIX - (size - start))
        else:
            self._missing = _PREFIX

    def _append(self, data: bytes) -> None:
        if len(data) < _SMALL and len(self._pieces[-1]) < _SMALL:
            self._pieces[-1] += data
        else:
            self._pieces.append(data)
        self._bytes += len(data)

    def _keep(self, rest: bytes, missing: int) -> None:
        self._pieces.append(rest)
        self._bytes = len(rest)
        self._missing = missing
