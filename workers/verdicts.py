"""What an error of a command means for the partition's life: the one classification there is.

Doubt where the outcome is unknown or the world may be better in a moment; failure where no retry
mends it; a lost membership where the partition is simply somebody else's.
"""

from collections.abc import Callable
from typing import Any

from penstock.events.log import TopicMissing, WriteRefused
from penstock.schemas.errors import InternalError, PenstockError, WorldError
from penstock.workers.changelog import ChangelogUnreadable
from penstock.workers.offsets import UnknownOffsetMetadata
from penstock.workers.partition_signals import Doubt, Failed, Fault, Input, MemberLost
from penstock.workers.ports import (
    CommitRefused,
    NotAMember,
    TransactionDoubt,
    TransactionRefused,
)
from penstock.workers.state_table import StateUnreadable

__all__ = ["Hopeless", "verdict"]


class Hopeless(Exception):
    """Trouble from outside that no retry mends."""

    def __init__(self, why: str, fault: Fault) -> None:
        """Say why and what kind it is."""
        super().__init__(why)
        self.why = why
        self.fault = fault


def _failed(error: Exception, fault: Fault = Fault.BUG) -> Failed:
    return Failed(str(error), fault)


def _unfit(error: Exception) -> Failed:
    return _failed(error, Fault.UNFIT)


# The first row that fits decides. What stands in no row is a bug of ours: it ends the process with
# its name, because going on would mean not to know what was done.
_VERDICTS: tuple[tuple[tuple[type[Exception], ...], Callable[[Any], Input]], ...] = (
    ((TransactionDoubt, TransactionRefused, WriteRefused), lambda error: Doubt(str(error))),
    (
        (ChangelogUnreadable, StateUnreadable, UnknownOffsetMetadata),
        lambda error: _failed(error, Fault.CHANGELOG),
    ),
    ((NotAMember,), lambda _: MemberLost()),
    ((CommitRefused,), lambda error: _failed(error, Fault.PERMISSION)),
    ((Hopeless,), lambda error: Failed(error.why, error.fault)),
    # A broker that has just started, or that has not heard of a new topic yet, says so for a while.
    ((TopicMissing,), lambda error: Doubt(str(error))),
    ((InternalError,), _failed),
    ((WorldError,), lambda error: Doubt(str(error)) if error.retryable else _unfit(error)),
    ((PenstockError,), _unfit),
)


def verdict(error: Exception) -> Input:
    """What an error of a command means for the partition's life."""
    for kinds, verdict in _VERDICTS:
        if isinstance(error, kinds):
            return verdict(error)
    return Failed(f"{type(error).__name__}: {error}", Fault.BUG)
