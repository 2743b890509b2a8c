"""Plans: carried out they are done, and they lose nothing, whatever was declared and is there."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from penstock.events.log import TopicState
from penstock.events.names import collision_key
from penstock.events.topic import Topic
from penstock.events.topic_plan import AddPartitions, Configure, Create, Step, plan, problems

NAMES = ["a.a", "a_a", "b.b"]
POLICIES = st.sampled_from(["delete", "compact", "compact,delete"])
RETENTIONS = st.sampled_from([None, timedelta.max, timedelta(days=1), timedelta(days=9)])


@st.composite
def topics(draw: st.DrawFn) -> dict[str, Topic]:
    """Some declarations."""
    found = {}
    for name in draw(st.sets(st.sampled_from(NAMES))):
        compacted = draw(st.booleans())
        found[name] = Topic(
            name,
            partitions=draw(st.integers(1, 4)),
            retention=None if compacted else draw(RETENTIONS),
            cleanup="compact" if compacted else "delete",
        )
    return found


@st.composite
def clusters(draw: st.DrawFn) -> dict[str, TopicState]:
    """Topics that can stand beside each other on a cluster."""
    names = draw(st.lists(st.sampled_from(NAMES), unique_by=collision_key))
    return {
        name: TopicState(
            name=name,
            partitions=draw(st.integers(1, 4)),
            replication=1,
            config={
                "cleanup.policy": draw(POLICIES),
                "retention.ms": draw(st.sampled_from(["-1", "86400000", "5"])),
            },
        )
        for name in names
    }


def applied(step: Step, actual: dict[str, TopicState]) -> None:
    """Carry out a step, as Kafka would."""
    if isinstance(step, Create):
        entries = {"retention.ms": "604800000"} | step.topic.entries
        actual[step.topic.name] = TopicState(
            name=step.topic.name,
            partitions=step.topic.partitions,
            replication=1,
            config=entries,
        )
    elif isinstance(step, AddPartitions):
        old = actual[step.name]
        assert step.before == old.partitions < step.after
        actual[step.name] = TopicState(
            name=step.name, partitions=step.after, replication=1, config=old.config
        )
    elif isinstance(step, Configure):
        old = actual[step.name]
        after = {entry: change.after for entry, change in step.changes.items()}
        assert all(change.before == old.config.get(e) for e, change in step.changes.items())
        actual[step.name] = TopicState(
            name=step.name,
            partitions=old.partitions,
            replication=1,
            config={**old.config, **after},
        )


def removes(state: TopicState) -> set[str]:
    """The ways in which a topic removes records."""
    return set(state.config["cleanup.policy"].split(","))


@given(topics(), clusters(), st.sets(st.sampled_from(NAMES)))
def test_a_plan_carried_out_leaves_only_its_refusals(
    declared: dict[str, Topic], actual: dict[str, TopicState], changelogged: set[str]
) -> None:
    """And without refusals nothing keeps a process from starting."""
    first = plan(declared, actual, frozenset(changelogged))
    now = dict(actual)
    for step in first.steps:
        applied(step, now)
    second = plan(declared, now, frozenset(changelogged))
    assert second.steps == second.refusals
    assert second.refusals == first.refusals
    if not first.refusals:
        assert problems(declared, now) == ()


@given(topics(), clusters(), st.sets(st.sampled_from(NAMES)))
def test_no_step_takes_a_partition_moves_state_or_removes_in_a_new_way(
    declared: dict[str, Topic], actual: dict[str, TopicState], changelogged: set[str]
) -> None:
    """Compared topic by topic before and after."""
    now = dict(actual)
    for step in plan(declared, actual, frozenset(changelogged)).steps:
        applied(step, now)
    for name, before in actual.items():
        after = now[name]
        assert after.partitions >= before.partitions
        assert removes(after) <= removes(before)
        if name in changelogged:
            assert after.partitions == before.partitions
        if name not in declared:
            assert after == before
    keys = [collision_key(name) for name in now]
    assert len(keys) == len(set(keys))
