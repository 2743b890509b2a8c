"""What a partition's folder holds at its opening, and the mending of what a crash has left.

`.new`, and `.cleaned` without a seal that fits     never counted: removed
`.cleaned` with a seal that fits                    counts: takes its place (disk_store.py)
a torn end of the newest segment                    cut away, and told
anything else that is broken                        refused: FileDamaged
"""

import mmap
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, final

from penstock.infra.embedded.storage.checksums import crc_of
from penstock.infra.embedded.storage.file_writes import ASIDE, remove_file, sync_folder
from penstock.infra.embedded.storage.journal_frames import payloads, scan_journal
from penstock.infra.embedded.storage.seal import Seal, decode_seal
from penstock.infra.embedded.storage.segment_scan import (
    SegmentScan,
    has_batch_after,
    scan_segment,
)
from penstock.infra.embedded.storage.storage_errors import FileDamaged

__all__ = ["PRODUCERS_FILE", "START_FILE", "Recovery", "Repair", "recover", "segment_path"]

_DIGITS: Final = 20
START_FILE: Final = "start"
"""Holds where the log begins, as digits and a newline."""
PRODUCERS_FILE: Final = "producers"
"""Holds what deleted batches have said of their producers, framed as an entry of the journal."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """The end of a file that was cut away."""

    file: Path
    """The file."""
    position: int
    """It ends here now."""
    lost_bytes: int
    """How much was cut away."""
    reason: str
    """What was wrong there."""

    def __str__(self) -> str:
        """One line for the log."""
        return (
            f"{self.file} was cut at position {self.position}: {self.reason}; "
            f"{self.lost_bytes} bytes of an unfinished write are lost"
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What the folder holds."""

    sizes: Mapping[int, int]
    """Bytes by base offset, ascending."""
    start: int
    """Where the log begins as it was last kept; 0 if never."""
    producers: bytes
    """What was last kept of producers; empty if nothing was."""
    repairs: tuple[Repair, ...] = ()
    """What was cut away."""


def segment_path(folder: Path, base_offset: int, kind: str) -> Path:
    """Name a file as Kafka does: 20 digits.

    Args:
        folder: the partition's.
        base_offset: of the segment.
        kind: `log`, `seal` or `cleaned`.

    Returns:
        The path.
    """
    return folder / f"{base_offset:0{_DIGITS}d}.{kind}"


def recover(folder: Path) -> Recovery:
    """Look at every byte of a partition, and mend it.

    Args:
        folder: the partition's.

    Returns:
        What it holds.

    Raises:
        FileDamaged: it holds what no crash explains.
        OSError: it cannot be read or written.
    """
    seals = _finish_compaction(folder)
    scans = {base: _scan(folder, base, seals.get(base)) for base in _bases(folder, "log")}
    repairs = _mend_end(folder, scans, seals)
    _check_order(folder, scans, seals)
    sizes = {base: scan.whole_bytes for base, scan in scans.items()}
    return Recovery(
        sizes=sizes, start=_start(folder), producers=_producers(folder), repairs=repairs
    )


def _bases(folder: Path, kind: str) -> list[int]:
    found = []
    for file in folder.iterdir():
        stem, _, suffix = file.name.rpartition(".")
        if suffix == kind and len(stem) == _DIGITS and stem.isdecimal():
            found.append(int(stem))
    return sorted(found)


def _finish_compaction(folder: Path) -> dict[int, Seal]:
    """Do what a crash has kept compaction from, or undo it; return the seals that hold."""
    seals = {base: _read_seal(folder, base) for base in _bases(folder, "seal")}
    for base in _bases(folder, "cleaned"):
        cleaned = segment_path(folder, base, "cleaned")
        seal = seals.get(base)
        with _mapped(cleaned) as data:
            fits = seal and len(data) == seal.size and crc_of(data, 0, len(data)) == seal.crc
        if not fits or seal is None:
            cleaned.unlink()
            continue
        for gone in seal.replaced:
            if gone != base:
                remove_file(segment_path(folder, gone, "log"))
                remove_file(segment_path(folder, gone, "seal"))
                seals.pop(gone, None)
        cleaned.replace(segment_path(folder, base, "log"))
    for file in [file for file in folder.iterdir() if file.name.endswith(ASIDE)]:
        file.unlink()
    for base in set(seals) - set(_bases(folder, "log")):
        segment_path(folder, base, "seal").unlink()
        del seals[base]
    sync_folder(folder)
    return seals


