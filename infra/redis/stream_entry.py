"""One entry of a stream in Redis."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["StreamEntry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEntry:
    """An entry, as its writer left it; a stranger may have been the writer."""

    entry_id: str
    """`<milliseconds>-<number>`; rises within a stream. What `read_stream(after=...)` takes."""
    fields: Mapping[bytes, bytes]
    """Values by name; of a name that occurs twice, the last."""
