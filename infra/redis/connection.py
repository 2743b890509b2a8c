"""One connection to Redis by redis-py: the only file that imports it.

RESP2 is said explicitly: in RESP3, redis-py's default, a server may push messages between question
and answer, while in RESP2 whatever comes unasked shows that a connection is of no more use. RESP2
also has fewer shapes of answers, and needs no HELLO.

redis-py's `Connection` is used, and neither its pool nor its client: those repeat calls, and cannot
say whether a call that failed had been sent. Of its inner parts this file fulfils `_connect`, as
each of its kinds of connection does; tests/infra/redis/test_client_parts.py fails when that moves.
"""

import asyncio
import select
import ssl
from contextlib import suppress
from typing import Any, Final, cast, final

from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    InvalidResponse,
    RedisError,
    ResponseError,
)

from penstock.infra.plain_text import excerpt
from penstock.infra.redis.address import RedisAddress
from penstock.infra.redis.errors import RedisRefused, RedisUnreachable, ValueTooLarge
from penstock.infra.redis.line import RedisReply

__all__ = ["RedisConnection"]

_REASON_CHARACTERS: Final = 200
"""How much is repeated of what a server said."""
_KIND_CHARACTERS: Final = 32
_SLACK_BYTES: Final = 4096
"""For the frame of an answer, or for an error in its place; also all that a login may answer."""


class _TooMuch(Exception):
    """An answer is longer than its limit."""


@final
class _BoundedStream(asyncio.StreamReader):
    """Bytes of a server, no more than the answer that is waited for may have.

    asyncio's own limit does not do: it only stops reading until the parser has taken what is there,
    and the parser takes in whatever an answer announces, up to 512 MB.
    """

    left_bytes = _SLACK_BYTES
    """How many more are taken in."""

    def feed_data(self, data: Any) -> None:
        """Take in what came, `bytes`; beyond the limit nothing is kept."""
        self.left_bytes -= len(data)
        if self.left_bytes < 0:
            self.set_exception(_TooMuch())
        else:
            super().feed_data(data)


@final
class _Wire(Connection):
    """redis-py's connection over a bounded stream."""

    def __init__(self, address: RedisAddress, tls: ssl.SSLContext | None) -> None:
        super().__init__(
            host=address.host,
            port=address.port,
            db=address.database,
            username=address.username,
            password=address.password,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            retry_on_timeout=False,
            retry_on_error=[],
            health_check_interval=0,
            # The pool's deadline holds for all of a call; a second clock inside would only blur it.
            socket_timeout=None,
            socket_connect_timeout=None,
            # No CLIENT SETINFO: it costs a round trip, and servers before 7.2 do not know it.
            driver_info=None,
        )
        self._tls = tls
        self.stream: _BoundedStream | None = None
        self.writer: asyncio.StreamWriter | None = None
        self._poller = select.poll()

    async def _connect(self) -> None:
        """Open the socket: redis-py then logs in over `_reader` and `_writer`."""
        loop = asyncio.get_running_loop()
        stream = _BoundedStream(loop=loop)
        protocol = asyncio.StreamReaderProtocol(stream, loop=loop)
        transport, _ = await loop.create_connection(
            lambda: protocol, self.host, self.port, ssl=self._tls
        )
        self._reader = self.stream = stream
        self._writer = self.writer = asyncio.StreamWriter(transport, protocol, stream, loop)
        self._poller.register(transport.get_extra_info("socket"), select.POLLIN)

    def kernel_holds_something(self) -> bool:
        """Whether bytes or an end have come that the loop has not yet seen."""
        return bool(self._poller.poll(0))

    def abort(self) -> None:
        """Close the socket at once, and let redis-py know: what is forgotten is warned of."""
        # Not `close`, which would first wait for a server to take what is still to be sent.
        if self.writer is not None:
            self.writer.transport.abort()
        self._reader = self._writer = None


