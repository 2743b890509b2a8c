"""Ids made fast are the ids that the standard library would make."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from penstock.events.identity import derived_id, uuid_text


@given(st.binary(min_size=16, max_size=16))
def test_text_ids_agree_with_the_standard_library(raw: bytes) -> None:
    """For every sixteen random bytes."""
    assert uuid_text(raw.hex()) == str(UUID(bytes=raw, version=4))


@given(
    st.tuples(st.text(), st.text(), st.integers(0, 99)),
    st.tuples(st.text(), st.text(), st.integers(0, 99)),
)
def test_derived_ids_are_alike_only_for_alike_arguments(
    one: tuple[str, str, int], other: tuple[str, str, int]
) -> None:
    """Whatever the texts contain."""
    assert (derived_id(*one) == derived_id(*other)) == (one == other)
