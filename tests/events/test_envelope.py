"""Records of messages: their parts, and what is refused before a batch is touched."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from penstock.events.envelope import (
    KEY_LIMIT_BYTES,
    BadTime,
    Envelope,
    further_headers,
    stamp_of,
    timestamp_ms_of,
)
from penstock.events.event import BadKey, Event
from penstock.events.headers import headers_size, parse_headers
from penstock.events.log import RecordTooLarge
from penstock.events.partitioner import partition_of
from penstock.events.topic import Topic
from penstock.schemas.codec import decoder_of
from penstock.schemas.record import declaration_of

NOW_MS = 1_772_366_400_123
ID = "9d7e6c1e-0000-4000-8000-000000000001"


class Placed(Event, topic=Topic("shop.orders", partitions=7), key="order_id"):
    """Keyed by text."""

    order_id: str
    note: str = ""


class Pinged(Event, topic=Topic("shop.pings", partitions=3)):
    """Without a key."""

    n: int


class Priced(Event, topic=Topic("shop.prices", cleanup="compact"), key="sku"):
    """On a compacted topic."""

    sku: str


def envelope(message_type: type[Event], limit_bytes: int = 1_000) -> Envelope:
    """An envelope of one source."""
    return Envelope(message_type, source="shop.test", limit_bytes=limit_bytes)


def test_a_record_has_key_value_headers_and_time() -> None:
    """What is read back is what was published."""
    placed = Placed(order_id="o-1")
    further = further_headers((("tenant", b"t"),))
    outgoing = envelope(Placed).seal(placed, ID, stamp_of(NOW_MS), None, further)
    record = outgoing.record
    assert record.key == b"o-1"
    assert record.value is not None
    assert decoder_of(declaration_of(Placed).schema, Placed)(record.value) == placed
    assert record.timestamp_ms == NOW_MS
    headers = parse_headers(record.headers)
    assert (headers.id, headers.type, headers.source) == (ID, "shop.Placed", "shop.test")
    assert headers.time == datetime.fromtimestamp(NOW_MS / 1_000, UTC)
    assert ("tenant", b"t") in record.headers
    assert outgoing.event_id == ID


def test_a_key_decides_the_partition_among_the_declared_ones() -> None:
    """As every other client of Kafka would."""
    sealed = envelope(Placed).seal(Placed(order_id="o-1"), ID, stamp_of(NOW_MS))
    assert sealed.partition == ("shop.orders", partition_of(b"o-1", 7))


def test_a_key_given_by_hand_replaces_the_messages_own() -> None:
    """Sagas key commands by saga, not by what the command says."""
    key = UUID(int=5)
    sealed = envelope(Placed).seal(Placed(order_id="o-1"), ID, stamp_of(NOW_MS), key)
    assert sealed.record.key == str(key).encode()
    assert sealed.partition.number == partition_of(str(key).encode(), 7)


def test_records_without_a_key_go_to_the_partitions_in_turn() -> None:
    """No partition is favoured."""
    ping = envelope(Pinged)
    numbers = [ping.seal(Pinged(n=n), ID, stamp_of(NOW_MS)).partition.number for n in range(6)]
    assert numbers == [0, 1, 2, 0, 1, 2]


def test_the_size_counts_everything_that_is_written() -> None:
    """At least the bytes of key, value and headers, and little more."""
    further = further_headers((("tenant", b"t" * 50),))
    stamp = stamp_of(NOW_MS)
    outgoing = envelope(Placed).seal(Placed(order_id="o-1"), "größe", stamp, None, further)
    record = outgoing.record
    assert record.value is not None
    assert record.key is not None
    raw = len(record.key) + len(record.value) + headers_size(record.headers)
    assert outgoing.size_bytes == raw + 21


def test_a_record_over_the_limit_is_refused_with_both_numbers() -> None:
    """F18: what is certain to fail is not sent; at the limit it passes."""
    placed = Placed(order_id="o-1", note="x" * 100)
    size = envelope(Placed).seal(placed, ID, stamp_of(NOW_MS)).size_bytes
    assert envelope(Placed, size).seal(placed, ID, stamp_of(NOW_MS)).size_bytes == size
    with pytest.raises(RecordTooLarge) as refused:
        envelope(Placed, size - 1).seal(placed, ID, stamp_of(NOW_MS))
    assert (refused.value.size_bytes, refused.value.limit_bytes) == (size, size - 1)


def test_keys_are_bounded() -> None:
    """Every reader of state keeps them in memory."""
    wide = envelope(Placed, 1_000_000)
    fits = Placed(order_id="x" * KEY_LIMIT_BYTES)
    assert wide.seal(fits, ID, stamp_of(NOW_MS)).record.key == fits.order_id.encode()
    with pytest.raises(BadKey, match="4097 bytes"):
        wide.seal(Placed(order_id="x" * (KEY_LIMIT_BYTES + 1)), ID, stamp_of(NOW_MS))


def test_what_is_no_key_is_refused() -> None:
    """Whatever the type checker thought."""
    odd: Any = 1.5
    with pytest.raises(BadKey, match="float"):
        envelope(Priced).seal(Priced(sku="s"), ID, stamp_of(NOW_MS), odd)


def test_an_empty_key_is_a_key() -> None:
    """Kafka tells it from none."""
    assert envelope(Priced).seal(Priced(sku=""), ID, stamp_of(NOW_MS)).record.key == b""


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        (datetime(2026, 3, 1, 12), "no time zone"),  # noqa: DTZ001 - naive on purpose
        (datetime(1969, 12, 31, 23, 59, tzinfo=UTC), "before 1970"),
        (datetime(2026, 3, 1, 13, tzinfo=UTC), "ahead of now"),
    ],
)
def test_instants_that_a_broker_would_refuse_are_refused(time: datetime, reason: str) -> None:
    """It would refuse the whole batch, other callers' records included."""
    with pytest.raises(BadTime, match=reason):
        timestamp_ms_of(time, NOW_MS)


def test_the_past_and_a_clock_that_goes_fast_are_allowed() -> None:
    """Importing history is fine, and clocks of two machines differ."""
    assert timestamp_ms_of(datetime(1970, 1, 1, tzinfo=UTC), NOW_MS) == 0
    soon = datetime.fromtimestamp(NOW_MS / 1_000, UTC) + timedelta(minutes=54)
    assert timestamp_ms_of(soon, NOW_MS) == NOW_MS + 54 * 60_000
