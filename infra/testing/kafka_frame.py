"""The outermost layer of the Kafka protocol: where a message begins and ends, and whose it is.

Everything on a connection is a frame: four bytes of length, then so many bytes. A request begins
with its API key, its version and a correlation id; an answer begins with the correlation id of
its request and says no more, so who wants to know what an answer answers has to remember the
request (https://kafka.apache.org/protocol#protocol_messages).

Pure: bytes go in, frames and facts come out. Nothing here knows a socket, a clock or a fault, and
nothing looks behind the correlation id.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, final

from penstock.schemas.errors import WorldError

__all__ = [
    "Answer",
    "BrokenFrame",
    "Conversation",
    "FrameSplitter",
    "RequestHead",
    "correlation_id",
    "request_head",
]

_LENGTH = struct.Struct(">i")
_REQUEST_HEAD = struct.Struct(">hhi")
_CORRELATION_ID = struct.Struct(">i")

_REMEMBERED_REQUESTS = 10_000
"""Unanswered requests that a conversation remembers. Clients keep at most dozens in flight; only
produce requests with acks=0 are never answered, and they are the ones forgotten."""


class RequestHead(NamedTuple):
    """What every request begins with."""

    api_key: int
    """Which request it is; see infra/embedded/wire/api_key.py."""
    api_version: int
    """The version of its body."""
    correlation_id: int
    """Chosen by the client; its answer repeats it."""


@final
class FrameSplitter:
    """Cuts a stream of bytes into frames. Mutable: it keeps the beginning of the next frame."""

    def __init__(self, *, limit_bytes: int) -> None:
        """Begin with an empty stream.

        Args:
            limit_bytes: longest frame that is gathered, without its length.
        """
        self._limit_bytes = limit_bytes
        self._begun = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take more of the stream.

        Args:
            data: what came next, cut anywhere.

        Yields:
            Each frame that is whole now, with its length in front.

        Raises:
            BrokenFrame: a length is negative or beyond the limit. The stream is lost.
        """
        self._begun += data
        while (end := self._first_end()) is not None:
            frame = bytes(self._begun[:end])
            del self._begun[:end]
            yield frame

    def _first_end(self) -> int | None:
        if len(self._begun) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._begun)
        if not 0 <= length <= self._limit_bytes:
            raise BrokenFrame(size_bytes=length, limit_bytes=self._limit_bytes)
        end = _LENGTH.size + length
        return end if len(self._begun) >= end else None


def request_head(frame: bytes) -> RequestHead:
    """Read what a request begins with.

    Args:
        frame: a whole frame with its length.

    Returns:
        Its head.

    Raises:
        BrokenFrame: it is too short to have one.
    """
    if len(frame) < _LENGTH.size + _REQUEST_HEAD.size:
        raise BrokenFrame(size_bytes=len(frame) - _LENGTH.size, limit_bytes=None)
    return RequestHead(*_REQUEST_HEAD.unpack_from(frame, _LENGTH.size))


def correlation_id(frame: bytes) -> int:
    """Read what an answer begins with.

    Args:
        frame: a whole frame with its length.

    Returns:
        The correlation id of the request that it answers.

    Raises:
        BrokenFrame: it is too short to have one.
    """
    if len(frame) < _LENGTH.size + _CORRELATION_ID.size:
        raise BrokenFrame(size_bytes=len(frame) - _LENGTH.size, limit_bytes=None)
    (found,) = _CORRELATION_ID.unpack_from(frame, _LENGTH.size)
    return int(found)


class Answer(NamedTuple):
    """An answer and what it answers."""

    head: RequestHead | None
    """The request's head; None where no request is remembered."""
    frame: bytes
    """The answer as it came, with its length."""


@final
class Conversation:
    """Knows which answer belongs to which request of one connection, and whose turn it is.

    Answers come in the order in which the server got the requests. That is the order in which the
    client sent them, unless a request was overtaken; then the answers that came too early wait
    here, because a client takes answers in no order but its own. Mutable.
    """

    def __init__(self) -> None:
        """Begin with nothing asked."""
        self._open: dict[int, RequestHead] = {}
        self._overtaken: set[int] = set()
        self._early: dict[int, Answer] = {}

    def asked(self, head: RequestHead) -> None:
        """Remember a request, in the order in which the client sent it."""
        self._open[head.correlation_id] = head
        if len(self._open) > _REMEMBERED_REQUESTS:
            del self._open[next(iter(self._open))]

    def overtaken(self, head: RequestHead) -> None:
        """Note that requests behind this one reach the server before it."""
        self._overtaken.add(head.correlation_id)

    def answered(self, frame: bytes) -> list[Answer]:
        """Take an answer.

        Args:
            frame: the answer, with its length.

        Returns:
            The answers that the client may have now, in its order.

        Raises:
            BrokenFrame: it is too short for an answer.
        """
        answers = correlation_id(frame)
        answer = Answer(self._open.get(answers), frame)
        if not self._overtaken or answer.head is None:
            self._forget_through(answers)
            return [answer]
        self._overtaken.discard(answers)
        self._early[answers] = answer
        return self._in_turn()

    @property
    def unanswered(self) -> int:
        """Requests that were asked and have had no answer."""
        return len(self._open) - len(self._early)

    @property
    def overtaking(self) -> int:
        """Requests that were asked behind one that they have overtaken."""
        if not self._overtaken:
            return 0
        asked = list(self._open)
        return len(asked) - 1 - min(asked.index(request) for request in self._overtaken)

    def _in_turn(self) -> list[Answer]:
        turn = []
        for asked in list(self._open):
            if asked in self._overtaken:
                break
            if asked in self._early:
                turn.append(self._early.pop(asked))
                self._forget_through(asked)
        return turn

    def _forget_through(self, answered: int) -> None:
        """Forget this request, and those before it that will not be answered any more."""
        if answered not in self._open:
            return
        for asked in list(self._open):
            del self._open[asked]
            if asked == answered:
                return


@dataclass(eq=False, kw_only=True)
class BrokenFrame(WorldError):
    """What came over a connection is not the Kafka protocol, or a frame is too long."""

    size_bytes: int
    """Length of the frame, as it was announced or as it is."""
    limit_bytes: int | None
    """The longest that is taken; None where the frame was too short."""

    code: ClassVar[str] = "PEN-I46"
    what: ClassVar[str] = "A frame of {size_bytes} bytes came over a proxied connection."
    why: ClassVar[str] = (
        "No Kafka frame is that short, that long or negative; the limit is {limit_bytes} bytes."
    )
    remedy: ClassVar[str] = (
        "Let only Kafka clients without TLS talk to the proxy, or raise its frame_limit_bytes."
    )
