"""CloudEvents headers: written strictly, read leniently."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from penstock.events.headers import (
    HEADERS_LIMIT,
    HEADERS_LIMIT_BYTES,
    EventHeaders,
    Header,
    HeadersOverLimit,
    IllegalHeader,
    UnreadableHeader,
    caller_headers,
    cause_headers,
    constant_headers,
    headers_size,
    id_header,
    parse_headers,
    time_header,
)


def test_an_event_carries_the_attributes_that_cloudevents_demands() -> None:
    """Binary content mode of the Kafka protocol binding, 1.0."""
    written = [
        *constant_headers("shop.OrderPlaced", "shop.stock"),
        id_header("e-1"),
        time_header(1_772_366_400_123),
        *cause_headers("c-1", "e-0", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ]
    assert written == [
        ("ce_specversion", b"1.0"),
        ("ce_type", b"shop.OrderPlaced"),
        ("ce_source", b"shop.stock"),
        ("content-type", b"application/avro"),
        ("ce_id", b"e-1"),
        ("ce_time", b"2026-03-01T12:00:00.123000Z"),
        ("ce_correlationid", b"c-1"),
        ("ce_causationid", b"e-0"),
        ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ]


def test_what_is_written_is_read_back() -> None:
    """Each attribute by its own name."""
    read = parse_headers(
        [
            *constant_headers("shop.OrderPlaced", "shop.stock"),
            id_header("e-1"),
            time_header(1_772_366_400_123),
            *cause_headers("c-1", "e-0", "00-aa-bb-01"),
        ]
    )
    assert read == EventHeaders(
        specversion="1.0",
        id="e-1",
        type="shop.OrderPlaced",
        source="shop.stock",
        time_text="2026-03-01T12:00:00.123000Z",
        content_type="application/avro",
        correlation_id="c-1",
        causation_id="e-0",
        traceparent="00-aa-bb-01",
    )
    assert read.time == datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC)


def test_foreign_producers_may_leave_out_anything() -> None:
    """No header is demanded, and unknown ones are nobody's business."""
    assert parse_headers([]) == EventHeaders()
    assert parse_headers([("x", b"\xff")]) == EventHeaders()
    assert EventHeaders().time is None


def test_faststreams_correlation_is_understood() -> None:
    """And CloudEvents' own wins over it, in any order."""
    plain: Header = ("correlation_id", b"theirs")
    ours: Header = ("ce_correlationid", b"ours")
    assert parse_headers([plain]).correlation_id == "theirs"
    assert parse_headers([plain, ours]).correlation_id == "ours"
    assert parse_headers([ours, plain]).correlation_id == "ours"


def test_of_repeated_headers_the_last_counts() -> None:
    """As in Kafka's own clients."""
    assert parse_headers([("ce_id", b"1"), ("ce_id", b"2")]).id == "2"


def test_a_header_that_is_no_text_is_named() -> None:
    """With the place of the byte, and without the value."""
    with pytest.raises(UnreadableHeader) as refused:
        parse_headers([("ce_id", b"abc\xff")])
    assert refused.value.header == "ce_id"
    assert "byte 3" in str(refused.value)
    assert "abc" not in str(refused.value)


@pytest.mark.parametrize("text", ["yesterday", "", "2026-03-01T12:00:00", "2026-13-01T00:00:00Z"])
def test_a_time_that_is_none_disturbs_only_whoever_asks(text: str) -> None:
    """The other attributes are there all the same."""
    read = parse_headers([("ce_time", text.encode()), ("ce_id", b"1")])
    assert read.id == "1"
    with pytest.raises(UnreadableHeader, match="ce_time"):
        _ = read.time


def test_times_with_other_offsets_and_precisions_are_understood() -> None:
    """RFC 3339 allows them."""
    read = parse_headers([("ce_time", b"2026-03-01T14:00:00.5+02:00")])
    assert read.time == datetime(2026, 3, 1, 14, 0, 0, 500_000, tzinfo=timezone(timedelta(hours=2)))


def test_too_many_or_too_large_headers_are_not_looked_at() -> None:
    """B44: bounded before anything is decoded."""
    with pytest.raises(HeadersOverLimit):
        parse_headers([("x", b"")] * (HEADERS_LIMIT + 1))
    with pytest.raises(HeadersOverLimit):
        parse_headers([("x", bytes(HEADERS_LIMIT_BYTES))])
    assert parse_headers([("x", b"")] * HEADERS_LIMIT) == EventHeaders()


def test_callers_add_headers_of_their_own() -> None:
    """Text as UTF-8, bytes as they are."""
    added = caller_headers({"tenant": "größe", "blob": b"\xff", "reply-to": "shop.replies"})
    assert added == (
        ("tenant", "größe".encode()),
        ("blob", b"\xff"),
        ("reply-to", b"shop.replies"),
    )


@pytest.mark.parametrize(
    "name", ["ce_id", "ce_x", "penstock-saga", "content-type", "traceparent", ""]
)
def test_callers_cannot_set_what_the_product_sets(name: str) -> None:
    """Two of one name would mean two things to two readers."""
    with pytest.raises(IllegalHeader):
        caller_headers({name: "x"})


def test_callers_headers_are_bounded() -> None:
    """In number, in size and in the length of a name."""
    for headers in (
        {f"x{n}": "" for n in range(HEADERS_LIMIT // 2 + 1)},
        {"x": bytes(HEADERS_LIMIT_BYTES // 2 + 1)},
        {"x" * 2_000: "x"},
    ):
        with pytest.raises(IllegalHeader) as refused:
            caller_headers(headers)
        assert len(str(refused.value)) < 400


def test_ids_and_sources_are_neither_empty_nor_endless() -> None:
    """CloudEvents wants them non-empty; limits want them short."""
    for text in ("", "x" * 1_025):
        with pytest.raises(IllegalHeader, match="ce_id"):
            id_header(text)
        with pytest.raises(IllegalHeader, match="ce_source"):
            constant_headers("shop.OrderPlaced", text)
        with pytest.raises(IllegalHeader, match="ce_correlationid"):
            cause_headers(text, None, None)


def test_a_null_value_is_an_absent_one() -> None:
    """Kafka's headers may have no value; the size of such a header is its name."""
    null: list[tuple[str, bytes]] = [("ce_id", None)]  # type: ignore[list-item]  # what foreign producers do
    assert parse_headers(null).id is None
    assert headers_size(null) == headers_size([("ce_id", b"")])


def test_half_a_character_is_no_text() -> None:
    """It is refused like all that cannot be written, whoever it comes from."""
    half = "\ud800"
    with pytest.raises(IllegalHeader, match="surrogate"):
        id_header(half)
    with pytest.raises(IllegalHeader, match="surrogate"):
        cause_headers(half, None, None)
    with pytest.raises(IllegalHeader, match="surrogate"):
        caller_headers({"tenant": half})
    with pytest.raises(IllegalHeader, match="surrogate"):
        caller_headers({half: b""})
