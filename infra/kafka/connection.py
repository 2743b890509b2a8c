"""How to reach a cluster, and the arguments that every client is made with.

aiokafka's own defaults are unsafe for this product (acks=1, plaintext, read_uncommitted, auto
commit, "latest"); each client here is made with the safe ones spelled out. See docs/design.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any, ClassVar, Final, Literal

from penstock.schemas.errors import WorldError

__all__ = [
    "BATCH_BYTES",
    "UNPACKED_BYTES",
    "Compression",
    "KafkaConnection",
    "KafkaUnreachable",
]

Compression = Literal["none", "gzip", "snappy", "lz4", "zstd"]
"""Kafka's codecs, by their names in its own settings."""

BATCH_BYTES: Final = 960 * 1024
"""Below the broker's default message.max.bytes, 1 048 588, which bounds a whole batch."""
UNPACKED_BYTES: Final = 32 * 1024 * 1024
"""Thirty times that default, which bounds a batch as it is stored; what producers pack rarely is
ten times as large."""
_GROWTH_SHARE: Final = 100
"""Bytes that cannot be packed grow by no hundredth; the worst that was seen is a thousandth, with
gzip and snappy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaConnection:
    """Where the brokers are and how to speak to them."""

    bootstrap: str
    """Addresses, `host:port`, separated by commas."""
    client_id: str = "penstock"
    """How the brokers' logs and quotas name this process."""
    security_protocol: str = "PLAINTEXT"
    """PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
    ssl_context: SSLContext | None = None
    """Certificates, for SSL and SASL_SSL."""
    sasl_mechanism: str = "PLAIN"
    """PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."""
    sasl_username: str | None = None
    """User, for SASL."""
    sasl_password: str | None = None
    """Password, for SASL; never printed."""
    compression: Compression = "none"
    """How batches are packed; readers need not be told."""
    batch_bytes: int = BATCH_BYTES
    """Bytes of a batch at most, before it is packed."""
    unpacked_bytes: int = UNPACKED_BYTES
    """Bytes that a batch may unpack to when it is read."""
    request_timeout_ms: int = 10_000
    """Longest wait for the answer to one request. Lower than aiokafka's 40 s, because a lost
    answer blocks a partition that long before it is found out."""

    def __repr__(self) -> str:
        """Without the password."""
        return f"KafkaConnection({self.bootstrap!r}, {self.security_protocol})"

    def arguments(self) -> Mapping[str, Any]:
        """The arguments that every aiokafka client takes."""
        return {
            "bootstrap_servers": self.bootstrap,
            "client_id": self.client_id,
            "security_protocol": self.security_protocol,
            "ssl_context": self.ssl_context,
            "sasl_mechanism": self.sasl_mechanism,
            "sasl_plain_username": self.sasl_username,
            "sasl_plain_password": self.sasl_password,
            "request_timeout_ms": self.request_timeout_ms,
        }

    def producer_arguments(self) -> Mapping[str, Any]:
        """The arguments that every aiokafka producer takes, these among them."""
        packed = self.compression != "none"
        growth = self.batch_bytes // _GROWTH_SHARE if packed else 0
        return {
            **self.arguments(),
            "compression_type": self.compression if packed else None,
            # Counted before packing. aiokafka sends what a codec gives, also where that is more.
            "max_batch_size": self.batch_bytes - growth,
            "max_request_size": 16 * self.batch_bytes,
        }


@dataclass(eq=False, kw_only=True)
class KafkaUnreachable(WorldError):
    """No broker answered."""

    bootstrap: str
    """The addresses that were tried."""
    reason: str
    """The last error."""

    code: ClassVar[str] = "PEN-I20"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "No Kafka broker answered at {bootstrap}: {reason}."
    why: ClassVar[str] = "Nothing can be read or written without one."
    remedy: ClassVar[str] = (
        "Start the broker, or set PENSTOCK_KAFKA to an address that this machine can reach."
    )
