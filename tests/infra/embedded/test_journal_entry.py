"""Every durable fact becomes bytes and the same fact again; what is none is an error."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.embedded.journal_entry import (
    ENTRY_TYPES,
    ClusterKept,
    JournalEntry,
    JournalEntryUnreadable,
    decode_entry,
    encode_entry,
)
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.transactions.transaction_entry import TransactionKept
from penstock.infra.embedded.transactions.transaction_state import TransactionState

_ENTRIES = st.one_of(*(st.from_type(kind) for kind in ENTRY_TYPES.values()))


@given(_ENTRIES)
def test_an_entry_comes_back_as_it_was(entry: JournalEntry) -> None:
    """All types, with all that their fields may hold; as one line of ASCII."""
    data = encode_entry(entry)
    assert decode_entry(data) == entry
    assert data.isascii()
    assert b"\n" not in data


@given(_ENTRIES)
def test_the_same_entry_is_always_the_same_bytes(entry: JournalEntry) -> None:
    """So that a journal that is written anew can be compared."""
    assert encode_entry(decode_entry(encode_entry(entry))) == encode_entry(entry)


def test_the_form_on_disk_does_not_change() -> None:
    """A broker of tomorrow reads today's journal."""
    entry = TransactionKept(
        transactional_id="tx",
        producer_id=1,
        producer_epoch=2,
        timeout_ms=3,
        state=TransactionState.ONGOING,
        partitions=frozenset({TopicPartition("b", 0), TopicPartition("a", 1)}),
        groups=frozenset({"g"}),
        update_ms=4,
    )
    assert encode_entry(entry) == (
        b'{"type":"TransactionKept","transactional_id":"tx","producer_id":1,"producer_epoch":2,'
        b'"previous_producer_id":-1,"last_producer_epoch":-1,"timeout_ms":3,"state":"Ongoing",'
        b'"partitions":[["a",1],["b",0]],"groups":["g"],"start_ms":-1,"update_ms":4}'
    )


@pytest.mark.parametrize(
    "plain",
    [
        {"type": "Nonsense"},
        {"type": "ClusterKept"},
        {"type": "ClusterKept", "cluster_id": "x", "more": 1},
        {"type": "ClusterKept", "cluster_id": 5},
        {"type": "TransactionForgotten", "transactional_id": None},
        {"type": "TopicRemoved", "topic_id": "no uuid"},
        {"type": "ProducerIdBlockKept", "next_block": True},
        {"type": "GroupStored"},
        {"cluster_id": "x"},
        [],
        None,
        "ClusterKept",
    ],
)
def test_what_is_no_entry_is_an_error_that_shows_it(plain: Any) -> None:
    """Never a guess."""
    with pytest.raises(JournalEntryUnreadable) as caught:
        decode_entry(json.dumps(plain).encode())
    assert caught.value.code == "PEN-I124"
    assert json.dumps(plain)[:20] in caught.value.entry


@given(st.binary())
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    """A disk may hold whatever it wants."""
    with pytest.raises(JournalEntryUnreadable):
        decode_entry(data)


@given(_ENTRIES, st.data())
def test_a_cut_entry_is_an_error(entry: JournalEntry, data: st.DataObject) -> None:
    """It is noticed wherever it is cut."""
    whole = encode_entry(entry)
    size = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(JournalEntryUnreadable):
        decode_entry(whole[:size])


def test_a_deep_nest_is_an_error() -> None:
    """Python's own limit does not come out of it."""
    with pytest.raises(JournalEntryUnreadable):
        decode_entry(b"[" * 100_000)


def test_the_first_entry_of_a_journal_is_the_clusters() -> None:
    """It is in the list like all others."""
    assert ENTRY_TYPES["ClusterKept"] is ClusterKept
