"""SaslAuthenticate: one message of the mechanism that the client has chosen."""

from typing import Any

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.server.sasl.sasl_conversation import SaslStage
from penstock.infra.embedded.server.sasl.sasl_refusal import SaslRefused
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_TOO_LATE = "SaslAuthenticate request received after successful authentication"


def handle(node: Node, call: Call) -> Any:
    """Take the message.

    Args:
        node: the broker.
        call: the request.

    Returns:
        The answer. A client that is refused is told so, and its connection ends.
    """
    conversation = call.connection.sasl
    if conversation is None or conversation.stage is SaslStage.DONE:
        return _answer(call, ErrorCode.illegal_sasl_state, text=_TOO_LATE)
    try:
        message = conversation.step(call.request.auth_bytes)
    except SaslRefused as refused:
        call.connection.ends = True
        node.log_once(("sasl", call.client_host), f"{call.client_host} is refused: {refused.text}")
        return _answer(call, ErrorCode.sasl_authentication_failed, text=refused.text)
    if conversation.principal is not None:
        call.connection.principal = conversation.principal
    return _answer(call, ErrorCode.none, message=message)


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the request.

    Args:
        call: the request.
        error: why.

    Returns:
        The answer.
    """
    return _answer(call, error)


def _answer(call: Call, error: ErrorCode, *, message: bytes = b"", text: str | None = None) -> Any:
    return call.make(
        "SaslAuthenticateResponse", error_code=error, error_message=text, auth_bytes=message
    )
