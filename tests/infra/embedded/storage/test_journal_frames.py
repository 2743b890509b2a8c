"""Entries in the journal's file."""

from penstock.infra.embedded.storage.journal_frames import (
    encode_frame,
    has_frame_after,
    payloads,
    scan_journal,
)

ENTRIES = [b'{"type":"A"}', b'{"type":"B","more":[1,2,3]}', b'{"type":"C"}']
FRAMES = [encode_frame(entry) for entry in ENTRIES]
WHOLE = b"".join(FRAMES)
ENDS = [len(FRAMES[0]), len(FRAMES[0] + FRAMES[1]), len(WHOLE)]


def test_entries_come_back_as_they_were() -> None:
    """Length and CRC around each."""
    scan = scan_journal(WHOLE)
    assert (scan.whole_bytes, scan.entries, scan.fault) == (len(WHOLE), 3, "")
    assert list(payloads(WHOLE)) == ENTRIES
    assert scan_journal(b"").entries == 0


def test_every_cut_leaves_the_whole_entries_before_it() -> None:
    """And nothing follows."""
    for cut in range(len(WHOLE)):
        scan = scan_journal(WHOLE[:cut])
        assert scan.whole_bytes == max(end for end in (0, *ENDS) if end <= cut)
        assert bool(scan.fault) == (cut not in {0, *ENDS})
        assert not has_frame_after(WHOLE[:cut], scan.whole_bytes)


def test_every_turned_bit_is_seen_where_it_is() -> None:
    """In the length too; and whether more follows is known."""
    for position in range(len(WHOLE)):
        for bit in (1, 128):
            data = bytearray(WHOLE)
            data[position] ^= bit
            scan = scan_journal(bytes(data))
            hit = next(number for number, end in enumerate(ENDS) if position < end)
            assert scan.entries == hit
            assert has_frame_after(bytes(data), scan.whole_bytes) == (hit < 2)


def test_zeros_are_no_entry() -> None:
    """A file system may have made a file longer before it had the bytes."""
    scan = scan_journal(WHOLE + bytes(4096))
    assert (scan.whole_bytes, scan.entries) == (len(WHOLE), 3)
    assert not has_frame_after(WHOLE + bytes(4096), len(WHOLE))
