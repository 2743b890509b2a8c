"""The answers of a worker to the commands of sagas, as records of the sagas' inboxes.

An answer carries its command's key, so that everything about one saga has one order, and names the
step and the attempt that it answers; its id follows from the command's (formats.md F10, F13).

Laws:
1. An answer goes to the inbox that the command names, and nowhere else.
2. What is certain to be refused is refused here, before any transaction (formats.md F18).
3. Pure: the inbox's partition and the time are arguments.
"""

from typing import Final, final

from penstock.events.envelope import KEY_LIMIT_BYTES, FurtherHeaders, stamp_of
from penstock.events.headers import constant_headers, headers_size
from penstock.events.identity import derived_id
from penstock.events.log import LogRecord, NewRecord, Partition, RecordTooLarge
from penstock.events.saga_headers import (
    IDEMPOTENCY_KEY,
    CommandHeaders,
    NotASagaCommand,
    idempotency_key,
)
from penstock.events.saga_messages import InboxMessage, StepReply, Way, encode_inbox_message
from penstock.schemas.record import declaration_of
from penstock.workers.group_commit import Effects
from penstock.workers.participant import Answer

__all__ = ["Answers", "answer_id", "asked_of"]

_OVERHEAD_BYTES: Final = 21
"""Lengths, deltas and attributes of a record in a batch of format 2 (see events/envelope.py)."""


def asked_of(record: LogRecord) -> CommandHeaders | None:
    """Read which step of which saga asks for a command.

    Returns:
        None where no saga asks.

    Raises:
        NotASagaCommand: the headers are not whole, or speak of another saga than the record's key.
        UnreadableHeader: a header is not UTF-8.
    """
    asked = CommandHeaders.parse(record.headers)
    if asked is None:
        return None
    key = record.key
    if key is None:
        raise NotASagaCommand(header=IDEMPOTENCY_KEY, problem="the record has no key")
    if len(key) > KEY_LIMIT_BYTES:
        problem = f"the record's key has {len(key)} bytes, and {KEY_LIMIT_BYTES} are allowed"
        raise NotASagaCommand(header=IDEMPOTENCY_KEY, problem=problem)
    stated = asked.idempotency_key.encode()
    expected = idempotency_key(asked.saga, asked.direction, asked.step, "").encode() + key
    if stated != expected:
        # What is remembered goes by the record's key, effects by this header: they must not differ.
        problem = "it does not follow from saga, direction, step and the record's key"
        raise NotASagaCommand(header=IDEMPOTENCY_KEY, problem=problem)
    return asked


@final
class Answers:
    """Makes records of the answers of one worker."""

    def __init__(self, *, source: str, limit_bytes: int) -> None:
        """Make what all answers have in common.

        Args:
            source: Who answers: app and worker.
            limit_bytes: Size of a record at the most.
        """
        self._constants = constant_headers(declaration_of(InboxMessage).full_name, source)
        self._limit_bytes = limit_bytes
        # Many answers are written within one millisecond, and a time takes a while to write.
        self._stamp = stamp_of(0)
        # Times are all equally long.
        alike = (*self._constants, ("ce_id", b""), self._stamp.header)
        self._alike_bytes = headers_size(alike) + _OVERHEAD_BYTES

    def emit(
        self,
        answer: Answer,
        asked: CommandHeaders,
        *,
        to: Partition,
        key: bytes,
        event_id: str,
        further: FurtherHeaders,
        now_ms: int,
        effects: Effects,
    ) -> None:
        """Add an answer to its command's effects.

        Args:
            answer: What is answered.
            asked: Who asked for what.
            to: The partition of the inbox that the command's key belongs to.
            key: The command's key.
            event_id: The answer's id, as `answer_id` makes it.
            further: Headers that tie it to the command.
            now_ms: Wall clock, milliseconds since 1970.
            effects: Takes the record.

        Raises:
            RecordTooLarge: the answer is larger than a record may be.
        """
        if self._stamp.timestamp_ms != now_ms:
            self._stamp = stamp_of(now_ms)
        raw_id = event_id.encode()
        headers = [*self._constants, ("ce_id", raw_id), self._stamp.header, *further.headers]
        value = encode_inbox_message(InboxMessage(reply=_reply(answer, asked)))
        size = self._alike_bytes + len(raw_id) + further.size_bytes + len(key) + len(value)
        if size > self._limit_bytes:
            raise RecordTooLarge(topic=to.topic, size_bytes=size, limit_bytes=self._limit_bytes)
        effects.emit(to, NewRecord(key, value, headers, now_ms))


def answer_id(command_id: str, handler: str) -> str:
    """Return the id of a handler's answer: the same, however often it answers this command."""
    return str(derived_id(command_id, handler, 0))


def _reply(answer: Answer, asked: CommandHeaders) -> StepReply:
    return StepReply(
        step=asked.step,
        way=Way(asked.direction),
        attempt=asked.attempt,
        outcome=answer.outcome,
        data=answer.data,
        code=answer.code,
        text=answer.text,
        retryable=answer.retryable,
    )
