"""The settings of a slot: its limits and its rhythm, checked all at once."""

from dataclasses import dataclass
from typing import ClassVar

from penstock.events.problems import Problems
from penstock.infra.replication.slot_ledger import COUNTERS_LIMIT
from penstock.schemas.errors import CallerError

__all__ = ["BadSlotSettings", "SlotSettings"]


@dataclass(eq=False, kw_only=True)
class BadSlotSettings(CallerError):
    """Settings of a slot leave their ranges."""

    problems: Problems
    """Everything that is wrong."""

    code: ClassVar[str] = "PEN-I98"
    what: ClassVar[str] = "These settings cannot work for counting. {problems}"
    why: ClassVar[str] = "Each has the range that its description names."
    remedy: ClassVar[str] = "Change the settings."


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotSettings:
    """Limits and rhythm of a slot.

    Raises:
        BadSlotSettings: with all problems at once.
    """

    flush_interval_s: float = 0.2
    """Seconds for which `increment_nowait` gathers before its counts are written, 0.001 to 60.
    So much is lost where the process ends without closing, and so late others see it. A fifth of a
    second is quick for people, and five small transactions a second are little for Kafka."""
    close_limit_s: float = 5.0
    """Seconds that closing may take to write what is pending, 0.1 to 600. Half of what a process
    usually has between SIGTERM and SIGKILL."""
    counters: int = COUNTERS_LIMIT
    """Counters at most, 1 to 1 000 000. Default: 100 000; each takes some 500 bytes for ever."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        ranges = {
            "flush_interval_s": (0.001, 60.0),
            "close_limit_s": (0.1, 600.0),
            "counters": (1, 1_000_000),
        }
        problems = Problems(
            f"{name} is {getattr(self, name)}, not {least} to {most}."
            for name, (least, most) in ranges.items()
            if not least <= getattr(self, name) <= most
        )
        if problems:
            raise BadSlotSettings(problems=problems)
