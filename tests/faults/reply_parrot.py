"""Repeats what services have answered: later, several times, and in another order.

Kafka itself keeps answers in order and drops repeated batches; what reaches a saga twice comes from
services that were asked twice, from tools that copy topics, from brokers that were restored. This
is all of them at once: it reads a saga's inbox and writes copies of answers back into it.
"""

import asyncio
import random

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

__all__ = ["ReplyParrot"]

_HELD = 12
"""Answers that are held back at a time, and let go in any order."""


class ReplyParrot:
    """Copies answers within one inbox until it is stopped."""

    def __init__(self, bootstrap: str, inbox: str, *, seed: int) -> None:
        """Stand ready.

        Args:
            bootstrap: Where Kafka is.
            inbox: The topic.
            seed: Of what is repeated, and when.
        """
        self._bootstrap = bootstrap
        self._inbox = inbox
        self._draw = random.Random(seed)
        self._stopping = False
        self.repeated = 0
        """Copies written so far."""

    def stop(self) -> None:
        """Ask `run` to return."""
        self._stopping = True

    async def run(self) -> None:
        """Repeat answers until stopped."""
        consumer = AIOKafkaConsumer(
            self._inbox,
            bootstrap_servers=self._bootstrap,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
        )
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap)
        await consumer.start()
        await producer.start()
        held = []
        try:
            while not self._stopping:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    held += [record for record in records if not _is_copy(record)]
                self._draw.shuffle(held)
                while len(held) > _HELD:
                    await self._repeat(producer, held.pop())
        finally:
            await consumer.stop()
            await producer.stop()

    async def _repeat(self, producer: AIOKafkaProducer, record: object) -> None:
        for _ in range(self._draw.choice([0, 1, 1, 2])):
            await producer.send_and_wait(
                self._inbox,
                key=record.key,  # type: ignore[attr-defined] # the client ships no types
                value=record.value,  # type: ignore[attr-defined] # the same
                partition=record.partition,  # type: ignore[attr-defined] # the same
                headers=[*record.headers, ("x-copy", b"1")],  # type: ignore[attr-defined] # the same
            )
            self.repeated += 1
            await asyncio.sleep(0)


def _is_copy(record: object) -> bool:
    return any(name == "x-copy" for name, _ in record.headers)  # type: ignore[attr-defined] # as above
