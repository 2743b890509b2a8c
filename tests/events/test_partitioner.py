"""The partitioner against the vectors in Apache Kafka's own tests."""

import pytest

from penstock.events.partitioner import murmur2, partition_of

# `UtilsTest.testMurmur2` of Apache Kafka; Java's results are signed.
VECTORS = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("key", "signed"), VECTORS.items())
def test_the_hash_matches_kafkas_own_vectors(key: bytes, signed: int) -> None:
    """Producers in Java and in Python send one key to one partition."""
    assert murmur2(key) == signed % 2**32


def test_the_partition_is_the_hash_without_its_sign() -> None:
    """`Utils.toPositive` clears the sign bit; it does not negate."""
    assert partition_of(b"foobar", 1_000) == (-790332482 & 0x7FFFFFFF) % 1_000


def test_one_partition_takes_every_key() -> None:
    """Also the empty key, which is a key."""
    assert partition_of(b"", 1) == partition_of(b"x" * 10_000, 1) == 0


def test_long_keys_are_hashed_as_short_ones_are() -> None:
    """Keys beyond the cache's limit take another way to the same answer."""
    for length in (63, 64, 65, 66, 67, 68):
        key = bytes(range(length))
        assert partition_of(key, 97) == (murmur2(key) & 0x7FFFFFFF) % 97
