"""Topics as declared against topics as they are: check, plan, apply.

What differs and what to do is decided by events/topic_plan.py; here it is asked and carried out.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from penstock.events.event_types import MessageType, declared_topics
from penstock.events.log import TopicAdmin
from penstock.events.topic import Topic
from penstock.events.topic_plan import (
    AddPartitions,
    Configure,
    Create,
    Plan,
    Step,
    TopicsNotAsDeclared,
    plan,
    problems,
)
from penstock.sagas.definition import Definition
from penstock.sagas.topics import PARTITIONS, changelogged_topics_of_saga, own_topics
from penstock.schemas.errors import CallerError, WorldError
from penstock.workers.counters import Counters
from penstock.workers.topics import (
    changelogged_topics,
    counters_topic,
    schemas_topic,
    topics_of_worker,
)
from penstock.workers.worker import Worker

__all__ = [
    "InputUndeclared",
    "PlanRefused",
    "TopicsNotSeen",
    "TopicsWanted",
    "apply_plan",
    "check_topics",
    "plan_topics",
    "topics_wanted",
]

SEEN_LOOKS: Final = 100
"""Looks until a broker shows what the cluster has agreed to; with the waits ten seconds or more."""
SEEN_LOOK_S: Final = 0.1
"""Seconds between two of them."""


@dataclass(eq=False, kw_only=True)
class TopicsNotSeen(WorldError):
    """Topics were created and do not show."""

    topics: str
    """Their names."""

    code: ClassVar[str] = "PEN-I70"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "Topics were created and do not show: {topics}."
    why: ClassVar[str] = "Whoever starts now would find them missing."
    remedy: ClassVar[str] = "Look after the cluster, then apply the plan again."


@dataclass(eq=False, kw_only=True)
class PlanRefused(CallerError):
    """A plan holds differences that no step may mend."""

    refusals: str
    """Each topic with its reason and what to do instead."""

    code: ClassVar[str] = "PEN-I22"
    what: ClassVar[str] = "The plan was not applied. {refusals}"
    why: ClassVar[str] = "The change would do harm that cannot be taken back."
    remedy: ClassVar[str] = "Mend what the plan names first; nothing was changed."


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicsWanted:
    """All topics of an app."""

    declared: Mapping[str, Topic] = field(default_factory=dict)
    """By name, internal ones included."""
    changelogged: frozenset[str] = frozenset()
    """Those whose partition count is for life."""


@dataclass(eq=False, kw_only=True)
class InputUndeclared(CallerError):
    """Nothing declares the topic of events that start a saga."""

    saga: str
    """The saga."""
    topic: str
    """The topic."""

    code: ClassVar[str] = "PEN-I67"
    what: ClassVar[str] = "The saga {saga} starts by events on {topic}, which nothing declares."
    why: ClassVar[str] = "Its partitions must be known before topics beside it can be made."
    remedy: ClassVar[str] = "List the module with the event under [tool.penstock] modules."


def topics_wanted(
    app: str,
    types: Iterable[MessageType],
    workers: Iterable[Worker],
    sagas: Iterable[Definition] = (),
    *,
    saga_partitions: int = PARTITIONS,
    counters: Iterable[Counters] = (),
) -> TopicsWanted:
    """Every topic that an app's types, workers, sagas and counters need.

    Args:
        app: the application.
        types: events and commands, which declare topics.
        workers: those of the app.
        sagas: those of the app.
        saga_partitions: partitions of a saga's inbox.
        counters: sets that somebody counts in outside of handlers; a worker's own are known.

    Raises:
        TopicDeclaredTwice: two types declare one topic differently.
        InputUndeclared: nothing declares the topic that a saga starts from.
    """
    workers, sagas = tuple(workers), tuple(sagas)
    handled = [
        message for worker in workers for each in worker.inputs for message in each.message_types
    ]
    declared = dict(declared_topics([*types, *handled]))
    own = [topic for worker in workers for topic in topics_of_worker(app, worker)]
    own += [
        topic
        for saga in sagas
        for topic in own_topics(app, saga, saga_partitions, _input_partitions(saga, declared))
    ]
    own += [counters_topic(app, each.name) for each in counters]
    declared.update({topic.name: topic for topic in (schemas_topic(), *own)})
    changelogged = [changelogged_topics(app, worker) for worker in workers]
    changelogged += [changelogged_topics_of_saga(app, saga) for saga in sagas]
    return TopicsWanted(declared=declared, changelogged=frozenset[str]().union(*changelogged))


def _input_partitions(saga: Definition, declared: Mapping[str, Topic]) -> int | None:
    if saga.input_topic is None:
        return None
    topic = declared.get(saga.input_topic)
    if topic is None:
        raise InputUndeclared(saga=saga.saga, topic=saga.input_topic)
    return topic.partitions


async def check_topics(topics: TopicAdmin, declared: Iterable[Topic]) -> None:
    """Hold topics against their declarations, before anything is begun.

    Raises:
        TopicsNotAsDeclared: with all problems at once.
    """
    by_name = {topic.name: topic for topic in declared}
    found = problems(by_name, await topics.describe(list(by_name)))
    if found:
        raise TopicsNotAsDeclared(problems=found)


async def plan_topics(topics: TopicAdmin, wanted: TopicsWanted) -> Plan:
    """Compare the topics as declared with the topics as they are."""
    actual = await topics.describe(await topics.names())
    return plan(wanted.declared, actual, wanted.changelogged)


async def apply_plan(
    topics: TopicAdmin, steps: Plan, *, replication: int, looks: int = SEEN_LOOKS
) -> None:
    """Carry out a plan, step by step, and wait until a broker shows it.

    The cluster has agreed to a topic a moment before its brokers know of it; a program that starts
    in that moment would be told that the topic is missing.

    Args:
        topics: Administration.
        steps: A plan without refusals.
        replication: Replicas of new topics.
        looks: Looks until all of it must show, at least one.

    Raises:
        PlanRefused: the plan holds refusals; nothing was changed.
        TopicChangeRefused: the cluster said no; steps before that one were carried out.
        TopicsNotSeen: all was carried out, and some of it does not show.
    """
    if steps.refusals:
        reasons = " ".join(f"{each.name}: {each.reason} {each.remedy}" for each in steps.refusals)
        raise PlanRefused(refusals=reasons)
    for step in steps.steps:
        await _carry_out(topics, step, replication)
    await _wait_until_seen(topics, _counts(steps), looks)


def _counts(steps: Plan) -> dict[str, int]:
    counts = {
        each.topic.name: each.topic.partitions for each in steps.steps if isinstance(each, Create)
    }
    return counts | {
        each.name: each.after for each in steps.steps if isinstance(each, AddPartitions)
    }


async def _wait_until_seen(topics: TopicAdmin, counts: Mapping[str, int], looks: int) -> None:
    unseen = list(counts)
    for _ in range(looks):
        unseen = await _unseen(topics, counts)
        if not unseen:
            return
        await asyncio.sleep(SEEN_LOOK_S)
    raise TopicsNotSeen(topics=", ".join(unseen))


async def _unseen(topics: TopicAdmin, counts: Mapping[str, int]) -> list[str]:
    states = await topics.describe(sorted(counts))
    return [
        name
        for name, count in sorted(counts.items())
        if name not in states or states[name].partitions < count
    ]


async def _carry_out(topics: TopicAdmin, step: Step, replication: int) -> None:
    match step:
        case Create():
            await topics.create(
                step.topic.name,
                partitions=step.topic.partitions,
                replication=replication,
                config=step.topic.entries,
            )
        case AddPartitions():
            await topics.add_partitions(step.name, step.after)
        case Configure():
            changes = {name: change.after for name, change in step.changes.items()}
            await topics.configure(step.name, changes)
