"""Offsets of groups that are committed within transactions (KIP-98, KIP-447)."""

from collections.abc import Callable

from kio.schema.errors import ErrorCode

from tests.conformance.conversation import Conversation
from tests.conformance.patience import until
from tests.conformance.transactional_producer import TransactionalProducer


def test_offsets_count_with_the_commit(
    talk: Conversation, producer: TransactionalProducer, topic: str, unique: Callable[[str], str]
) -> None:
    """Until then the group has the offset it had."""
    group = unique("group")
    assert producer.add_group(group) == ErrorCode.none
    assert producer.commit_offset(group, topic, 7) == ErrorCode.none
    assert talk.committed(group, topic).committed_offset == -1
    producer.end(commit=True)
    until(lambda: talk.committed(group, topic).committed_offset == 7, what="the commit")
    assert talk.committed(group, topic).metadata == "in a transaction"


def test_offsets_of_an_aborted_transaction_are_gone(
    talk: Conversation, producer: TransactionalProducer, topic: str, unique: Callable[[str], str]
) -> None:
    """What was committed before stays."""
    group = unique("group")
    assert talk.commit(group, topic, 3) == ErrorCode.none
    producer.add_group(group)
    producer.commit_offset(group, topic, 7)
    producer.end(commit=False)
    until(lambda: _stable(talk, group, topic), what="the abort")
    assert talk.committed(group, topic).committed_offset == 3


def _stable(talk: Conversation, group: str, topic: str) -> bool:
    return not talk.committed(group, topic, require_stable=True).error_code


def test_pending_offsets_are_unstable(
    talk: Conversation, producer: TransactionalProducer, topic: str, unique: Callable[[str], str]
) -> None:
    """Who asks for stable offsets is told to ask again (KIP-447); other partitions are stable."""
    group = unique("group")
    producer.add_group(group)
    producer.commit_offset(group, topic, 7)
    answer = talk.committed(group, topic, require_stable=True)
    assert answer.error_code == ErrorCode.unstable_offset_commit
    assert answer.committed_offset == -1
    assert not talk.committed(group, topic, partition=1, require_stable=True).error_code
    producer.end(commit=True)
    until(lambda: _stable(talk, group, topic), what="the commit")
    assert talk.committed(group, topic, require_stable=True).committed_offset == 7


def test_a_later_plain_commit_prevails(
    talk: Conversation, producer: TransactionalProducer, topic: str, unique: Callable[[str], str]
) -> None:
    """What was committed after the transactional commit is not overwritten by its marker."""
    group = unique("group")
    producer.add_group(group)
    producer.commit_offset(group, topic, 7)
    assert talk.commit(group, topic, 9) == ErrorCode.none
    producer.end(commit=True)
    until(lambda: _stable(talk, group, topic), what="the marker")
    assert talk.committed(group, topic).committed_offset == 9


def test_a_group_need_not_exist_for_its_offsets(
    producer: TransactionalProducer, topic: str, unique: Callable[[str], str]
) -> None:
    """Without a generation the commit is that of a simple consumer; with one it must exist."""
    group = unique("group")
    producer.add_group(group)
    code = producer.commit_offset(group, topic, 1, generation_id=4, member_id="somebody")
    assert code == ErrorCode.illegal_generation
    assert producer.commit_offset(group, topic, 1) == ErrorCode.none
