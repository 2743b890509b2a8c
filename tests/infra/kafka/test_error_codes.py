"""Codes of the protocol by name, and what they mean for a batch."""

import aiokafka.errors
import pytest
from aiokafka.errors import KafkaError, UnknownError, for_code

from penstock.infra.kafka import error_codes
from penstock.infra.kafka.error_codes import describe, describe_code, never_appended

BEYOND_THE_CLIENTS_TABLE = {82: "FENCED_INSTANCE_ID", 87: "INVALID_RECORD", 90: "PRODUCER_FENCED"}


@pytest.mark.parametrize(("code", "name"), BEYOND_THE_CLIENTS_TABLE.items())
def test_codes_that_the_client_does_not_know_have_a_name(code: int, name: str) -> None:
    """The client makes an UnknownError of them, which says nothing."""
    assert for_code(code) is UnknownError
    assert describe_code(code) == f"{name} ({code})"


def test_an_unheard_of_code_keeps_its_number() -> None:
    """A newer broker's code can at least be looked up."""
    assert describe_code(4711) == "UNNAMED_ERROR (4711)"


def test_an_error_of_the_protocol_is_told_by_its_name_there() -> None:
    """Names of classes differ between clients; those of the protocol do not."""
    assert describe(aiokafka.errors.MessageSizeTooLargeError()) == "MESSAGE_TOO_LARGE (10)"
    assert describe(aiokafka.errors.RequestTimedOutError()) == "REQUEST_TIMED_OUT (7)"


def test_any_other_error_is_told_by_its_class_and_text() -> None:
    """Also where it has no text, or a number of the operating system."""
    assert describe(TimeoutError()) == "TimeoutError"
    assert describe(ConnectionResetError(104, "reset")) == (
        "ConnectionResetError: [Errno 104] reset"
    )
    assert describe(KafkaError("gone")) == "KafkaError: gone"


def test_no_name_is_given_twice() -> None:
    """Two numbers with one name would be one too many."""
    names = list(error_codes._NAMES.values())
    assert len(names) == len(set(names))


def test_what_the_client_repeats_by_itself_is_no_refusal() -> None:
    """A refusal condemns a record; an error that passes by itself must never count as one."""
    for code in error_codes._REFUSALS:
        assert not for_code(code).retriable, describe_code(code)


@pytest.mark.parametrize("code", [-1, 7, 19, 45, 47, 48, 49, 51, 56, 59, 90, 120])
def test_what_says_nothing_about_the_content_is_no_refusal(code: int) -> None:
    """Lost leaders, fenced producers and lost sequences may have appended the batch before."""
    assert not never_appended(code)


@pytest.mark.parametrize("code", [10, 18, 32, 87])
def test_what_the_content_is_refused_for_is_a_refusal(code: int) -> None:
    """Too large, badly dated, keyless on a compacted topic: it will be refused again."""
    assert never_appended(code)
