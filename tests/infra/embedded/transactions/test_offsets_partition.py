"""Where a group falls in __consumer_offsets."""

import pytest

from penstock.infra.embedded.transactions.offsets_partition import offsets_partition


@pytest.mark.parametrize(
    ("group", "partition"), [("g", 3), ("another", 1), ("", 0), ("g\N{GRINNING FACE}é", 3)]
)
def test_a_group_falls_where_kafka_has_it(group: str, partition: int) -> None:
    """Apache Kafka 4.1.0 with four partitions showed these; the last has a surrogate pair."""
    assert offsets_partition(group, partitions=4).partition == partition


def test_the_least_hash_falls_on_the_first_partition() -> None:
    """Its amount does not fit into 32 bits; Kafka's Utils.abs makes it 0."""
    assert offsets_partition("polygenelubricants", partitions=50).partition == 0