def _read_seal(folder: Path, base_offset: int) -> Seal:
    path = segment_path(folder, base_offset, "seal")
    seal = decode_seal(path.read_bytes())
    if seal is None:
        raise FileDamaged(file=str(path), position=0, reason="it is no seal, or its CRC is wrong")
    return seal


def _scan(folder: Path, base_offset: int, seal: Seal | None) -> SegmentScan:
    path = segment_path(folder, base_offset, "log")
    with _mapped(path) as data:
        scan = scan_segment(data, base_offset=base_offset, seal=seal)
        if scan.in_seal:
            raise FileDamaged(file=str(path), position=0, reason=scan.fault)
        if scan.fault and has_batch_after(data, scan.whole_bytes, least_offset=scan.next_offset):
            raise FileDamaged(
                file=str(path),
                position=scan.whole_bytes,
                reason=f"{scan.fault}, and batches follow",
            )
    return scan


def _mend_end(
    folder: Path, scans: dict[int, SegmentScan], seals: Mapping[int, Seal]
) -> tuple[Repair, ...]:
    """Cut the newest segment where its torn end begins.

    A loss of power may leave an empty file behind a torn end: it holds nothing, and goes first.
    """
    repairs = []
    while len(scans) > 1:
        before, newest = list(scans)[-2:]
        scan = scans[before]
        misfit = scan.fault or (before not in seals and scan.next_offset != newest)
        if scans[newest].whole_bytes or scans[newest].fault or newest in seals or not misfit:
            break
        path = segment_path(folder, newest, "log")
        path.unlink()
        del scans[newest]
        repairs.append(Repair(file=path, position=0, lost_bytes=0, reason="it was empty"))
    for newest in list(scans)[-1:]:
        scan = scans[newest]
        if scan.fault:
            path = segment_path(folder, newest, "log")
            lost = path.stat().st_size - scan.whole_bytes
            os.truncate(path, scan.whole_bytes)
            repairs.append(
                Repair(file=path, position=scan.whole_bytes, lost_bytes=lost, reason=scan.fault)
            )
            scans[newest] = SegmentScan(whole_bytes=scan.whole_bytes, next_offset=scan.next_offset)
    return tuple(repairs)


def _check_order(folder: Path, scans: Mapping[int, SegmentScan], seals: Mapping[int, Seal]) -> None:
    """Hold each segment to the next: no end is broken, and nothing is missing in between."""
    bases = list(scans)
    for base, following in pairwise(bases):
        scan = scans[base]
        reason = scan.fault
        if scan.next_offset > following or (base not in seals and scan.next_offset < following):
            reason = f"it ends before offset {scan.next_offset}, and the next file is {following}"
        if reason:
            path = segment_path(folder, base, "log")
            raise FileDamaged(file=str(path), position=scan.whole_bytes, reason=reason)


def _start(folder: Path) -> int:
    path = folder / START_FILE
    if not path.exists():
        return 0
    text = path.read_bytes()
    if not text.endswith(b"\n") or not text[:-1].isdigit():
        raise FileDamaged(file=str(path), position=0, reason="it holds no offset")
    return int(text)


def _producers(folder: Path) -> bytes:
    path = folder / PRODUCERS_FILE
    if not path.exists():
        return b""
    data = path.read_bytes()
    scan = scan_journal(data)
    if scan.fault or scan.entries != 1:
        reason = scan.fault or f"it holds {scan.entries} entries, where one should be"
        raise FileDamaged(file=str(path), position=scan.whole_bytes, reason=reason)
    return next(payloads(data))


@contextmanager
def _mapped(path: Path) -> Iterator[bytes | memoryview]:
    """Give a file's bytes without reading it into memory."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:  # which cannot be mapped
            yield b""
            return
        with (
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as view,
        ):
            yield view
