"""What a saga puts out, as records: commands, events, and its history.

Everything that is the same from record to record is made once: the headers of a type, the number of
a topic's partitions.

Laws:
1. A command carries the saga's key and all that its service needs to answer (formats.md F11).
2. Ids depend on what a record stands for and not on when it is made: the same command made again is
   the same message.
3. What is certain to be refused, being too large or for a topic that is not there, is refused here,
   before any transaction (F18).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

from penstock.events.headers import (
    Header,
    cause_headers,
    constant_headers,
    headers_size,
    time_header,
)
from penstock.events.identity import derived_id
from penstock.events.log import Headers, NewRecord, Partition
from penstock.events.partitioner import partition_of
from penstock.events.saga_headers import CommandHeaders, command_id, idempotency_key
from penstock.events.writer_frames import WriterFrames
from penstock.sagas.engine.effects import PublishEvent, SendCommand
from penstock.sagas.records import Transition, encode_transition

__all__ = ["Cause", "Outputs", "Unsendable", "record_size"]

_OVERHEAD_BYTES = 64
"""Of a record in a batch, beside key, value and headers; more than any version of Kafka takes."""


class Unsendable(Exception):
    """A record that a saga wants to put out is certain to be refused."""


def record_size(key: bytes | None, value: bytes, headers: Headers) -> int:
    """Return the size of a record in a batch, rounded up, as limits of records count it."""
    return len(value) + len(key or b"") + headers_size(headers) + _OVERHEAD_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What brought an output about."""

    key: str
    """Of the saga."""
    started_ms: int
    """When the saga began: the same key may begin again after its retention."""
    id: str
    """`ce_id` of the input record; empty for a timer."""
    traceparent: str | None
    """Trace context of the input record."""
    now_ms: int
    """The time."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """Makes the records of one saga's outputs."""

    saga: str
    """Name of the saga."""
    source: str
    """Who publishes: app and worker."""
    inbox: str
    """Topic that takes the answers."""
    history: str
    """Topic of the history."""
    partitions: Mapping[str, int]
    """Partitions of each topic that is written to. Its owner may add some."""
    limit_bytes: int
    """Size of a record at most."""
    frames: WriterFrames = field(default_factory=WriterFrames)
    """How commands and events are framed. Its owner lets it learn the ids of all versions."""
    _constants: dict[str, tuple[Header, ...]] = field(default_factory=dict)

    def command(self, send: SendCommand, cause: Cause) -> tuple[Partition, NewRecord]:
        """Make the record of a command.

        Raises:
            Unsendable: it is certain to be refused.
        """
        effect_key = idempotency_key(self.saga, send.direction, send.step, cause.key)
        headers = CommandHeaders(
            saga=self.saga,
            step=send.step,
            direction=send.direction,
            attempt=send.attempt,
            idempotency_key=effect_key,
            deadline_ms=send.deadline_ms,
            reply_to=self.inbox,
        )
        return self._record(
            send.topic,
            cause.key.encode(),
            self.frames.reframed(send.value),
            [
                *self._constant(send.type_name),
                ("ce_id", str(command_id(effect_key, send.attempt)).encode()),
                *self._caused(cause),
                *headers.written(),
            ],
            cause.now_ms,
        )

    def event(self, publish: PublishEvent, cause: Cause) -> tuple[Partition, NewRecord]:
        """Make the record of an event.

        Raises:
            Unsendable: it is certain to be refused.
        """
        origin = f"{cause.key}@{cause.started_ms}"
        event_id = derived_id(origin, f"saga/{self.saga}/{publish.step}", 0)
        return self._record(
            publish.topic,
            publish.key,
            self.frames.reframed(publish.value),
            [
                *self._constant(publish.type_name),
                ("ce_id", str(event_id).encode()),
                *self._caused(cause),
            ],
            cause.now_ms,
        )

    def history_entry(self, transition: Transition, cause: Cause) -> tuple[Partition, NewRecord]:
        """Make the record of a transition.

        Raises:
            Unsendable: it is certain to be refused.
        """
        value = encode_transition(transition)
        return self._record(self.history, cause.key.encode(), value, [], cause.now_ms)

    def _constant(self, type_name: str) -> tuple[Header, ...]:
        headers = self._constants.get(type_name)
        if headers is None:
            headers = self._constants[type_name] = constant_headers(type_name, self.source)
        return headers

    def _caused(self, cause: Cause) -> tuple[Header, ...]:
        flow = f"{self.saga}/{cause.key}"
        caused = cause_headers(flow, cause.id or None, cause.traceparent)
        return (time_header(cause.now_ms), *caused)

    def _record(
        self, topic: str, key: bytes | None, value: bytes, headers: list[Header], now_ms: int
    ) -> tuple[Partition, NewRecord]:
        size = record_size(key, value, headers)
        if size > self.limit_bytes:
            message = f"a record for {topic} has {size} bytes, the limit is {self.limit_bytes}"
            raise Unsendable(message)
        count = self.partitions.get(topic)
        if count is None:  # of an old version that nobody uses any more, as somebody believed
            message = f"the topic {topic} does not exist"
            raise Unsendable(message)
        number = partition_of(value if key is None else key, count)
        return Partition(topic, number), NewRecord(key, value, headers, now_ms)
