"""The store in memory keeps what the port says."""

from penstock.infra.embedded.log.segment_store import MemoryStore


def test_bytes_are_appended_and_read_at_their_positions() -> None:
    """A read ends where the segment does."""
    segment = MemoryStore().create(0)
    assert [segment.append(b"abc"), segment.append(b"de")] == [0, 3]
    assert (segment.size, segment.read(2, 2), segment.read(4, 99)) == (5, b"cd", b"e")


def test_segments_are_listed_replaced_and_removed() -> None:
    """By base offset ascending."""
    store = MemoryStore()
    for base_offset in (0, 10, 20):
        store.create(base_offset).append(b"%d" % base_offset)
    store.replace([0, 10], 0, [b"x", b"y"])
    assert [(base, data.read(0, 9)) for base, data in store.segments()] == [(0, b"xy"), (20, b"20")]
    store.remove(0)
    assert [base for base, _ in store.segments()] == [20]


def test_start_and_producers_are_kept_and_all_is_cleared() -> None:
    """They survive the log, not the store's end."""
    store = MemoryStore()
    assert (store.start(), store.producers()) == (0, b"")
    store.keep_start(12)
    store.create(12)
    store.keep_producers(b"known")
    assert (store.start(), store.producers()) == (12, b"known")
    store.clear()
    assert (store.start(), store.producers(), list(store.segments())) == (0, b"", [])
