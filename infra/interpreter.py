"""Whether this Python may run penstock at all.

aiokafka 0.14 guards its transactions with `assert`, and `python -O` takes all of them away: a
second transaction then begins while the first is still being committed. So an optimised
interpreter is refused at start, before anything is done.
"""

from dataclasses import dataclass
from typing import ClassVar

from penstock.schemas.errors import CallerError

__all__ = ["PythonOptimized", "refuse_optimized_python"]


@dataclass(eq=False, kw_only=True)
class PythonOptimized(CallerError):
    """Python runs without its assertions."""

    code: ClassVar[str] = "PEN-I2"
    what: ClassVar[str] = "Python runs with its assertions switched off."
    why: ClassVar[str] = (
        "The Kafka client guards its transactions with them; without, records could be lost."
    )
    remedy: ClassVar[str] = "Start Python without -O, and unset PYTHONOPTIMIZE."


def refuse_optimized_python() -> None:
    """Return if assertions are on.

    Raises:
        PythonOptimized: they are off.
    """
    if not __debug__:
        raise PythonOptimized
