"""Which partition a key belongs to, exactly as Kafka's own clients decide it.

Producers in other languages write to the same topics, and a key is in order only if all of them
choose alike; so this is Kafka's murmur2 and nothing else.

Laws:
1. A key's partition depends on the key and the declared number of partitions alone.
2. Records without a key are spread by whoever publishes them; this file never draws a number.
"""

from collections.abc import Callable
from functools import lru_cache
from struct import Struct
from typing import Final

__all__ = ["murmur2", "partition_of"]

_SEED: Final = 0x9747B28C
_MIX: Final = 0x5BD1E995
_CACHED_KEY_LIMIT: Final = 64
"""Longer keys are not remembered, so that the cache holds 16 384 small keys at most (≈ 3 MB)."""


def _words(count: int) -> Callable[[bytes], tuple[int, ...]]:
    return Struct(f"<{count}I").unpack_from


_WORDS = tuple(_words(count) for count in range(_CACHED_KEY_LIMIT // 4 + 1))


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key, from 0 to partitions - 1.

    Source: `BuiltInPartitioner.partitionForKey` of Apache Kafka.

    Args:
        key: the record's key.
        partitions: how many partitions the topic is declared with.
    """
    hashed = _remembered(key) if len(key) <= _CACHED_KEY_LIMIT else murmur2(key)
    return (hashed & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """Return the 32-bit MurmurHash2 as Kafka computes it, without sign.

    Source: Austin Appleby, MurmurHash2 (2008); `Utils.murmur2` of Apache Kafka fixes the seed.

    Args:
        data: any bytes.
    """
    length = len(data)
    state = _SEED ^ length
    words = _WORDS[length >> 2] if length <= _CACHED_KEY_LIMIT else _words(length >> 2)
    for word in words(data):
        mixed = word * _MIX & 0xFFFFFFFF
        state = (state * _MIX ^ (mixed ^ mixed >> 24) * _MIX) & 0xFFFFFFFF
    if length & 3:
        rest = int.from_bytes(data[length & ~3 :], "little")
        state = (state ^ rest) * _MIX & 0xFFFFFFFF
    state = (state ^ state >> 13) * _MIX & 0xFFFFFFFF
    return state ^ state >> 15


_remembered = lru_cache(maxsize=16_384)(murmur2)
