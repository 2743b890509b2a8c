"""`decide` against everything that may come: at random times, in random order, to random states."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock.events.saga_headers import Direction
from penstock.events.saga_messages import Verb
from penstock.sagas.definition import CallStep
from penstock.sagas.engine.decide import TRANSITIONS, decide
from penstock.sagas.engine.facts import FactKind
from penstock.sagas.engine.inputs import (
    Cancelled,
    Erred,
    Input,
    Operated,
    OutputsRefused,
    Refused,
    Replied,
    Signalled,
    Started,
    Succeeded,
    TimersDue,
    Unreadable,
)
from penstock.sagas.engine.leftovers import leftovers
from penstock.sagas.engine.notes import ParkingCode
from penstock.sagas.engine.program import Program
from penstock.sagas.engine.state import (
    Announcement,
    Failure,
    Parking,
    Phase,
    SagaState,
    StepState,
    StepStatus,
    Timer,
    Wait,
)
from penstock.sagas.play import BEGINNING_MS, Play
from penstock.schemas.codec import datum_encoder_of
from tests.sagas.shop import (
    CHARGE,
    CHARGE_FOR_GOOD,
    CONFIRM,
    HEAD,
    MAIL,
    MAIL_ONLY,
    ORDER,
    RESERVE,
    RESERVE_SKIPPING,
    SCHEMAS,
    SHIP,
    TURNED_BACK,
    definition,
)

EARLY = CONFIRM.replace("$.steps.ship.tracking", "soon")
SHAPES = {
    "order": ORDER,
    "no pivot": HEAD + RESERVE + CHARGE + MAIL_ONLY,
    "skipping": HEAD + RESERVE_SKIPPING + CHARGE + SHIP + MAIL + CONFIRM,
    "skipping late": HEAD + CHARGE + RESERVE_SKIPPING + MAIL_ONLY,
    "no way back": HEAD + CHARGE_FOR_GOOD + EARLY + RESERVE + MAIL_ONLY,
    "one step": HEAD + RESERVE,
    "only an event": HEAD + EARLY,
    "pivot last": HEAD + RESERVE + CHARGE_FOR_GOOD + SHIP,
    "on behind the pivot": HEAD + RESERVE + SHIP + MAIL + MAIL.replace("name: mail", "name: again"),
    "no deadline": (HEAD + RESERVE + SHIP + MAIL).replace("deadline: 15m\n", ""),
    "says so": ORDER + TURNED_BACK,
    "skips late, and says so": HEAD + CHARGE + RESERVE_SKIPPING + MAIL_ONLY + TURNED_BACK,
    "cannot say so": HEAD
    + RESERVE
    + CHARGE
    + MAIL_ONLY
    + TURNED_BACK.replace("$.input.labels", f"{{bulk: {'x' * 1_000}}}"),
}
LIMITS = {"cannot say so": 1_000}
PROGRAMS = {
    name: Program(definition(text), limit_bytes=LIMITS.get(name, 1_000_000))
    for name, text in SHAPES.items()
}
encode_input = datum_encoder_of(SCHEMAS["shop.OrderPlaced"])
KEY = "o-1"
INPUTS = [encode_input({"order_id": KEY, "total": Decimal(total)}) for total in ("1.00", "2.00")]
NAMES = ["reserve_stock", "charge_card", "ship", "mail", "confirm", "no_such_step"]
REPLIES = {
    "reserve_stock": datum_encoder_of(SCHEMAS["stock.StockReserved"])({"reservation": "r"}),
    "charge_card": datum_encoder_of(SCHEMAS["payments.CardCharged"])({"charge": "c"}),
    "ship": datum_encoder_of(SCHEMAS["shipping.ShipmentCreated"])({"tracking": "t"}),
}

answers = st.one_of(
    st.just(Succeeded()),
    st.builds(Refused, code=st.sampled_from(["no", "never"])),
    st.builds(Erred, code=st.just("busy"), retryable=st.booleans()),
    st.just(Unreadable(code="PEN-A44")),
)
replies = st.builds(
    Replied,
    step=st.sampled_from(NAMES),
    direction=st.sampled_from(Direction),
    attempt=st.integers(0, 5),
    answer=answers,
)
verbs = st.builds(
    Operated,
    verb=st.sampled_from(Verb),
    step=st.sampled_from(NAMES),
    actor=st.just("a"),
    reason=st.just("r"),
    data=st.none() | st.just(REPLIES["ship"]) | st.just(b"x"),
)
inputs: st.SearchStrategy[Input] = st.one_of(
    st.builds(Started, key=st.just(KEY), input=st.sampled_from(INPUTS) | st.just(b"x")),
    replies,
    st.just(TimersDue()),
    st.just(Signalled(event="shop.OrderPlaced")),
    st.just(Cancelled(actor="a", reason="r")),
    verbs,
    st.builds(
        OutputsRefused,
        reason=st.just("too large"),
        code=st.sampled_from([ParkingCode.NOT_SENT, ParkingCode.NOT_ANNOUNCED]),
    ),
)
waits_ms = st.integers(0, 90_000)
# What is likely to matter: an answer to a step in flight, a late one, or an act of the operator who
# is needed.
moves = st.one_of(
    st.tuples(st.just("answer"), answers),
    st.tuples(st.just("answer"), answers),
    st.tuples(st.just("late"), st.tuples(st.integers(0, 4), answers)),
    st.tuples(st.just("pass"), waits_ms),
    st.tuples(st.just("operate"), st.sampled_from(Verb)),
    st.tuples(st.just("give"), inputs),
)


def with_data(reply: Replied) -> Replied:
    """The same answer with data that fit, where it is an Ok to a do."""
    if reply.direction is Direction.DO and isinstance(reply.answer, Succeeded):
        data = REPLIES.get(reply.step)
        return Replied(
            step=reply.step,
            direction=reply.direction,
            attempt=reply.attempt,
            answer=Succeeded(data=data),
        )
    return reply


def in_flight(play: Play, answer: Any) -> Input | None:
    """An answer to the last step that awaits one."""
    if play.state is None:
        return None
    for name, at in reversed(list(zip(play.program.names, play.state.steps, strict=True))):
        if at.status is StepStatus.PENDING:
            way, attempt = Direction.DO, at.attempt
        elif at.status in (StepStatus.UNDOING, StepStatus.STUCK) and at.undo_attempt:
            way, attempt = Direction.UNDO, at.undo_attempt
        else:
            continue
        return with_data(Replied(step=name, direction=way, attempt=attempt, answer=answer))
    return None


def late(play: Play, place: int, answer: Any) -> Input | None:
    """An answer to a do that was sent once, wherever its step stands by now."""
    steps = () if play.state is None else play.state.steps
    if place >= len(steps) or not steps[place].attempt:
        return None
    attempt, name = steps[place].attempt, play.program.names[place]
    return Replied(step=name, direction=Direction.DO, attempt=attempt, answer=answer)


def needed_act(play: Play, verb: Verb) -> Input | None:
    """An act of an operator about the step that parked the saga."""
    if play.state is None or play.state.parked is None:
        return None
    step = play.state.parked.step
    data = REPLIES.get(step) if verb is Verb.MARK_DONE else None
    return Operated(verb=verb, step=step, actor="a", reason="r", data=data)


def perform(play: Play, move: tuple[str, Any]) -> None:
    """Make one move of a play."""
    kind, what = move
    if kind == "pass":
        play.pass_until(play.now_ms + what)
        return
    found: Input | None = what if kind == "give" else None
    if kind == "answer":
        found = in_flight(play, what)
    elif kind == "late":
        found = late(play, *what)
    elif kind == "operate":
        found = needed_act(play, what)
    if isinstance(found, Replied):
        found = with_data(found)
    if found is not None:
        play.give(kind, found)


def hold_ends(play: Play) -> None:
    """What an ended saga promises, told without the engine's own checks."""
    state = play.state
    if state is None or not state.phase.ended:
        return
    left = {step for step, _ in leftovers(play.program.definition, state)}
    for step, at in zip(play.program.definition.steps, state.steps, strict=True):
        if not isinstance(step, CallStep):
            continue
        if state.phase is Phase.COMPLETED:
            assert at.status is StepStatus.DONE or at.skipped
        else:
            harmless = {StepStatus.IDLE, StepStatus.REFUSED, StepStatus.UNDONE}
            assert at.status in harmless or step.name in left
            if step.undo is not None and step.name in left:
                skipped = at.status is StepStatus.STUCK and at.skipped
                unknown = at.status is StepStatus.UNKNOWN and not step.undo_unknown
                assert skipped or unknown


