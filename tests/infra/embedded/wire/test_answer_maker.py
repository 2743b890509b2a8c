import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.wire import answer_maker
from penstock.infra.embedded.wire.answer_maker import make_answer, misspelt_fields
from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.embedded.wire.wire_errors import AnswerUnknown


def test_fields_that_a_version_lacks_are_dropped() -> None:
    """A handler says what it knows, whatever the version."""
    old = make_answer(
        ApiKey.PRODUCE, 3, "PartitionProduceResponse", {"index": 1, "log_start_offset": 4}
    )
    assert not hasattr(old, "log_start_offset")
    new = make_answer(
        ApiKey.PRODUCE, 9, "PartitionProduceResponse", {"index": 1, "log_start_offset": 4}
    )
    assert new.log_start_offset == 4


def test_fields_that_are_not_given_take_kafkas_defaults() -> None:
    """Fields that are not given take Kafka's defaults."""
    made = make_answer(ApiKey.PRODUCE, 9, "PartitionProduceResponse", {})
    assert (made.index, made.error_code, made.log_append_time) == (0, ErrorCode.none, None)
    assert (made.log_start_offset, made.record_errors, made.error_message) == (-1, (), None)


def test_a_struct_that_no_version_has_is_a_bug_that_says_so() -> None:
    """A struct that no version has is a bug that says so."""
    with pytest.raises(AnswerUnknown, match="no ProduceAnswer"):
        make_answer(ApiKey.PRODUCE, 9, "ProduceAnswer", {})


def test_a_field_that_no_version_has_does_not_vanish_without_a_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A misspelt name would be missing in every answer."""
    # Tests of the handlers ask at their end what was dropped, and mean their own answers.
    monkeypatch.setattr(answer_maker, "_dropped", set())
    make_answer(ApiKey.HEARTBEAT, 0, "HeartbeatResponse", {"throttle_time": 0, "eror_code": 3})
    found = {(name, field) for key, name, field in misspelt_fields() if key == ApiKey.HEARTBEAT}
    assert found == {("HeartbeatResponse", "eror_code")}
