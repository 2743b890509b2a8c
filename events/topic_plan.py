"""What must change on a cluster so that its topics are as declared.

A comparison of values: topics as declared against topics as they are. It yields steps, each with
its reason, for `penstock topic plan` to show and `penstock topic apply` to carry out; and, for
what starts and only looks, a list of problems.

Laws:
1. No step loses a record or a key's place silently: what would is a `Refusal`, and what the owner
   asked for in so many words (a shorter retention) says so in its reason.
2. Carrying out all steps and planning again yields an empty plan.
3. Topics that nobody declares are left alone.
4. This file knows neither how a plan is shown nor how a step is carried out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import ClassVar

from penstock.events.log import TopicState
from penstock.events.names import collision_key
from penstock.events.problems import Problems
from penstock.events.topic import Topic
from penstock.schemas.errors import CallerError

__all__ = [
    "AddPartitions",
    "Change",
    "Configure",
    "Create",
    "Plan",
    "Refusal",
    "Step",
    "TopicsNotAsDeclared",
    "plan",
    "problems",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """A topic is to be created."""

    topic: Topic
    """The whole declaration."""
    reason: str
    """Why, as a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPartitions:
    """A topic is to get more partitions."""

    name: str
    """The topic."""
    before: int
    """Partitions it has."""
    after: int
    """Partitions it is to have, more than before."""
    reason: str
    """Why, and what follows from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One configuration entry before and after."""

    before: str | None
    """The value on the cluster; None where the cluster shows none."""
    after: str
    """The declared value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configure:
    """Configuration entries of a topic are to be set."""

    name: str
    """The topic."""
    changes: Mapping[str, Change]
    """What changes, by Kafka's own names."""
    deletes_records: bool
    """True where records that are there now may be deleted: the retention gets shorter."""
    reason: str
    """Why, and what follows from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A difference that is not mended by a step, because the cure would do harm."""

    name: str
    """The topic."""
    reason: str
    """What differs and what harm the change would do."""
    remedy: str
    """What to do instead."""


