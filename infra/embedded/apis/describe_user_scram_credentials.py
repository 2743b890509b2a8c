"""DescribeUserScramCredentials: which users there are, and for which of SCRAM's hashes.

kafka-configs.sh asks for them with the quotas of users. Where nobody has to say who he is, there
are none. Users come with the broker's options, and no request changes them.
"""

from collections import Counter
from typing import Any, Final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_MECHANISMS: Final = (1, 2)
"""Kafka's numbers of SCRAM-SHA-256 and SCRAM-SHA-512; a password serves for both."""

_ITERATIONS: Final = 4096
"""As in server/sasl/sasl_users.py, which is loaded only where there are users."""


def handle(_node: Node, call: Call) -> Any:
    """Describe users; none at all means all.

    Args:
        _node: The broker; what is asked for belongs to the connection's listener.
        call: The request.

    Returns:
        The answer.
    """
    conversation = call.connection.sasl
    there: tuple[str, ...] = () if conversation is None else conversation.user_names
    asked = Counter(user.name for user in call.request.users or ())
    results = tuple(
        _result(call, name, is_there=name in there, is_doubled=asked[name] > 1)
        for name in asked or there
    )
    return call.make("DescribeUserScramCredentialsResponse", error_message="", results=results)


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the request.

    Args:
        call: The request.
        error: Why.

    Returns:
        The answer, which names no user.
    """
    return call.make("DescribeUserScramCredentialsResponse", error_code=error)


def _result(call: Call, name: str, *, is_there: bool, is_doubled: bool) -> Any:
    struct = "DescribeUserScramCredentialsResult"
    if is_doubled:
        reason = (
            "Cannot describe SCRAM credentials for the same user twice in a single request: " + name
        )
        error = ErrorCode.duplicate_resource
        return call.make(struct, user=name, error_code=error, error_message=reason)
    if not is_there:
        reason = f"Attempt to describe a user credential that does not exist: {name}"
        error = ErrorCode.resource_not_found
        return call.make(struct, user=name, error_code=error, error_message=reason)
    credentials = tuple(
        call.make("CredentialInfo", mechanism=mechanism, iterations=_ITERATIONS)
        for mechanism in _MECHANISMS
    )
    return call.make(struct, user=name, error_message="", credential_infos=credentials)
