"""The settings of a publisher: its limits and its rhythm, checked all at once."""

from dataclasses import dataclass
from math import inf
from typing import ClassVar, Final

from penstock.events.problems import Problems
from penstock.schemas.errors import CallerError

__all__ = ["BadPublisherSettings", "PublisherSettings"]

_LEAST_TIMEOUT_S: Final = 0.1
_LONGEST_TIMEOUT_S: Final = 600
_LONGEST_LINGER_S: Final = 1
_LEAST_RECORD_BYTES: Final = 1024
_LEAST_BUFFER_BYTES: Final = 1024 * 1024


@dataclass(eq=False, kw_only=True)
class BadPublisherSettings(CallerError):
    """Settings of a publisher leave their ranges or contradict each other."""

    problems: Problems
    """Everything that is wrong."""

    code: ClassVar[str] = "PEN-E33"
    what: ClassVar[str] = "These settings cannot work for publishing. {problems}"
    why: ClassVar[str] = "Each has the range that its description names."
    remedy: ClassVar[str] = "Change the settings."


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherSettings:
    """Limits and rhythm of a publisher.

    Raises:
        BadPublisherSettings: with all problems at once.
    """

    timeout_s: float = 30.0
    """Seconds until a publish has succeeded or failed, 0.1 to 600. Longer than the election of a
    partition's leader takes, which is ten seconds and more where a broker has died."""
    linger_s: float = 0.0
    """Seconds for which a `publish` to an idle partition waits for company, 0 to 1. None is needed:
    all calls of one turn of the event loop go together, and a busy partition gathers meanwhile."""
    bulk_linger_s: float = 0.005
    """The same for `publish_many`, 0 to 1. Nobody waits for its single events, so fuller batches
    are worth five milliseconds."""
    buffer_bytes: int = 32 * 1024 * 1024
    """Bytes of records not yet acknowledged: 1 MiB and more, and four times `record_bytes`. One
    second's worth at 150 000 events of 200 bytes; the Java client takes as much by default."""
    record_bytes: int = 1_000_000
    """Bytes of one record, 1 024 and more. Below Kafka's default limit of 1 048 588 for a batch."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if problems := Problems(self._problems()):
            raise BadPublisherSettings(problems=problems)

    def _problems(self) -> list[str]:
        least_buffer = max(_LEAST_BUFFER_BYTES, 4 * self.record_bytes)
        ranges = {
            "timeout_s": (_LEAST_TIMEOUT_S, self.timeout_s, _LONGEST_TIMEOUT_S),
            "linger_s": (0, self.linger_s, _LONGEST_LINGER_S),
            "bulk_linger_s": (0, self.bulk_linger_s, _LONGEST_LINGER_S),
            "record_bytes": (_LEAST_RECORD_BYTES, self.record_bytes, inf),
            "buffer_bytes": (least_buffer, self.buffer_bytes, inf),
        }
        return [
            f"{name} is {value}; it must be at least {least}"
            + ("." if most == inf else f" and at most {most}.")
            for name, (least, value, most) in ranges.items()
            if not least <= value <= most
        ]
