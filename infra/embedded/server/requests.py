"""From a frame to a request, and from a handler's answer to bytes.

Knows the table of requests and nothing of sockets. A handler that fails by a bug of ours is logged
and answered with its API's own refusal; its client sees UNKNOWN_SERVER_ERROR and nobody else sees
anything.
"""

import inspect
import logging
import struct
from collections.abc import Coroutine
from functools import cache
from importlib import import_module
from typing import Any, Final, Protocol, final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.first_step import Finished, begin
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.embedded.wire.api_table import API_TABLE
from penstock.infra.embedded.wire.call import Call, ListenerAddress
from penstock.infra.embedded.wire.connection_state import ConnectionState
from penstock.infra.embedded.wire.message_reader import read_message
from penstock.infra.embedded.wire.message_types import request_type
from penstock.infra.embedded.wire.message_writer import write_message
from penstock.infra.embedded.wire.request_header import read_api, read_header, write_header

__all__ = ["OpenedRequest", "Requests"]

_log = logging.getLogger("penstock.embedded")

_LENGTH = struct.Struct(">i")
_FLEXIBLE_API_VERSIONS_FROM = 3

_COORDINATED: Final = frozenset(
    {
        ApiKey.OFFSET_COMMIT,
        ApiKey.JOIN_GROUP,
        ApiKey.HEARTBEAT,
        ApiKey.LEAVE_GROUP,
        ApiKey.SYNC_GROUP,
        ApiKey.INIT_PRODUCER_ID,
        ApiKey.ADD_PARTITIONS_TO_TXN,
        ApiKey.ADD_OFFSETS_TO_TXN,
        ApiKey.END_TXN,
        ApiKey.TXN_OFFSET_COMMIT,
        ApiKey.DELETE_GROUPS,
        ApiKey.OFFSET_DELETE,
    }
)
"""What is asked of a coordinator. Where its own log fails Kafka says NOT_COORDINATOR, and clients
ask again until it works; a KAFKA_STORAGE_ERROR would end them. (GroupMetadataManager,
TransactionStateManager)"""


class _Handlers(Protocol):
    """A module of `penstock.infra.embedded.apis`."""

    def handle(self, node: Node, call: Call) -> Any: ...

    def refuse(self, call: Call, error: ErrorCode) -> Any: ...


@cache
def _handlers(api_key: int) -> _Handlers:
    name = API_TABLE[api_key].schema_name
    module: Any = import_module(f"penstock.infra.embedded.apis.{name}")
    return module  # type: ignore[no-any-return]  # every module of apis has these two functions


@final
class OpenedRequest:
    """One request between its frame and its answer."""

    __slots__ = ("call", "correlation_id")

    def __init__(self, call: Call, correlation_id: int) -> None:
        """Keep both.

        Args:
            call: what the handler gets.
            correlation_id: what the answer repeats.
        """
        self.call = call
        self.correlation_id = correlation_id


