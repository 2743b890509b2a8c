"""How long what seems to be lost may still come back.

A broker that has just come back knows no topics for a moment, and a new leader may show an older
end until its followers have caught up. So a topic that is missing, or ends before what was read
from it, is looked at again for a while. What stays so is not mended by waiting.

Pure: time and randomness are arguments.
"""

from dataclasses import dataclass
from typing import ClassVar, Final, final

from penstock.events.log import Partition
from penstock.schemas.errors import ExitCode, WorldError
from penstock.workers.backoff import Backoff

__all__ = ["CountersCut", "Patience", "retry_wait_s"]

PATIENCE_S: Final = 30.0
"""Longer than the election of a partition's leader takes."""
_RETRIES: Final = Backoff(attempts=1_000_000_000, delay_s=0.2, factor=2.0, max_delay_s=5.0)
"""Without an end, because Kafka comes back some day."""


@dataclass(eq=False, kw_only=True)
class CountersCut(WorldError):
    """A topic of counters has lost records that were read from it."""

    partition: Partition
    """The partition."""
    position: int
    """How far it had been read."""
    end: int
    """Where it ends now."""

    code: ClassVar[str] = "PEN-I95"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "{partition} was read to offset {position} and ends at {end} now."
    why: ClassVar[str] = (
        "The topic was made again or has lost records, and merged counts cannot be taken back."
    )
    remedy: ClassVar[str] = "Look after the cluster, then start again."


@final
class Patience:
    """Remembers since when something is lost."""

    def __init__(self) -> None:
        """Nothing is."""
        self._since_s: float | None = None

    def is_over(self, now_s: float) -> bool:
        """It is lost, now; say whether it has been for too long.

        Args:
            now_s: monotonic seconds.
        """
        if self._since_s is None:
            self._since_s = now_s
        return now_s - self._since_s >= PATIENCE_S

    def found(self) -> None:
        """It is there."""
        self._since_s = None

    def unknown(self) -> None:
        """Nobody answers, so nothing is known of it: who answers next may have just come back."""
        self._since_s = None


def retry_wait_s(attempt: int, draw: float) -> float:
    """Return how long to wait before Kafka is tried again.

    Args:
        attempt: how often it was tried in a row, from 1.
        draw: a random number in [0, 1).
    """
    wait_s = _RETRIES.wait_s(attempt, draw)
    assert wait_s is not None, "there is always one more attempt"
    return wait_s
