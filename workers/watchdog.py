"""Whether a partition still gets the records that lie there for it.

A consumer can go silent without an error (aiokafka issues 1154, 712, 625): the member is in the
group, heartbeats are answered, and no record comes. What the client itself believes about the end
of the log is then as old as its silence. So the broker is asked for the end, now and then, and held
against the position: records that wait there while nothing is in flight and the position stands
still, look after look, mean that this process must be replaced by another.

Pure: times and positions go in, a reason to give up comes out.
"""

from dataclasses import dataclass

from penstock.events.log import Partition

__all__ = ["STILL_LIMIT_S", "Look", "Watchdog"]

STILL_LIMIT_S = 60.0
"""So long a position may stand still before records that are there. A leader's election takes ten
seconds and more, and a fetch waits for at most a tenth of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was seen of one running partition."""

    position: int
    """The offset that would be read next."""
    end: int
    """The end of the log, as the broker said."""
    busy: bool
    """Whether records are in flight, or reading is paused because memory is full."""


class Watchdog:
    """Remembers since when each partition's position stands still."""

    def __init__(self) -> None:
        """Begin with none."""
        self._still: dict[Partition, tuple[int, float]] = {}

    def look(self, looks: dict[Partition, Look], now: float) -> dict[Partition, str]:
        """Take one look at all running partitions.

        Args:
            looks: Only partitions that run; the others are forgotten.
            now: Monotonic seconds.

        Returns:
            Why to give up, for each partition that gets nothing.
        """
        for partition in set(self._still) - set(looks):
            del self._still[partition]
        return {
            partition: reason
            for partition, look in looks.items()
            if (reason := self._judge(partition, look, now)) is not None
        }

    def _judge(self, partition: Partition, look: Look, now: float) -> str | None:
        position, since = self._still.get(partition, (None, now))
        if look.busy or look.end <= look.position or look.position != position:
            self._still[partition] = (look.position, now)
            return None
        if now - since < STILL_LIMIT_S:
            return None
        waiting = look.end - look.position
        return (
            f"the consumer has given no records for {now - since:.0f} s, although {waiting} "
            "offsets lie before the end of the log"
        )
