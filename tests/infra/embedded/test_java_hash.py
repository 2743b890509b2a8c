"""Java's hash of a text."""

import pytest

from penstock.infra.embedded.java_hash import java_hash


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", 0),
        ("b", 98),
        ("Aa", 2112),
        ("BB", 2112),
        ("polygenelubricants", 1 << 31),
        ("\N{GRINNING FACE}", 0xD83D * 31 + 0xDE00),
        ("\ud800", 0xD800),
    ],
)
def test_a_text_has_the_hash_that_java_gives_it(text: str, code: int) -> None:
    """Over UTF-16 units, a lone surrogate too; the long word is known for Java's least integer."""
    assert java_hash(text) == code