Step = Create | AddPartitions | Configure | Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The steps from the topics as they are to the topics as declared, by name of topic."""

    steps: tuple[Step, ...]
    """In the order in which they are to be carried out."""

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """What stands in the way; a plan with refusals is not to be applied."""
        return tuple(step for step in self.steps if isinstance(step, Refusal))


@dataclass(eq=False, kw_only=True)
class TopicsNotAsDeclared(CallerError):
    """At start, topics are missing or are not as declared."""

    problems: Problems
    """One sentence for each."""

    code: ClassVar[str] = "PEN-E14"
    what: ClassVar[str] = "The topics on the cluster are not as declared. {problems}"
    why: ClassVar[str] = "Records would be lost, or looked for in the wrong partition."
    remedy: ClassVar[str] = "Run 'penstock topic plan', then 'penstock topic apply'."


def plan(
    declared: Mapping[str, Topic],
    actual: Mapping[str, TopicState],
    changelogged: frozenset[str],
) -> Plan:
    """Compare topics as declared with topics as they are.

    Args:
        declared: declarations by name, internal topics included.
        actual: the topics that exist, by name; more than the declared ones may be given, and
            should be, since names can collide.
        changelogged: names of the topics that have a changelog and of those that are one.

    Returns:
        The steps, by name of topic.
    """
    taken = {collision_key(name): name for name in (*sorted(declared), *sorted(actual))}
    steps: list[Step] = []
    for name in sorted(declared):
        state = actual.get(name)
        if state is not None:
            steps.extend(_adjust(declared[name], state, pinned=name in changelogged))
        elif (other := taken[collision_key(name)]) != name:
            steps.append(_collision(name, other))
        else:
            reason = f"Topic {name} does not exist."
            steps.append(Create(topic=declared[name], reason=reason))
    return Plan(steps=tuple(steps))


def problems(declared: Mapping[str, Topic], actual: Mapping[str, TopicState]) -> Problems:
    """List what keeps a process from starting: missing topics, wrong counts, wrong policies.

    Other entries may differ: they change how long records stay, not where they are.

    Returns:
        One sentence for each problem, by name of topic; empty if all is well.
    """
    return Problems(
        sentence
        for name in sorted(declared)
        for sentence in _problems_of(declared[name], actual.get(name))
    )


def _problems_of(topic: Topic, state: TopicState | None) -> Iterator[str]:
    if state is None:
        yield f"Topic {topic.name} does not exist."
        return
    if state.partitions != topic.partitions:
        yield (
            f"Topic {topic.name} has {state.partitions} partitions and is declared with "
            f"{topic.partitions}."
        )
    if (policy := _policy(state)) != {topic.cleanup}:
        yield (
            f"Topic {topic.name} has cleanup policy '{','.join(sorted(policy))}' and is declared "
            f"with '{topic.cleanup}'."
        )


def _adjust(topic: Topic, state: TopicState, *, pinned: bool) -> Iterator[Step]:
    yield from _adjust_partitions(topic, state, pinned=pinned)
    yield from _adjust_config(topic, state)


def _adjust_partitions(topic: Topic, state: TopicState, *, pinned: bool) -> Iterator[Step]:
    name, before, after = topic.name, state.partitions, topic.partitions
    if after == before:
        return
    if after < before:
        yield Refusal(
            name=name,
            reason=f"{name} has {before} partitions and is declared with {after}; Kafka never "
            "takes partitions away.",
            remedy=f"Declare {before} partitions, or move to a new topic.",
        )
    elif pinned or topic.cleanup == "compact":
        kept = "has or is a changelog" if pinned else "is compacted"
        yield Refusal(
            name=name,
            reason=f"{name} {kept}, and with {after} partitions instead of {before} its keys "
            "would be looked for where their earlier records are not.",
            remedy=f"Declare {before} partitions, or move to a new topic.",
        )
    else:
        yield AddPartitions(
            name=name,
            before=before,
            after=after,
            reason=f"{name} is declared with {after} partitions. Most keys move: a key's new "
            "records may be read before its old ones until those are read to the end.",
        )


def _adjust_config(topic: Topic, state: TopicState) -> Iterator[Step]:
    changes = {
        entry: Change(before=state.config.get(entry), after=value)
        for entry, value in topic.entries.items()
        if not _same(entry, state.config.get(entry), value)
    }
    if "cleanup.policy" in changes and topic.cleanup not in _policy(state):
        del changes["cleanup.policy"]
        yield _policy_refusal(topic, state)
    unknown = [entry for entry in changes if state.config and entry not in state.config]
    for entry in unknown:
        del changes[entry]
        yield Refusal(
            name=topic.name,
            reason=f"{topic.name} is declared with {entry}, which the cluster does not know.",
            remedy="Mend the spelling, or remove the entry.",
        )
    if changes:
        yield _configure(topic, changes)


def _configure(topic: Topic, changes: Mapping[str, Change]) -> Configure:
    shorter = [
        entry
        for entry in ("retention.ms", "retention.bytes")
        if entry in changes and _less(changes[entry])
    ]
    reason = f"{topic.name} is declared with other values for {', '.join(sorted(changes))}."
    if shorter:
        reason += f" The limit {shorter[0]} gets lower: records beyond it will be deleted."
    return Configure(name=topic.name, changes=changes, deletes_records=bool(shorter), reason=reason)


def _policy_refusal(topic: Topic, state: TopicState) -> Refusal:
    # A change may take a way of removing records away ("compact,delete" to "compact"), never add
    # one: an added one begins at once with the records that are there.
    before = ",".join(sorted(_policy(state)))
    loss = {
        "compact": "all but the latest record of each key would be removed",
        "delete": "the latest record of a key would be deleted when it is old",
    }[topic.cleanup]
    return Refusal(
        name=topic.name,
        reason=f"{topic.name} has cleanup policy '{before}' and is declared with "
        f"'{topic.cleanup}': {loss}.",
        remedy="Declare the policy it has, or move to a new topic.",
    )


def _collision(name: str, other: str) -> Refusal:
    return Refusal(
        name=name,
        reason=f"{name} and {other} differ only in '.' and '_', and Kafka refuses the second.",
        remedy="Rename one of them.",
    )


def _policy(state: TopicState) -> set[str]:
    # "delete" is Kafka's default; an adapter that shows no configuration means the default.
    return set(state.config.get("cleanup.policy", "delete").replace(" ", "").split(","))


def _same(entry: str, before: str | None, after: str) -> bool:
    if before is None:
        return False
    if entry == "cleanup.policy":
        return set(before.replace(" ", "").split(",")) == {after}
    return before == after


def _less(change: Change) -> bool:
    before, after = _limit(change.before), _limit(change.after)
    return before is not None and after is not None and after < before


def _limit(value: str | None) -> float | None:
    """Read a limit, or nothing where the value is no number; Kafka will then refuse it itself."""
    try:
        number = int(value or "-1")
    except ValueError:
        return None
    return inf if number == -1 else number
