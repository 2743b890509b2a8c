"""The partitioner agrees with Kafka's, as another implementation of it sees it."""

from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as their_murmur2
from hypothesis import given
from hypothesis import strategies as st

from penstock.events.partitioner import murmur2, partition_of


@given(st.binary(max_size=200))
def test_the_hash_is_the_one_that_other_clients_compute(key: bytes) -> None:
    """Every length modulo four takes its own way through the end of the hash."""
    assert murmur2(key) == their_murmur2(key)


@given(st.binary(max_size=200), st.integers(1, 200))
def test_a_key_goes_where_other_clients_send_it(key: bytes, partitions: int) -> None:
    """Remembered or not, and whatever was asked before."""
    theirs = DefaultPartitioner()(key, list(range(partitions)), [])
    assert partition_of(key, partitions) == theirs
    assert partition_of(key, partitions) == theirs
