"""Sagas on a real Kafka: orchestrator and services in this process, every way that one can end."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from penstock.events.dead_letter import parse_note
from penstock.events.log import LogRecord, NewRecord
from penstock.events.saga_headers import CommandHeaders, Direction, command_id, idempotency_key
from penstock.events.saga_messages import InboxMessage, Outcome, StepReply, Verb, Way
from penstock.infra.sagas.bootstrap import InputMoved
from penstock.sagas.definition_book import DefinitionChanged
from penstock.sagas.engine.facts import FactKind, fold
from penstock.sagas.engine.leftovers import leftovers
from penstock.sagas.engine.program import Program
from penstock.sagas.engine.state import Announcement, Phase, SagaState, StepStatus
from penstock.sagas.language.check import load
from penstock.schemas.codec import encoder_of
from penstock.workers.partition_life import Phase as LifePhase
from penstock.workers.runner import WorkerRunner
from tests.integration.saga_bench import (
    ClockAhead,
    Trip,
    made_trip,
    now_ms,
    patient_trip,
    running,
)
from tests.integration.workbench import eventually, opened_topics, play

pytestmark = pytest.mark.timeout(120)

ALL = {"flight", "hotel", "pay"}


def test_every_outcome_is_reached_and_every_effect_stands_or_is_undone(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """Done, refused at each step, answered late or not at all: effects and events agree.

    Each saga tells of its end once, by one event or the other.
    """
    trip = patient_trip(kafka, unique, hotel_timeout="4s")
    expected = {
        "plain": (Phase.COMPLETED, ALL),
        "no-flight": (Phase.COMPENSATED, set[str]()),
        "no-hotel": (Phase.COMPENSATED, set[str]()),
        "no-pay": (Phase.COMPENSATED, set[str]()),
        "err-flight": (Phase.COMPLETED, ALL),
        "err-pay": (Phase.COMPLETED, ALL),
        "hang-hotel": (Phase.COMPENSATED, set[str]()),
    }

    async def scenario() -> None:
        await trip.make_topics()
        async with running(trip):
            await trip.ask(*expected)
            states = await trip.ended(*expected, limit_s=60)
        found = {name: (states[name].phase, trip.services.standing(name)) for name in expected}
        assert found == expected
        completed = [name for name, (phase, _) in expected.items() if phase is Phase.COMPLETED]
        assert sorted(await trip.booked()) == sorted(completed)
        assert await trip.turned() == [
            ("hang-hotel", "hotel", "timeout"),
            ("no-flight", "flight", "no_flight"),
            ("no-hotel", "hotel", "no_hotel"),
            ("no-pay", "pay", "no_pay"),
        ]
        assert states["no-hotel"].failure is not None
        assert (states["no-hotel"].failure.step, states["no-hotel"].failure.code) == (
            "hotel",
            "no_hotel",
        )
        states = await trip.states()  # an answer that came late is in the history, too
        for name in expected:
            await history_tells_the_state(trip, name, states[name])

    play(scenario())


async def history_tells_the_state(trip: Trip, name: str, state: SagaState) -> None:
    """Hold a saga's history against its record."""
    program, built = Program(trip.definition()), None
    for transition in await trip.history(name):
        moment = program.moment(name, transition.at_ms)
        built = fold(built, transition.facts, moment)
        assert built is not None
        assert built.seq == transition.seq, "transitions are counted without a gap"
    assert built == state


