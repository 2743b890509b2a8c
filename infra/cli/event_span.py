"""What part of a log a reader is to see: from where, and until where.

| written | means |
|---|---|
| `beginning` | the first record of each partition |
| `end` | behind the last record that each partition has now |
| `-10m`, `-90s`, `-2h`, `-3d` | so long ago |
| `2026-01-31T09:30:00Z` | a time, with its zone |
| `0:120`, `shop.orders/0:120` | an offset of a partition; said once for each partition |

A time stands for the first record that is as late, by the time in the records; see
events/reading_range.py, which takes it from here. Where offsets are named, no other partition is
read.

Laws:
1. What is written has one meaning or none; no zone and no partition is guessed.
2. The present is an argument.
3. This file knows no log and no command line.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from penstock.events.log import Partition
from penstock.sagas.language.durations import duration_ms

__all__ = ["Offsets", "Place", "Unclear", "offsets_in", "partitions_within", "place_of"]

_OFFSET: Final = re.compile(
    r"(?:(?P<topic>[a-zA-Z0-9._-]+)/)?(?P<number>[0-9]{1,9}):(?P<offset>[0-9]{1,18})"
)
_FORMS: Final = "beginning, end, -10m, a time with its zone (2026-01-31T09:30:00Z), or 0:120"


class Unclear(Exception):
    """What was written means nothing here."""

    def __init__(self, problem: str) -> None:
        """Keep the reason, a sentence without its end."""
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Offsets:
    """Places in partitions, and in no others."""

    by_partition: Mapping[tuple[str | None, int], int]
    """The offset by topic and number; without a topic where it was not said."""


Place: TypeAlias = Literal["beginning", "end"] | datetime | Offsets
"""Where to begin, or where to end."""


def place_of(texts: Sequence[str], *, now: datetime) -> Place:
    """Return the place that is meant.

    Args:
        texts: one, or an offset for each of several partitions.
        now: the present, aware.

    Raises:
        Unclear: they mean nothing, or contradict each other.
    """
    matches = [_OFFSET.fullmatch(text) for text in texts]
    offsets: dict[tuple[str | None, int], int] = {}
    for match in matches:
        if match is not None:
            partition = match["topic"], int(match["number"])
            if partition in offsets:
                raise Unclear(f"partition {partition[1]} is named twice")
            offsets[partition] = int(match["offset"])
    if all(matches):
        return Offsets(by_partition=offsets)
    if len(texts) > 1:
        raise Unclear("only offsets of several partitions can be said together")
    return _single(texts[0], now)


def partitions_within(
    topics: Mapping[str, int], start: Place, end: Place | None
) -> tuple[Partition, ...]:
    """Return the partitions that are to be read.

    Args:
        topics: how many partitions each topic has.
        start: where to begin.
        end: where to end; None is nowhere.

    Raises:
        Unclear: an offset is of no partition of these topics, or start and end name different ones.
    """
    chosen = [
        set(offsets_in(place, topics)) for place in (start, end) if isinstance(place, Offsets)
    ]
    if len(chosen) > 1 and chosen[0] != chosen[1]:
        raise Unclear("the beginning and the end name different partitions")
    if chosen:
        return tuple(sorted(chosen[0]))
    return tuple(
        Partition(topic, number)
        for topic, count in sorted(topics.items())
        for number in range(count)
    )


def offsets_in(offsets: Offsets, topics: Mapping[str, int]) -> dict[Partition, int]:
    """Return offsets by their partitions.

    Args:
        offsets: as written.
        topics: how many partitions each topic has.

    Raises:
        Unclear: one is of no partition of these topics.
    """
    found: dict[Partition, int] = {}
    for (topic, number), offset in offsets.by_partition.items():
        partition = Partition(_topic(topic, topics), number)
        if number >= topics[partition.topic]:
            last = Partition(partition.topic, topics[partition.topic] - 1)
            raise Unclear(f"there is no partition {partition}, the last one is {last}")
        if partition in found:
            raise Unclear(f"partition {partition} is named twice")
        found[partition] = offset
    return found


def _topic(topic: str | None, topics: Iterable[str]) -> str:
    known = sorted(topics)
    if topic is None:
        if len(known) > 1:
            raise Unclear(f"several topics are read: say {known[0]}/0:120")
        return known[0]
    if topic not in known:
        raise Unclear(f"{topic} is not among the topics that are read: {', '.join(known)}")
    return topic


def _single(text: str, now: datetime) -> Place:
    match text:
        case "beginning" | "end":
            return text
        case _ if text.startswith("-"):
            return _ago(text[1:], now)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Unclear(f"it is none of {_FORMS}") from None
    if moment.tzinfo is None:
        raise Unclear("a time needs its zone, as in 2026-01-31T09:30:00Z")
    if moment > now:
        raise Unclear("it lies ahead")
    return moment


def _ago(text: str, now: datetime) -> datetime:
    length_ms = duration_ms(text)
    if length_ms is None:
        raise Unclear("a length of time is a whole number of s, m, h or d, as in -10m")
    return now - timedelta(milliseconds=length_ms)
