"""How a saga is shown: where it stands, what it leaves, what may be done, and no payload."""

import json
from decimal import Decimal

from penstock.infra.cli.saga_views import (
    LIST_COLUMNS,
    STEP_COLUMNS,
    TIMELINE_COLUMNS,
    SagaView,
    list_row,
    phase_named,
    present_life,
    time_text,
)
from penstock.sagas.engine.facts import Fact, FactKind
from penstock.sagas.engine.program import Program
from penstock.sagas.engine.state import Phase
from penstock.sagas.records import Transition
from penstock.sagas.scenario import SagaScenario
from tests.sagas.shop import (
    CHARGE_FOR_GOOD,
    HEAD,
    MAIL_ONLY,
    ORDER,
    TURNED_BACK,
    begun,
    definition,
)

PROGRAM = Program(definition())


def charging() -> SagaScenario:
    """An order whose card is being charged."""
    return begun().replies("reserve_stock", reservation="s3cret")


def stuck() -> SagaScenario:
    """An order whose stock cannot be given back."""
    return charging().refuses("charge_card", "no_funds").refuses("reserve_stock", "gone")


def view(play: SagaScenario, program: Program = PROGRAM) -> SagaView:
    """A play's saga, with its whole history in one entry."""
    assert play.state is not None
    entry = Transition(
        key="o-1", seq=1, at_ms=0, version=1, trigger="start", cause="c", facts=play.history
    )
    return SagaView(saga="order", state=play.state, program=program, history=(entry,))


def row(play: SagaScenario) -> dict[str, str | int | None]:
    """Its row in a list."""
    assert play.state is not None
    found = list_row("order", play.state, PROGRAM)
    assert set(found) == set(LIST_COLUMNS)
    return found


def test_a_row_says_what_a_running_saga_waits_for() -> None:
    """The step that is out, and its attempt."""
    found = row(begun().times_out("reserve_stock").advance("1s"))
    assert (found["id"], found["phase"]) == ("order/o-1", "RUNNING")
    assert (found["step"], found["attempt"]) == ("reserve_stock", 2)
    assert (found["failure"], found["parked"]) == (None, None)


def test_a_row_says_what_is_undone_and_why() -> None:
    """The attempt to undo counts then."""
    found = row(charging().refuses("charge_card", "no_funds"))
    assert (found["step"], found["attempt"]) == ("reserve_stock", 1)
    assert found["failure"] == "charge_card: no_funds"


def test_a_row_of_a_parked_saga_names_the_step_that_parked_it() -> None:
    """And the reason."""
    found = row(stuck())
    assert (found["phase"], found["step"], found["parked"]) == ("PARKED", "reserve_stock", "stuck")


def test_a_row_of_an_ended_saga_waits_for_nothing() -> None:
    """No step, no attempt."""
    found = row(begun().refuses("reserve_stock", "out_of_stock"))
    assert (found["phase"], found["step"], found["attempt"]) == ("COMPENSATED", None, None)


def test_the_head_says_what_an_operator_may_do() -> None:
    """S11: only what the saga would take."""
    head = dict(view(stuck()).head())
    assert head["possible"] == "retry, skip, mark-undone"
    assert head["parked"] == "from COMPENSATING at reserve_stock (undo): stuck (gone)"
    assert head["failure"] == "charge_card: no_funds"
    assert "possible" not in dict(view(charging()).head())


def test_leftovers_are_shown_wherever_a_saga_is_shown() -> None:
    """S12."""
    head = dict(view(stuck().skip("reserve_stock")).head())
    assert head["leftovers"] == "reserve_stock (STUCK)"
    text = HEAD + CHARGE_FOR_GOOD + MAIL_ONLY
    play = begun(text).replies("charge_card", charge="c").refuses("mail", "no_address")
    shown = view(play, Program(definition(text)))
    assert shown.document()["leftovers"] == [{"step": "charge_card", "status": "DONE"}]