@final
class RedisConnection:
    """A `Line` over TCP or TLS."""

    def __init__(self, address: RedisAddress, tls: ssl.SSLContext | None) -> None:
        """Connect to nothing yet.

        Args:
            address: of the server.
            tls: whom to trust; None for plain TCP.
        """
        self._wire = _Wire(address, tls)
        self._address = address.shown

    @classmethod
    async def open(cls, address: RedisAddress, tls: ssl.SSLContext | None) -> "RedisConnection":
        """Connect and log in; the caller minds the deadline.

        Args:
            address: of the server.
            tls: whom to trust; None for plain TCP.

        Raises:
            RedisRefused: the server does not let us in.
            RedisUnreachable: there is none.
        """
        connection = cls(address, tls)
        opened = False
        try:
            await connection._wire.connect()  # type: ignore[no-untyped-call] # redis-py's lack
            opened = True
        except _FAILURES as failure:
            raise connection._classified(failure, sent=False) from None
        finally:
            if not opened:
                connection.drop()
        return connection

    async def is_fresh(self) -> bool:
        """See `Line`."""
        wire = self._wire
        # A reset leaves its exception in the stream; an end or stray bytes are seen by `can_read`,
        # or by the kernel where the loop has not come to take them: a server that was started anew
        # while the loop was busy would otherwise cost one call its answer.
        return (
            wire.is_connected
            and wire.stream is not None
            and wire.stream.exception() is None
            and not await wire.can_read()
            and not wire.kernel_holds_something()
        )

    async def ask(self, command: bytes, *, subject: str, limit_bytes: int) -> RedisReply:
        """See `Line`."""
        wire = self._wire
        if wire.stream is None or not wire.is_connected:
            # redis-py would connect anew, and nobody would own what it has connected.
            raise RedisUnreachable(
                address=self._address, reason="the connection is closed", may_have_happened=False
            )
        wire.stream.left_bytes = limit_bytes + _SLACK_BYTES
        try:
            await wire.send_packed_command(command, check_health=False)
            reply = await wire.read_response()
        except _TooMuch:
            raise ValueTooLarge(subject=excerpt(subject), limit_bytes=limit_bytes) from None
        except _FAILURES as failure:
            raise self._classified(failure, sent=True) from None
        if isinstance(reply, list):
            self._refuse_errors_inside(reply)
        return cast("RedisReply", reply)

    def drop(self) -> None:
        """See `Line`."""
        self._wire.abort()

    async def wait_dropped(self) -> None:
        """See `Line`."""
        if self._wire.writer is not None:
            with suppress(OSError):  # a line that was reset before says so once more
                await self._wire.writer.wait_closed()

    def _refuse_errors_inside(self, reply: list[Any]) -> None:
        """Refuse an answer that holds an error somewhere, as that of a script may."""
        parts = [reply]
        while parts:
            for part in parts.pop():
                if isinstance(part, list):
                    parts.append(part)
                elif isinstance(part, RedisError):
                    raise self._classified(part, sent=True)

    def _classified(self, failure: Exception, *, sent: bool) -> RedisRefused | RedisUnreachable:
        """Say what a failure means; the table is below."""
        status = getattr(failure, "status_code", None)
        if isinstance(failure, _REFUSALS) or status:
            text = _said(failure)
            reason = f"{status} {text}" if status else text
            kind = reason.partition(" ")[0][:_KIND_CHARACTERS]
            return RedisRefused(address=self._address, kind=kind, reason=reason)
        if isinstance(failure, _NO_REDIS):
            reason = "what answers there is no Redis"
        else:
            reason = _said(failure) or type(failure).__name__
        return RedisUnreachable(address=self._address, reason=reason, may_have_happened=sent)


# What comes out of redis-py, and what it says of a call. `status_code` is set by its parser when
# the first word of a server's answer is known to it, whatever class it then takes.
#
# | exception                              | comes of                                | here        |
# |----------------------------------------|-----------------------------------------|-------------|
# | ResponseError and below it: NoScript,  | an error as answer                      | refused     |
# |   ReadOnly, OutOfMemory, NoPermission, |                                         |             |
# |   Moved, ClusterDown, ...              |                                         |             |
# | AuthenticationError, BusyLoadingError, | NOAUTH, WRONGPASS, LOADING, "max number | refused     |
# |   ConnectionError, with a status_code  |   of clients reached"                   |             |
# | AuthenticationError without            | AUTH answered with something but OK     | refused     |
# | other ConnectionError                  | refused, closed or reset by the peer;   | unreachable |
# |                                        |   no such host; a certificate           |             |
# | TimeoutError of redis-py               | the kernel gave up connecting           | unreachable |
# | OSError                                | as ConnectionError, not wrapped         | unreachable |
# | InvalidResponse                        | bytes that are not RESP                 | no Redis    |
# | ValueError                             | an error that is not UTF-8, or a MOVED  | no Redis    |
# |                                        |   or ASK without an address             |             |
# | _TooMuch, at login                     | a login answers in a few bytes          | no Redis    |
_REFUSALS: Final = (ResponseError, AuthenticationError)
_NO_REDIS: Final = (InvalidResponse, ValueError, _TooMuch)
_FAILURES: Final = (RedisError, OSError, ValueError, _TooMuch)


def _said(failure: Exception) -> str:
    """The beginning of what a failure says, to stand in a sentence of ours."""
    return excerpt(str(failure), _REASON_CHARACTERS).rstrip(".")
