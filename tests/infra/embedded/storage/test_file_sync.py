"""fsync, once for all who wait."""

import asyncio
from pathlib import Path

import pytest

from penstock.infra.embedded.storage.file_sync import FileSync
from tests.infra.embedded.server.in_loop import in_loop, until


def test_without_fsync_nobody_waits(tmp_path: Path) -> None:
    """What the operating system has counts as kept."""
    sync = FileSync(enabled=False)
    sync.note(tmp_path)
    assert not sync.unsynced


@in_loop
async def test_all_who_wait_share_an_effort() -> None:
    """Whoever writes while it runs waits for the next one, which is one for all of those again."""
    sync = FileSync(enabled=True)
    sync.note(Path("/"))
    first = [asyncio.ensure_future(sync.sync()) for _ in range(10)]
    await until(lambda: sync.efforts > 0)
    sync.note(Path("/"))
    second = [asyncio.ensure_future(sync.sync()) for _ in range(10)]
    await asyncio.gather(*first, *second)
    assert sync.efforts == 2
    assert not sync.unsynced
    await sync.sync()
    assert sync.efforts == 2
    sync.close()


@in_loop
async def test_who_gives_up_waiting_does_not_end_it_for_others(tmp_path: Path) -> None:
    """The effort goes on."""
    sync = FileSync(enabled=True)
    sync.note(tmp_path)
    impatient, patient = (asyncio.ensure_future(sync.sync()) for _ in range(2))
    await until(lambda: sync.efforts > 0)
    impatient.cancel()
    await patient
    assert not sync.unsynced
    assert impatient.cancelled()
    sync.close()


@in_loop
async def test_what_was_removed_meanwhile_needs_no_sync(tmp_path: Path) -> None:
    """A deleted topic's files."""
    sync = FileSync(enabled=True)
    sync.note(tmp_path / "gone")
    await sync.sync()
    assert not sync.unsynced
    sync.close()


@in_loop
async def test_after_a_failure_nothing_is_promised_any_more() -> None:
    """Who waits is told, and so is who writes or waits later: fsync would not say it again."""
    sync = FileSync(enabled=True)
    sync.note(Path("/dev/null"))  # whose fsync is an error
    with pytest.raises(OSError, match="the disk has failed"):
        await sync.sync()
    assert sync.unsynced
    with pytest.raises(OSError, match="restart the broker"):
        sync.check()
    with pytest.raises(OSError, match="restart the broker"):
        await sync.sync()
    sync.close()
