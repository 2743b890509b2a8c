"""Recovery of a data folder: whatever a crash or a turned bit leaves, it is a prefix or refused.

- Cut anywhere, the newest file of a log and the journal come back as the longest whole prefix.
- Any bits turned anywhere: what comes back is a prefix of what was written, or the file is refused
  and untouched. Never a record that nobody wrote, never one in the wrong place.
- What comes back can be written to, and is then found again.
"""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from penstock.infra.embedded.log.record_batch import split_batches
from penstock.infra.embedded.storage.disk_storage import DiskStorage
from penstock.infra.embedded.storage.storage_errors import FileDamaged, JournalMissing
from penstock.infra.embedded.transactions.transaction_entry import ProducerIdBlockKept
from tests.infra.embedded.log.record_batches import everything, headers
from tests.infra.embedded.storage.batches import COMPACTED, batches, log_over, store_at, write
from tests.properties.effort import LONG_PLAYS

slow = settings(max_examples=LONG_PLAYS, suppress_health_check=[HealthCheck.too_slow])
flips = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=3
)
BATCHES = batches(6)
WHOLE = b"".join(BATCHES)


def damaged(data: bytes, turned: list[tuple[float, int]]) -> bytes:
    """The same with some bits turned."""
    changed = bytearray(data)
    for place, bits in turned:
        changed[int(place * len(changed))] ^= bits
    return bytes(changed)


def recovered(folder: Path) -> bytes | None:
    """All bytes of a log, after it was written to and opened again; None where it is refused."""
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    try:
        log = log_over(store_at(folder))
    except FileDamaged:
        assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
        return None
    found = everything(log)
    write(log, b"after")
    again = everything(log_over(store_at(folder)))
    assert again.startswith(found)
    assert len(split_batches(again).batches) == len(split_batches(found).batches) + 1
    return found


def test_a_log_cut_anywhere_comes_back_as_its_longest_prefix() -> None:
    """At every single position."""
    for cut in range(len(WHOLE) + 1):
        with tempfile.TemporaryDirectory() as root:
            folder = Path(root, "t-0.id")
            store_at(folder).create(0).append(WHOLE[:cut])
            whole = split_batches(WHOLE[:cut]).batches
            assert recovered(folder) == b"".join(batch.data for batch in whole)


@slow
@given(st.integers(1, 6), flips)
@example(6, [(0.0, 1)])
def test_a_log_with_turned_bits_comes_back_as_a_prefix_or_is_refused(
    count: int, turned: list[tuple[float, int]]
) -> None:
    """Refused unless the damage is in the last batch."""
    data = b"".join(BATCHES[:count])
    changed = damaged(data, turned)
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root, "t-0.id")
        store_at(folder).create(0).append(changed)
        found = recovered(folder)
    first = next((at for at, (a, b) in enumerate(zip(data, changed, strict=True)) if a != b), None)
    if first is None:
        assert found == data
    elif first >= len(data) - len(BATCHES[count - 1]):
        assert found == b"".join(BATCHES[: count - 1])
    elif found is not None:  # all behind the first damage is damaged as well
        whole = b"".join(BATCHES)
        assert whole.startswith(found)
        assert len(found) <= first


@slow
@given(st.lists(st.integers(0, 2), min_size=4, max_size=12), flips)
def test_a_log_of_several_compacted_segments_is_refused_or_a_prefix(
    keys: list[int], turned: list[tuple[float, int]]
) -> None:
    """Turned bits in any of its files; refused unless each batch that is lost was hit itself."""
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root, "t-0.id")
        log = log_over(store_at(folder), COMPACTED)
        for number, key in enumerate(keys):
            write(log, b"%d" % number * 9, key=b"%d" % key)
            if number == len(keys) // 2:
                while log.clean(10**15).unfinished:
                    pass
        written = everything(log)
        files = sorted(file for file in folder.iterdir() if file.stat().st_size)
        place, _ = turned[0]
        file = files[int(place * len(files))]
        before = file.read_bytes()
        changed = damaged(before, turned)
        file.write_bytes(changed)
        found = recovered(folder)
        if changed == before:
            assert found == written
        if found is not None:
            assert written.startswith(found)
            lost = len(headers(written)) - len(headers(found))
            assert lost <= len(turned)


@slow
@given(st.integers(0, 8), st.floats(0, 1), flips | st.none())
def test_a_journal_comes_back_as_a_prefix_or_is_refused(
    count: int, cut: float, turned: list[tuple[float, int]] | None
) -> None:
    """Cut anywhere, or with turned bits."""
    entries = [ProducerIdBlockKept(next_block=10**number) for number in range(count)]
    with tempfile.TemporaryDirectory() as root:
        storage = DiskStorage(Path(root))
        for entry in entries:
            storage.keep(entry)
        storage.close()
        journal = Path(root, "journal")
        whole = journal.read_bytes()
        changed = whole[: round(cut * len(whole))] if turned is None else whole
        if turned is not None and whole:
            changed = damaged(whole, turned)
        journal.write_bytes(changed)
        try:
            storage = DiskStorage(Path(root))
        except (FileDamaged, JournalMissing):
            assert turned is not None
            assert journal.read_bytes() == changed
            return
        found = list(storage.entries())
        storage.keep(ProducerIdBlockKept(next_block=7))
        storage.close()
        assert found == entries[: len(found)]
        again = DiskStorage(Path(root))
        assert list(again.entries()) == [*found, ProducerIdBlockKept(next_block=7)]
        again.close()
