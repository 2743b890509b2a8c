from pathlib import Path

from penstock.infra.processes.log_file import last_lines


def test_the_last_lines(tmp_path: Path) -> None:
    """No more than wanted, none where there is no log, and never more than 64 KiB of it."""
    log = tmp_path / "server.log"
    assert last_lines(log, 3) == ""
    log.write_bytes(b"one\ntwo\nthr\xffee\n")
    assert last_lines(log, 2) == "two\nthr\ufffdee"
    log.write_bytes(b"x" * 100_000 + b"\nlast\n")
    assert last_lines(log, 1) == "last"
    assert len(last_lines(log, 10)) < 64 * 1024
