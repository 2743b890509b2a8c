"""Which names topics may have, in the words of Apache Kafka 4.1.0."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.embedded.topics.topic_name import collision_key, name_fault

_CHARACTERS = (
    "Topic name is invalid: '{}' contains one or more characters other than ASCII alphanumerics, "
    "'.', '_' and '-'"
)
_TOO_LONG = "Topic name is invalid: the length of '{}' is longer than the max allowed length 249"


@pytest.mark.parametrize(
    "name", ["a", "A-b_c.9", "...", "x" * 249, "_penstock.x", "__consumer_offsets"]
)
def test_a_legal_name_has_no_fault(name: str) -> None:
    """No name is special."""
    assert name_fault(name) is None


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "Topic name is invalid: the empty string is not allowed"),
        (".", "Topic name is invalid: '.' is not allowed"),
        ("..", "Topic name is invalid: '..' is not allowed"),
        ("a b", _CHARACTERS.format("a b")),
        ("ä", _CHARACTERS.format("ä")),
        ("a\n", _CHARACTERS.format("a\n")),
        ("a/b", _CHARACTERS.format("a/b")),
        (
            "x" * 250,
            _TOO_LONG.format("x" * 250),
        ),
    ],
)
def test_an_illegal_name_is_refused_as_kafka_does(name: str, fault: str) -> None:
    """With its sentence."""
    assert name_fault(name) == fault


@given(st.text())
def test_no_name_raises(name: str) -> None:
    """Whatever a client sends, the answer is a short text or None."""
    assert len(name_fault(name) or "") < 1_200


def test_a_point_and_an_underscore_collide() -> None:
    """Kafka's metrics cannot tell them apart."""
    assert collision_key("a.b_c") == collision_key("a_b.c") != collision_key("ab.c")
