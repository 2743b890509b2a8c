"""A client of Kafka's protocol that hides nothing: one socket, any API at any version.

    with RawClient(address) as client:
        answer = client.ask("list_offsets", 7, replica_id=-1, topics=[...])

What is not given takes the default of Kafka's schema, else zero, empty or null (messages.py). No
version is negotiated, nothing is retried, no error code is looked at. Requests may be sent one
after another before their answers are read, so that one client can wait in a group while another
one acts.
"""

import io
import socket
import struct
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, NamedTuple, final

from kio.index import load_request_schema, load_response_schema
from kio.schema.index import api_key_map
from kio.serial import entity_reader, entity_writer

from tests.conformance.messages import message

__all__ = ["ANSWER_LIMIT_S", "API_KEYS", "ConnectionClosed", "RawClient", "Sent", "only"]

ANSWER_LIMIT_S: Final = 20.0
"""Longest wait for an answer; a join waits for the other members."""
API_KEYS: Final = {name: key for key, name in api_key_map.items()}
_LENGTH: Final = struct.Struct(">i")


class ConnectionClosed(Exception):
    """The broker closed the connection."""


class Sent(NamedTuple):
    """A request whose answer has not been read."""

    correlation: int
    answer: Any


@final
class RawClient:
    """One connection."""

    def __init__(self, address: tuple[str, int], *, client_id: str = "conformance") -> None:
        """Connect.

        Args:
            address: host and port.
            client_id: how the client names itself.
        """
        self._socket = socket.create_connection(address, timeout=ANSWER_LIMIT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client_id = client_id
        self._correlation = 0

    def __enter__(self) -> "RawClient":
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def ask(self, api: str, version: int, **fields: Any) -> Any:
        """Send a request and read its answer.

        Args:
            api: as kio names it: the API's name in snake case.
            version: of the API.
            fields: of the request, by kio's names; nested ones as mappings and lists, durations in
                milliseconds.

        Returns:
            The answer, as kio's entity.
        """
        return self.answer(self.send(api, version, **fields))

    def send(self, api: str, version: int, **fields: Any) -> Sent:
        """Send a request and leave its answer for later."""
        key = API_KEYS[api]
        request = load_request_schema(key, version)
        body = io.BytesIO()
        entity_writer(request)(body, message(request, fields))
        flexible = bool(request.__flexible__)
        self.send_frame(self._header(key, version, flexible=flexible) + body.getvalue())
        return Sent(self._correlation, load_response_schema(key, version))

    def answer(self, sent: Sent) -> Any:
        """Read the next answer, which must be the one to this request."""
        frame = self.read_frame()
        header, position = entity_reader(sent.answer.__header_schema__)(frame, 0)
        assert header.correlation_id == sent.correlation, "answers come in the order of requests"
        found, size = entity_reader(sent.answer)(frame, position)
        assert position + size == len(frame), f"{len(frame) - position - size} bytes are left over"
        return found

    def send_unknown(self, key: int, version: int, *, flexible: bool = True) -> int:
        """Send an empty request of a key or version that kio may not know.

        Returns:
            Its correlation id.
        """
        # Four empty bytes: no field of a request begins with a count that four zeros complete.
        self.send_frame(self._header(key, version, flexible=flexible) + bytes(4))
        return self._correlation

    def _header(self, key: int, version: int, *, flexible: bool) -> bytes:
        self._correlation += 1
        name = self._client_id.encode()
        header = struct.pack(">hhih", key, version, self._correlation, len(name)) + name
        return header + b"\0" if flexible else header

    def send_frame(self, frame: bytes) -> None:
        """Send bytes with their length before them."""
        self.send_bytes(_LENGTH.pack(len(frame)) + frame)

    def send_bytes(self, sent: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(sent)

    def read_frame(self) -> bytes:
        """The next frame, without its length.

        Raises:
            ConnectionClosed: there is none.
        """
        (length,) = _LENGTH.unpack(self._exactly(4))
        return self._exactly(length)

    def _exactly(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size:
            try:
                part = self._socket.recv(min(size, 1 << 20))
            except ConnectionError as error:
                raise ConnectionClosed from error
            if not part:
                raise ConnectionClosed
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def is_silent(self, *, for_s: float) -> bool:
        """Whether nothing comes for so long; what comes stays to be read."""
        self._socket.settimeout(for_s)
        try:
            return not self._peek()
        finally:
            self._socket.settimeout(ANSWER_LIMIT_S)

    def _peek(self) -> bool:
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK))
        except TimeoutError:
            return False

    def is_closed(self) -> bool:
        """Whether the broker closes the connection instead of sending anything."""
        try:
            frame = self.read_frame()
        except ConnectionClosed:
            return True
        raise AssertionError(f"the broker answered: {frame[:80]!r}")


def only(found: Sequence[Any]) -> Any:
    """The one element of a sequence."""
    (one,) = found
    return one
