"""What the broker remembers of one connection from one request to the next.

The server makes it when a client connects and drops it with the connection. Requests of one
connection come one after another, so nobody else touches it meanwhile.
"""

from dataclasses import dataclass, field
from typing import Any, final

__all__ = ["ANONYMOUS", "ConnectionState"]

ANONYMOUS = "User:ANONYMOUS"
"""Kafka's name for a client that did not say who it is."""


@final
@dataclass(slots=True, kw_only=True)
class ConnectionState:
    """One connection's memory."""

    principal: str = ANONYMOUS
    """Who the client is, as Kafka writes it."""
    sasl: Any = None
    """The conversation of its authentication (server/sasl); None where none is asked for."""
    ends: bool = False
    """Set by a handler: once this request is answered, or not answered, the connection is closed.
    Kafka does so after a failed authentication, and after a failed produce with acks=0."""
    tokens: list[int] = field(default_factory=list)
    """Of answers that the request at hand may wait for (server/answer_wait.py)."""
