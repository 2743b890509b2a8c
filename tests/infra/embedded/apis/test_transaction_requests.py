"""Requests about transactions, in every version, over a socket.

Expectations are those of Apache Kafka 4.1 without the feature `transaction.version`.
"""

from itertools import count
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.transactions.offsets_partition import offsets_partition
from tests.conformance.conversation import Conversation
from tests.conformance.raw_client import only
from tests.conformance.transactional_producer import TransactionalProducer, started

_OTHER = ErrorCode.invalid_producer_id_mapping


def _who(producer: TransactionalProducer, *, epoch: int | None = None) -> dict[str, Any]:
    return {
        "transactional_id": producer.transactional_id,
        "producer_id": producer.producer_id,
        "producer_epoch": producer.epoch if epoch is None else epoch,
    }


def _add(talk: Conversation, version: int, who: dict[str, Any], topic: str, *numbers: int) -> Any:
    fields = {f"v3_and_below_{name}": value for name, value in who.items()}
    topics = [{"name": topic, "partitions": numbers}]
    answer = talk.ask("add_partitions_to_txn", version, **fields, v3_and_below_topics=topics)
    return {
        (found.name, each.partition_index): each.partition_error_code
        for found in answer.results_by_topic_v3_and_below
        for each in found.results_by_partition
    }


def _commit_offset(
    talk: Conversation, version: int, who: dict[str, Any], group: str, topic: str, **more: Any
) -> ErrorCode:
    place = {"partition_index": 0, "committed_offset": 5, "committed_metadata": None}
    topics = [{"name": topic, "partitions": [place]}]
    answer = talk.ask("txn_offset_commit", version, **who, group_id=group, topics=topics, **more)
    code: ErrorCode = only(only(answer.topics).partitions).error_code
    return code


@pytest.mark.parametrize("version", range(6))
def test_a_producer_without_transactions_gets_an_id_of_its_own(
    talk: Conversation, version: int
) -> None:
    """A new one each time, in epoch 0."""
    first, second = (talk.init_producer(None, timeout_ms=0, version=version) for _ in range(2))
    assert not first.error_code
    assert (first.producer_epoch, second.producer_epoch) == (0, 0)
    assert first.producer_id != second.producer_id


@pytest.mark.parametrize("version", range(6))
def test_each_start_of_a_producer_fences_the_former(
    talk: Conversation, name: str, version: int
) -> None:
    """By a higher epoch of the same id."""
    first, second = (talk.init_producer(name, version=version) for _ in range(2))
    assert second.producer_id == first.producer_id
    assert (first.producer_epoch, second.producer_epoch) == (0, 1)


@pytest.mark.parametrize("version", range(6))
@pytest.mark.parametrize("timeout_ms", [0, -1, 2**31 - 1])
def test_a_timeout_that_makes_no_sense_is_refused(
    talk: Conversation, name: str, version: int, timeout_ms: int
) -> None:
    """It must be above zero, and not above transaction.max.timeout.ms."""
    answer = talk.init_producer(name, timeout_ms=timeout_ms, version=version)
    assert answer.error_code == ErrorCode.invalid_transaction_timeout
    assert (answer.producer_id, answer.producer_epoch) == (-1, -1)


@pytest.mark.parametrize("version", [3, 4, 5])
def test_a_fenced_producer_learns_it_in_the_words_of_its_version(
    talk: Conversation, name: str, version: int
) -> None:
    """PRODUCER_FENCED since version 4, INVALID_PRODUCER_EPOCH before (KIP-360, KIP-588)."""
    first = talk.init_producer(name)
    talk.init_producer(name)
    talk.init_producer(name)
    answer = talk.init_producer(
        name,
        version=version,
        producer_id=first.producer_id,
        producer_epoch=first.producer_epoch,
    )
    fenced = ErrorCode.producer_fenced if version >= 4 else ErrorCode.invalid_producer_epoch
    assert answer.error_code == fenced


@pytest.mark.parametrize("half", [{"producer_id": 1}, {"producer_epoch": 1}])
def test_a_producer_id_without_its_epoch_is_refused(
    talk: Conversation, name: str, half: dict[str, int]
) -> None:
    """And an epoch without its producer id."""
    assert talk.init_producer(name, version=5, **half).error_code == ErrorCode.invalid_request


