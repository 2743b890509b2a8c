"""The topics in a consumer's join metadata.

Kafka looks into it for one purpose: offsets of a topic that members read are neither deleted nor
expired. It reads the first version of the format, which all later ones begin with (see
ConsumerProtocolSubscription.json): a version, the names of topics, bytes of the assignor's own.
"""

import struct
from typing import Final

__all__ = ["subscribed_topics"]

_VERSION: Final = struct.Struct(">h")
_COUNT: Final = struct.Struct(">i")
_LENGTH: Final = struct.Struct(">h")


def subscribed_topics(metadata: bytes) -> frozenset[str] | None:
    """Read the topics that a consumer subscribes to.

    Args:
        metadata: a member's metadata for its assignor, from anybody.

    Returns:
        The topics; None when these bytes are no subscription.
    """
    try:
        return _topics(metadata)
    except (struct.error, ValueError):  # cut short; a length below zero; no UTF-8
        return None


def _topics(metadata: bytes) -> frozenset[str]:
    (version,) = _VERSION.unpack_from(metadata, 0)
    (count,) = _COUNT.unpack_from(metadata, _VERSION.size)
    if version < 0 or count < 0:
        raise ValueError(version, count)
    position = _VERSION.size + _COUNT.size
    topics: set[str] = set()
    for _ in range(count):  # each turn takes two bytes at least, or ends with an error
        (length,) = _LENGTH.unpack_from(metadata, position)
        position += _LENGTH.size
        topics.add(str(_piece(metadata, position, length), "utf-8"))
        position += length
    (length,) = _COUNT.unpack_from(metadata, position)
    if length != -1:  # no user data
        _piece(metadata, position + _COUNT.size, length)
    return frozenset(topics)


def _piece(data: bytes, position: int, length: int) -> bytes:
    piece = data[position : position + length]
    if length < 0 or len(piece) != length:
        raise ValueError(length)
    return piece
