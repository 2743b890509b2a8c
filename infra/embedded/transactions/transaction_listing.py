"""What ListTransactions and DescribeTransactions say of the ids that are known (KIP-664, KIP-1152).

Filters by state, producer id, duration and pattern; what passes all of those given is listed. As in
Kafka, an id without any transaction counts as one that began at the time -1: for ever ago.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.transactions.offsets_partition import offsets_partition
from penstock.infra.embedded.transactions.transaction_answers import (
    ListedTransaction,
    TransactionDescription,
    TransactionsListed,
)
from penstock.infra.embedded.transactions.transaction_entry import TransactionKept
from penstock.infra.embedded.transactions.transaction_state import TransactionState

__all__ = ["TransactionFilter", "described", "listed"]

_NAMES = frozenset(state.value for state in TransactionState)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionFilter:
    """Which transactions are asked for."""

    states: frozenset[str] = frozenset()
    """Names of states; none: all. Names that no state has match nothing."""
    producer_ids: frozenset[int] = frozenset()
    """Producer ids; none: all."""
    duration_ms: int = -1
    """Only what has lasted longer than this many milliseconds; negative: all."""
    pattern: str | None = None
    """A regular expression in RE2's syntax that the whole id matches; None or empty: all."""


def listed(
    known: Iterable[TransactionKept], wanted: TransactionFilter, *, now_ms: int
) -> TransactionsListed:
    """List what passes the filters.

    Args:
        known: All ids.
        wanted: The filters.
        now_ms: Milliseconds since 1970.

    Returns:
        The answer; INVALID_REGULAR_EXPRESSION where the pattern cannot be read.
    """
    known = [one for one in known if _passes(one, wanted, now_ms)]
    if wanted.pattern:
        # Hardly anybody asks for one, and the broker is to be ready in a blink.
        from penstock.infra.embedded.transactions.id_pattern import (  # noqa: PLC0415 - see above
            IdPattern,
            PatternRefused,
        )

        try:
            pattern = IdPattern(wanted.pattern)
            known = [one for one in known if pattern.matches(one.transactional_id)]
        except PatternRefused:
            return TransactionsListed(error=ErrorCode.invalid_regular_expression)
    return TransactionsListed(
        unknown_states=tuple(sorted(wanted.states - _NAMES)),
        transactions=tuple(
            ListedTransaction(
                transactional_id=one.transactional_id, producer_id=one.producer_id, state=one.state
            )
            for one in known
        ),
    )


def _passes(one: TransactionKept, wanted: TransactionFilter, now_ms: int) -> bool:
    return (
        (not wanted.producer_ids or one.producer_id in wanted.producer_ids)
        and (not wanted.states or one.state in wanted.states)
        and (wanted.duration_ms < 0 or now_ms - one.start_ms > wanted.duration_ms)
    )


def described(
    transactional_id: str, known: TransactionKept | None, *, offsets_topic_partitions: int
) -> TransactionDescription:
    """Describe one id.

    Args:
        transactional_id: What was asked for.
        known: What is known of it; None: nothing.
        offsets_topic_partitions: `offsets.topic.num.partitions`.

    Returns:
        The answer.
    """
    if not transactional_id:
        return TransactionDescription(transactional_id="", error=ErrorCode.invalid_request)
    if known is None:
        return TransactionDescription(
            transactional_id=transactional_id, error=ErrorCode.transactional_id_not_found
        )
    groups = {
        offsets_partition(group, partitions=offsets_topic_partitions) for group in known.groups
    }
    return TransactionDescription(
        transactional_id=transactional_id,
        state=known.state.value,
        timeout_ms=known.timeout_ms,
        start_ms=known.start_ms,
        producer_id=known.producer_id,
        producer_epoch=known.producer_epoch,
        partitions=tuple(sorted(known.partitions | groups)),
    )
