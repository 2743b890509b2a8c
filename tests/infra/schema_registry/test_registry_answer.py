"""Answers of registries: what was asked for, or UnusableAnswer."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.schema_registry.registry_answer import (
    HIGHEST_ID,
    UnusableAnswer,
    id_in,
    level_in,
    names_in,
    numbers_in,
    schema_in,
    version_in,
)
from penstock.schemas.compatibility_levels import Level

READERS: list[Callable[[bytes], Any]] = [
    schema_in,
    version_in,
    id_in,
    names_in,
    numbers_in,
    level_in,
]


@given(
    st.sampled_from(READERS),
    st.binary(max_size=100) | st.from_regex(rb'[\[{"a-z:,0-9}\]]{0,40}', fullmatch=True),
)
def test_any_bytes_are_an_answer_or_unusable(read: Callable[[bytes], Any], body: bytes) -> None:
    """Nothing else is raised, and what is unusable is said why."""
    assert problem_of(read, body) != ""


def problem_of(read: Callable[[bytes], Any], body: bytes) -> str | None:
    """Why it is unusable; None where it is not."""
    try:
        read(body)
    except UnusableAnswer as problem:
        return str(problem)
    return None


def test_a_schema() -> None:
    """What other registries add is not looked at; Avro is what is not named."""
    found = schema_in(b'{"schema":"{}","guid":"x","maxId":7,"schemaType":null}')
    assert (found.text, found.kind, found.references) == ("{}", "AVRO", ())


def test_a_schema_of_another_kind_with_references() -> None:
    """Both are told to whoever judges it."""
    found = schema_in(
        b'{"schema":"x","schemaType":"PROTOBUF","references":[{"name":"a.B"},{"name":7},9]}'
    )
    assert (found.kind, found.references) == ("PROTOBUF", ("a.B", "7", "?"))


@pytest.mark.parametrize(
    "value", ["0", "-1", "true", '"1"', "1.0", "null", str(HIGHEST_ID + 1), "[]"]
)
def test_ids_that_no_frame_carries(value: str) -> None:
    """They would be written into every event."""
    with pytest.raises(UnusableAnswer):
        id_in(f'{{"id":{value}}}'.encode())


def test_lists_pass_over_what_is_none_of_theirs() -> None:
    """Versions come sorted."""
    assert numbers_in(b'[3,1,"x",true,0]') == (1, 3)
    assert names_in(b'["a",1,"b"]') == ("a", "b")


@pytest.mark.parametrize(
    "body", [b'{"compatibilityLevel":"FULL"}', b'{"compatibility":"full","x":1}']
)
def test_levels_by_both_names(body: bytes) -> None:
    """Confluent's registry reads by one name and writes by the other."""
    assert level_in(body) is Level.FULL
