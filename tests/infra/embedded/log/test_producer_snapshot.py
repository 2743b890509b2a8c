"""What is kept of producers, in bytes."""

import pytest

from penstock.infra.embedded.log.producer_snapshot import (
    ProducerSnapshot,
    decode_snapshot,
    encode_snapshot,
)
from penstock.infra.embedded.log.producer_states import KnownProducer, RememberedBatch

LARGEST = RememberedBatch(2**31 - 1, 0, 2**63 - 2, 2**63 - 1, 2**63 - 1)
NOBODY = KnownProducer(
    producer_id=0,
    epoch=0,
    coordinator_epoch=-1,
    last_timestamp_ms=-1,
    transaction_start=-1,
    batches=(),
)
BUSY = KnownProducer(
    producer_id=2**63 - 1,
    epoch=2**15 - 1,
    coordinator_epoch=2**31 - 1,
    last_timestamp_ms=2**63 - 1,
    transaction_start=2**63 - 2,
    batches=(RememberedBatch(0, 1, 2, 3, 4), LARGEST),
)


@pytest.mark.parametrize("producers", [(), (NOBODY,), (BUSY, NOBODY, BUSY._replace(producer_id=5))])
def test_a_snapshot_comes_back_as_it_was(producers: tuple[KnownProducer, ...]) -> None:
    """With all that Kafka's numbers may be; of nobody there is nothing to keep."""
    snapshot = ProducerSnapshot(offset=2**40 if producers else 0, producers=producers)
    data = encode_snapshot(snapshot)
    assert bool(data) == bool(producers)
    assert decode_snapshot(data) == snapshot


def test_a_snapshot_of_another_version_is_none() -> None:
    """It could be misread."""
    data = encode_snapshot(ProducerSnapshot(offset=3, producers=(NOBODY,)))
    assert decode_snapshot(b"\x00\x02" + data[2:]) is None
