"""Dead letters: the record untouched, the note bounded and without payload."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest
from pydantic import BaseModel, ValidationError

from penstock.events.dead_letter import (
    MESSAGE_LIMIT,
    DeadLetterNote,
    NotADeadLetter,
    dead_letter_headers,
    failure_code,
    failure_message,
    original_headers,
    parse_note,
)
from penstock.events.log import Headers, Partition, WriteRefused


class Read:
    """A record that was read."""

    topic = "shop.orders"
    partition = 3
    offset = 42
    timestamp = 1_772_366_400_123
    key: bytes | None = b"o-1"
    value: bytes | None = b"secret"
    headers: Headers = (("ce_id", b"e-1"), ("x", b"1"), ("x", b"2"))


def note_of(failure: BaseException) -> DeadLetterNote:
    """The note that this failure leaves."""
    headers = dead_letter_headers(
        Read(), failure, reason="failed", group="shop.mail", handler="send", attempts=5
    )
    return parse_note(headers)


def test_a_note_says_where_who_and_why() -> None:
    """F14, field by field, and readable again."""
    failure = WriteRefused(partition=Partition("a.b", 0), reason="TOO_LARGE")
    assert note_of(failure) == DeadLetterNote(
        reason="failed",
        error_code="PEN-E1",
        message=str(failure),
        topic="shop.orders",
        partition=3,
        offset=42,
        timestamp_ms=1_772_366_400_123,
        group="shop.mail",
        handler="send",
        attempts=5,
    )


def test_headers_are_named_as_the_formats_say() -> None:
    """Other tools read them."""
    headers = dead_letter_headers(Read(), ValueError("x"), reason="refused", group="shop.mail")
    names = [name for name, _ in headers if name.startswith("penstock-dlq-")]
    parts = "reason error-code message topic partition offset timestamp group handler attempts"
    assert sorted(names) == sorted(f"penstock-dlq-{part}" for part in parts.split())


def test_the_records_own_headers_stay_first_and_untouched() -> None:
    """Repeated names and their order included; a replay sends exactly these."""
    headers = dead_letter_headers(Read(), ValueError("x"), reason="refused", group="shop.mail")
    assert headers[:3] == Read.headers
    assert original_headers(headers) == Read.headers


def test_a_dead_letter_parked_again_has_one_note() -> None:
    """Else its headers would grow with every round."""
    again = Read()
    first = dead_letter_headers(Read(), ValueError("first"), reason="refused", group="shop.mail")
    again.headers = first
    second = dead_letter_headers(again, ValueError("second"), reason="refused", group="shop.mail")
    assert len(second) == len(first)
    assert parse_note(second).message == "second"


def test_a_message_is_bounded_and_on_one_line() -> None:
    """Control characters, direction marks and half characters are escaped."""
    text = failure_message(ValueError("a\nb\x1b[31m\u202e\ud800" + "x" * 10_000))
    assert text.startswith("a\\nb\\x1b[31m\\u202e\\ud800xxx")
    assert len(text) == MESSAGE_LIMIT
    assert text.endswith("...")
    assert failure_message(ValueError("x" * MESSAGE_LIMIT)) == "x" * MESSAGE_LIMIT
    assert len(failure_message(ValueError("\n" * MESSAGE_LIMIT))) == MESSAGE_LIMIT


def test_pydantics_errors_lose_their_input() -> None:
    """It repeats what it was given, and that is payload."""

    class Card(BaseModel):
        number: int
        owners: dict[str, int]

    with pytest.raises(ValidationError) as refused:
        Card.model_validate({"number": "4111-1111", "owners": {"Ada": "x"}})
    text = failure_message(refused.value)
    assert text == "number: int_parsing; owners: int_parsing"
    assert failure_code(refused.value).endswith("ValidationError")


def test_other_failures_are_named_by_their_class() -> None:
    """The qualified name finds the line in the handler's code."""
    assert failure_code(LookupError()) == "builtins.LookupError"


@pytest.mark.parametrize("missing", ["reason", "partition", "attempts"])
def test_a_record_without_a_whole_note_is_no_dead_letter(missing: str) -> None:
    """Somebody else writes to the topic, and the error says what is missing."""
    whole = dead_letter_headers(Read(), ValueError("x"), reason="refused", group="shop.mail")
    name = f"penstock-dlq-{missing}"
    with pytest.raises(NotADeadLetter, match=name):
        parse_note([header for header in whole if header[0] != name])


@pytest.mark.parametrize(
    "value", [b"", b"x", b"1" * 20, "\u0661".encode(), b"\xff", b"--1", b"1.0"]
)
def test_numbers_in_a_note_are_numbers(value: bytes) -> None:
    """In plain digits, and not too many of them."""
    whole = dead_letter_headers(Read(), ValueError("x"), reason="refused", group="shop.mail")
    with pytest.raises(NotADeadLetter):
        parse_note([*whole, ("penstock-dlq-offset", value)])


def test_negative_numbers_are_numbers() -> None:
    """A timestamp may be -1 where a broker knows none."""
    read = Read()
    read.timestamp = -1
    headers = dead_letter_headers(read, ValueError("x"), reason="refused", group="shop.mail")
    assert parse_note(headers).timestamp_ms == -1


def test_notes_and_errors_are_values() -> None:
    """They cross process borders in tools."""
    note = note_of(ValueError("x"))
    assert replace(note, attempts=6).attempts == 6
    error = NotADeadLetter(header="h")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own bytes
