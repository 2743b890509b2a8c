"""Who waits for an answer, and the answers that have become due.

Laws:
1. A token gets at most one answer.
2. A token that is forgotten gets none, and nothing else changes by that: in Kafka, too, a member
   whose connection is gone counts as waiting until its time is over.
"""

from typing import final

from penstock.infra.embedded.groups.group_answers import JoinAnswer, SyncAnswer

__all__ = ["AnswerBox"]


@final
class AnswerBox:
    """Tokens that wait, and answers on their way out."""

    def __init__(self) -> None:
        """Nobody waits."""
        self._waiting: set[int] = set()
        self._due: dict[int, JoinAnswer | SyncAnswer] = {}

    @property
    def waiting(self) -> int:
        """Tokens without an answer yet."""
        return len(self._waiting)

    def expect(self, token: int) -> None:
        """Let a token wait.

        Args:
            token: named by the request.
        """
        self._waiting.add(token)

    def put(self, token: int, answer: JoinAnswer | SyncAnswer) -> None:
        """Answer a token, unless it is forgotten.

        Args:
            token: who waits.
            answer: what it gets.
        """
        if token in self._waiting:
            self._waiting.discard(token)
            self._due[token] = answer

    def forget(self, token: int) -> None:
        """Drop a token and the answer that may be on its way.

        Args:
            token: whose connection is gone.
        """
        self._waiting.discard(token)
        self._due.pop(token, None)

    def take(self, token: int) -> JoinAnswer | SyncAnswer | None:
        """Take one token's answer out, if it is there.

        Args:
            token: whose answer.

        Returns:
            The answer; None while it waits.
        """
        return self._due.pop(token, None)

    def take_all(self) -> list[tuple[int, JoinAnswer | SyncAnswer]]:
        """Take all answers out, in the order in which they became due."""
        answers = list(self._due.items())
        self._due.clear()
        return answers
