"""SASL/PLAIN (RFC 4616): one message with the name and the password."""

from typing import Final, final

from penstock.infra.embedded.server.sasl.sasl_refusal import SaslRefused
from penstock.infra.embedded.server.sasl.sasl_users import SaslUsers

__all__ = ["PlainExchange"]

_PARTS: Final = 3


@final
class PlainExchange:
    """One client's attempt."""

    def __init__(self, users: SaslUsers) -> None:
        """Begin.

        Args:
            users: who may come.
        """
        self._users = users
        self.user: str | None = None
        """Who it is, once that is settled."""

    def step(self, message: bytes) -> bytes:
        """Take the client's message.

        Args:
            message: identity to act for, name and password, zero bytes between.

        Returns:
            The server's message: empty, all is well.

        Raises:
            SaslRefused: it is not well.
        """
        parts = message.decode("utf-8", "replace").split("\0")
        if len(parts) != _PARTS:
            raise SaslRefused(f"Invalid SASL/PLAIN response: expected 3 tokens, got {len(parts)}")
        acts_for, user, password = parts
        if not user:
            raise SaslRefused("Authentication failed: username not specified")
        if not password:
            raise SaslRefused("Authentication failed: password not specified")
        if not self._users.password_matches(user, password):
            raise SaslRefused("Authentication failed: Invalid username or password")
        if acts_for not in {"", user}:
            raise SaslRefused(
                "Authentication failed: Client requested an authorization id that is different "
                "from username"
            )
        self.user = user
        return b""