def hold_words(play: Play) -> None:
    """A saga that says so has said so, or cannot, as often as it has ended COMPENSATED."""
    facts, says_so = play.history, play.program.definition.compensated is not None
    ends = sum(fact.phase is Phase.COMPENSATED for fact in facts if fact.kind is FactKind.MOVED)
    said = sum(each.step == "" for each in play.published)
    lost = sum(fact.kind is FactKind.UNANNOUNCED for fact in facts)
    assert said + lost == (ends if says_so else 0)
    assert said == sum(fact.kind is FactKind.ANNOUNCED for fact in facts)


@given(
    shape=st.sampled_from(list(SHAPES)),
    early=st.lists(moves, max_size=3),
    late=st.lists(moves, max_size=25),
    draw=st.floats(0, 0.99),
)
def test_whatever_comes_the_saga_stays_sound_and_ends(
    shape: str, early: list[tuple[str, Any]], late: list[tuple[str, Any]], draw: float
) -> None:
    """Any inputs at any times: no exception, fold(history) == state, every invariant.

    And at the end: fired long enough, the timers of every saga that is not parked end it.
    """
    play = Play(PROGRAMS[shape], draw=draw)
    play.key = KEY
    for move in early:
        perform(play, move)
    if play.state is None:
        play.give("start", Started(key=KEY, input=INPUTS[0]))
    for move in late:
        perform(play, move)
        hold_ends(play)
        hold_words(play)
    assert play.replayed() == play.state
    play.pass_until(play.now_ms + 7 * 86_400_000)
    assert play.replayed() == play.state
    hold_words(play)
    assert play.state is None or play.state.phase is Phase.PARKED


