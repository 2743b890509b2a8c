"""How much of a file of batches is whole."""

import pytest

from penstock.infra.embedded.storage.checksums import crc_of
from penstock.infra.embedded.storage.seal import Seal
from penstock.infra.embedded.storage.segment_scan import has_batch_after, scan_segment
from tests.infra.embedded.storage.batches import batch, batches

BEGIN = 7
THREE = batches(3, base_offset=BEGIN)
WHOLE = b"".join(THREE)


def flipped(data: bytes, position: int, bit: int = 1) -> bytes:
    """The same with one bit turned."""
    changed = bytearray(data)
    changed[position] ^= bit
    return bytes(changed)


def test_whole_batches_are_found_to_the_end() -> None:
    """With the offset after the last."""
    scan = scan_segment(WHOLE, base_offset=BEGIN)
    assert (scan.whole_bytes, scan.next_offset, scan.fault) == (len(WHOLE), BEGIN + 4, "")
    assert scan_segment(b"", base_offset=BEGIN).next_offset == BEGIN


def test_every_cut_leaves_the_whole_batches_before_it() -> None:
    """And nothing follows that could be mistaken for a batch."""
    ends = [0, len(THREE[0]), len(THREE[0] + THREE[1]), len(WHOLE)]
    for cut in range(len(WHOLE)):
        scan = scan_segment(WHOLE[:cut], base_offset=BEGIN)
        assert scan.whole_bytes == max(end for end in ends if end <= cut)
        assert bool(scan.fault) == (cut not in ends)
        assert not has_batch_after(WHOLE[:cut], scan.whole_bytes, least_offset=scan.next_offset)


def test_every_turned_bit_is_seen_where_it_is() -> None:
    """In the header too, which the CRC does not cover; and whether more follows is known."""
    ends = [len(THREE[0]), len(THREE[0] + THREE[1]), len(WHOLE)]
    for position in range(len(WHOLE)):
        for bit in (1, 128):
            data = flipped(WHOLE, position, bit)
            scan = scan_segment(data, base_offset=BEGIN)
            hit = next(number for number, end in enumerate(ends) if position < end)
            assert scan.whole_bytes == (0, *ends)[hit]
            follows = has_batch_after(data, scan.whole_bytes, least_offset=scan.next_offset)
            assert follows == (hit < 2)


def test_offsets_have_no_gaps_outside_of_a_seal() -> None:
    """A batch that is missing in between is seen; compaction leaves gaps and seals them."""
    data = THREE[0] + THREE[2]
    scan = scan_segment(data, base_offset=BEGIN)
    assert scan.whole_bytes == len(THREE[0])
    assert scan.fault == f"offset {BEGIN + 3} stands where {BEGIN + 1} should"
    seal = Seal(size=len(data), crc=crc_of(data, 0, len(data)), replaced=())
    sealed = scan_segment(data, base_offset=BEGIN, seal=seal)
    assert (sealed.whole_bytes, sealed.next_offset, sealed.fault) == (len(data), BEGIN + 4, "")


def test_what_is_appended_behind_a_seal_is_held_to_the_rules() -> None:
    """Its first batch may come after a gap, the next may not."""
    size = len(THREE[0])
    seal = Seal(size=size, crc=crc_of(THREE[0], 0, size), replaced=())
    data = THREE[0] + batch(50) + batch(51)
    assert not scan_segment(data, base_offset=BEGIN, seal=seal).fault
    scan = scan_segment(data + batch(53), base_offset=BEGIN, seal=seal)
    assert (scan.whole_bytes, scan.in_seal) == (len(data), False)
    assert scan.fault


@pytest.mark.parametrize("position", [0, 5, 100])
def test_what_is_sealed_cannot_be_torn(position: int) -> None:
    """It was on the disk before it was sealed."""
    seal = Seal(size=len(WHOLE), crc=crc_of(WHOLE, 0, len(WHOLE)), replaced=())
    assert scan_segment(flipped(WHOLE, position), base_offset=BEGIN, seal=seal).in_seal
    assert scan_segment(WHOLE[:-1], base_offset=BEGIN, seal=seal).in_seal


def test_a_batch_behind_garbage_is_found() -> None:
    """Wherever it begins; not one whose offset was there before."""
    garbage = bytes(range(256)) * 3
    assert has_batch_after(garbage + batch(9), 0, least_offset=8)
    assert not has_batch_after(garbage + batch(9), 0, least_offset=10)
    assert not has_batch_after(garbage + batch(9)[:-1], 0, least_offset=8)
    far = 2**40
    assert has_batch_after(garbage + batch(far), 0, least_offset=far - 5)
