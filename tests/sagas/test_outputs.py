"""The records that a saga puts out: where they go, who they are, how large they may be.

What stands in a command's headers is in test_orchestrator.py, as it goes out.
"""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.events.partitioner import partition_of
from penstock.events.saga_headers import Direction
from penstock.events.writer_frames import FrameNotKnown, WriterFrames
from penstock.sagas.engine.effects import PublishEvent, SendCommand
from penstock.sagas.outputs import Cause, Outputs, Unsendable, record_size
from penstock.sagas.records import Transition
from penstock.schemas.confluent import frame_of_id
from penstock.schemas.single_object import frame_of

INBOX, HISTORY = "_penstock.shop.saga.order.inbox", "_penstock.shop.saga.order.history"
COUNTS = {"stock.commands": 3, "shop.orders": 5, HISTORY: 4}
CAUSE = Cause(key="o-1", started_ms=1_000, id="cause", traceparent=None, now_ms=2_000)
SEND = SendCommand(
    step="reserve",
    direction=Direction.DO,
    attempt=1,
    type_name="stock.Reserve",
    topic="stock.commands",
    value=b"value",
    deadline_ms=9_000,
)
PUBLISH = PublishEvent(
    step="tell", type_name="shop.Told", topic="shop.orders", key=b"k", value=b"value"
)
TRANSITION = Transition(
    key="o-1", seq=1, at_ms=2_000, version=1, trigger="start", cause="cause", facts=()
)


def outputs(**fields: Any) -> Outputs:
    """Those of the order saga."""
    whole = {
        "saga": "order",
        "source": "shop.saga-order",
        "inbox": INBOX,
        "history": HISTORY,
        "partitions": COUNTS,
        "limit_bytes": 1_000,
    }
    return Outputs(**{**whole, **fields})


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
def test_everything_about_a_saga_goes_where_its_key_belongs(key: str) -> None:
    """Law 1: commands and history are in the saga's order, in every topic."""
    cause = replace(CAUSE, key=key)
    for place, record in (
        outputs().command(SEND, cause),
        outputs().history_entry(replace(TRANSITION, key=key), cause),
    ):
        assert record.key == key.encode()
        assert place.number == partition_of(record.key, COUNTS[place.topic])


@pytest.mark.parametrize("key", [b"k", b"other", None])
def test_an_event_goes_where_its_own_key_belongs(key: bytes | None) -> None:
    """Or, without one, always to the same place: a repeat must not be in another partition."""
    place, record = outputs().event(replace(PUBLISH, key=key), CAUSE)
    assert record.key == key
    assert place.number == partition_of(b"value" if key is None else key, 5)


def ids(record: Any) -> bytes:
    """The id of a record."""
    found: bytes = dict(record.headers)["ce_id"]
    return found


def test_a_repeat_is_the_same_message_whenever_it_is_made() -> None:
    """Law 2: neither the time nor the cause makes another one."""
    later = replace(CAUSE, now_ms=99_000, id="", traceparent="00-t-s-01")
    for make in (outputs().command, outputs().event):
        effect: Any = SEND if make.__name__ == "command" else PUBLISH
        assert ids(make(effect, CAUSE)[1]) == ids(make(effect, later)[1])


def test_what_stands_for_something_else_is_another_message() -> None:
    """Law 2: another step, direction, attempt, key, or life of a key."""
    commands = [
        (SEND, CAUSE),
        (replace(SEND, step="charge"), CAUSE),
        (replace(SEND, direction=Direction.UNDO), CAUSE),
        (replace(SEND, attempt=2), CAUSE),
        (SEND, replace(CAUSE, key="o-2")),
    ]
    events = [
        (PUBLISH, CAUSE),
        (replace(PUBLISH, step="tell_again"), CAUSE),
        (replace(PUBLISH, step=""), CAUSE),
        (PUBLISH, replace(CAUSE, key="o-2")),
        (PUBLISH, replace(CAUSE, started_ms=1_001)),
    ]
    made = [ids(outputs().command(*each)[1]) for each in commands]
    made += [ids(outputs().event(*each)[1]) for each in events]
    made.append(ids(outputs(saga="offer").command(SEND, CAUSE)[1]))
    made.append(ids(outputs(saga="offer").event(PUBLISH, CAUSE)[1]))
    assert len(set(made)) == len(made)


def test_a_record_at_the_limit_goes_and_one_byte_more_does_not() -> None:
    """Law 3: what is counted is the whole record, headers and key included."""
    _, fits = outputs().command(SEND, CAUSE)
    assert fits.value is not None
    room = 1_000 - record_size(fits.key, fits.value, fits.headers)
    outputs().command(replace(SEND, value=b"value" + b"x" * room), CAUSE)
    with pytest.raises(Unsendable, match=r"stock\.commands has 1001 bytes, the limit is 1000"):
        outputs().command(replace(SEND, value=b"value" + b"x" * (room + 1)), CAUSE)
    with pytest.raises(Unsendable, match=r"shop\.orders"):
        outputs().event(replace(PUBLISH, value=b"x" * 1_000), CAUSE)
    with pytest.raises(Unsendable, match="history"):
        outputs().history_entry(replace(TRANSITION, trigger="x" * 1_000), CAUSE)


def test_a_topic_that_is_not_there_is_said_before_anything_is_sent() -> None:
    """Law 3; its owner may learn of it later, by the same mapping."""
    counts = {**COUNTS}
    made = outputs(partitions=counts)
    with pytest.raises(Unsendable, match=r"the topic mail\.commands does not exist"):
        made.command(replace(SEND, topic="mail.commands"), CAUSE)
    counts["mail.commands"] = 1
    place, _ = made.command(replace(SEND, topic="mail.commands"), CAUSE)
    assert place.number == 0


def test_a_history_has_no_headers() -> None:
    """Only our own tools read it, and its schema says all."""
    _, record = outputs().history_entry(TRANSITION, CAUSE)
    assert (record.headers, record.timestamp_ms) == ([], 2_000)


def test_commands_and_events_are_framed_as_messages_are_and_the_history_is_not() -> None:
    """The saga's own records must be readable without a registry."""
    frames = WriterFrames("confluent")
    fingerprint = b"12345678"
    value = frame_of(fingerprint) + b"body"
    made = outputs(frames=frames)
    send, publish = replace(SEND, value=value), replace(PUBLISH, value=value)
    with pytest.raises(FrameNotKnown):
        made.command(send, CAUSE)
    with pytest.raises(FrameNotKnown):
        made.event(publish, CAUSE)
    frames.learn({fingerprint: 9})
    for _, record in (made.command(send, CAUSE), made.event(publish, CAUSE)):
        assert record.value == frame_of_id(9) + b"body"
    _, entry = made.history_entry(TRANSITION, CAUSE)
    assert (entry.value or b"").startswith(b"\xc3\x01")
