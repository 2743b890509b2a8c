"""The frame: mark, fingerprint, record."""

import pytest

from penstock.schemas.codec_errors import NotFramed
from penstock.schemas.single_object import FRAME_BYTES, fingerprint_in, frame_of

FINGERPRINT = bytes(range(8))


def test_the_frame_is_c3_01_and_the_fingerprint() -> None:
    """As the specification says, ten bytes in all."""
    assert frame_of(FINGERPRINT) == b"\xc3\x01" + FINGERPRINT
    assert len(frame_of(FINGERPRINT)) == FRAME_BYTES


def test_the_fingerprint_is_found() -> None:
    """In a payload with a record and in one without."""
    assert fingerprint_in(frame_of(FINGERPRINT) + b"body") == FINGERPRINT
    assert fingerprint_in(frame_of(FINGERPRINT)) == FINGERPRINT


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xc3", b"\xc3\x01", frame_of(FINGERPRINT)[:9], b"\x00\x00\x00\x00\x01body", b"{" * 20],
    ids=["nothing", "half a mark", "only a mark", "seven bytes", "Confluent", "JSON"],
)
def test_b16_what_has_no_fingerprint_is_not_guessed_at(payload: bytes) -> None:
    """B16: the error says how many bytes there were, and none of them."""
    with pytest.raises(NotFramed) as caught:
        fingerprint_in(payload)
    assert caught.value.size == len(payload)
    assert caught.value.exit_code == 7
