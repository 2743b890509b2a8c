"""The error that an older client knows for a producer that was fenced.

The coordinator says PRODUCER_FENCED (KIP-360, KIP-588). Clients from before know only
INVALID_PRODUCER_EPOCH, so Kafka gives them that; which requests know better is their version's.
"""

from collections.abc import Mapping
from typing import Final

from kio.schema.errors import ErrorCode

__all__ = ["FENCED_KNOWN_FROM", "fencing_code"]

FENCED_KNOWN_FROM: Final[Mapping[int, int]] = {22: 4, 24: 2, 25: 2, 26: 2}
"""By API key (InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn): the first version
whose clients understand PRODUCER_FENCED (KafkaApis)."""


def fencing_code(error: ErrorCode, *, api_key: int, version: int) -> ErrorCode:
    """Say an error of the coordinator as the client of this version understands it.

    Args:
        error: The coordinator's answer.
        api_key: The request's key, one of FENCED_KNOWN_FROM.
        version: The request's version.

    Returns:
        INVALID_PRODUCER_EPOCH in the place of PRODUCER_FENCED for old versions, else the error.
    """
    if error is ErrorCode.producer_fenced and version < FENCED_KNOWN_FROM[api_key]:
        return ErrorCode.invalid_producer_epoch
    return error
