"""The table of states."""

from penstock.infra.embedded.transactions.transaction_state import (
    COMPLETING_STATES,
    EXPIRABLE_STATES,
    FOLLOWERS,
    TransactionState,
)


def test_every_state_stands_in_the_table() -> None:
    """And all of them can be reached from Empty."""
    assert FOLLOWERS.keys() == set(TransactionState)
    reached, fresh = set(), {TransactionState.EMPTY}
    while fresh:
        reached |= fresh
        fresh = {after for state in fresh for after in FOLLOWERS[state]} - reached
    assert reached == set(TransactionState)


def test_a_settled_outcome_leads_to_its_own_end_only() -> None:
    """A commit that is settled can never be aborted, nor the other way."""
    assert FOLLOWERS[TransactionState.PREPARE_COMMIT] == {TransactionState.COMPLETE_COMMIT}
    assert FOLLOWERS[TransactionState.PREPARE_ABORT] == {TransactionState.COMPLETE_ABORT}
    assert {TransactionState.PREPARE_COMMIT, TransactionState.PREPARE_ABORT} == COMPLETING_STATES


def test_only_ids_without_open_transaction_die() -> None:
    """Those that may expire are those that Dead may follow."""
    mortal = {state for state, after in FOLLOWERS.items() if TransactionState.DEAD in after}
    assert mortal == EXPIRABLE_STATES
