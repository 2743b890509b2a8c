"""Topics as declared against topics as they are: check, plan, apply.

What differs and what to do is decided by events/topic_plan.py; here it is asked and carried out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

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
from penstock.schemas.errors import CallerError
from penstock.workers.topics import changelogged_topics, schemas_topic, topics_of_worker
from penstock.workers.worker import Worker

__all__ = [
    "PlanRefused",
    "TopicsWanted",
    "apply_plan",
    "check_topics",
    "plan_topics",
    "topics_wanted",
]


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


def topics_wanted(
    app: str, types: Iterable[MessageType], workers: Iterable[Worker]
) -> TopicsWanted:
    """Every topic that an app's types and workers need.

    Raises:
        TopicDeclaredTwice: two types declare one topic differently.
    """
    workers = tuple(workers)
    handlers = [
        handler for worker in workers for each in worker.inputs for handler in each.handlers
    ]
    declared = dict(declared_topics([*types, *(handler.event_type for handler in handlers)]))
    own = [topic for worker in workers for topic in topics_of_worker(app, worker)]
    declared.update({topic.name: topic for topic in (schemas_topic(), *own)})
    changelogged = [changelogged_topics(app, worker) for worker in workers]
    return TopicsWanted(declared=declared, changelogged=frozenset[str]().union(*changelogged))


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


async def apply_plan(topics: TopicAdmin, steps: Plan, *, replication: int) -> None:
    """Carry out a plan, step by step.

    Args:
        topics: Administration.
        steps: A plan without refusals.
        replication: Replicas of new topics.

    Raises:
        PlanRefused: the plan holds refusals; nothing was changed.
        TopicChangeRefused: the cluster said no; steps before that one were carried out.
    """
    if steps.refusals:
        reasons = " ".join(f"{each.name}: {each.reason} {each.remedy}" for each in steps.refusals)
        raise PlanRefused(refusals=reasons)
    for step in steps.steps:
        await _carry_out(topics, step, replication)


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
