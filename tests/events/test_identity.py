"""Ids: random ones in canonical text, derived ones the same for ever."""

from uuid import UUID

import pytest

from penstock.events.identity import NAMESPACE, derived_id, uuid_text


def test_a_derived_id_never_changes() -> None:
    """Ids in flight must be derived alike by the next version; this one is written down."""
    assert UUID("e3cc8ec5-a820-413e-8cfa-4676ca037468") == NAMESPACE
    expected = UUID("e6232bf3-34de-5abc-bb9c-77975e5e461c")
    assert derived_id("7c7b3c6e-0001", "project", 0) == expected


def test_each_argument_matters_and_none_runs_into_the_next() -> None:
    """Otherwise two outputs of different handlers could share an id."""
    alike = {
        derived_id("ab", "c", 0),
        derived_id("a", "bc", 0),
        derived_id("a", "b", 0),
        derived_id("a", "b", 1),
        derived_id("a", "b1", 0),
        derived_id("1:a", "b", 0),
    }
    assert len(alike) == 6


@pytest.mark.parametrize("digits", ["0" * 32, "f" * 32, "0123456789abcdef" * 2])
def test_random_digits_become_a_canonical_version_4_id(digits: str) -> None:
    """As the standard library builds it, six bits overwritten."""
    assert uuid_text(digits) == str(UUID(hex=digits, version=4))
