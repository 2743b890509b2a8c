"""The states of a transactional id, and which may follow which.

The table is Kafka's (TransactionMetadata's valid previous states). Two states are never seen from
outside: PrepareEpochFence lasts from the decision to fence a producer to the abort that carries
its raised epoch, and Dead from the decision to forget an id to its removal; both within one call.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

__all__ = ["COMPLETING_STATES", "EXPIRABLE_STATES", "FOLLOWERS", "TransactionState"]


class TransactionState(StrEnum):
    """A state, by the name that Kafka's admin requests show."""

    EMPTY = "Empty"
    ONGOING = "Ongoing"
    PREPARE_COMMIT = "PrepareCommit"
    PREPARE_ABORT = "PrepareAbort"
    COMPLETE_COMMIT = "CompleteCommit"
    COMPLETE_ABORT = "CompleteAbort"
    PREPARE_EPOCH_FENCE = "PrepareEpochFence"
    DEAD = "Dead"


_State = TransactionState

FOLLOWERS: Final[Mapping[TransactionState, frozenset[TransactionState]]] = {
    _State.EMPTY: frozenset({_State.EMPTY, _State.ONGOING, _State.DEAD}),
    _State.ONGOING: frozenset(
        {
            _State.ONGOING,
            _State.PREPARE_COMMIT,
            _State.PREPARE_ABORT,
            _State.PREPARE_EPOCH_FENCE,
        }
    ),
    _State.PREPARE_EPOCH_FENCE: frozenset({_State.PREPARE_ABORT}),
    _State.PREPARE_COMMIT: frozenset({_State.COMPLETE_COMMIT}),
    _State.PREPARE_ABORT: frozenset({_State.COMPLETE_ABORT}),
    _State.COMPLETE_COMMIT: frozenset({_State.EMPTY, _State.ONGOING, _State.DEAD}),
    _State.COMPLETE_ABORT: frozenset({_State.EMPTY, _State.ONGOING, _State.DEAD}),
    _State.DEAD: frozenset(),
}
"""Which states may follow each."""

COMPLETING_STATES: Final = frozenset({_State.PREPARE_COMMIT, _State.PREPARE_ABORT})
"""The outcome is settled and its markers are being written; everybody else has to wait."""

EXPIRABLE_STATES: Final = frozenset({_State.EMPTY, _State.COMPLETE_COMMIT, _State.COMPLETE_ABORT})
"""No transaction is open: the id is forgotten when nobody has used it for long."""