@pytest.mark.parametrize("version", range(4))
def test_partitions_are_added_in_every_version_for_clients(
    talk: Conversation, topic: str, name: str, version: int
) -> None:
    """Fenced, unknown and empty ids are told from one another."""
    who = _who(started(talk, name))
    fenced = ErrorCode.producer_fenced if version >= 2 else ErrorCode.invalid_producer_epoch
    for wrong, error in [
        ({"producer_epoch": 9}, fenced),
        ({"producer_id": who["producer_id"] + 1000}, _OTHER),
        ({"transactional_id": f"{name}-no"}, _OTHER),
        ({"transactional_id": ""}, ErrorCode.invalid_request),
        ({}, ErrorCode.none),
    ]:
        assert _add(talk, version, who | wrong, topic, 0) == {(topic, 0): error}


@pytest.mark.parametrize("version", range(4))
def test_a_partition_that_is_not_there_spoils_all(
    talk: Conversation, topic: str, name: str, version: int
) -> None:
    """Nothing is added then."""
    who = _who(started(talk, name))
    assert _add(talk, version, who, topic, 0, 9) == {
        (topic, 0): ErrorCode.operation_not_attempted,
        (topic, 9): ErrorCode.unknown_topic_or_partition,
    }
    empty = talk.ask("list_transactions", 0, state_filters=["Empty"]).transaction_states
    assert name in {each.transactional_id for each in empty}


@pytest.mark.parametrize("version", [4, 5])
def test_many_transactions_are_added_to_or_verified_at_once_since_version_4(
    talk: Conversation, topic: str, name: str, version: int
) -> None:
    """What is not in a transaction is TRANSACTION_ABORTABLE to whoever only asks."""
    one, two = started(talk, f"{name}-1"), started(talk, f"{name}-2")
    topics = [{"name": topic, "partitions": [0]}]

    def results(*wishes: dict[str, Any]) -> dict[str, ErrorCode]:
        transactions = [{**wish, "topics": topics} for wish in wishes]
        answer = talk.ask("add_partitions_to_txn", version, transactions=transactions)
        assert not answer.error_code
        return {
            each.transactional_id: only(
                only(each.topic_results).results_by_partition
            ).partition_error_code
            for each in answer.results_by_transaction
        }

    assert results({**_who(one), "verify_only": False}, {**_who(two), "verify_only": True}) == {
        f"{name}-1": ErrorCode.none,
        f"{name}-2": ErrorCode.transaction_abortable,
    }
    unknown = _who(two) | {"transactional_id": f"{name}-no"}
    assert results({**_who(one), "verify_only": True}, {**unknown, "verify_only": True}) == {
        f"{name}-1": ErrorCode.none,
        f"{name}-no": _OTHER,
    }


@pytest.mark.parametrize("version", range(5))
def test_a_group_is_added_in_every_version(talk: Conversation, name: str, version: int) -> None:
    """With the same errors as partitions."""
    who = _who(started(talk, name))
    fenced = ErrorCode.producer_fenced if version >= 2 else ErrorCode.invalid_producer_epoch
    cases: list[tuple[dict[str, Any], ErrorCode]] = [
        ({"producer_epoch": 9}, fenced),
        ({"transactional_id": f"{name}-no"}, _OTHER),
        ({}, ErrorCode.none),
    ]
    for wrong, error in cases:
        answer = talk.ask("add_offsets_to_txn", version, **who | wrong, group_id=name)
        assert answer.error_code == error


