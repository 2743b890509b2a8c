"""How a record is shown: harmless on a terminal, whole in JSON."""

import json
from base64 import b64decode
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.infra.cli.record_view import (
    RecordFilter,
    SeenRecord,
    json_line,
    raw_line,
    text_lines,
    type_header,
)
from penstock.infra.memory.memory_record import MemoryRecord
from penstock.infra.plain_text import escaped

NOON_MS = 1_767_268_800_000


def a_record(**more: Any) -> MemoryRecord:
    """A record of an order."""
    given: dict[str, Any] = {
        "topic": "shop.orders",
        "partition": 1,
        "offset": 7,
        "timestamp": NOON_MS,
        "key": b"o-1",
        "value": b"\x00",
        "headers": (("ce_type", b"shop.OrderPlaced"),),
    }
    return MemoryRecord(**{**given, **more})


def seen(record: MemoryRecord | None = None, **more: Any) -> SeenRecord:
    """What was made of it."""
    given: dict[str, Any] = {"type_name": "shop.OrderPlaced", "datum": {"total": Decimal("19.90")}}
    return SeenRecord(record=record or a_record(), **{**given, **more})


def test_a_line_says_when_where_which_and_what() -> None:
    """In this order."""
    assert text_lines(seen(), headers=False) == (
        '2026-01-01T12:00:00.000Z  shop.orders/1@7  o-1  shop.OrderPlaced  {"total": "19.90"}'
    )


def test_headers_follow_on_request() -> None:
    """One in a line; what is no text is base64, what is empty a hyphen."""
    record = a_record(headers=(("a", b"b"), ("raw", b"\xff"), ("none", None)))
    lines = text_lines(seen(record), headers=True).splitlines()
    assert lines[1:] == ["    a: b", "    raw: base64:/w==", "    none: -"]


def test_a_tombstone_and_what_cannot_be_decoded_are_shown_as_such() -> None:
    """With the reason; JSON has no value then."""
    tombstone = seen(a_record(value=None), datum=None, type_name=None)
    assert text_lines(tombstone, headers=False).endswith("  o-1  -  (tombstone)")
    shown = json.loads(json_line(tombstone, headers=False))
    assert (shown["value"], shown["tombstone"]) == (None, True)
    broken = seen(a_record(value=b"{}"), datum=None, problem="PEN-A1 It has no frame.")
    assert text_lines(broken, headers=False).endswith(
        "(cannot be decoded, 2 bytes: PEN-A1 It has no frame.)"
    )
    shown = json.loads(json_line(broken, headers=False))
    assert (shown["value"], shown["tombstone"]) == (None, False)
    assert shown["problem"] == "PEN-A1 It has no frame."


def test_json_has_everything() -> None:
    """What is no text under another name, so that nothing is mistaken for text."""
    record = a_record(key=b"\xff", headers=(("a", b"b"), ("a", b"\xfe"), ("none", None)))
    assert json.loads(json_line(seen(record), headers=True)) == {
        "topic": "shop.orders",
        "partition": 1,
        "offset": 7,
        "time": "2026-01-01T12:00:00.000Z",
        "key_base64": "/w==",
        "type": "shop.OrderPlaced",
        "value": {"total": "19.90"},
        "tombstone": False,
        "headers": [
            {"name": "a", "value": "b"},
            {"name": "a", "value_base64": "/g=="},
            {"name": "none", "value": None},
        ],
    }


@pytest.mark.parametrize("timestamp", [-1, 10**15, 2**62])
def test_times_beyond_the_calendar_are_none(timestamp: int) -> None:
    """A foreign writer may say anything."""
    strange = seen(a_record(timestamp=timestamp))
    assert text_lines(strange, headers=False).startswith("-  ")
    assert json.loads(json_line(strange, headers=False))["time"] is None


def test_a_long_value_is_cut_in_text_only() -> None:
    """And says how long it is."""
    long = seen(datum={"note": "x" * 100_000})
    line = text_lines(long, headers=False)
    assert line.endswith("... (100012 characters)")
    assert len(line) < 5_000
    assert len(json.loads(json_line(long, headers=False))["value"]["note"]) == 100_000


@example(
    key=b"\x7f",
    name="\x7f",
    header=b"\x9b",
    text="\x1b[31m\u202e\x7f",
    type_name="\x7f",
    problem=None,
)
@given(
    key=st.none() | st.binary(max_size=300),
    name=st.text(max_size=20),
    header=st.binary(max_size=20) | st.none(),
    text=st.text(st.characters(exclude_categories=["Cs"])),
    type_name=st.text() | st.none(),
    problem=st.text(min_size=1) | st.none(),
)
def test_whatever_a_record_holds_a_terminal_is_safe(
    *,
    key: bytes | None,
    name: str,
    header: bytes | None,
    text: str,
    type_name: str | None,
    problem: str | None,
) -> None:
    """Text is one line for the record and one for each header, JSON plain ASCII."""
    record = a_record(key=key, headers=((name, header),))
    datum = {text: text} if problem is None else None
    drawn = seen(record, datum=datum, type_name=type_name, problem=problem)
    lines = text_lines(drawn, headers=True).split("\n")
    assert len(lines) == 2
    assert [escaped(line) for line in lines] == lines
    for line in (json_line(drawn, headers=True), raw_line(record)):
        assert line.isascii()
        assert line.isprintable()
        json.loads(line)


@given(
    key=st.none() | st.binary(),
    value=st.none() | st.binary(),
    headers=st.lists(st.tuples(st.text(), st.none() | st.binary())),
)
def test_raw_loses_nothing(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    """Key, value and headers come back byte for byte, in order."""

    def plain(text: str | None) -> bytes | None:
        return None if text is None else b64decode(text)

    shown = json.loads(raw_line(a_record(key=key, value=value, headers=tuple(headers))))
    assert (plain(shown["key"]), plain(shown["value"])) == (key, value)
    assert [(each["name"], plain(each["value"])) for each in shown["headers"]] == headers
    assert shown["timestamp_ms"] == NOON_MS


def test_a_filter_takes_keys_and_types() -> None:
    """Full names and short ones; what is of no known type may be one of them."""
    everything = RecordFilter()
    assert everything.takes_key(None)
    assert everything.takes_type(None)
    wanted = RecordFilter(types=frozenset({"shop.OrderPlaced", "Noted"}), key=b"o-1")
    assert wanted.takes_key(b"o-1")
    assert not wanted.takes_key(b"o-2")
    assert not wanted.takes_key(None)
    for name, taken in (
        ("shop.OrderPlaced", True),
        ("other.OrderPlaced", False),
        ("other.Noted", True),
        ("shop.Unnoted", False),
        (None, True),
    ):
        assert wanted.takes_type(name) is taken


def test_the_type_in_headers_is_bounded_and_never_fails() -> None:
    """The last one counts, as in Kafka; bytes that are no text are shown as such."""
    assert type_header(()) is None
    assert type_header((("ce_type", b"a.A"), ("ce_type", b"b.B"))) == "b.B"
    assert type_header((("ce_type", b"\xff"),)) == "\N{REPLACEMENT CHARACTER}"
    assert len(type_header((("ce_type", b"x" * 100_000),)) or "") == 512