@given(data=st.data())
def test_an_ended_saga_never_changes(data: st.DataObject) -> None:
    """Terminal is final: nothing that comes moves an ended saga but the end of its retention."""
    play = Play(PROGRAMS[data.draw(st.sampled_from(list(SHAPES)))])
    play.key = KEY
    play.give("start", Started(key=KEY, input=INPUTS[0]))
    refuse_at = data.draw(st.integers(0, 4))
    for number in range(10):
        answer = Refused(code="no") if number == refuse_at else Succeeded()
        perform(play, ("answer", answer))
        perform(play, ("operate", Verb.SKIP))
    ended, published = play.state, len(play.published)
    assert ended is not None
    assert ended.phase.ended
    for each in data.draw(st.lists(inputs, max_size=10)):
        play.give("late", with_data(each) if isinstance(each, Replied) else each)
        assert play.state is not None
        assert (play.state.phase, play.state.steps) == (ended.phase, ended.steps)
        assert play.state.remove_ms == ended.remove_ms
        assert play.state.announced is ended.announced
        assert len(play.published) == published


# States that nobody has ever seen

step_states = st.builds(
    StepState,
    status=st.sampled_from(StepStatus),
    attempt=st.integers(0, 4),
    undo_attempt=st.integers(0, 4),
    fresh_from=st.integers(0, 4),
    first_sent_ms=st.none() | st.just(BEGINNING_MS),
    timer=st.none()
    | st.builds(
        Timer,
        wait=st.sampled_from(Wait),
        due_ms=st.integers(BEGINNING_MS - 10, BEGINNING_MS + 10),
    ),
    data=st.none() | st.just(b"x") | st.sampled_from(list(REPLIES.values())),
    code=st.sampled_from(["", "timeout"]),
    skipped=st.booleans(),
)
moments = st.none() | st.integers(BEGINNING_MS - 10, BEGINNING_MS + 10)


@st.composite
def wild_states(draw: st.DrawFn, program: Program) -> SagaState:
    """Any well-typed state, however impossible."""
    names = st.sampled_from([*program.names, "", "no_such_step"])
    count = len(program.names)
    return SagaState(
        key=KEY,
        version=1,
        phase=draw(st.sampled_from(Phase)),
        seq=draw(st.integers(0, 9)),
        input=draw(st.sampled_from(INPUTS) | st.just(b"x")),
        started_ms=BEGINNING_MS,
        updated_ms=BEGINNING_MS,
        steps=tuple(draw(st.lists(step_states, min_size=count, max_size=count))),
        deadline_ms=draw(moments),
        remove_ms=draw(moments),
        failure=draw(st.none() | st.builds(Failure, step=names, code=st.just("timeout"))),
        parked=draw(
            st.none()
            | st.builds(
                Parking,
                phase=st.sampled_from(Phase),
                step=names,
                direction=st.sampled_from(Direction),
                code=st.sampled_from(["stuck", "not_announced"]),
                text=st.just(""),
            )
        ),
        announced=draw(st.none() | st.sampled_from(Announcement)),
    )


@given(data=st.data())
def test_decide_is_total_and_pure(data: st.DataObject) -> None:
    """Any input in any well-typed state is decided, without an exception, and always the same."""
    program = PROGRAMS[data.draw(st.sampled_from(list(SHAPES)))]
    state = data.draw(st.none() | wild_states(program))
    given_input = data.draw(inputs)
    jitter = data.draw(st.floats(0, 0.99))
    decision = decide(program, KEY, state, given_input, now_ms=BEGINNING_MS, draw=jitter)
    assert decision == decide(program, KEY, state, given_input, now_ms=BEGINNING_MS, draw=jitter)
    if not decision.facts:
        assert decision.state is state


def test_the_table_has_a_rule_for_every_input_and_phase() -> None:
    """`TRANSITIONS` is whole: seven kinds of input, no saga or one of seven phases."""
    kinds = {kind for kind, _ in TRANSITIONS}
    assert kinds == set(Input.__args__)
    assert TRANSITIONS.keys() == {(kind, phase) for kind in kinds for phase in (None, *Phase)}
