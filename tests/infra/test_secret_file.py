"""Secrets in files: what is read, and that no problem repeats them."""

from pathlib import Path

import pytest

from penstock.infra.secret_file import secret_in


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"hunter2", "hunter2"),
        (b"hunter2\n", "hunter2"),
        (b"hunter2\r\n", "hunter2"),
        (b"a b\n", "a b"),
        ("pässword".encode(), "pässword"),
    ],
)
def test_a_secret(tmp_path: Path, content: bytes, secret: str) -> None:
    """One line end at its end is the editor's."""
    file = tmp_path / "secret"
    file.write_bytes(content)
    assert secret_in(file) == (secret, None)


@pytest.mark.parametrize("content", [b"", b"\n", b"hunter2\n\n", b" hunter2", b"a\nb", b"\xff\xfe"])
def test_what_is_none(tmp_path: Path, content: bytes) -> None:
    """Nothing is guessed away, and nothing repeated."""
    file = tmp_path / "secret"
    file.write_bytes(content)
    secret, problem = secret_in(file)
    assert secret == ""
    assert problem is not None
    assert "hunter2" not in problem.replace(str(tmp_path), "")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Named, with the reason."""
    assert (
        secret_in(tmp_path / "none")[1]
        == f"'{tmp_path / 'none'}' cannot be read (No such file or directory)"
    )
