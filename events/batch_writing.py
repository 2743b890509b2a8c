"""Writing a batch: again and again until its deadline, and in parts where its topic takes no more.

    persist   attempt, and attempt again while it is certain that nothing was written
    write     a batch as one piece; a piece that is too large is divided, and its parts are written
              in its place, in order

A broker measures batches by its topic's max.message.bytes, which may be less than ours hold. What
it takes is learned from its refusals and remembered (batches.py), because each costs a producer.

Laws:
1. What may have been written is not written again.
2. Records that a broker refuses only for the size of their batch are sent in smaller ones, before
   anything that comes behind them.
3. A batch has one deadline, in however many parts it is written.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, TypeVar, final

from penstock.events.alarm import Alarm, RaiseAlarm
from penstock.events.batch_parts import Part, PartEnd, divided
from penstock.events.batches import Batch, Batches
from penstock.events.clock import Clock
from penstock.events.headers import headers_size
from penstock.events.identity import Entropy
from penstock.events.line import NotSent, Waiter
from penstock.events.log import BatchWriter, NewRecord, OpenBatch, WriteRefused, WriteUnknown
from penstock.schemas.errors import PenstockError, WorldError

__all__ = ["BatchWriting"]

_Answer = TypeVar("_Answer")

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 2.0


class _Piece(NamedTuple):
    """What is handed to the writer at once: a batch, or a part of it."""

    records: OpenBatch
    length: int
    size_bytes: int


@final
class BatchWriting:
    """Writes the batches of one sender."""

    def __init__(
        self,
        writer: BatchWriter,
        batches: Batches[Waiter],
        clock: Clock,
        entropy: Entropy,
        raise_alarm: RaiseAlarm,
    ) -> None:
        """Begin with nothing known of any topic.

        Args:
            writer: writes batches.
            batches: knows what each topic takes.
            clock: time.
            entropy: jitter between attempts.
            raise_alarm: is told of topics that take less than a batch may hold.
        """
        self._writer = writer
        self._batches = batches
        self._clock = clock
        self._entropy = entropy
        self._raise_alarm = raise_alarm
        self.sent = 0
        """Batches handed to the writer; each part of one that was divided counts."""
        self.retries = 0
        """Attempts to write a batch again, since it was certain that nothing had been sent."""

    async def persist(
        self, topic: str, deadline_s: float, attempt: Callable[[float], Awaitable[_Answer]]
    ) -> _Answer:
        """Try until a deadline, as long as it is certain that nothing was written.

        Args:
            topic: for the error.
            deadline_s: in monotonic seconds.
            attempt: takes the seconds left.

        Raises:
            NotSent: the deadline came, and nothing was written.
        """
        pause_s, reason = _FIRST_PAUSE_S, "there was no time left"
        while (left_s := deadline_s - self._clock.monotonic()) > 0:
            try:
                return await attempt(left_s)
            except WorldError as failure:
                # What is unknown may have been written, and trying again would write it twice.
                # What is not retryable stays as it is. The rest certainly did not happen yet may:
                # no broker could be reached, no leader was there.
                if isinstance(failure, WriteUnknown) or not failure.retryable:
                    raise
                reason = failure.message.removesuffix(".")
            jitter = 0.5 + self._entropy.random() / 2
            await self._clock.sleep_until(self._clock.monotonic() + pause_s * jitter)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        raise NotSent(topic=topic, reason=reason)

    async def write(self, batch: Batch[Waiter]) -> None:
        """Write a batch, mostly as one piece, and note in it how each piece has ended."""
        topic, first = batch.partition.topic, 0
        waiting = deque([_Piece(batch.records, batch.count, batch.size_bytes)])
        while waiting:
            piece = waiting.popleft()
            limit_bytes = self._batches.topic_limit(topic)
            if piece.length > 1 and piece.size_bytes > limit_bytes:
                waiting.extendleft(reversed(self._divide(piece, limit_bytes)))
                continue
            try:
                end: PartEnd = await self._persisted(batch, piece)
            except PenstockError as failure:
                too_large = isinstance(failure, WriteRefused) and failure.too_large
                if too_large and piece.length > 1:
                    self._narrow(topic, piece.size_bytes // 2)
                    waiting.appendleft(piece)
                    continue
                end = failure
            batch.parts.append(Part(first, piece.length, piece.size_bytes, batch.attempts, end))
            first += piece.length

    def _narrow(self, topic: str, limit_bytes: int) -> None:
        if limit_bytes >= self._batches.topic_limit(topic):
            return  # another partition has said so meanwhile
        self._batches.narrow(topic, limit_bytes)
        self._raise_alarm(
            Alarm(
                name="batches-too-large",
                text=f"The topic {topic} takes no batches of {2 * limit_bytes} bytes, though it "
                f"may take their records. They are sent in parts of {limit_bytes} bytes from now "
                "on. Set PENSTOCK_BATCH_BYTES below the topic's max.message.bytes.",
                facts={"topic": topic, "limit_bytes": limit_bytes},
            )
        )

    def _divide(self, piece: _Piece, limit_bytes: float) -> list[_Piece]:
        records = piece.records.content()
        sizes = [_size_of(record) for record in records]
        pieces: list[_Piece] = []
        for run in divided(sizes, limit_bytes):
            part = self._writer.new_batch()
            for place in run:
                taken = part.append(records[place])
                assert taken, "a batch takes a part of what another one took"
            pieces.append(_Piece(part, len(run), sum(sizes[run.start : run.stop])))
        return pieces

    async def _persisted(self, batch: Batch[Waiter], piece: _Piece) -> int:
        def attempt(left_s: float) -> Awaitable[int]:
            self.retries += batch.attempts > 0
            batch.attempts += 1
            return self._writer.write(batch.partition, piece.records, timeout_s=left_s)

        batch.attempts = 0
        self.sent += 1
        return await self.persist(batch.partition.topic, batch.deadline_s, attempt)


def _size_of(record: NewRecord) -> int:
    # No record is without any, or there would be no end of dividing.
    size_bytes = len(record.key or b"") + len(record.value or b"") + headers_size(record.headers)
    return max(size_bytes, 1)
