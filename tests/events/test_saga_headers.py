"""The headers around a saga's command: whole, or refused with the header's name."""

import pytest

from penstock.events.headers import UnreadableHeader
from penstock.events.saga_headers import (
    CommandHeaders,
    Direction,
    NotASagaCommand,
    command_id,
    idempotency_key,
)
from penstock.schemas.errors import ExitCode

HEADERS = CommandHeaders(
    saga="order",
    step="charge_card",
    direction=Direction.UNDO,
    attempt=3,
    idempotency_key="order/undo/charge_card:o-1",
    deadline_ms=1_767_225_600_000,
    reply_to="_penstock.shop.saga.order.inbox",
)


def test_they_are_written_by_the_names_that_services_read() -> None:
    """F11. On the wire: none of these names ever changes."""
    assert dict(HEADERS.written()) == {
        "penstock-saga": b"order",
        "penstock-step": b"charge_card",
        "penstock-direction": b"undo",
        "penstock-attempt": b"3",
        "penstock-idempotency-key": b"order/undo/charge_card:o-1",
        "penstock-deadline": b"1767225600000",
        "reply-to": b"_penstock.shop.saga.order.inbox",
    }


def test_they_read_back_among_others() -> None:
    """Whatever else a record carries; the last of a repeated one counts, as in Kafka."""
    others = [("ce_id", b"\xff"), ("penstock-attempt", b"1"), ("x", b"")]
    assert CommandHeaders.parse([*others, *HEADERS.written()]) == HEADERS


def test_a_command_without_a_saga_is_nobodys() -> None:
    """Commands are ordinary records, and anybody may write one."""
    assert CommandHeaders.parse([]) is None
    assert CommandHeaders.parse([("penstock-step", b"x"), ("reply-to", b"me")]) is None


@pytest.mark.parametrize("missing", [name for name, _ in HEADERS.written()][1:])
def test_a_command_of_a_saga_has_all_of_them(missing: str) -> None:
    """Half a command is refused, and the header is named."""
    written = [header for header in HEADERS.written() if header[0] != missing]
    with pytest.raises(NotASagaCommand, match=missing) as caught:
        CommandHeaders.parse(written)
    assert caught.value.exit_code is ExitCode.DATA
    assert not caught.value.retryable


WRONG = {
    "penstock-saga": [b"", b"Order", b"a.b", b"a/b", b"o" * 64],
    "penstock-step": [b"", b"a-b", b"1a", b"s" * 64],
    "penstock-direction": [b"", b"DO", b"redo"],
    "penstock-attempt": [b"", b"-1", b"1.0", b" 1", b"1" * 19, "\u0663".encode()],
    "penstock-deadline": [b"", b"never", b"-5", b"9" * 19],
    "reply-to": [
        b"",
        b"shop.orders",
        b"_penstock.shop.saga.offer.inbox",
        b"_penstock.shop.saga.order.state",
        b"_penstock.shop.saga.order.inbox.more",
        b"_penstock.sh.op.saga.order.inbox",
    ],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_a_header_that_is_not_what_its_name_promises_is_refused(name: str, value: bytes) -> None:
    """Law 3 among them: an answer goes to the inbox of the saga that is named, nowhere else."""
    written = {**dict(HEADERS.written()), name: value}
    with pytest.raises(NotASagaCommand):
        CommandHeaders.parse(list(written.items()))


@pytest.mark.parametrize("name", [name for name, _ in HEADERS.written()])
def test_a_header_that_is_no_text_is_refused(name: str) -> None:
    """And the message holds none of its bytes."""
    written = {**dict(HEADERS.written()), name: b"\xff"}
    with pytest.raises(UnreadableHeader, match=name):
        CommandHeaders.parse(list(written.items()))


def test_the_key_of_an_effect_is_settled() -> None:
    """F12: services have stored such keys."""
    assert idempotency_key("order", Direction.DO, "pay", "o:1/2") == "order/do/pay:o:1/2"


def test_the_id_of_an_attempt_is_settled() -> None:
    """Law 2: a repeat by any version is the same message."""
    assert str(command_id("order/do/pay:o-1", 2)) == "60a9b3e3-4057-55d0-bcd5-0e122e49b736"
