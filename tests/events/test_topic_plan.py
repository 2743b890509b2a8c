"""The plan: what is created, changed and refused, and what keeps a process from starting."""

from datetime import timedelta

from penstock.events.log import TopicState
from penstock.events.topic import Topic
from penstock.events.topic_plan import (
    AddPartitions,
    Change,
    Configure,
    Create,
    Plan,
    Refusal,
    plan,
    problems,
)


def planned(
    topic: Topic, state: TopicState | None = None, *, changelogged: frozenset[str] = frozenset()
) -> Plan:
    """The plan for one topic."""
    actual = {} if state is None else {state.name: state}
    return plan({topic.name: topic}, actual, changelogged)


def state(name: str = "shop.orders", partitions: int = 4, **config: str) -> TopicState:
    """A topic as a cluster shows it; `_` stands for `.` in names of entries."""
    shown = {"cleanup.policy": "delete", "retention.ms": "604800000", "segment.ms": "1"}
    shown |= {entry.replace("_", "."): value for entry, value in config.items()}
    return TopicState(name=name, partitions=partitions, replication=1, config=shown)


def test_a_missing_topic_is_created() -> None:
    """With its whole declaration."""
    topic = Topic("shop.orders")
    assert planned(topic).steps == (
        Create(topic=topic, reason="Topic shop.orders does not exist."),
    )


def test_a_topic_as_declared_needs_nothing() -> None:
    """What is not declared is the cluster's to decide."""
    assert planned(Topic("shop.orders"), state(segment_ms="77")).steps == ()


def test_undeclared_topics_are_left_alone() -> None:
    """A plan never removes."""
    assert plan({}, {"shop.orders": state()}, frozenset()).steps == ()


def test_more_partitions_are_added_with_a_warning() -> None:
    """Keys move, and the reason says so."""
    (step,) = planned(Topic("shop.orders", partitions=6), state()).steps
    assert isinstance(step, AddPartitions)
    assert (step.before, step.after) == (4, 6)
    assert "keys move" in step.reason


def test_fewer_partitions_are_refused() -> None:
    """Kafka cannot."""
    refusals = planned(Topic("shop.orders", partitions=2), state()).refusals
    assert len(refusals) == 1
    assert "never takes partitions away" in refusals[0].reason


def test_partitions_are_for_life_where_a_changelog_hangs_on_them() -> None:
    """State would be looked for in the wrong partition, with a changelog and in one."""
    topic = Topic("shop.orders", partitions=6)
    (step,) = planned(topic, state(), changelogged=frozenset({"shop.orders"})).steps
    assert isinstance(step, Refusal)
    assert "changelog" in step.reason


def test_partitions_of_a_compacted_topic_are_for_life() -> None:
    """The latest record of a key would stay in its old partition for ever."""
    topic = Topic("shop.prices", partitions=6, cleanup="compact")
    (step,) = planned(topic, state("shop.prices", cleanup_policy="compact")).steps
    assert isinstance(step, Refusal)


def test_a_policy_that_removes_more_is_refused() -> None:
    """In both directions: each policy removes what the other keeps."""
    for declared, actual in (("compact", "delete"), ("delete", "compact")):
        topic = Topic("shop.orders", cleanup=declared)  # type: ignore[arg-type]  # the pairs are literals
        (step,) = planned(topic, state(cleanup_policy=actual)).steps
        assert isinstance(step, Refusal)


def test_a_policy_that_removes_less_is_set() -> None:
    """Of two ways of removing one may be taken away."""
    topic = Topic("shop.prices", cleanup="compact")
    (step,) = planned(topic, state("shop.prices", cleanup_policy="compact,delete")).steps
    assert isinstance(step, Configure)
    assert step.changes == {"cleanup.policy": Change(before="compact,delete", after="compact")}
    assert not step.deletes_records


def test_a_shorter_retention_is_set_and_says_what_it_deletes() -> None:
    """It is what was asked for, but not without a word."""
    (step,) = planned(Topic("shop.orders", retention=timedelta(days=1)), state()).steps
    assert isinstance(step, Configure)
    assert step.deletes_records
    assert "will be deleted" in step.reason


def test_a_longer_retention_deletes_nothing() -> None:
    """Nor does one without an end."""
    for retention in (timedelta(days=30), timedelta.max):
        (step,) = planned(Topic("shop.orders", retention=retention), state()).steps
        assert isinstance(step, Configure)
        assert not step.deletes_records


def test_a_limit_where_there_was_none_deletes() -> None:
    """Minus one is more than any number."""
    topic = Topic("shop.orders", retention=timedelta(days=30))
    (step,) = planned(topic, state(retention_ms="-1")).steps
    assert isinstance(step, Configure)
    assert step.deletes_records


def test_a_limit_that_is_no_number_is_left_to_kafka() -> None:
    """Kafka will refuse it in its own words."""
    topic = Topic("shop.orders", config={"retention.bytes": "much"})
    (step,) = planned(topic, state(retention_bytes="-1")).steps
    assert isinstance(step, Configure)
    assert not step.deletes_records


def test_an_entry_that_the_cluster_does_not_know_is_refused() -> None:
    """A slip of the pen would otherwise show up in the middle of an apply."""
    topic = Topic("shop.orders", config={"retntion.bytes": "1", "segment.ms": "2"})
    steps = planned(topic, state()).steps
    assert [type(step) for step in steps] == [Refusal, Configure]
    assert "retntion.bytes" in steps[0].reason


def test_names_that_kafka_takes_for_one_are_refused() -> None:
    """`.` and `_` are alike in its metrics; declared twice, or declared beside an existing one."""
    two = {name: Topic(name) for name in ("shop.orders_eu", "shop.orders.eu")}
    steps = plan(two, {}, frozenset()).steps
    assert sorted(type(step).__name__ for step in steps) == ["Create", "Refusal"]
    (step,) = planned(Topic("shop.orders"), state("shop_orders")).steps
    assert isinstance(step, Refusal)
    assert "shop_orders" in step.reason


def test_steps_come_by_name() -> None:
    """A plan reads the same each time."""
    declared = {name: Topic(name) for name in ("b.b", "a.a", "c.c")}
    steps = plan(declared, {}, frozenset()).steps
    assert [step.topic.name for step in steps if isinstance(step, Create)] == ["a.a", "b.b", "c.c"]


def test_at_start_all_problems_are_told_at_once() -> None:
    """Missing, wrong count, wrong policy; other differences do not keep a process from starting."""
    declared = {
        topic.name: topic
        for topic in (
            Topic("shop.missing"),
            Topic("shop.narrow", partitions=8),
            Topic("shop.policy", cleanup="compact"),
            Topic("shop.fine", retention=timedelta(days=1)),
        )
    }
    actual = {name: state(name) for name in ("shop.narrow", "shop.policy", "shop.fine")}
    found = problems(declared, actual)
    assert len(found) == 3
    assert "shop.missing does not exist" in found[0]
    assert "4 partitions and is declared with 8" in found[1]
    assert "'delete' and is declared with 'compact'" in found[2]
