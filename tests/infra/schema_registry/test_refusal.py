"""How the API says no: what we write, and what we read of others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.schema_registry.refusal import MAX_MESSAGE, ApiCode, Refusal, refusal_in
from penstock.infra.schema_registry.registry_json import write_json


@given(st.sampled_from(list(ApiCode)), st.text(min_size=1, max_size=300))
def test_what_we_write_we_read(code: ApiCode, message: str) -> None:
    """Code and status stay; the message is made one harmless line."""
    refusal = Refusal(code=code, message=message)
    found = refusal_in(refusal.status, write_json(refusal.body()))
    assert found.code == code
    assert found.status == refusal.status
    assert "\n" not in found.message


@given(st.integers(300, 599), st.binary(max_size=300))
def test_any_answer_is_a_refusal(status: int, body: bytes) -> None:
    """A proxy's page, nothing at all, half a message: the status remains."""
    found = refusal_in(status, body)
    assert 100 <= found.code <= 99_999
    assert found.message


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b'{"error_code":40401,"message":"no"}', 40401, "no"),
        (b'{"error_code":"40401"}', 404, "(it gave no reason)"),
        (b'{"error_code":true,"message":7}', 404, "(it gave no reason)"),
        (b'{"error_code":-1,"message":" no "}', 404, "no"),
        (b"<html>not found</html>", 404, "(it gave no reason)"),
        (b"[]", 404, "(it gave no reason)"),
    ],
)
def test_what_is_read_of_others(body: bytes, code: int, message: str) -> None:
    """Where the form is broken, the status stands in for the code."""
    assert refusal_in(404, body) == Refusal(code=code, message=message)


def test_a_long_message_is_cut() -> None:
    """It goes into errors and logs."""
    found = refusal_in(409, write_json({"message": "x" * 10 * MAX_MESSAGE}))
    assert len(found.message) == MAX_MESSAGE + len("...")
