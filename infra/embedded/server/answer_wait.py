"""Requests whose answer comes later, when others have come too: JoinGroup and SyncGroup.

Each gets a token. The core names the token with the answer, maybe before the request has begun to
wait for it: such an answer is kept until it is asked for, or its request is over.
"""

import asyncio
from itertools import count
from typing import TYPE_CHECKING, TypeAlias, final

if TYPE_CHECKING:
    from penstock.infra.embedded.groups.group_answers import JoinAnswer, SyncAnswer

__all__ = ["AnswerWait", "GroupAnswer"]

GroupAnswer: TypeAlias = "JoinAnswer | SyncAnswer"


@final
class AnswerWait:
    """The tokens in use."""

    def __init__(self) -> None:
        """None is."""
        self._numbers = count(1)
        self._futures: dict[int, asyncio.Future[GroupAnswer]] = {}

    @property
    def waiting(self) -> int:
        """How many tokens are in use."""
        return len(self._futures)

    def open(self) -> int:
        """Return a token that nobody had before."""
        token = next(self._numbers)
        self._futures[token] = asyncio.get_running_loop().create_future()
        return token

    async def wait(self, token: int) -> GroupAnswer:
        """Wait for a token's answer."""
        return await self._futures[token]

    def put(self, token: int, answer: GroupAnswer) -> None:
        """Bring an answer; one whose request is over is dropped."""
        future = self._futures.get(token)
        if future is not None and not future.done():
            future.set_result(answer)

    def close(self, token: int) -> None:
        """Forget a token: its request is over."""
        self._futures.pop(token, None)
