"""Unpacking within limits: what is in them comes out; what is beyond or broken is refused."""

import gzip
import zlib
from collections.abc import Callable
from contextlib import suppress
from struct import pack

import cramjam
import pytest
from aiokafka import codec
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.embedded.log.record_format import encode_record
from penstock.infra.kafka.unpacking import (
    HEADERS_LIMIT,
    RECORDS_LIMIT,
    CannotUnpack,
    check_headers,
    unpack_gzip,
    unpack_lz4,
    unpack_snappy,
    unpack_zstd,
)

Pack = Callable[[bytes], bytes]
Unpack = Callable[[bytes, int], bytes]

CODECS: dict[str, tuple[Pack, Unpack]] = {
    "gzip": (codec.gzip_encode, unpack_gzip),
    "snappy": (codec.snappy_encode, unpack_snappy),
    "snappy, raw": (lambda data: bytes(cramjam.snappy.compress_raw(data)), unpack_snappy),
    "lz4": (codec.lz4_encode, unpack_lz4),
    "zstd": (codec.zstd_encode, unpack_zstd),
}
LIMIT = 1024 * 1024

each_codec = pytest.mark.parametrize("name", CODECS)


@each_codec
@given(data=st.binary(max_size=5_000), times=st.integers(1, 30))
def test_what_is_within_the_limit_is_unpacked(name: str, data: bytes, times: int) -> None:
    """As the client itself would, for what its own functions have packed."""
    packing, unpacking = CODECS[name]
    if not data and name != "gzip":
        return  # a batch is never empty
    assert unpacking(packing(data * times), LIMIT) == data * times


@each_codec
def test_the_limit_itself_is_allowed_and_a_byte_more_is_not(name: str) -> None:
    """The error says how much is allowed."""
    packing, unpacking = CODECS[name]
    assert len(unpacking(packing(bytes(LIMIT)), LIMIT)) == LIMIT
    with pytest.raises(CannotUnpack, match=f"more than {LIMIT} bytes"):
        unpacking(packing(bytes(LIMIT + 1)), LIMIT)


@each_codec
def test_what_is_cut_short_is_refused(name: str) -> None:
    """At each of many places."""
    packing, unpacking = CODECS[name]
    packed = packing(b"".join(b"%d, " % number for number in range(2_000)))
    for length in {0, 1, 5, 17, len(packed) // 3, len(packed) // 2, len(packed) - 1}:
        with pytest.raises(CannotUnpack):
            unpacking(packed[:length], LIMIT)


@each_codec
@given(junk=st.binary(max_size=300), at=st.integers(0, 400), flip=st.integers(1, 255))
def test_junk_gives_bytes_or_a_refusal(name: str, junk: bytes, at: int, flip: int) -> None:
    """Alone, or one byte of it in the middle of what was packed."""
    packing, unpacking = CODECS[name]
    packed = bytearray(packing(b"".join(b"%d, " % number for number in range(300))))
    packed[at % len(packed)] ^= flip
    for data in (junk, bytes(packed)):
        with suppress(CannotUnpack):
            assert len(unpacking(data, LIMIT)) <= LIMIT


def test_parts_of_gzip_are_put_together_up_to_a_number() -> None:
    """A thousand empty ones would take their time, and no producer writes two."""
    member = gzip.compress(b"a")
    assert unpack_gzip(member * 3, LIMIT) == b"aaa"
    with pytest.raises(CannotUnpack, match="parts"):
        unpack_gzip(member * 1_000, LIMIT)


def test_a_wrong_checksum_is_refused() -> None:
    """Gzip has one of what was packed."""
    packed = bytearray(gzip.compress(b"abc"))
    packed[-8] ^= 1
    with pytest.raises(CannotUnpack, match="gzip"):
        unpack_gzip(bytes(packed), LIMIT)
    assert zlib.crc32(b"abc") != zlib.crc32(b"abd")


@pytest.mark.parametrize("length", [-4, 0, -(2**31), 2**31 - 1])
def test_a_block_of_snappy_whose_length_is_wrong_is_refused(length: int) -> None:
    """With a negative one aiokafka's own loop would go back, and never end."""
    head = codec.snappy_encode(b"abc")[:16]
    with pytest.raises(CannotUnpack, match="does not fit in"):
        unpack_snappy(head + pack(">i", length) + b"abcd", LIMIT)


def test_blocks_of_snappy_count_together() -> None:
    """Each may be small, and all together are not."""
    packed = codec.snappy_encode(bytes(LIMIT + 40_000), xerial_blocksize=32 * 1024)
    with pytest.raises(CannotUnpack, match=f"more than {LIMIT} bytes"):
        unpack_snappy(packed, LIMIT)


# --- records and headers ------------------------------------------------------------------------


def record(offset: int, value: bytes, headers: int = 0) -> bytes:
    """A record as format 2 has it."""
    return encode_record(
        timestamp_delta=0,
        offset_delta=offset,
        key=None,
        value=value,
        headers=[("", b"")] * headers,
    )


def test_a_record_of_very_many_headers_is_refused() -> None:
    """Of two bytes each, which are a hundred as objects."""
    with pytest.raises(CannotUnpack, match="headers"):
        check_headers(record(0, b"", headers=2 * HEADERS_LIMIT) + bytes(LIMIT))


def test_headers_of_many_records_count_together() -> None:
    """No single one is at fault."""
    many = b"".join(record(offset, b"", headers=2_000) for offset in range(400))
    with pytest.raises(CannotUnpack, match="headers"):
        check_headers(many)


def test_very_many_records_are_refused() -> None:
    """Of seven bytes each."""
    with pytest.raises(CannotUnpack, match="records"):
        check_headers(record(0, b"") * (RECORDS_LIMIT + 1))


@given(
    values=st.lists(st.binary(max_size=3_000), min_size=1, max_size=20),
    headers=st.integers(0, 10),
)
def test_ordinary_records_pass(values: list[bytes], headers: int) -> None:
    """However large the batch is."""
    some = b"".join(record(at, value, headers) for at, value in enumerate(values))
    check_headers(some * (LIMIT // len(some) + 1))


@given(junk=st.binary(min_size=1, max_size=100))
def test_what_is_no_record_is_left_to_whoever_reads_it(junk: bytes) -> None:
    """It ends, and raises nothing but the refusal."""
    with suppress(CannotUnpack):
        check_headers(junk * (LIMIT // len(junk) + 1))
