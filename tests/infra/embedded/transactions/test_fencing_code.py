"""What a fenced producer is told, by the version of its request."""

import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.transactions.fencing_code import fencing_code


@pytest.mark.parametrize(("api_key", "first"), [(22, 4), (24, 2), (25, 2), (26, 2)])
def test_older_clients_know_another_name(api_key: int, first: int) -> None:
    """INVALID_PRODUCER_EPOCH before the version that brought PRODUCER_FENCED; no other error."""
    fenced = ErrorCode.producer_fenced
    assert fencing_code(fenced, api_key=api_key, version=first) is fenced
    older = fencing_code(fenced, api_key=api_key, version=first - 1)
    assert older is ErrorCode.invalid_producer_epoch
    assert fencing_code(ErrorCode.none, api_key=api_key, version=0) is ErrorCode.none
