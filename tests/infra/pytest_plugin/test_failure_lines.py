"""The report of a failed test is bounded, and tells causes and no payload."""

from dataclasses import dataclass

from penstock.events.dead_letter import dead_letter_headers
from penstock.events.log import Headers, Partition
from penstock.infra.pytest_plugin.failure_section import (
    PARTITIONS,
    TOPICS,
    letter_line,
    topic_lines,
)


def test_topics_are_told_with_their_ends() -> None:
    """In order; those that never held a record are left out."""
    ends = {
        Partition("shop.orders", 1): (0, 7),
        Partition("shop.orders", 0): (3, 3),
        Partition("shop.empty", 0): (0, 0),
    }
    assert topic_lines(ends) == ["shop.orders: partitions end at 0:3 1:7"]


def test_many_topics_and_partitions_are_cut() -> None:
    """And the cut is told."""
    many = {Partition(f"shop.t{number:03}", 0): (0, 1) for number in range(TOPICS + 5)}
    assert topic_lines(many)[TOPICS:] == ["and 5 more topics"]
    wide = {Partition("shop.wide", number): (0, 1) for number in range(PARTITIONS + 1)}
    (line,) = topic_lines(wide)
    assert line.endswith(" ...")


def test_a_broker_without_records_says_so() -> None:
    """An empty section would leave it open whether anybody looked."""
    assert topic_lines({}) == ["no topic holds a record"]


@dataclass(frozen=True, kw_only=True)
class Read:
    """A record as a client hands it out."""

    topic: str = "shop.orders.shop.clerk.dlq"
    partition: int = 0
    offset: int = 5
    timestamp: int = 0
    key: bytes | None = b"the key"
    value: bytes | None = b"the payload"
    headers: Headers = ()


def test_a_dead_letter_is_told_by_its_note() -> None:
    """Where it lay, what happened, in which handler; neither key nor value."""
    origin = Read(topic="shop.orders", partition=2, offset=40)
    headers = dead_letter_headers(
        origin,
        ValueError("no such book\n" + "x" * 5_000),
        reason="handler-failed",
        group="shop.clerk",
        handler="shop:lend",
        attempts=4,
    )
    line = letter_line(Read(headers=headers))
    assert line.startswith(
        "dead letter of shop.orders/2@40: handler-failed builtins.ValueError after 4 attempts in "
        "shop:lend: no such book"
    )
    assert len(line) < 500
    assert "\n" not in line
    assert "the key" not in line
    assert "the payload" not in line


def test_a_record_without_a_note_is_told_too() -> None:
    """Somebody wrote it there."""
    assert letter_line(Read()).startswith("shop.orders.shop.clerk.dlq/0@5: PEN-E32")
