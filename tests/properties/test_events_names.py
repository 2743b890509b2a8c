"""Joined names are injective over legal parts, and legal for Kafka."""

import re
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from penstock.events import names

SIMPLE = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
WORKER = SIMPLE.filter(lambda name: not name.startswith("saga-"))
ANY_WORKER = WORKER | SIMPLE.map(names.saga_worker)
TOPIC = st.from_regex(r"[a-z._-]{1,12}", fullmatch=True).filter(lambda name: set(name) != {"."})
# Parts that are themselves pieces of joined names find ambiguities that chance would not.
PIECES = st.lists(
    st.sampled_from(["a", "b", "dlq", "retry", "1", "changelog", "saga", "inbox", "crdt"]),
    min_size=1,
    max_size=6,
).map(".".join)
TOPICS = TOPIC | PIECES
LEGAL = re.compile(r"[a-zA-Z0-9._-]{1,249}")


WORKERS = st.tuples(SIMPLE, ANY_WORKER)
WORKERS_ON_TOPICS = st.tuples(TOPICS, SIMPLE, ANY_WORKER)
NUMBERED = st.tuples(TOPICS, SIMPLE, ANY_WORKER, st.integers(1, 30))


@given(WORKERS, WORKERS)
def test_groups_are_injective(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Two different (app, worker) give two different groups."""
    assert (names.consumer_group(*one) == names.consumer_group(*other)) == (one == other)


@given(st.tuples(SIMPLE, SIMPLE), st.tuples(SIMPLE, SIMPLE), WORKERS)
def test_groups_of_subscribers_are_injective(
    one: tuple[str, str], other: tuple[str, str], worker: tuple[str, str]
) -> None:
    """Two different (app, name) give two groups, and neither is that of a worker or a saga."""
    group = names.subscriber_group(*one)
    assert LEGAL.fullmatch(group)
    assert (group == names.subscriber_group(*other)) == (one == other)
    assert group != names.consumer_group(*worker)


@given(WORKERS_ON_TOPICS, WORKERS_ON_TOPICS)
def test_dead_letter_and_changelog_topics_are_injective(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    """Whatever the dots in a topic, no two workers share a dead-letter or a changelog topic."""
    dead = names.dead_letter_topic(*one)
    assert LEGAL.fullmatch(dead)
    assert (dead == names.dead_letter_topic(*other)) == (one == other)
    (topic, app, worker), (topic2, app2, worker2) = one, other
    log = names.changelog_topic(app, worker, topic)
    assert LEGAL.fullmatch(log)
    assert (log == names.changelog_topic(app2, worker2, topic2)) == (one == other)


@given(NUMBERED, NUMBERED)
def test_retry_topics_and_transactional_ids_are_injective(
    one: tuple[str, str, str, int], other: tuple[str, str, str, int]
) -> None:
    """The number is a part like the others."""
    retry = names.retry_topic(*one)
    assert LEGAL.fullmatch(retry)
    assert (retry == names.retry_topic(*other)) == (one == other)
    ids = [
        names.transactional_id(names.consumer_group(app, worker), topic, number)
        for topic, app, worker, number in (one, other)
    ]
    assert (ids[0] == ids[1]) == (one == other)


@given(SIMPLE, ANY_WORKER, SIMPLE, TOPICS)
def test_topics_of_different_purpose_never_have_one_name(
    app: str, worker: str, name: str, topic: str
) -> None:
    """An inbox is never a changelog, whatever the names."""
    made = [
        names.SCHEMAS_TOPIC,
        names.changelog_topic(app, worker, topic),
        names.saga_inbox_topic(app, name),
        names.saga_state_topic(app, name),
        names.saga_history_topic(app, name),
        names.saga_definitions_topic(app, name),
        names.crdt_topic(app, name),
    ]
    assert all(LEGAL.fullmatch(each) for each in made)
    assert all(one != other for one, other in combinations(made, 2))


@given(NUMBERED, WORKERS)
def test_a_retry_topic_is_no_dead_letter_topic(
    retry: tuple[str, str, str, int], dead: tuple[str, str]
) -> None:
    """The last segment tells them apart: a number against `dlq`."""
    assert names.retry_topic(*retry) != names.dead_letter_topic(retry[0], *dead)


SLOTS = st.tuples(SIMPLE, SIMPLE, SIMPLE)


@given(SLOTS, SLOTS, NUMBERED)
def test_transactional_ids_of_slots_are_injective(
    one: tuple[str, str, str], other: tuple[str, str, str], numbered: tuple[str, str, str, int]
) -> None:
    """Two slots never share an id, and none has that of a partition or of the schemas."""
    made = names.crdt_transactional_id(*one)
    assert (made == names.crdt_transactional_id(*other)) == (one == other)
    topic, app, worker, number = numbered
    group = names.consumer_group(app, worker)
    assert made not in {
        names.transactional_id(group, topic, number),
        names.SCHEMAS_TRANSACTIONAL_ID,
    }
