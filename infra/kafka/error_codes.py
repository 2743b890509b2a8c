"""Kafka's error codes by name, and what each means for a write.

aiokafka's own table ends at 79; PRODUCER_FENCED (90), INVALID_RECORD (87) and others come out of
it as a vague UnknownError. The names and numbers are those of Apache Kafka's protocol guide,
"Error Codes".
"""

from typing import Final

from aiokafka.errors import KafkaError

__all__ = [
    "CONCURRENT_TRANSACTIONS",
    "describe",
    "describe_code",
    "never_appended",
    "perhaps_appended",
    "too_large",
]

CONCURRENT_TRANSACTIONS: Final = 51

_NAMES: Final = {
    -1: "UNKNOWN_SERVER_ERROR",
    1: "OFFSET_OUT_OF_RANGE",
    2: "CORRUPT_MESSAGE",
    3: "UNKNOWN_TOPIC_OR_PARTITION",
    5: "LEADER_NOT_AVAILABLE",
    6: "NOT_LEADER_OR_FOLLOWER",
    7: "REQUEST_TIMED_OUT",
    10: "MESSAGE_TOO_LARGE",
    12: "OFFSET_METADATA_TOO_LARGE",
    14: "COORDINATOR_LOAD_IN_PROGRESS",
    15: "COORDINATOR_NOT_AVAILABLE",
    16: "NOT_COORDINATOR",
    17: "INVALID_TOPIC_EXCEPTION",
    18: "RECORD_LIST_TOO_LARGE",
    19: "NOT_ENOUGH_REPLICAS",
    20: "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
    22: "ILLEGAL_GENERATION",
    25: "UNKNOWN_MEMBER_ID",
    27: "REBALANCE_IN_PROGRESS",
    28: "INVALID_COMMIT_OFFSET_SIZE",
    29: "TOPIC_AUTHORIZATION_FAILED",
    30: "GROUP_AUTHORIZATION_FAILED",
    31: "CLUSTER_AUTHORIZATION_FAILED",
    32: "INVALID_TIMESTAMP",
    36: "TOPIC_ALREADY_EXISTS",
    37: "INVALID_PARTITIONS",
    38: "INVALID_REPLICATION_FACTOR",
    40: "INVALID_CONFIG",
    42: "INVALID_REQUEST",
    43: "UNSUPPORTED_FOR_MESSAGE_FORMAT",
    44: "POLICY_VIOLATION",
    45: "OUT_OF_ORDER_SEQUENCE_NUMBER",
    46: "DUPLICATE_SEQUENCE_NUMBER",
    47: "INVALID_PRODUCER_EPOCH",
    48: "INVALID_TXN_STATE",
    49: "INVALID_PRODUCER_ID_MAPPING",
    50: "INVALID_TRANSACTION_TIMEOUT",
    51: "CONCURRENT_TRANSACTIONS",
    52: "TRANSACTION_COORDINATOR_FENCED",
    53: "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
    56: "KAFKA_STORAGE_ERROR",
    59: "UNKNOWN_PRODUCER_ID",
    76: "UNSUPPORTED_COMPRESSION_TYPE",
    82: "FENCED_INSTANCE_ID",
    87: "INVALID_RECORD",
    90: "PRODUCER_FENCED",
    120: "TRANSACTION_ABORTABLE",
}

_REFUSALS: Final = frozenset({2, 10, 17, 18, 29, 32, 43, 44, 76, 87})
"""The broker looked at the batch and will refuse it again: the content is at fault."""

_DOUBTS: Final = frozenset({7, 20})
"""The leader has the batch, and does not say whether enough others have."""

_SIZES: Final = frozenset({10, 18})
"""The broker measured the batch, and not what it holds."""


def describe_code(code: int) -> str:
    """`NAME (number)` of a code of the protocol."""
    return f"{_NAMES.get(code, 'UNNAMED_ERROR')} ({code})"


def describe(error: BaseException) -> str:
    """An error of the client in a few words: the protocol's name, else the class and text."""
    code = getattr(error, "errno", None)
    if isinstance(error, KafkaError) and isinstance(code, int) and code in _NAMES:
        return describe_code(code)
    name = type(error).__name__
    # Its errors begin their text with their own class, and list addresses as Python objects.
    text = str(error).removeprefix(f"{name}: ")
    if text.startswith("Unable to bootstrap"):
        return "none of the addresses could be reached"
    return f"{name}: {text}" if text else name


def never_appended(code: int) -> bool:
    """Whether a produce answered with this code was refused for what the batch holds."""
    return code in _REFUSALS


def perhaps_appended(code: int) -> bool:
    """Whether a produce answered with this code may have been written, and may be sent again."""
    return code in _DOUBTS


def too_large(code: int) -> bool:
    """Whether a batch answered with this code was refused for its size alone."""
    return code in _SIZES
