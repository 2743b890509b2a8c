"""One connection's way to be known: the mechanism is chosen, then messages go to and fro.

SaslHandshake v1 is followed by SaslAuthenticate requests; v0 is followed by bare messages, each
behind its length and without Kafka's header (KIP-152).
"""

from collections.abc import Callable
from enum import Enum, auto
from typing import final

from penstock.infra.embedded.server.sasl.plain_exchange import PlainExchange
from penstock.infra.embedded.server.sasl.sasl_refusal import SaslRefused
from penstock.infra.embedded.server.sasl.sasl_users import MECHANISMS, SaslUsers
from penstock.infra.embedded.server.sasl.scram_exchange import ScramExchange
from penstock.infra.embedded.wire.api_key import ApiKey

__all__ = ["SaslConversation", "SaslStage"]


@final
class SaslStage(Enum):
    """How far it has come."""

    BEGINNING = auto()
    """No mechanism is chosen."""
    AUTHENTICATE_REQUESTS = auto()
    """The next message comes in a SaslAuthenticate request."""
    BARE_MESSAGES = auto()
    """The next message comes bare."""
    DONE = auto()
    """The client is known."""
    FAILED = auto()
    """It is not, and will not be on this connection."""


@final
class SaslConversation:
    """The state of one connection's authentication."""

    def __init__(self, users: SaslUsers, draw_nonce: Callable[[], str]) -> None:
        """Begin.

        Args:
            users: who may come.
            draw_nonce: makes a server's nonce: printable, without comma, never the same.
        """
        self._users = users
        self._draw_nonce = draw_nonce
        self._exchange: PlainExchange | ScramExchange | None = None
        self.stage = SaslStage.BEGINNING

    @property
    def takes_bare_messages(self) -> bool:
        """True while what comes is not in a request of Kafka."""
        return self.stage is SaslStage.BARE_MESSAGES

    @property
    def principal(self) -> str | None:
        """Who the client is, as Kafka writes it; None until that is settled."""
        if self.stage is not SaslStage.DONE or self._exchange is None:
            return None
        return f"User:{self._exchange.user}"

    @property
    def user_names(self) -> tuple[str, ...]:
        """Who may come."""
        return tuple(self._users.passwords)

    def allows(self, api_key: int) -> bool:
        """Say whether a request may come now; Kafka closes the connection where it may not."""
        match self.stage:
            case SaslStage.BEGINNING:
                return api_key in {ApiKey.API_VERSIONS, ApiKey.SASL_HANDSHAKE}
            case SaslStage.AUTHENTICATE_REQUESTS:
                return api_key == ApiKey.SASL_AUTHENTICATE
            case stage:
                return stage is SaslStage.DONE

    def choose(self, mechanism: str, *, bare: bool) -> bool:
        """Choose the mechanism.

        Args:
            mechanism: by its name.
            bare: whether bare messages follow.

        Returns:
            False where there is no such mechanism, or one was chosen before.
        """
        if mechanism not in MECHANISMS or self.stage is not SaslStage.BEGINNING:
            self.stage = SaslStage.FAILED
            return False
        if mechanism == "PLAIN":
            self._exchange = PlainExchange(self._users)
        else:
            self._exchange = ScramExchange(
                lambda user: self._users.scram_keys(user, mechanism), mechanism, self._draw_nonce()
            )
        self.stage = SaslStage.BARE_MESSAGES if bare else SaslStage.AUTHENTICATE_REQUESTS
        return True

    def step(self, message: bytes) -> bytes:
        """Take the client's next message.

        Args:
            message: of the mechanism.

        Returns:
            The server's answer to it.

        Raises:
            SaslRefused: the client does not get in.
        """
        if self._exchange is None or self.stage is SaslStage.FAILED:
            raise SaslRefused("SaslAuthenticate comes before SaslHandshake")
        try:
            answer = self._exchange.step(message)
        except SaslRefused:
            self.stage = SaslStage.FAILED
            raise
        if self._exchange.user is not None:
            self.stage = SaslStage.DONE
        return answer

    def step_bare(self, message: bytes) -> bytes | None:
        """Take a bare message, to whose refusal no words can be given.

        Args:
            message: of the mechanism.

        Returns:
            The server's answer to it; None where the client does not get in.
        """
        try:
            return self.step(message)
        except SaslRefused:
            return None