def test_whether_a_saga_has_said_that_it_turned_round_is_shown() -> None:
    """Once it has ended; an event that is missing is for a person to see to."""
    text, limit_bytes = ORDER + TURNED_BACK, 150
    program = Program(definition(text))
    running = view(begun(text), program)
    assert "announced" not in dict(running.head())
    assert running.document()["announced"] is None
    said = view(begun(text).refuses("reserve_stock", "none"), program)
    assert dict(said.head())["announced"] == "shop.OrderTurnedBack"
    assert said.document()["announced"] == "PUBLISHED"
    bulk = begun(text, limit_bytes=limit_bytes, labels={"bulk": "x" * limit_bytes})
    lost = view(bulk.refuses("reserve_stock", "none"), program)
    assert dict(lost.head())["announced"] == "no; shop.OrderTurnedBack is missing"
    assert lost.document()["announced"] == "LOST"
    silent = view(begun().refuses("reserve_stock", "none"))
    assert "announced" not in dict(silent.head())


def test_steps_say_how_they_stand_and_what_they_wait_for() -> None:
    """One row each, in the definition's order."""
    rows = view(charging()).steps()
    assert [found["step"] for found in rows] == list(PROGRAM.names)
    assert all(set(found) == set(STEP_COLUMNS) for found in rows)
    assert (rows[0]["status"], rows[0]["waits"]) == ("DONE", None)
    assert str(rows[1]["waits"]).startswith("for an answer until ")
    waiting = view(begun().times_out("reserve_stock")).steps()[0]
    assert str(waiting["waits"]).startswith("to try again at ")
    left = view(stuck().skip("reserve_stock")).steps()[0]
    assert left["status"] == "STUCK (left)"


def test_the_history_is_told_fact_by_fact() -> None:
    """In words for people, with its fields for programs."""
    shown = view(stuck())
    rows = shown.happenings()
    assert all(set(found) == set(TIMELINE_COLUMNS) for found in rows)
    document = shown.document()["history"]
    assert [each["sentence"] for each in document] == [found["what_happened"] for found in rows]
    assert document[0]["kind"] == "STARTED"


def test_payload_is_never_shown() -> None:
    """Neither inputs nor answers."""
    shown = view(begun(total=Decimal("4711.00")).replies("reserve_stock", reservation="s3cret"))
    text = json.dumps([shown.document(), shown.head(), shown.steps(), shown.happenings()])
    assert "s3cret" not in text
    assert "4711" not in text


def test_a_document_is_json_of_all_there_is() -> None:
    """Times are RFC 3339, and what is not there is null."""
    document = json.loads(json.dumps(view(stuck()).document()))
    assert document["parked"]["possible"] == ["retry", "skip", "mark-undone"]
    assert document["failure"] == {"step": "charge_card", "code": "no_funds"}
    assert document["kept_until"] is None
    assert not document["history_is_cut"]


def entry(seq: int, *kinds: FactKind) -> Transition:
    """An entry of a history."""
    facts = tuple(Fact(kind=kind) for kind in kinds)
    return Transition(key="o-1", seq=seq, at_ms=0, version=1, trigger="t", cause="c", facts=facts)


def test_a_key_that_was_free_in_between_shows_the_present_saga_only() -> None:
    """A history outlives the saga, and the key may have begun again."""
    first = [entry(1, FactKind.STARTED), entry(2, FactKind.REMOVED)]
    nobody = entry(0, FactKind.CANCELLED)
    second = [entry(1, FactKind.STARTED), entry(2, FactKind.SENT)]
    assert present_life([*first, nobody, *second]) == tuple(second)
    assert present_life([*first, nobody]) == (nobody,)
    assert present_life([entry(7, FactKind.SENT)]) == (entry(7, FactKind.SENT),)


def test_a_history_without_its_beginning_says_so() -> None:
    """It is kept for 30 days, a parked saga for ever."""
    state = stuck().state
    assert state is not None
    late = entry(7, FactKind.SENT)
    shown = SagaView(saga="order", state=state, program=PROGRAM, history=(late,))
    assert shown.is_cut
    assert SagaView(saga="order", state=state, program=PROGRAM, history=()).is_cut


def test_times_and_phases_have_one_form() -> None:
    """Milliseconds are kept; a phase is found whatever its case."""
    assert time_text(1_772_366_400_007) == "2026-03-01T12:00:00.007Z"
    assert time_text(None) is None
    assert phase_named("parked") is Phase.PARKED
    assert phase_named("lost") is None
