"""A ledger: twice is once, whatever is killed, and whoever comes at the same time."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from penstock.examples.orders.ledger import (
    FOLDER_VARIABLE,
    Entry,
    Ledger,
    ledgers_folder,
    read_ledgers,
)
from penstock.workers import Refused

DO, UNDO = "order/do/charge_card:o-1", "order/undo/charge_card:o-1"

WRITER = """
import asyncio, sys
from pathlib import Path
from penstock.examples.orders.ledger import Ledger
from penstock.workers import Refused

async def write(folder, kind, count):
    ledger = Ledger("payments", Path(folder))
    for number in range(int(count)):
        do, undo = f"order/do/charge_card:{number}", f"order/undo/charge_card:{number}"
        try:
            if kind == "do":
                await ledger.do(do, "charged")
            else:
                await ledger.undo(undo, do, "refunded")
        except Refused:
            continue
        print(number, flush=True)

asyncio.run(write(*sys.argv[1:]))
"""
"""Another process of the service: writes rows in a fixed order and says when each is written."""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    with closing(Ledger("payments", tmp_path)) as made:
        yield made


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start processes that write to `ledger`'s file; what still runs is killed at the end."""
    started: list[subprocess.Popen[str]] = []

    def begin(kind: str, count: int) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", WRITER, str(tmp_path), kind, str(count)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield begin
    for process in started:
        with process:
            process.kill()


def read_line(process: "subprocess.Popen[str]") -> str:
    """The next number that a process has written."""
    assert process.stdout is not None
    return process.stdout.readline()


def rest_of(process: "subprocess.Popen[str]") -> list[str]:
    """What a process has written from here to its end."""
    assert process.stdout is not None
    return process.stdout.read().split()


def keys(entries: tuple[Entry, ...]) -> list[str]:
    """The keys of rows, in order."""
    return [entry.key for entry in entries]


def test_twice_is_once(ledger: Ledger) -> None:
    """The second time gets the first time's row, with its reference and its time."""
    first = asyncio.run(ledger.do(DO, "charged 12.49"))
    assert asyncio.run(ledger.do(DO, "charged 12.49")) == first
    assert ledger.entries() == (first,)
    assert (first.service, first.order_id, first.undoes) == ("payments", "o-1", None)


def test_an_undo_stands_beside_what_it_undoes(ledger: Ledger) -> None:
    """It has a row of its own, once, which names the other's key."""
    done = asyncio.run(ledger.do(DO, "charged"))
    undone = asyncio.run(ledger.undo(UNDO, DO, "refunded"))
    assert asyncio.run(ledger.undo(UNDO, DO, "refunded")) == undone
    assert ledger.entries() == (done, undone)
    assert undone.undoes == DO


def test_what_was_never_seen_can_be_undone(ledger: Ledger) -> None:
    """The saga undoes unknown outcomes; that is recorded, and no failure."""
    undone = asyncio.run(ledger.undo(UNDO, DO, "refunded"))
    assert ledger.entries() == (undone,)


def test_what_was_undone_is_not_done_any_more(ledger: Ledger) -> None:
    """A zombie's do behind the undo is refused and leaves no row."""
    undone = asyncio.run(ledger.undo(UNDO, DO, "refunded"))
    with pytest.raises(Refused) as refused:
        asyncio.run(ledger.do(DO, "charged"))
    assert refused.value.code == "undone"
    assert ledger.entries() == (undone,)


def test_what_was_done_and_undone_is_not_done_again(ledger: Ledger) -> None:
    """Neither twice done, nor twice undone under another key."""
    asyncio.run(ledger.do(DO, "charged"))
    undone = asyncio.run(ledger.undo(UNDO, DO, "refunded"))
    with pytest.raises(Refused):
        asyncio.run(ledger.do(DO, "charged"))
    assert asyncio.run(ledger.undo("order/undo/another:o-1", DO, "refunded")) == undone
    assert len(ledger.entries()) == 2


