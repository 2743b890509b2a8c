"""What is known of producers before an offset, as bytes: it outlives the segments that said so.

Apache Kafka writes such a snapshot at the beginning of each segment (ProducerStateManager). Here
one is written when the first segments go, of what they have said; what the segments that stay have
said is found in them.

    version 2, number of producers 4, offset 8; then of each producer:
    id 8, epoch 2, coordinator epoch 4, time 8, offset of its open transaction 8, number of its
    batches 1; then of each batch: first sequence 4, last sequence 4, base offset 8, last offset 8,
    time 8

Pure. Whether the bytes are whole is the store's business.
"""

from dataclasses import dataclass
from struct import Struct
from typing import Final, final

from penstock.infra.embedded.log.producer_states import KnownProducer, RememberedBatch

__all__ = ["ProducerSnapshot", "decode_snapshot", "encode_snapshot"]

_VERSION: Final = 1
_HEAD: Final = Struct(">HIq")
_PRODUCER: Final = Struct(">qhiqqB")
_BATCH: Final = Struct(">iiqqq")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ProducerSnapshot:
    """What is known of producers before an offset."""

    offset: int = 0
    """It says all that batches before this offset have said, and nothing of later ones."""
    producers: tuple[KnownProducer, ...] = ()
    """Each once."""


def encode_snapshot(snapshot: ProducerSnapshot) -> bytes:
    """Write a snapshot.

    Args:
        snapshot: the snapshot.

    Returns:
        Its bytes; none where nobody is known.
    """
    if not snapshot.producers:
        return b""
    parts = [_HEAD.pack(_VERSION, len(snapshot.producers), snapshot.offset)]
    for one in snapshot.producers:
        *fields, batches = one
        parts.append(_PRODUCER.pack(*fields, len(batches)))
        parts += [_BATCH.pack(*batch) for batch in batches]
    return b"".join(parts)


def decode_snapshot(data: bytes) -> ProducerSnapshot | None:
    """Read a snapshot.

    Args:
        data: what `encode_snapshot` made.

    Returns:
        The snapshot; None where another version has written it.
    """
    if not data:
        return ProducerSnapshot()
    version, count, offset = _HEAD.unpack_from(data)
    if version != _VERSION:
        return None
    position = _HEAD.size
    producers = []
    for _ in range(count):
        *fields, batches = _PRODUCER.unpack_from(data, position)
        begin = position + _PRODUCER.size
        position = begin + batches * _BATCH.size
        remembered = map(RememberedBatch._make, _BATCH.iter_unpack(data[begin:position]))
        producers.append(KnownProducer._make((*fields, tuple(remembered))))
    return ProducerSnapshot(offset=offset, producers=tuple(producers))
