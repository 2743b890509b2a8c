"""SaslHandshake: the client chooses how it will say who it is."""

from typing import Any

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.server.sasl.sasl_conversation import SaslStage
from penstock.infra.embedded.server.sasl.sasl_users import MECHANISMS
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]


def handle(node: Node, call: Call) -> Any:
    """Take the client's choice.

    Args:
        node: the broker.
        call: the request.

    Returns:
        The answer; without SASL, and after it, that it comes at the wrong time.
    """
    del node
    conversation = call.connection.sasl
    if conversation is None or conversation.stage is SaslStage.DONE:
        return _answer(call, ErrorCode.illegal_sasl_state, ())
    if conversation.choose(call.request.mechanism, bare=call.version == 0):
        return _answer(call, ErrorCode.none, MECHANISMS)
    call.connection.ends = True
    return _answer(call, ErrorCode.unsupported_sasl_mechanism, MECHANISMS)


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the request.

    Args:
        call: the request.
        error: why.

    Returns:
        The answer.
    """
    return _answer(call, error, ())


def _answer(call: Call, error: ErrorCode, mechanisms: tuple[str, ...]) -> Any:
    return call.make("SaslHandshakeResponse", error_code=error, mechanisms=mechanisms)
