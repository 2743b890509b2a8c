"""When a failed handler is tried again.

A schedule of waits: exponential, bounded, with jitter. It says how long to wait before which
attempt and when to give up; it neither waits nor draws.
"""

from dataclasses import dataclass
from typing import ClassVar

from penstock.schemas.errors import CallerError

__all__ = ["Backoff", "IllegalBackoff"]


@dataclass(eq=False, kw_only=True)
class IllegalBackoff(CallerError):
    """A retry schedule that makes no sense."""

    problem: str
    """Which number is wrong."""

    code: ClassVar[str] = "PEN-W3"
    what: ClassVar[str] = "A retry schedule is illegal: {problem}."
    why: ClassVar[str] = "It would retry never, for ever, or faster and faster."
    remedy: ClassVar[str] = "Give attempts >= 1, delays >= 0, factor >= 1, 0 <= jitter <= 1."


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Exponential waits between the attempts at one record, in its lane.

    The lane waits too, which keeps the order of the key; so the sum of the waits should stay well
    below a minute.
    """

    attempts: int = 4
    """Attempts in all, the first included; at least 1."""
    delay_s: float = 0.1
    """Seconds before the second attempt."""
    factor: float = 3.0
    """Each wait is this many times the one before."""
    max_delay_s: float = 10.0
    """No wait is longer, in seconds."""
    jitter: float = 0.2
    """A wait is shortened by up to this share, so that failures do not come back in step."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        problems = {
            f"attempts={self.attempts}": self.attempts < 1,
            f"delay_s={self.delay_s}": not 0 <= self.delay_s < float("inf"),
            f"factor={self.factor}": not 1 <= self.factor < float("inf"),
            f"max_delay_s={self.max_delay_s}": not self.delay_s <= self.max_delay_s < float("inf"),
            f"jitter={self.jitter}": not 0 <= self.jitter <= 1,
        }
        wrong = [name for name, is_wrong in problems.items() if is_wrong]
        if wrong:
            raise IllegalBackoff(problem=", ".join(wrong))

    def wait_s(self, attempt: int, draw: float) -> float | None:
        """How long to wait after a failed attempt.

        Args:
            attempt: The number of the attempt that failed, from 1.
            draw: A random number in [0, 1).

        Returns:
            Seconds, or None where no attempt is left.
        """
        if attempt >= self.attempts:
            return None
        # Bounded before the power is taken: factor ** 5000 is no float.
        exponent = min(attempt - 1, 1000)
        try:
            nominal = min(self.max_delay_s, self.delay_s * self.factor**exponent)
        except OverflowError:
            nominal = self.max_delay_s
        return nominal * (1.0 - self.jitter * draw)
