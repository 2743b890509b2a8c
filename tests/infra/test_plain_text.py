"""Text from outside cannot leave its line, and stays readable."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.plain_text import escaped, excerpt

ANY_TEXT = st.text(st.characters(codec=None))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain words, größer 漢字", "plain words, größer 漢字"),
        ('a\r\n{"level":"ERROR"}', r'a\r\n{"level":"ERROR"}'),
        ("\x1b[2J\x9b1m", r"\x1b[2J\x9b1m"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("abc\u202egnp.exe", r"abc\u202egnp.exe"),
        ("\ud800", r"\ud800"),
        ("\x00\x7f\x85", r"\x00\x7f\x85"),
    ],
)
def test_unsafe_characters_are_shown_as_escapes(text: str, expected: str) -> None:
    """Line ends, terminal commands, direction marks and half characters become visible."""
    assert escaped(text) == expected


@given(ANY_TEXT)
def test_what_comes_out_is_one_line_that_any_stream_takes(text: str) -> None:
    """No control character, no line end of any kind, nothing that UTF-8 cannot carry."""
    shown = escaped(text)
    assert len(shown.splitlines()) <= 1
    assert not [each for each in shown if unicodedata.category(each) in {"Cc", "Cs", "Zl", "Zp"}]
    assert escaped(shown) == shown
    shown.encode()


def test_an_excerpt_says_that_it_was_cut() -> None:
    """The limit counts characters of the text, and three dots stand for the rest."""
    assert excerpt("abc", 3) == "abc"
    assert excerpt("abcd", 3) == "abc..."
    assert excerpt("\n\n\n\n", 3) == r"\n\n\n..."
