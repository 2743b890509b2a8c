"""A saga file becomes the same text on every machine, or says why it cannot be read."""

from pathlib import Path

import pytest

from penstock.infra.sagas.files import SagaFileNotText, SagaFileUnreadable, read_saga_file
from penstock.sagas.language.yaml_tree import MAX_BYTES
from tests.sagas.order_language import ORDER


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a saga file will lie."""
    return tmp_path / "order.saga.yaml"


def test_a_file_is_its_text(file: Path) -> None:
    """Letters of all scripts included."""
    file.write_bytes((ORDER + "# größer 漢字\n").encode())
    assert read_saga_file(file) == ORDER + "# größer 漢字\n"


def test_line_ends_and_byte_order_marks_do_not_count(file: Path) -> None:
    """Else a checkout on another system would be another version of the saga."""
    for content in (
        ORDER.replace("\n", "\r\n").encode(),
        ORDER.replace("\n", "\r").encode(),
        b"\xef\xbb\xbf" + ORDER.encode(),
    ):
        file.write_bytes(content)
        assert read_saga_file(file) == ORDER


def test_a_file_that_is_not_there_is_told(file: Path) -> None:
    """With what the operating system says; a folder is no file either."""
    with pytest.raises(SagaFileUnreadable, match="No such file") as caught:
        read_saga_file(file)
    assert caught.value.exit_code == 3
    with pytest.raises(SagaFileUnreadable, match="The operating system says"):
        read_saga_file(file.parent)


def test_a_file_that_is_too_large_is_not_read(file: Path) -> None:
    """The limit is named; at the limit it is read."""
    file.write_bytes(b"#" * MAX_BYTES)
    assert len(read_saga_file(file)) == MAX_BYTES
    file.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(SagaFileUnreadable, match="larger than 256 KiB"):
        read_saga_file(file)


def test_a_file_in_another_encoding_is_told_with_the_line(file: Path) -> None:
    """Of the first byte that is wrong."""
    file.write_bytes(b"saga: order\nversion: 1\n# gr\xf6\xdfer\n")
    with pytest.raises(SagaFileNotText, match=r"\(line 3\)") as caught:
        read_saga_file(file)
    assert caught.value.exit_code == 4
