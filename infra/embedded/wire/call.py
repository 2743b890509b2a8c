"""One request on its way through the broker, as the modules of `apis` see it."""

from dataclasses import dataclass
from typing import Any, NamedTuple, final

from penstock.infra.embedded.wire.answer_maker import make_answer
from penstock.infra.embedded.wire.connection_state import ConnectionState

__all__ = ["Call", "ListenerAddress"]


class ListenerAddress(NamedTuple):
    """Where clients of this listener find the broker."""

    host: str
    port: int


@final
@dataclass(slots=True, kw_only=True)
class Call:
    """One request and all that is known of its sender."""

    api_key: int
    version: int
    request: Any
    """The entity of `kio.schema.<api>.v<version>.request`. Times are kio's: `timedelta`."""
    client_id: str
    """Empty where the client gave none."""
    client_host: str
    """Its address as Kafka shows it, such as `/127.0.0.1`."""
    principal: str
    """Who sent it, such as `User:ANONYMOUS`."""
    listener: ListenerAddress
    """The address that answers name: that of the listener which the request came through."""
    connection: ConnectionState

    def make(self, name: str, /, **fields: Any) -> Any:
        """Make an entity of the answer of this API in this version.

        Fields that this version lacks are dropped; fields that it has and that are not given take
        Kafka's default: kio's where it names one, else zero, empty, None or `ErrorCode.none`.

        Args:
            name: Kafka's name of the struct, such as "ProduceResponse".
            fields: by kio's names. Times may be given as milliseconds, uuids as None for zero.

        Returns:
            The entity.

        Raises:
            AnswerUnknown: this version has no such struct.
        """
        return make_answer(self.api_key, self.version, name, fields)