@final
class Requests:
    """Opens, handles and answers requests."""

    def __init__(self, node: Node) -> None:
        """Serve one node.

        Args:
            node: what handlers get.
        """
        self._node = node
        self.failed = 0
        """Requests that met a bug of ours."""

    def open(
        self, frame: bytes, connection: ConnectionState, host: str, listener: ListenerAddress
    ) -> OpenedRequest | None:
        """Read a request.

        Args:
            frame: without its length.
            connection: which it came through.
            host: of the client, as Kafka shows it.
            listener: which it came through.

        Returns:
            The request; None where it must not come here, which closes the connection as in Kafka.

        Raises:
            UnreadableMessage: it cannot be read, which does the same.
        """
        api_key, version = read_api(frame)
        api = API_TABLE.get(api_key)
        is_known = api is not None and api.has(version)
        if not is_known and api_key != ApiKey.API_VERSIONS:
            self._note_unknown(api_key, version, host)
            return None
        if connection.sasl is not None and not connection.sasl.allows(api_key):
            self._node.log_once(
                ("unauthenticated", host, api_key),
                f"{host} sends request {_name(api_key)} and has not said who it is; closed",
            )
            return None
        entity = request_type(api_key, version) if is_known else None
        flexible = version >= _FLEXIBLE_API_VERSIONS_FROM if entity is None else entity.__flexible__
        header = read_header(frame, flexible=flexible)
        request = None if entity is None else read_message(entity, frame, header.body_at)[0]
        call = Call(
            api_key=api_key,
            version=version if is_known else 0,
            request=request,
            client_id=header.client_id,
            client_host=host,
            principal=connection.principal,
            listener=listener,
            connection=connection,
        )
        return OpenedRequest(call, header.correlation_id)

    def handle(self, call: Call) -> Finished | Coroutine[Any, Any, Any]:
        """Let the request take its effect.

        Args:
            call: the request.

        Returns:
            The answer, or a coroutine that waits for it; see `first_step`.
        """
        try:
            outcome = _handlers(call.api_key).handle(self._node, call)
            if inspect.iscoroutine(outcome):
                outcome = begin(outcome)
        except OSError as failure:  # the storage's: nothing was promised yet, and nothing is
            return Finished(self._not_kept(call, failure))
        except Exception:  # noqa: BLE001 - our own bug, logged there with its traceback
            return Finished(self.failure(call))
        if isinstance(outcome, Finished) or inspect.iscoroutine(outcome):
            return outcome
        return Finished(outcome)

    def refuse(self, call: Call, error: ErrorCode) -> Any:
        """Make the answer that Kafka gives when the whole request fails."""
        return _handlers(call.api_key).refuse(call, error)

    def _not_kept(self, call: Call, failure: OSError) -> Any:
        error = ErrorCode.kafka_storage_error
        if (
            call.api_key in _COORDINATED
            and getattr(call.request, "transactional_id", "") is not None
        ):
            error = ErrorCode.not_coordinator
        self._node.log_once(
            ("not kept", failure.errno),
            f"a change cannot be kept: {failure.strerror or failure}; {_name(call.api_key)} is "
            f"refused with {error.name.upper()}, and so is all else that is to be kept (said once)",
        )
        return self.refuse(call, error)

    def failure(self, call: Call) -> Any:
        """Log the exception in hand and make the answer to its request.

        Returns:
            The answer; None where not even that can be made.
        """
        self.failed += 1
        _log.exception(
            "the embedded broker failed at %s version %d of %s, and answers UNKNOWN_SERVER_ERROR",
            _name(call.api_key),
            call.version,
            call.client_host,
        )
        try:
            return self.refuse(call, ErrorCode.unknown_server_error)
        except Exception:  # noqa: BLE001 - the same once more: only this connection ends
            _log.exception("and it failed at the refusal; the connection is closed")
            call.connection.ends = True
            return None

    def encode(self, opened: OpenedRequest, answer: Any) -> bytes:
        """Write an answer with its length and header.

        Args:
            opened: the request.
            answer: the entity.

        Returns:
            The frame; empty where it cannot be written, which is a bug of ours and ends the
            connection.
        """
        try:
            return self._frame(opened, answer)
        except Exception:  # noqa: BLE001 - our own bug, logged there with its traceback
            refusal = self.failure(opened.call)
        try:
            return self._frame(opened, refusal) if refusal is not None else b""
        except Exception:  # noqa: BLE001 - the same once more: only this connection ends
            _log.exception("and it failed at writing the refusal; the connection is closed")
            opened.call.connection.ends = True
            return b""

    @staticmethod
    def _frame(opened: OpenedRequest, answer: Any) -> bytes:
        header = write_header(
            opened.call.api_key, opened.correlation_id, flexible=answer.__flexible__
        )
        pieces = [b"", header]
        write_message(answer, pieces)
        pieces[0] = _LENGTH.pack(sum(map(len, pieces)))
        return b"".join(pieces)

    def _note_unknown(self, api_key: int, version: int, host: str) -> None:
        self._node.log_once(
            ("unknown", api_key, version),
            f"{host} sends request {_name(api_key)} in version {version}, which this broker does "
            "not have; its connection is closed (said once)",
        )


def _name(api_key: int) -> str:
    api = API_TABLE.get(api_key)
    return str(api_key) if api is None else f"{api.key.name} ({api_key})"
