"""Literals evaluate to what they say; docstrings to what is made of them."""

import ast
import inspect

from hypothesis import given
from hypothesis import strategies as st

from penstock.schemas.python_layout import (
    LINE_WIDTH,
    Text,
    bytes_literal,
    docstring,
    laid_out,
    text_literal,
    width_of,
)
from tests.schemas.sayable import TEXTS


@given(TEXTS)
def test_a_literal_is_the_text_in_ascii_controls_and_all(value: str) -> None:
    """In one line, and nothing in it is invisible."""
    literal = text_literal(value)
    assert ast.literal_eval(literal) == value
    assert literal.isprintable() or not value.isprintable()
    assert "\n" not in literal


@given(st.binary(max_size=40))
def test_a_literal_is_the_bytes(value: bytes) -> None:
    """In ASCII."""
    assert ast.literal_eval(bytes_literal(value)) == value
    assert bytes_literal(value).isascii()


@given(TEXTS)
def test_a_docstring_says_the_text_or_there_is_none(value: str) -> None:
    """As `inspect.cleandoc` reads it, and as one expression."""
    lines = docstring(value)
    if lines is not None:
        tree = ast.parse("class Made:\n" + "\n".join(lines))
        [made] = tree.body
        assert isinstance(made, ast.ClassDef)
        assert len(made.body) == 1
        assert inspect.cleandoc(ast.get_docstring(made, clean=False) or "") == value


@given(st.lists(st.text("abc\"'", min_size=1, max_size=30)).map(" ".join))
def test_a_long_text_is_broken_between_words(value: str) -> None:
    """It stays the text, and no line is too wide."""
    shown = laid_out(Text(value=value), indent="    ", before=20, after=1)
    assert ast.literal_eval(f"({shown})") == value
    assert all(width_of(line) <= LINE_WIDTH for line in shown.split("\n"))
