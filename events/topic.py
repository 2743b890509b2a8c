"""A topic as its owner declares it.

A topic is declared together with the events on it and brought about by `penstock topic apply`;
nothing relies on a cluster creating topics by itself.

Laws:
1. A declaration is a value: two that are equal are one, two that differ are an error of whoever
   wrote them.
2. The number of partitions is for life: keys are spread over the declared number, so whoever
   declares another number looks for a key elsewhere.
3. This file knows no cluster and no event.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar, Final, Literal

from penstock.events.names import check_topic
from penstock.events.problems import Problems
from penstock.schemas.compatibility_levels import Level
from penstock.schemas.errors import CallerError

__all__ = [
    "DEFAULT_COMPATIBILITY",
    "FOREVER",
    "PARTITIONS_LIMIT",
    "BadTopic",
    "Cleanup",
    "Compatibility",
    "Topic",
]

Cleanup = Literal["delete", "compact"]
"""What becomes of old records: deleted by age, or all but the latest of each key removed."""

Compatibility = Literal[
    "NONE",
    "BACKWARD",
    "FORWARD",
    "FULL",
    "BACKWARD_TRANSITIVE",
    "FORWARD_TRANSITIVE",
    "FULL_TRANSITIVE",
]
"""How a new version of a type has to fit to those before it; the words of
schemas/compatibility_levels.py."""

DEFAULT_COMPATIBILITY: Final = "BACKWARD_TRANSITIVE"
"""What holds where nothing is said: a topic can be read again from its beginning."""

FOREVER: Final = timedelta.max
"""Retention without an end."""

PARTITIONS_LIMIT: Final = 10_000
"""Partitions of one topic at most: what a Kafka controller creates in one step
(`QuorumController.MAX_RECORDS_PER_USER_OP`)."""

_OWN_FIELDS = {"cleanup.policy": "cleanup=", "retention.ms": "retention="}


@dataclass(eq=False, kw_only=True)
class BadTopic(CallerError):
    """A declaration of a topic contradicts itself or leaves a range."""

    topic: str
    """The topic's name."""
    problems: Problems
    """Everything that is wrong with it."""

    code: ClassVar[str] = "PEN-E12"
    what: ClassVar[str] = "The declaration of topic {topic} cannot be used."
    why: ClassVar[str] = "{problems}"
    remedy: ClassVar[str] = "Change the declaration."


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic and how it is to be kept.

    `Topic("shop.orders", partitions=12, retention=timedelta(days=30))`. Declare it once, as a
    constant, and give that to every type on the topic.

    Raises:
        IllegalName: Kafka would refuse the name.
        BadTopic: the fields contradict each other or leave their ranges.
    """

    name: str = field(kw_only=False)
    """Its name, `<domain>.<entity>`."""
    partitions: int = 4
    """Number of partitions, 1 to 10 000, for life. 4 lets a small service grow to four workers."""
    retention: timedelta | None = None
    """How long a record is kept, 1 ms or more; FOREVER; None leaves it to the cluster. Only with
    cleanup "delete"."""
    cleanup: Cleanup = "delete"
    """What becomes of old records."""
    compatibility: Compatibility = DEFAULT_COMPATIBILITY
    """How new versions of the types on it have to fit to those before. No setting of Kafka's: it
    stands in the types' schemas, and whoever registers or checks these holds to it."""
    config: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Further configuration by Kafka's own names, such as {"max.message.bytes": "2097164"}."""

    def __post_init__(self) -> None:
        """Check the fields; keep a copy of the configuration."""
        check_topic(self.name)
        object.__setattr__(self, "config", dict(self.config))
        if problems := Problems(self._problems()):
            raise BadTopic(topic=self.name, problems=problems)

    @property
    def entries(self) -> dict[str, str]:
        """The declared configuration by Kafka's own names; what is absent is the cluster's."""
        entries = {"cleanup.policy": self.cleanup, **self.config}
        if self.retention is not None:
            entries["retention.ms"] = str(_milliseconds(self.retention))
        return entries

    def _problems(self) -> list[str]:
        problems = []
        if not 1 <= self.partitions <= PARTITIONS_LIMIT:
            problems.append(f"partitions is {self.partitions}, not 1 to {PARTITIONS_LIMIT}.")
        if self.cleanup not in {"delete", "compact"}:
            problems.append(f"cleanup is '{self.cleanup}', not 'delete' or 'compact'.")
        if self.compatibility not in tuple(Level):
            problems.append(f"compatibility is '{self.compatibility}', none of {', '.join(Level)}.")
        if self.retention is not None:
            problems.extend(self._retention_problems(self.retention))
        for entry, value in self.config.items():
            if entry in _OWN_FIELDS:
                problems.append(f"{entry} stands in config; say {_OWN_FIELDS[entry]} instead.")
            elif not isinstance(value, str):
                problems.append(f"{entry} is not a string: write it as Kafka shows it.")
        return problems

    def _retention_problems(self, retention: timedelta) -> list[str]:
        problems = []
        if retention < timedelta(milliseconds=1):
            problems.append(f"retention is {retention}, less than a millisecond.")
        if self.cleanup == "compact":
            problems.append("retention is given, but a compacted topic keeps records for ever.")
        return problems


def _milliseconds(retention: timedelta) -> int:
    return -1 if retention == FOREVER else retention // timedelta(milliseconds=1)