@pytest.mark.parametrize("version", range(5))
@pytest.mark.parametrize("committed", [True, False])
def test_a_transaction_ends_in_every_version(
    talk: Conversation, topic: str, name: str, version: int, committed: bool
) -> None:
    """Asked twice it says so twice; the other outcome is then refused."""
    producer = started(talk, name)
    who = _who(producer)
    producer.write(topic, b"value")
    fenced = ErrorCode.producer_fenced if version >= 2 else ErrorCode.invalid_producer_epoch
    answer = talk.ask("end_txn", version, **who | {"producer_epoch": 9}, committed=committed)
    assert answer.error_code == fenced
    for _ in range(2):
        assert not talk.ask("end_txn", version, **who, committed=committed).error_code
    answer = talk.ask("end_txn", version, **who, committed=not committed)
    assert answer.error_code == ErrorCode.invalid_txn_state
    state = "CompleteCommit" if committed else "CompleteAbort"
    described = only(
        talk.ask("describe_transactions", 0, transactional_ids=[name]).transaction_states
    )
    assert described.transaction_state == state


def test_the_new_protocol_is_refused_because_it_is_not_announced(
    talk: Conversation, topic: str, name: str
) -> None:
    """These versions mean `transaction.version` 2 (KIP-890)."""
    who = _who(started(talk, name))
    assert _commit_offset(talk, 5, who, name, topic) == ErrorCode.unsupported_version
    answer = talk.ask("end_txn", 5, **who, committed=True)
    assert answer.error_code == ErrorCode.unsupported_version
    assert (answer.producer_id, answer.producer_epoch) == (-1, -1)


@pytest.mark.parametrize("version", range(5))
def test_offsets_count_when_their_transaction_commits(
    talk: Conversation, topic: str, name: str, version: int
) -> None:
    """Until then a reader who wants certainty is asked to wait, and another sees the old offset."""
    producer = started(talk, name)
    assert not producer.add_group(name)
    assert not _commit_offset(talk, version, _who(producer), name, topic)
    waiting = talk.committed(name, topic, require_stable=True)
    assert waiting.error_code == ErrorCode.unstable_offset_commit
    assert talk.committed(name, topic).committed_offset == -1
    producer.end(commit=True)
    assert talk.committed(name, topic, require_stable=True).committed_offset == 5


def test_offsets_of_an_aborted_transaction_never_count(
    talk: Conversation, topic: str, name: str
) -> None:
    """What was committed before stays."""
    talk.commit(name, topic, 2)
    producer = started(talk, name)
    producer.add_group(name)
    assert not _commit_offset(talk, 3, _who(producer), name, topic)
    producer.end(commit=False)
    assert talk.committed(name, topic, require_stable=True).committed_offset == 2


@pytest.mark.parametrize("version", range(5))
def test_offsets_need_their_group_in_the_transaction(
    talk: Conversation, topic: str, name: str, version: int
) -> None:
    """Whoever does not say so first is refused, in the words of the version (KIP-890)."""
    producer = started(talk, name)
    who = _who(producer)
    missing = ErrorCode.transaction_abortable if version >= 4 else ErrorCode.invalid_txn_state
    assert _commit_offset(talk, version, who, name, topic) == missing
    stale = who | {"producer_epoch": 9}
    assert _commit_offset(talk, version, stale, name, topic) == ErrorCode.invalid_producer_epoch
    other = who | {"transactional_id": f"{name}-no"}
    assert _commit_offset(talk, version, other, name, topic) == _OTHER
    assert _commit_offset(talk, version, who, "", topic) == ErrorCode.invalid_group_id
    unknown = _commit_offset(talk, version, who, name, f"{topic}-no")
    assert unknown == ErrorCode.unknown_topic_or_partition


def test_the_end_of_a_transaction_reaches_each_group_that_it_could_commit_for(
    talk: Conversation, topic: str, name: str
) -> None:
    """A marker in Kafka's __consumer_offsets ends all that waits in its partition.

    So it does for a group that shares the partition with one that was added.
    """
    place = offsets_partition(name, partitions=50)
    others = (f"{name}-{number}" for number in count())
    other = next(group for group in others if offsets_partition(group, partitions=50) == place)
    producer = started(talk, name)
    producer.add_group(name)
    assert not _commit_offset(talk, 3, _who(producer), other, topic)
    producer.end(commit=True)
    assert talk.committed(other, topic, require_stable=True).committed_offset == 5


