"""What a suite says about its servers is understood, or refused with the words that are."""

import pytest

from penstock.infra.pytest_plugin.choice import (
    ChoiceRefused,
    ServerChoice,
    ServerKind,
    kafka_choice,
    redis_choice,
)


@pytest.mark.parametrize("word", ["embedded", "container", "jvm"])
def test_a_word_names_a_server_of_our_own(word: str) -> None:
    """In whatever case, with whatever space around it."""
    choice = kafka_choice(f" {word.upper()} ")
    assert choice == ServerChoice(kind=ServerKind(word))
    assert choice.is_ours


@pytest.mark.parametrize("address", ["localhost:9092", "10.0.0.1:9092,10.0.0.2:9092", "[::1]:1"])
def test_an_address_is_somebody_elses(address: str) -> None:
    """One, or several with commas between."""
    choice = kafka_choice(address)
    assert choice == ServerChoice(kind=ServerKind.GIVEN, address=address)
    assert not choice.is_ours


@pytest.mark.parametrize("value", ["", "kafka", ":9092", "host:", "host:0", "host:70000", "a:1,b"])
def test_anything_else_is_refused(value: str) -> None:
    """With what may be said."""
    with pytest.raises(ChoiceRefused, match="embedded, container, jvm or HOST:PORT"):
        kafka_choice(value)


def test_a_long_value_is_cut() -> None:
    """And what cannot be printed is escaped."""
    with pytest.raises(ChoiceRefused) as refused:
        kafka_choice("\x1b" + "x" * 1_000)
    assert refused.value.value == "\\x1b" + "x" * 79


@pytest.mark.parametrize("word", ["embedded", "container"])
def test_redis_has_words_of_its_own(word: str) -> None:
    """A JVM is none of them."""
    assert redis_choice(word) == ServerChoice(kind=ServerKind(word))


def test_nothing_said_leaves_redis_open() -> None:
    """It is taken as it can be had."""
    assert redis_choice("") is None


def test_a_url_is_somebody_elses_redis() -> None:
    """Its case is kept: it may hold a password."""
    url = "redis://:Secret@host:6379/2"
    assert redis_choice(url) == ServerChoice(kind=ServerKind.GIVEN, address=url)


@pytest.mark.parametrize("value", ["jvm", "host:6379", "http://:secret@host"])
def test_what_redis_is_refused_as_is_not_shown(value: str) -> None:
    """It may hold a password."""
    with pytest.raises(ChoiceRefused) as refused:
        redis_choice(value)
    assert value not in str(refused.value)
