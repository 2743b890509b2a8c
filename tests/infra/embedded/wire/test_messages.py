import io
import random
import struct
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from kio.serial import entity_reader, entity_writer

from penstock.infra.embedded.wire.api_table import API_TABLE, Api
from penstock.infra.embedded.wire.message_reader import ELEMENTS_LIMIT, read_message
from penstock.infra.embedded.wire.message_types import answer_module, request_type
from penstock.infra.embedded.wire.message_writer import write_message
from penstock.infra.embedded.wire.wire_errors import UnreadableMessage
from tests.infra.embedded.wire.random_message import RandomMessages

_APIS = [pytest.param(api, id=api.key.name) for api in API_TABLE.values()]


def _messages(api: Api) -> Iterator[Any]:
    for version in range(api.lowest, api.highest + 1):
        request = request_type(api.key, version)
        yield request
        name = request.__name__.removesuffix("Request") + "Response"
        yield getattr(answer_module(api.key, version), name)


def _written(message: Any) -> bytes:
    pieces: list[bytes] = []
    write_message(message, pieces)
    return b"".join(pieces)


@pytest.mark.parametrize("api", _APIS)
def test_every_message_of_the_table_is_written_and_read_as_kio_does(api: Api) -> None:
    """Byte for byte, by random messages; kio is the witness."""
    messages = RandomMessages(api.key)
    for kind in _messages(api):
        for _ in range(3):
            message = messages.make(kind)
            expected = io.BytesIO()
            entity_writer(kind)(expected, message)
            data = _written(message)
            assert data == expected.getvalue()
            assert read_message(kind, data) == (message, len(data))
            assert entity_reader(kind)(data, 0) == (message, len(data))


@pytest.mark.parametrize("api", _APIS)
def test_bytes_gone_wrong_are_a_message_or_unreadable_and_nothing_else(api: Api) -> None:
    """No other exception leaves the reader."""
    source, messages = random.Random(api.key), RandomMessages(api.key)
    for kind in _messages(api):
        data = bytearray(_written(messages.make(kind)))
        for _ in range(20):
            broken = data[: source.randrange(len(data) + 1)]
            for _ in range(source.randrange(4)):
                if broken:
                    broken[source.randrange(len(broken))] = source.choice((0, 1, 0x7F, 0x80, 0xFF))
            try:
                read_message(kind, bytes(broken))
            except UnreadableMessage:
                continue


def _unreadable(kind: Any, data: bytes) -> str:
    with pytest.raises(UnreadableMessage) as unreadable:
        read_message(kind, data)
    return unreadable.value.reason


def test_a_count_of_two_thousand_million_is_refused_without_memory_for_it() -> None:
    """Kio's own reader asks for 16 GiB here, and the process ends."""
    reason = _unreadable(request_type(3, 5), struct.pack(">i", 2**31 - 1) + b"\0\1t\1")
    assert "2147483647 elements" in reason
    compact = _unreadable(request_type(3, 12), b"\x80\x80\x80\x80\x08" + b"\0" * 20)
    assert "2147483647 elements" in compact


def test_a_message_holds_a_bounded_number_of_elements_in_all_its_arrays() -> None:
    """One empty group name is two bytes, and forty as an object."""
    count = ELEMENTS_LIMIT + 1
    reason = _unreadable(request_type(42, 0), struct.pack(">i", count) + bytes(2 * count))
    assert str(ELEMENTS_LIMIT) in reason


def test_null_where_null_must_not_be_is_refused() -> None:
    """Null where null must not be is refused."""
    assert "group_id is null" in _unreadable(request_type(12, 0), b"\xff\xff" + bytes(8))


def test_a_number_without_end_is_refused() -> None:
    """A number without end is refused."""
    assert "five bytes" in _unreadable(request_type(3, 12), b"\xff" * 50)


def test_text_that_is_no_utf8_is_read_with_replacement_characters_as_by_java() -> None:
    """Text that is no UTF-8 is read with replacement characters as by java."""
    request, _ = read_message(request_type(3, 5), b"\0\0\0\1\0\2\xff\xfe\1")
    assert request.topics[0].name == "\ufffd\ufffd"


def test_unknown_tagged_fields_and_bytes_behind_the_message_are_passed_over() -> None:
    """Unknown tagged fields and bytes behind the message are passed over."""
    kind = request_type(3, 12)
    plain = b"\1\1\1"  # no topics, may create, no operations
    request, end = read_message(kind, plain + b"\1\x63\3abc" + b"behind")
    assert request == read_message(kind, plain + b"\0")[0]
    assert end == len(plain) + 6


def test_a_time_beyond_what_python_can_say_is_the_longest_that_it_can() -> None:
    """A time beyond what python can say is the longest that it can."""
    data = b"\0\1g" + bytes(4) + b"\0\0" + struct.pack(">q", 2**63 - 1) + bytes(4)
    request, _ = read_message(request_type(8, 2), data)
    assert request.retention_time == timedelta.max
