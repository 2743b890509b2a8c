"""Why an authentication fails: what the client is told."""

from typing import final

__all__ = ["SaslRefused"]


@final
class SaslRefused(Exception):
    """The client is not who it says, or its message makes no sense. Answered, never shown to users.

    Not one of penstock's errors: it lives between a mechanism and the conversation that answers it.
    """

    def __init__(self, text: str) -> None:
        """Refuse.

        Args:
            text: for the client, in Kafka's words.
        """
        super().__init__(text)
        self.text = text
