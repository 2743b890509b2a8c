"""Where answers go: the inbox is asked for once, and what is remembered is bounded."""

import asyncio

import pytest

from penstock.events.log import Partition, TopicMissing
from penstock.events.partitioner import partition_of
from penstock.workers.inboxes import REMEMBERED_LIMIT, Inboxes


def test_a_key_has_the_partition_that_its_publishers_choose() -> None:
    """Starts and answers of one saga meet in one partition."""
    asked: list[str] = []

    async def scenario() -> None:
        async def count(topic: str) -> int:
            asked.append(topic)
            return 4

        inboxes = Inboxes(count)
        for key in (b"o-1", b"o-2", b""):
            expected = Partition("inbox", partition_of(key, 4))
            assert await inboxes.partition("inbox", key) == expected

    asyncio.run(scenario())
    assert asked == ["inbox"]


def test_names_out_of_headers_fill_no_memory() -> None:
    """Anybody can write them; beyond the limit it begins anew."""
    asked: list[str] = []

    async def scenario() -> None:
        async def count(topic: str) -> int:
            asked.append(topic)
            return 1

        inboxes = Inboxes(count)
        for number in range(REMEMBERED_LIMIT + 1):
            await inboxes.partition(f"inbox-{number}", b"k")
        await inboxes.partition(f"inbox-{REMEMBERED_LIMIT}", b"k")
        await inboxes.partition("inbox-0", b"k")

    asyncio.run(scenario())
    assert len(asked) == REMEMBERED_LIMIT + 2


def test_an_inbox_that_is_missing_is_asked_for_again() -> None:
    """It may be made in a while."""
    answers: list[int | TopicMissing] = [TopicMissing(topics="inbox"), 4]

    async def scenario() -> None:
        async def count(_topic: str) -> int:
            answer = answers.pop(0)
            if isinstance(answer, TopicMissing):
                raise answer
            return answer

        inboxes = Inboxes(count)
        with pytest.raises(TopicMissing):
            await inboxes.partition("inbox", b"k")
        assert (await inboxes.partition("inbox", b"k")).topic == "inbox"

    asyncio.run(scenario())
