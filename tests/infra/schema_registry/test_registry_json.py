"""JSON from a stranger: a value or NotJson, whatever the bytes are."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.schema_registry.registry_json import (
    MAX_JSON_LEVELS,
    NotJson,
    read_json,
    write_json,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_is_read_back(value: Any) -> None:
    """In ASCII, so that no proxy can break it."""
    written = write_json(value)
    assert written.isascii()
    assert read_json(written) == value


@given(st.binary(max_size=200) | st.text('[]{}":,0123456789eE-+NnaIul\\ud8 ').map(str.encode))
def test_any_bytes_are_a_value_or_are_refused(body: bytes) -> None:
    """Nothing else comes out, and what is refused is said why."""
    assert problem_of(body) != ""


def problem_of(body: bytes) -> str | None:
    """Why it is refused; None where it is not."""
    try:
        read_json(body)
    except NotJson as problem:
        return str(problem)
    return None


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * 100_000, id="open without end"),
        pytest.param(
            b"[" * (MAX_JSON_LEVELS + 1) + b"]" * (MAX_JSON_LEVELS + 1), id="a level too deep"
        ),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, id="deep"),
        pytest.param(b'{"id":' + b"9" * 10_000 + b"}", id="a number without end"),
        pytest.param(b'{"id":NaN}', id="NaN"),
        pytest.param(b'{"id":Infinity}', id="Infinity"),
        pytest.param(b'{"id":1,"id":2}', id="a name twice"),
        pytest.param(b"\xff\xfe{}", id="another encoding"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"{} {}", id="more than one"),
    ],
)
def test_what_is_refused(body: bytes) -> None:
    """What would cost stack or time, or mean two things."""
    with pytest.raises(NotJson):
        read_json(body)


def test_the_deepest_that_is_read() -> None:
    """One level less than is refused."""
    levels = MAX_JSON_LEVELS - 1
    assert json.dumps(read_json(b"[" * levels + b"1" + b"]" * levels)).count("[") == levels
