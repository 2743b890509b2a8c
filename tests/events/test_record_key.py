"""Keys of records, read back as what keyed them."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.events.event import Key, key_bytes
from penstock.events.record_key import KeyUnreadable, read_key

KEYS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])), st.integers(), st.uuids(), st.binary()
)
KINDS = st.sampled_from([str, int, UUID, bytes])


@given(KEYS)
def test_what_keys_a_record_is_read_back(key: Key) -> None:
    """Of each type that may key one."""
    kind: Any = type(key)
    found = read_key(key_bytes(key, "t"), kind)
    assert (found, type(found)) == (key, kind)


@given(st.binary(), KINDS)
def test_only_what_a_writer_would_write_is_read(data: bytes, kind: type[str]) -> None:
    """Any bytes are refused, or are those of the value that is returned."""
    try:
        found = read_key(data, kind)
    except KeyUnreadable:
        return
    assert key_bytes(found, "t") == data


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"007", int),
        (b"+7", int),
        (b"1_000", int),
        (" ٣".encode(), int),
        (b"9" * 5_000, int),
        (b"\xff", str),
        (b"\xff", UUID),
        (b"A4F0C2D2-0000-4000-8000-000000000000", UUID),
        (b"{a4f0c2d2-0000-4000-8000-000000000000}", UUID),
        (None, str),
        (None, bytes),
    ],
)
def test_what_reads_alike_and_lies_elsewhere_is_refused(
    data: bytes | None, kind: type[str]
) -> None:
    """With what was expected, and without the key."""
    with pytest.raises(KeyUnreadable) as told:
        read_key(data, kind)
    assert told.value.kind == kind.__name__
    assert data is None or len(data) < 4 or data.decode() not in str(told.value)