def test_a_topic_with_the_name_of_the_internal_one_adds_no_group(
    talk: Conversation, topic: str, name: str
) -> None:
    """No name is special here: its partitions are partitions, and nobody's offsets.

    Offsets that were taken by such a mistake would wait for the end of their transaction for ever.
    """
    talk.create_topic("__consumer_offsets", partitions=50)
    producer = started(talk, name)
    place = offsets_partition(name, partitions=50)
    producer.add(place.topic, place.partition)
    missing = _commit_offset(talk, 3, _who(producer), name, topic)
    assert missing == ErrorCode.invalid_txn_state
    producer.end(commit=True)
    assert not talk.committed(name, topic, require_stable=True).error_code
    talk.delete_topic("__consumer_offsets")


@pytest.mark.parametrize("version", [3, 4])
def test_a_consumer_that_is_in_no_group_commits_nothing(
    talk: Conversation, topic: str, name: str, version: int
) -> None:
    """Since version 3 a transaction is fenced by the consumer's generation too (KIP-447)."""
    producer = started(talk, name)
    producer.add_group(name)
    member = {"member_id": "nobody", "generation_id": 3}
    error = _commit_offset(talk, version, _who(producer), name, topic, **member)
    assert error == ErrorCode.illegal_generation
    talk.commit(name, topic, 0)  # now there is such a group
    error = _commit_offset(talk, version, _who(producer), name, topic, **member)
    assert error == ErrorCode.unknown_member_id


def test_an_open_transaction_is_described(talk: Conversation, topic: str, name: str) -> None:
    """A group in it shows as a partition of __consumer_offsets, as Kafka keeps it."""
    producer = started(talk, name, timeout_ms=50_000)
    producer.add(topic)
    producer.add_group(name)
    asked = [name, f"{name}-no", ""]
    answer = talk.ask("describe_transactions", 0, transactional_ids=asked)
    found, missing, empty = answer.transaction_states
    assert (found.transaction_state, found.producer_id, found.producer_epoch) == (
        "Ongoing",
        producer.producer_id,
        producer.epoch,
    )
    assert found.transaction_timeout.total_seconds() == 50
    assert found.transaction_start_time.timestamp() > 0
    assert {each.topic for each in found.topics} == {topic, "__consumer_offsets"}
    assert missing.error_code == ErrorCode.transactional_id_not_found
    assert empty.error_code == ErrorCode.invalid_request


@pytest.mark.parametrize("version", range(3))
def test_transactions_are_listed_by_state_and_producer(
    talk: Conversation, topic: str, name: str, version: int
) -> None:
    """A state that there is not is named in the answer, and nothing else is found by it."""
    producer = started(talk, name)
    producer.add(topic)

    def listed(**filters: Any) -> tuple[Any, list[str]]:
        answer = talk.ask("list_transactions", version, **filters)
        assert not answer.error_code
        ids = [each.transactional_id for each in answer.transaction_states]
        return answer, [each for each in ids if each == name]

    assert listed()[1] == [name]
    assert listed(state_filters=["Ongoing"])[1] == [name]
    assert listed(state_filters=["Empty"])[1] == []
    assert listed(producer_id_filters=[producer.producer_id])[1] == [name]
    assert listed(producer_id_filters=[producer.producer_id + 1000])[1] == []
    answer, found = listed(state_filters=["ongoing"])
    assert (answer.unknown_state_filters, found) == (("ongoing",), [])


def test_transactions_are_listed_by_duration_since_version_1(
    talk: Conversation, topic: str, name: str
) -> None:
    """Those only that are open for longer."""
    producer = started(talk, name)
    producer.add(topic)
    asked = {"producer_id_filters": [producer.producer_id], "duration_filter": 1_000_000}
    assert talk.ask("list_transactions", 1, **asked).transaction_states == ()


def test_transactions_are_listed_by_pattern_since_version_2(talk: Conversation, name: str) -> None:
    """Which is a regular expression of Google's RE2."""
    started(talk, name)

    def listed(pattern: str) -> Any:
        return talk.ask("list_transactions", 2, transactional_id_pattern=pattern)

    assert [each.transactional_id for each in listed(f".*{name}").transaction_states] == [name]
    assert listed("no such id").transaction_states == ()
    assert listed("x(").error_code == ErrorCode.invalid_regular_expression
