"""What a monitor is told of publishing: one report for each batch. Nothing that it does hurts."""

import asyncio

import pytest

from penstock.events.batch_report import BatchReport, Outcome
from penstock.events.line import NotSent
from penstock.events.log import WriteRefused, WriteUnknown
from tests.events.conftest import Fault, World
from tests.events.line_shop import PLACE, Note, numbers, ready, run, small


class Reports:
    """Keeps all reports."""

    def __init__(self) -> None:
        """Begin with none."""
        self.taken: list[BatchReport] = []

    def batch_ended(self, report: BatchReport, /) -> None:
        """As the port promises."""
        self.taken.append(report)


class Broken:
    """Raises at each report."""

    def batch_ended(self, report: BatchReport, /) -> None:
        """As the port forbids."""
        raise ZeroDivisionError(report.records)


def test_a_batch_is_reported_once_however_many_records_it_has(world: World) -> None:
    """With its counts, and the seconds before and after it was handed to the writer."""
    writer = world.writer()

    async def scenario() -> None:
        publisher = await ready(world, writer, small(linger_s=0.25))
        reports = Reports()
        publisher.observe(reports)
        writer.delay_s = 0.5
        calls = [asyncio.ensure_future(publisher.publish(Note(number=n))) for n in range(100)]
        await world.clock.advance(2)
        await asyncio.gather(*calls)
        (report,) = reports.taken
        assert (report.partition, report.records, report.attempts) == (PLACE, 100, 1)
        assert report.size_bytes > 100 * 100
        assert (report.gathering_s, report.writing_s) == (0.25, 0.5)
        assert report.outcome == "acknowledged"
        await publisher.close()

    run(scenario())


@pytest.mark.parametrize(
    ("fault", "outcome", "error"),
    [
        ("refused", "refused", WriteRefused),
        ("broken", "unknown", WriteUnknown),
        ("answer lost", "unknown", WriteUnknown),
    ],
)
def test_the_outcome_is_what_callers_are_told(
    world: World, fault: Fault, outcome: Outcome, error: type[Exception]
) -> None:
    """By name, so that it can be a label."""
    writer = world.writer()

    async def scenario() -> None:
        publisher = await ready(world, writer)
        reports = Reports()
        publisher.observe(reports)
        writer.faults.append(fault)
        with pytest.raises(error):
            await publisher.publish(Note(number=1))
        await asyncio.sleep(0)
        assert [report.outcome for report in reports.taken] == [outcome]
        await publisher.close()

    run(scenario())


def test_attempts_and_retries_are_counted(world: World) -> None:
    """Twice nobody could be reached, and then it was written."""
    writer = world.writer()

    async def scenario() -> None:
        publisher = await ready(world, writer)
        reports = Reports()
        publisher.observe(reports)
        writer.faults.extend(["unreachable", "unreachable"])
        call = asyncio.ensure_future(publisher.publish(Note(number=1)))
        await world.clock.advance(5)
        await call
        assert [(each.attempts, each.outcome) for each in reports.taken] == [(3, "acknowledged")]
        assert publisher.statistics().retries == 2
        assert publisher.statistics().batches == 1
        await publisher.close()

    run(scenario())


def test_a_batch_that_was_never_sent_is_reported_without_an_attempt(world: World) -> None:
    """Its whole time was spent behind another one."""
    writer = world.writer()

    async def scenario() -> None:
        publisher = await ready(world, writer)
        reports = Reports()
        publisher.observe(reports)
        writer.delay_s = 100.0
        first = asyncio.ensure_future(publisher.publish(Note(number=1)))
        await world.clock.advance(1)
        second = publisher.publish_nowait(Note(number=2))
        closing = asyncio.ensure_future(publisher.close(timeout_s=2.0))
        await world.clock.advance(3)
        await closing
        assert isinstance(second.failure(), NotSent)
        with pytest.raises(WriteUnknown):
            await first
        assert sorted((each.outcome, each.attempts) for each in reports.taken) == [
            ("not-sent", 0),
            ("unknown", 1),
        ]

    run(scenario())


def test_an_observer_that_raises_disturbs_nobody(world: World) -> None:
    """It is told once by an alarm, counted from then on, and others are served."""
    writer = world.writer()

    async def scenario() -> None:
        publisher = await ready(world, writer)
        reports = Reports()
        publisher.observe(Broken())
        publisher.observe(reports)
        for number in range(3):
            await publisher.publish(Note(number=number))
        await publisher.flush()
        assert publisher.statistics().observer_failures == 3
        assert len(reports.taken) == 3
        await publisher.close()

    run(scenario())
    assert numbers(world) == [0, 1, 2]
    assert [(each.name, each.facts["error"]) for each in world.alarms] == [
        ("publish-observer-failed", "ZeroDivisionError")
    ]