def test_a_saga_begins_once_however_often_it_is_started(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """The same start again is answered "already", another input under its key is refused."""
    trip = patient_trip(kafka, unique)

    async def scenario() -> None:
        await trip.make_topics()
        async with running(trip):
            await trip.ask("t1")
            await trip.ask("t1")
            await trip.start("t1")
            await trip.start("t2", key="t1")
            await trip.ended("t1")
            await noted(trip, "t1", ALREADY=2)
            (letter,) = await trip.letters()
            assert parse_note(letter.headers).error_code == "PEN-S44"
        assert trip.services.calls["trip/do/flight:t1"] == 1

    play(scenario())


async def noted(trip: Trip, name: str, **words: int) -> None:
    """Wait until a history holds each word so often, and no others but that it was accepted."""
    wanted, found = Counter(words), Counter[str]()

    async def look() -> bool:
        nonlocal found
        found = Counter(await trip.notes(name))
        del found["ACCEPTED"]
        return found == wanted

    await eventually(look, what=lambda: f"{wanted} in the history of {name}, which has {found}")


# --- turning round --------------------------------------------------------------------------------


def test_a_cancel_turns_a_saga_round_until_its_pivot_is_sent(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """S10: what is in flight settles and is undone; afterwards ALREADY, TOO_LATE or NOT_FOUND."""
    trip = patient_trip(kafka, unique)

    async def scenario() -> None:
        await trip.make_topics()
        async with running(trip):
            await trip.ask("hold-hotel", "hold-pay")
            await called(trip, "trip/do/hotel:hold-hotel", "trip/do/pay:hold-pay")
            await trip.cancel("hold-hotel")
            await trip.cancel("hold-pay")
            await trip.cancel("nobody")
            states = await trip.in_phase(Phase.SETTLING, "hold-hotel")
            assert states["hold-hotel"].steps[1].status is StepStatus.PENDING
            await trip.cancel("hold-hotel")
            await noted(trip, "hold-hotel", ALREADY=1)
            await noted(trip, "hold-pay", TOO_LATE=1)
            await noted(trip, "nobody", NOT_FOUND=1)
            trip.services.release("hold-hotel", "hold-pay")
            states = await trip.ended("hold-hotel", "hold-pay")
            await trip.cancel("hold-pay")
            await noted(trip, "hold-pay", TOO_LATE=2)
        cancelled = states["hold-hotel"]
        assert cancelled.phase is Phase.COMPENSATED
        assert cancelled.failure is not None
        assert (cancelled.failure.step, cancelled.failure.code) == ("", "cancelled")
        assert trip.services.standing("hold-hotel") == set()
        assert trip.services.calls["trip/do/hotel:hold-hotel"] == 1, "it was asked no further time"
        assert states["hold-pay"].phase is Phase.COMPLETED
        assert trip.services.standing("hold-pay") == ALL
        assert await trip.booked() == ["hold-pay"]
        assert await trip.turned() == [("hold-hotel", "", "cancelled")]

    play(scenario())


async def called(trip: Trip, *keys: str) -> None:
    """Wait until services were asked."""
    calls = trip.services.calls
    await eventually(
        lambda: all(calls[key] for key in keys), what=lambda: f"calls of {keys}: {calls}"
    )


def test_a_deadline_turns_a_saga_round(kafka: str, unique: Callable[[str], str]) -> None:
    """Its second step is in flight by then; what it turns out to have done is undone."""
    trip = made_trip(
        kafka,
        unique,
        deadline="9s",
        flight_timeout="3s",
        flight_delay="2s",  # so the hotel is asked for late, and has time beyond the deadline
        hotel_timeout="8s",
        hotel_attempts="1",
    )
    name = "err-flight-hold-hotel"

    async def scenario() -> None:
        await trip.make_topics()
        async with running(trip) as runners:
            await both_run(*runners.values())  # the deadline is for the trip, not for their start
            await trip.ask(name)
            await trip.reached(lambda state: state.failure is not None, name)
            trip.services.release(name)
            states = await trip.ended(name)
        failure = states[name].failure
        assert failure is not None
        assert (failure.step, failure.code) == ("", "deadline")
        assert states[name].phase is Phase.COMPENSATED
        assert await trip.turned() == [(name, "", "deadline")]
        assert trip.services.standing(name) == set()
        moved = [
            fact.phase
            for transition in await trip.history(name)
            for fact in transition.facts
            if fact.kind is FactKind.MOVED
        ]
        assert moved[0] is Phase.SETTLING, "what was in flight was waited for"

    play(scenario())


# --- operators ------------------------------------------------------------------------------------


def test_an_operator_decides_about_a_pivot_that_gave_up(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """S11: retry, mark-done and mark-undone go on from there; a pivot is never skipped."""
    trip = patient_trip(kafka, unique, give_up="1s")
    again, done, undone = (f"fail-pay-{verb}" for verb in ("again", "done", "undone"))
    names = (again, done, undone)

    async def scenario() -> None:
        await trip.make_topics()
        async with running(trip):
            await trip.ask(*names)
            states = await trip.in_phase(Phase.PARKED, *names)
            for name in names:
                parked = states[name].parked
                assert parked is not None
                assert (parked.step, parked.code) == ("pay", "gave_up")
                await trip.operate(name, Verb.SKIP, "pay")
                await trip.operate(name, Verb.RETRY, "hotel")
                await noted(trip, name, NOT_POSSIBLE=2)
            trip.services.mended.add(again)
            await trip.operate(again, Verb.RETRY, "pay")
            await trip.operate(done, Verb.MARK_DONE, "pay")
            await trip.operate(undone, Verb.MARK_UNDONE, "pay")
            states = await trip.reached(lambda state: state.phase.ended, *names)
        assert {name: states[name].phase for name in names} == {
            again: Phase.COMPLETED,
            done: Phase.COMPLETED,
            undone: Phase.COMPENSATED,
        }
        assert trip.services.standing(again) == ALL
        assert trip.services.standing(done) == {"flight", "hotel"}, "somebody paid by hand"
        assert trip.services.standing(undone) == set()
        assert sorted(await trip.booked()) == sorted([again, done])
        assert await trip.turned() == [(undone, "pay", "marked_undone")]
        acts = [
            (fact.code, fact.text)
            for transition in await trip.history(again)
            for fact in transition.facts
            if fact.kind is FactKind.OPERATED
        ]
        assert acts[-1] == ("retry", "ann: a test"), "who did it and why stands there for ever"

    play(scenario())


def test_an_operator_decides_about_an_undo_that_is_stuck(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """S5, S11: refused at once means parked at once; retry asks again, the others go on."""
    trip = patient_trip(kafka, unique)
    again, undone, skip = (f"no-hotel-stuck-flight-{verb}" for verb in ("again", "undone", "skip"))
    names = (again, undone, skip)

    async def scenario() -> None:
        await trip.make_topics()
        async with running(trip):
            await trip.ask(*names)
            states = await trip.in_phase(Phase.PARKED, *names)
            for name in names:
                assert states[name].steps[0].status is StepStatus.STUCK
                assert trip.services.calls[f"trip/undo/flight:{name}"] == 1
                await trip.operate(name, Verb.MARK_DONE, "flight")
                await noted(trip, name, NOT_POSSIBLE=1)
            trip.services.mended.add(again)
            await trip.operate(again, Verb.RETRY, "flight")
            await trip.operate(undone, Verb.MARK_UNDONE, "flight")
            await trip.operate(skip, Verb.SKIP, "flight")
            states = await trip.in_phase(Phase.COMPENSATED, *names)
        assert trip.services.standing(again) == set()
        assert trip.services.standing(skip) == {"flight"}
        stands = {name: states[name].steps[0].status for name in names}
        assert stands == {
            again: StepStatus.UNDONE,
            undone: StepStatus.UNDONE,
            skip: StepStatus.STUCK,
        }
        found = {name: leftovers(trip.definition(), states[name]) for name in names}
        assert [name for name, left in found.items() if left] == [skip]
        told = await trip.turned()
        assert told == [(name, "hotel", "no_hotel") for name in sorted(names)], "leftovers or not"

    play(scenario())


# --- answers that nobody waits for ----------------------------------------------------------------


def copies(records: Iterable[LogRecord]) -> list[NewRecord]:
    """The same records once more."""
    return [NewRecord(each.key, each.value, each.headers, each.timestamp) for each in records]


def test_answers_that_come_twice_or_late_or_too_early_change_nothing(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """S6, S7, S9: in flight and at the end, in any order; each leaves a note and no more."""
    trip = patient_trip(kafka, unique)
    ends = ("done", "no-pay")

    async def scenario() -> None:
        await trip.make_topics()
        async with running(trip):
            await trip.ask("hold-hotel", *ends)
            before = await trip.ended(*ends)
            await called(trip, "trip/do/hotel:hold-hotel")
            answers = {name: [each for each, _ in await trip.replies(name)] for name in ends}
            for name in ends:
                twice = [*copies(answers[name])[::-1], *copies(answers[name])]
                await trip.write(trip.inbox, twice)
            await noted(trip, "done", DUPLICATE=6)
            # The flight and the hotel were undone, and so was the undo; the refusal is the last.
            await noted(trip, "no-pay", LATE=4, DUPLICATE=6)
            after = await trip.states()
            for name in ends:
                unchanged = replace(after[name], seq=0, updated_ms=0)
                assert unchanged == replace(before[name], seq=0, updated_ms=0)
                assert after[name].seq == before[name].seq + 2 * len(answers[name])
            await in_flight(trip)
        assert await trip.letters() == []
        assert sorted(await trip.booked()) == ["done", "hold-hotel"]
        assert await trip.turned() == [("no-pay", "pay", "no_pay")], "it is said once"

    async def in_flight(trip: Trip) -> None:
        ((flight, _),) = await trip.replies("hold-hotel")
        hotel = StepReply(step="hotel", way=Way.DO, attempt=1, outcome=Outcome.OK)
        refusal = StepReply(
            step="flight", way=Way.DO, attempt=1, outcome=Outcome.REFUSED, code="no"
        )
        await trip.write(trip.inbox, copies([flight]))
        await trip.tell("hold-hotel", InboxMessage(reply=refusal), InboxMessage(reply=hotel))
        states = await trip.ended("hold-hotel")
        assert states["hold-hotel"].phase is Phase.COMPLETED, "it went on by the first answer"
        trip.services.release("hold-hotel")
        await noted(trip, "hold-hotel", DUPLICATE=2, CONTRADICTION=1)

    play(scenario())


def test_what_belongs_to_nothing_is_a_dead_letter_and_disturbs_nobody(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """S7, S16, F19: foreign answers, junk and orphans between the answers of real sagas."""
    trip = patient_trip(kafka, unique)

    def answer(step: str, attempt: int, way: Way = Way.DO) -> InboxMessage:
        return InboxMessage(
            reply=StepReply(step=step, way=way, attempt=attempt, outcome=Outcome.OK)
        )

    async def scenario() -> None:
        await trip.make_topics()
        async with running(trip):
            await trip.ask("t1")
            await trip.ended("t1")
            await trip.tell(
                "t1",
                answer("nobody", 1),
                answer("tell", 1),
                answer("hotel", 9),
                answer("hotel", 1, Way.UNDO),
            )
            await trip.tell("ghost", answer("flight", 1))
            junk = [
                NewRecord(key, value, [], 0) for key, value in ((b"t1", b"junk"), (b"t1", None))
            ]
            await trip.write(trip.inbox, [*junk, NewRecord(b"", b"keyless", [], 0)])
            await trip.ask("t2")
            await trip.ended("t2")
            await eventually(lambda: _letters(trip, 7), what="seven dead letters")
            notes = [parse_note(letter.headers) for letter in await trip.letters()]
            assert Counter(note.reason for note in notes) == {
                "foreign-reply": 4,
                "undecodable": 3,
            }
            assert await trip.history("ghost") == []
            await noted(trip, "t1", FOREIGN=4)
        assert sorted(await trip.booked()) == ["t1", "t2"]

    play(scenario())


async def _letters(trip: Trip, count: int) -> bool:
    return len(await trip.letters()) == count


def test_what_the_broker_refuses_parks_its_saga_alone(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """F18: a topic takes no command; its saga waits, others go on, an operator's retry mends it.

    The step is asked once more, and its service answers from memory.
    """
    trip = patient_trip(kafka, unique, partitions=1)

    async def scenario() -> None:
        await trip.make_topics()
        await allow(trip, trip.rooms, 200)
        async with running(trip):
            await trip.ask("t1", "no-flight")
            states = await trip.ended("t1", "no-flight")
            parked = states["t1"].parked
            assert parked is not None
            assert (parked.step, parked.code) == ("flight", "not_sent")
            assert parked.text == "MESSAGE_TOO_LARGE (10)"
            assert states["no-flight"].phase is Phase.COMPENSATED
            (letter,) = await trip.letters()
            assert parse_note(letter.headers).reason == "refused-by-broker"
            await allow(trip, trip.rooms, 1_000_000)
            await trip.operate("t1", Verb.RETRY, "flight")
            states = await trip.in_phase(Phase.COMPLETED, "t1")
        assert states["t1"].steps[0].attempt == 2
        assert trip.services.calls["trip/do/flight:t1"] == 1
        assert trip.services.standing("t1") == ALL

    play(scenario())


async def allow(trip: Trip, topic: str, size: int) -> None:
    """Set the largest batch that a topic takes, and wait until the broker has heard of it."""
    wanted = {"max.message.bytes": str(size)}
    async with opened_topics(trip.settings.connection()) as topics:
        await topics.configure(topic, wanted)

        async def is_known() -> bool:
            return wanted.items() <= (await topics.describe([topic]))[topic].config.items()

        await eventually(is_known, what=f"{wanted} of {topic}")


def test_an_end_that_the_broker_refuses_waits_for_an_operator(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """F18: whoever gives it up ends the saga without its event, and a retry tells it later.

    Sagas with another end do not wait.
    """
    trip = patient_trip(kafka, unique, partitions=1)
    again, given_up, at_once = "no-hotel-again", "no-hotel-given-up", "no-flight-given-up"

    async def scenario() -> None:
        await trip.make_topics()
        await allow(trip, trip.last_words, 200)
        async with running(trip):
            await trip.ask("t1", again, given_up, at_once)
            states = await trip.ended("t1", again, given_up, at_once)
            assert states["t1"].phase is Phase.COMPLETED
            for name in (again, given_up, at_once):
                parked = states[name].parked
                assert parked is not None
                assert (parked.step, parked.code) == ("flight", "not_announced")
            assert trip.services.standing(given_up) == set(), "all is undone, and nobody knows"
            for name in (given_up, at_once):
                await trip.operate(name, Verb.MARK_UNDONE, "flight")
            states = await trip.in_phase(Phase.COMPENSATED, given_up, at_once)
            for name in (given_up, at_once):
                assert states[name].announced is Announcement.LOST
            await allow(trip, trip.last_words, 1_000_000)
            await trip.operate(again, Verb.RETRY, "flight")
            states = await trip.in_phase(Phase.COMPENSATED, again)
            assert states[again].announced is Announcement.PUBLISHED
        assert await trip.turned() == [(again, "hotel", "no_hotel")]

    play(scenario())


# --- versions and processes -----------------------------------------------------------------------


def test_a_process_that_would_not_read_what_starts_new_sagas_is_refused(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """Rolled back to a version with another input, it would pass all events over, in silence."""
    trip = made_trip(kafka, unique)
    text = trip.definition(2).text.replace("bench.TripAsked", "bench.TripBooked")
    moved = load(text, file="trip.saga.yaml", schemas=trip.schemas)

    async def scenario() -> None:
        await trip.make_topics()
        await trip.make_topics(moved)
        async with running(trip, services=False):
            pass
        async with running(trip, definitions=[moved], services=False):
            pass
        with pytest.raises(InputMoved, match="Version 2 of the saga trip") as told:
            async with running(trip, services=False):
                raise AssertionError("it was opened")
        assert (told.value.reads, told.value.topic) == (
            trip.definition().input_topic,
            moved.input_topic,
        )
        async with running(trip, definitions=[trip.definition(), moved], services=False):
            pass

    play(scenario())


def test_a_version_is_one_content_for_ever(kafka: str, unique: Callable[[str], str]) -> None:
    """F21: another content under a deployed version does not start; the old one still does."""
    trip = made_trip(kafka, unique)
    changed = "  - name: again\n    emit: bench.TripBooked\n    with: {{trip: a, seat: b}}\n"

    async def scenario() -> None:
        await trip.make_topics()
        async with running(trip, services=False):
            pass
        with pytest.raises(DefinitionChanged, match="Version 1 of the saga trip"):
            async with running(trip, definitions=[trip.definition(more=changed)], services=False):
                raise AssertionError("it was opened")
        async with running(trip, services=False):
            pass

    play(scenario())


def test_old_sagas_end_by_their_version_wherever_they_are_taken(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """A version is deployed while another process runs, which never saw its file.

    Both take over what the other one began: the new process sagas with a hotel, of which its own
    file knows nothing; the old one, once it is alone, sagas of a version that it must learn of.
    """
    trip = made_trip(kafka, unique, partitions=4, flight_timeout="20s", hotel_timeout="20s")
    old = [f"old-{number}" for number in range(8)]
    new = [f"new-{number}" for number in range(8)]
    second = trip.definition(2, hotel=False)

    async def scenario() -> None:
        await trip.make_topics()
        async with running(trip, services=False) as first:
            await trip.ask(*old)
            await trip.reached(_flies, *old)
            async with running(trip, definitions=[second], services=False) as other:
                await both_run(first["saga"], other["saga"])
                async with running(trip, orchestrator=False):
                    await trip.ended(*old)
                await trip.ask(*new)
                await trip.reached(_flies, *new)
            # The process that deployed version 2 is gone; the other one has its sagas now.
            async with running(trip, orchestrator=False):
                states = await trip.ended(*old, *new)
        assert {states[name].version for name in old} == {1}
        assert {states[name].version for name in new} == {2}
        assert {states[name].phase for name in (*old, *new)} == {Phase.COMPLETED}
        assert {len(states[name].steps) for name in old} == {4}
        assert {len(states[name].steps) for name in new} == {3}
        assert {frozenset(trip.services.standing(name)) for name in old} == {frozenset(ALL)}
        assert {frozenset(trip.services.standing(name)) for name in new} == {
            frozenset({"flight", "pay"})
        }

    play(scenario())


def _flies(state: SagaState) -> bool:
    return state.steps[0].status is StepStatus.PENDING


async def both_run(*runners: WorkerRunner) -> None:
    """Wait until each process has partitions and all of them run."""

    def look() -> bool:
        places = [runner.statistics().partitions for runner in runners]
        return all(places) and all(
            place.phase is LifePhase.RUNNING for each in places for place in each
        )

    await eventually(look, what="both processes to run")


def test_timers_go_on_where_another_process_takes_over(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """Two processes share the partitions; when one stops, its sagas' time-outs are kept."""
    trip = made_trip(kafka, unique, partitions=4, flight_timeout="20s", hotel_timeout="1s")
    names = [f"hang-hotel-{number}" for number in range(12)]

    async def scenario() -> None:
        await trip.make_topics()
        async with running(trip) as one:
            async with running(trip, services=False) as other:
                await both_run(one["saga"], other["saga"])
                await trip.ask(*names)
                await trip.reached(lambda state: state.steps[1].attempt >= 1, *names)
                here = {place.partition.number for place in other["saga"].statistics().partitions}
                assert here
            states = await trip.ended(*names)
        assert {states[name].phase for name in names} == {Phase.COMPENSATED}
        assert {states[name].steps[1].attempt for name in names} == {2}, "no attempt was left out"
        assert all(trip.services.standing(name) == set() for name in names)
        states = await trip.states()  # an answer that came late is in the history, too
        for name in names:
            await history_tells_the_state(trip, name, states[name])

    play(scenario())


def test_answers_that_wait_go_before_time_outs(kafka: str, unique: Callable[[str], str]) -> None:
    """Nobody orchestrates for so long that every timer is due; what has come meanwhile counts."""
    trip, pause = patient_trip(kafka, unique, deadline="1h"), timedelta(minutes=2)
    names = [f"hold-hotel-{number}" for number in range(4)]

    async def scenario() -> None:
        await trip.make_topics()
        async with running(trip, orchestrator=False):
            async with running(trip, services=False):
                await trip.ask(*names)
                await called(trip, *(f"trip/do/hotel:{name}" for name in names))
                states = await trip.states()
            trip.services.release(*names)
            due_ms = [states[name].due_ms for name in names]
            await eventually(lambda: _answered(trip, names), what="the answers")
            clock = ClockAhead(pause)
            assert all(each is not None and now_ms() < each < clock.wall_ms() for each in due_ms)
            async with running(trip, services=False, clock=clock):
                states = await trip.ended(*names)
        assert {states[name].phase for name in names} == {Phase.COMPLETED}
        assert {states[name].steps[1].attempt for name in names} == {1}
        kinds = {
            fact.kind
            for name in names
            for transition in await trip.history(name)
            for fact in transition.facts
        }
        assert FactKind.WAITS not in kinds, "no answer was held to be late"

    play(scenario())


async def _answered(trip: Trip, names: Iterable[str]) -> bool:
    answers = [await trip.replies(name) for name in names]
    return all(any(reply.step == "hotel" for _, reply in each) for each in answers)


# --- the other side -------------------------------------------------------------------------------


def test_a_service_answers_what_is_late_repeated_or_overtaken(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """F17: expired is not run, known is answered from memory, overtaken is refused."""
    trip = patient_trip(kafka, unique, flight_timeout="2s", flight_delay="5s")
    services = trip.services

    async def scenario() -> None:
        await trip.make_topics()
        async with running(trip, services=False):
            await trip.ask("t1")
            states = await trip.reached(lambda state: state.steps[0].attempt == 1, "t1")
            timer = states["t1"].steps[0].timer
            assert timer is not None
            await eventually(lambda: now_ms() > timer.due_ms, what="the first attempt to expire")
            async with running(trip, orchestrator=False):
                states = await trip.ended("t1")
            assert states["t1"].phase is Phase.COMPLETED
            assert services.calls["trip/do/flight:t1"] == 1, "the expired attempt has not run"
            assert [
                (reply.attempt, reply.outcome, reply.code)
                for _, reply in await trip.replies("t1")
                if reply.step == "flight"
            ] == [(1, Outcome.ERROR, "expired"), (2, Outcome.OK, "")]
            commands = [each for each in await trip.records(trip.travel) if each.key == b"t1"]
            async with running(trip, orchestrator=False):
                await trip.write(trip.travel, copies(commands))
                await eventually(lambda: _count(trip, "t1", 7), what="three answers more")
                await undo_first(trip)
        again = [reply for _, reply in (await trip.replies("t1"))[4:]]
        assert {(reply.step, reply.outcome) for reply in again} == {
            ("flight", Outcome.OK),
            ("pay", Outcome.OK),
        }, "attempts that had expired are answered from memory too"
        assert services.calls["trip/do/flight:t1"] == 1
        assert services.calls["trip/do/pay:t1"] == 1

    async def undo_first(trip: Trip) -> None:
        await trip.write(trip.travel, [command(trip, "no flight", Direction.UNDO)])
        await eventually(lambda: _count(trip, "t9", 1), what="the answer to the undo")
        await trip.write(trip.travel, [command(trip, "flight", Direction.DO)])
        await eventually(lambda: _count(trip, "t9", 2), what="the answer to the do")
        found = [(reply.way, reply.outcome, reply.code) for _, reply in await trip.replies("t9")]
        assert found == [
            (Way.UNDO, Outcome.OK, ""),
            (Way.DO, Outcome.REFUSED, "undone"),
        ]
        assert services.calls["trip/undo/flight:t9"] == 1, "who knows what was done"
        assert services.calls["trip/do/flight:t9"] == 0

    play(scenario())


def command(trip: Trip, name: str, direction: Direction) -> NewRecord:
    """A command about the flight of t9, which no saga has sent."""
    message = trip.types.commands[name].model_validate({"trip": "t9"})
    effect = idempotency_key("trip", direction, "flight", "t9")
    headers = CommandHeaders(
        saga="trip",
        step="flight",
        direction=direction,
        attempt=1,
        idempotency_key=effect,
        deadline_ms=now_ms() + 30_000,
        reply_to=trip.inbox,
    )
    return NewRecord(
        b"t9",
        encoder_of(type(message))(message),
        [("ce_id", str(command_id(effect, 1)).encode()), *headers.written()],
        now_ms(),
    )


async def _count(trip: Trip, name: str, count: int) -> bool:
    return len(await trip.replies(name)) == count
