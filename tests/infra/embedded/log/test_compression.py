"""Codecs: what clients write is read, and nothing grows without limit."""

import gzip
import os
import subprocess
import sys

import cramjam
import pytest
from aiokafka import codec as client_codecs

from penstock.infra.embedded.log.compression import CODECS, compress, decompress

RECORDS = b"a record and another record and " * 3000
COMPRESSED = {name: number for name, number in CODECS.items() if number}


@pytest.mark.parametrize("codec", COMPRESSED.values(), ids=COMPRESSED)
def test_what_is_compressed_is_decompressed(codec: int) -> None:
    """Also nothing at all, and what can't be made smaller."""
    for data in (RECORDS, b"", os.urandom(70_000), b"x"):
        assert decompress(codec, compress(codec, data)) == (data, "")
    assert len(compress(codec, RECORDS)) < len(RECORDS) / 4


def test_what_a_client_compresses_is_read_and_the_other_way_round() -> None:
    """The witness for gzip, framed snappy, lz4 and zstd is aiokafka."""
    writers = {
        1: (client_codecs.gzip_encode, client_codecs.gzip_decode),
        2: (client_codecs.snappy_encode, client_codecs.snappy_decode),
        3: (client_codecs.lz4_encode, client_codecs.lz4_decode),
        4: (client_codecs.zstd_encode, client_codecs.zstd_decode),
    }
    for codec, (write, read) in writers.items():
        assert decompress(codec, bytes(write(RECORDS))).data == RECORDS
        assert bytes(read(compress(codec, RECORDS))) == RECORDS


def test_plain_snappy_of_librdkafka_is_read() -> None:
    """It has no framing around it."""
    assert decompress(2, bytes(cramjam.snappy.compress_raw(RECORDS))).data == RECORDS


def test_gzip_members_are_read_one_after_another() -> None:
    """Java reads them so, and passes over what follows and is none."""
    members = gzip.compress(b"one") + gzip.compress(b"two")
    assert decompress(1, members).data == b"onetwo"
    assert decompress(1, members + b"junk").data == b"onetwo"


@pytest.mark.parametrize("codec", COMPRESSED.values(), ids=COMPRESSED)
def test_nothing_decompresses_over_the_limit(codec: int) -> None:
    """Exactly the limit is allowed, and one byte more is a fault; whatever the ratio."""
    zeros = bytes(3_000_000)
    small = compress(codec, zeros)
    assert decompress(codec, small, limit_bytes=3_000_000).data == zeros
    fault = decompress(codec, small, limit_bytes=2_999_999).fault
    assert fault == "Records decompress to more than 2999999 bytes"


@pytest.mark.parametrize("codec", COMPRESSED.values(), ids=COMPRESSED)
def test_bytes_that_are_not_compressed_are_a_fault(codec: int) -> None:
    """Junk, nothing, and what is cut anywhere."""
    whole = compress(codec, os.urandom(200_000))
    for bad in (b"", b"junk", b"\x82SNAPPY\x00junk", b"\x1f\x8bjunk", b"\xff" * 50):
        assert decompress(codec, bad).fault or decompress(codec, bad).data == b""
    for cut in (1, 5, 100, 100_000):
        assert decompress(codec, whole[:-cut]).fault


def test_lz4_with_dependent_blocks_is_a_fault() -> None:
    """Kafka and Java refuse it; the package writes it unless told otherwise."""
    linked = bytes(cramjam.lz4.compress(RECORDS))
    assert "Dependent block stream" in decompress(3, linked).fault


def test_an_unknown_codec_is_a_fault() -> None:
    """The attributes have room for 5 to 7."""
    assert decompress(5, b"x").fault == "Unknown compression type id: 5"


def test_the_codecs_are_imported_at_first_use() -> None:
    """A broker that sees nothing compressed, or only gzip, never imports them."""
    code = (
        "import sys; from penstock.infra.embedded.log import partition_log, compression; "
        "compression.compress(1, b'x'); print('cramjam' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