def test_an_undo_that_no_saga_asks_for_is_refused(ledger: Ledger) -> None:
    """Nobody says what it undoes, so nothing can be."""
    with pytest.raises(Refused, match="no_saga"):
        asyncio.run(ledger.undo("0191", None, "refunded"))
    assert ledger.entries() == ()


def test_many_threads_write_one_row(ledger: Ledger) -> None:
    """Handlers of one process run side by side."""
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: asyncio.run(ledger.do(DO, "charged")), range(40)))
    assert found == set(ledger.entries())
    assert len(found) == 1


def test_rows_are_neither_changed_nor_removed(ledger: Ledger, tmp_path: Path) -> None:
    """The database refuses it, whoever asks."""
    entry = asyncio.run(ledger.do(DO, "charged"))
    with closing(sqlite3.connect(tmp_path / "payments.sqlite3")) as connection:
        for statement in ("UPDATE entries SET effect = 'nothing'", "DELETE FROM entries"):
            with pytest.raises(sqlite3.IntegrityError, match="only added to"):
                connection.execute(statement)
    assert ledger.entries() == (entry,)


def test_two_processes_write_one_ledger(ledger: Ledger, start: Start) -> None:
    """Each key once, whoever of them came first; also while the file is being made."""
    processes = [start("do", 60) for _ in range(3)]
    for process in processes:
        assert rest_of(process) == [str(number) for number in range(60)]
        assert process.wait() == 0
    assert sorted(keys(ledger.entries())) == sorted(
        f"order/do/charge_card:{number}" for number in range(60)
    )


def test_who_comes_while_another_makes_the_file_waits(ledger: Ledger, tmp_path: Path) -> None:
    """SQLite by itself would refuse it at once, and of two processes that begin together one."""
    path = tmp_path / "payments.sqlite3"
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as other,
        ThreadPoolExecutor(1) as thread,
    ):
        other.execute("BEGIN IMMEDIATE")
        waiting = thread.submit(ledger.entries)
        try:
            with pytest.raises(TimeoutError):
                waiting.result(0.2)
        finally:
            other.execute("COMMIT")
        assert waiting.result(60) == ()


def test_a_killed_process_loses_nothing_that_it_has_told(ledger: Ledger, start: Start) -> None:
    """By kill -9 in the middle of writing; another process goes through all keys once more."""
    killed = start("do", 100_000)
    told = [read_line(killed).strip() for _ in range(30)]
    killed.kill()
    told += rest_of(killed)
    there = keys(ledger.entries())
    assert {f"order/do/charge_card:{number}" for number in told} <= set(there)
    second = start("do", len(there) + 10)
    assert len(rest_of(second)) == len(there) + 10
    assert len(ledger.entries()) == len(there) + 10
    assert ledger.entries()[: len(there)] == tuple(
        entry for entry in ledger.entries() if entry.key in there
    )


def test_no_do_comes_behind_its_undo(ledger: Ledger, start: Start) -> None:
    """One process does, another undoes the same keys at the same time."""
    doing, undoing = start("do", 150), start("undo", 150)
    done, undone = rest_of(doing), rest_of(undoing)
    assert len(undone) == 150
    order = keys(ledger.entries())
    assert len(order) == len(set(order)) == 150 + len(done)
    for number in done:
        do, undo = f"order/do/charge_card:{number}", f"order/undo/charge_card:{number}"
        assert order.index(do) < order.index(undo)


def test_all_ledgers_of_a_folder_are_read(tmp_path: Path) -> None:
    """Each row says whose it is; a folder without ledgers has no rows."""
    assert read_ledgers(tmp_path / "nowhere") == ()
    for service in ("stock", "payments"):
        with closing(Ledger(service, tmp_path)) as one:
            asyncio.run(one.do(DO, "something"))
    assert [entry.service for entry in read_ledgers(tmp_path)] == ["payments", "stock"]


def test_the_folder_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the first use: a module that is imported makes no file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    assert ledgers_folder() == Path("ledgers")
    with closing(Ledger("stock")) as one:
        monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "of the shop"))
        asyncio.run(one.do(DO, "something"))
    assert len(read_ledgers(tmp_path / "of the shop")) == 1
    assert not (tmp_path / "ledgers").exists()
