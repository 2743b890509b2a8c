"""What an envelope says, told in the schemas of a saga's own definition.

How data of other versions come in is in test_orchestrator.py.
"""

import asyncio
from dataclasses import replace

import pytest

from penstock.events.saga_headers import Direction
from penstock.events.saga_messages import (
    Cancel,
    InboxMessage,
    OperatorAct,
    Outcome,
    Signal,
    Start,
    StepReply,
    Verb,
    Way,
)
from penstock.sagas.engine.inputs import (
    Cancelled,
    Erred,
    Input,
    Operated,
    Refused,
    Replied,
    Signalled,
    Started,
    Succeeded,
    Unreadable,
)
from penstock.sagas.engine.program import BadSagaKey, Program
from penstock.sagas.inbox_reading import TEXT_LIMIT, InboxReading, StartRefused, trigger_of
from penstock.schemas.codec_errors import DecodeError, NotFramed
from penstock.schemas.errors import ExitCode
from tests.sagas.orchestrator_stand import (
    OWN,
    SHOP,
    Schemas,
    encoded,
    erred,
    ok,
    placed,
    refused,
    schemas_of,
    start,
)
from tests.sagas.shop import CardCharged, StockReserved, definition

PROGRAM = Program(definition())
RESERVED = StockReserved(reservation="r-1")
LONG = "x" * (TEXT_LIMIT + 1)
CUT = "x" * TEXT_LIMIT


def input_of(message: InboxMessage, key: str = "o-1", schemas: Schemas | None = None) -> Input:
    """Read an envelope by the order saga."""
    known = schemas or Schemas(*schemas_of(*OWN, *SHOP))
    return asyncio.run(InboxReading(known, known.look_up).input_of(message, key, PROGRAM))


def test_a_start_holds_the_input_framed_by_the_definition() -> None:
    """Law 1, where nothing has to be converted: the very bytes."""
    data = encoded(placed())
    given = input_of(InboxMessage(start=Start(input=data)))
    assert given == Started(key="o-1", input=data)
    assert isinstance(given, Started)
    assert given.input is not None


def test_a_start_under_another_key_than_its_inputs_is_refused() -> None:
    """Law 1: else one order would be two sagas."""
    with pytest.raises(StartRefused, match="Its key is not the one") as caught:
        input_of(start("o-2"), "o-1")
    assert caught.value.exit_code is ExitCode.DATA
    with pytest.raises(BadSagaKey):
        input_of(start(""), "o-1")


@pytest.mark.parametrize("data", [b"", b"junk", encoded(RESERVED), encoded(placed())[:-1]])
def test_a_start_that_is_no_input_raises(data: bytes) -> None:
    """Whoever reads makes a dead letter of it."""
    with pytest.raises(DecodeError):
        input_of(InboxMessage(start=Start(input=data)))


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (ok("reserve_stock", RESERVED), Succeeded(data=encoded(RESERVED))),
        (ok("mail"), Succeeded()),
        (refused("reserve_stock", "none_left"), Refused(code="none_left")),
        (erred("reserve_stock", "busy"), Erred(code="busy")),
    ],
)
def test_an_answer_says_one_of_three_things(
    message: InboxMessage, answer: Succeeded | Refused | Erred
) -> None:
    """Ok, Refused, Error: there is no fourth."""
    assert message.reply is not None
    assert input_of(message) == Replied(
        step=message.reply.step, direction=Direction.DO, attempt=1, answer=answer
    )


def reply(**fields: object) -> InboxMessage:
    """An answer to the reservation."""
    whole = {"step": "reserve_stock", "way": Way.DO, "attempt": 1, "outcome": Outcome.OK, **fields}
    return InboxMessage(reply=StepReply.model_validate(whole))


def answer_in(message: InboxMessage, schemas: Schemas | None = None) -> object:
    """What an answer says."""
    given = input_of(message, schemas=schemas)
    assert isinstance(given, Replied)
    return given.answer


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (None, "no-data"),
        (b"junk", NotFramed.code),
        (b"\xc3\x01" + bytes(range(8)), "PEN-A42"),
        (encoded(CardCharged(charge="c")), "PEN-A54"),
        (encoded(RESERVED)[:-1], "PEN-A44"),
        (encoded(RESERVED) + b"x", "PEN-A45"),
    ],
)
def test_an_answer_whose_data_do_not_fit_is_still_an_answer(data: bytes | None, code: str) -> None:
    """Law 2 (S16): the service has done it, so nothing is tried again."""
    answer = answer_in(reply(data=data))
    assert isinstance(answer, Unreadable)
    assert answer.code == code
    assert answer.text


@pytest.mark.parametrize(
    "message",
    [
        reply(step="mail", data=b"junk"),
        reply(step="confirm", data=b"junk"),
        reply(step="nobody", data=b"junk"),
        reply(way=Way.UNDO, data=b"junk"),
    ],
)
def test_data_that_mean_nothing_are_not_looked_at(message: InboxMessage) -> None:
    """A step without a reply, an undo, a step that is no command or is not there."""
    assert answer_in(message) == Succeeded()


def test_data_of_a_refusal_or_an_error_are_not_looked_at() -> None:
    """Only an Ok has any."""
    assert answer_in(reply(outcome=Outcome.REFUSED, data=b"junk")) == Refused(code="")
    error = reply(outcome=Outcome.ERROR, data=b"junk", retryable=False)
    assert answer_in(error) == Erred(code="", retryable=False)


def test_a_schema_is_looked_up_once() -> None:
    """And then known."""
    schemas = Schemas(*schemas_of(*OWN), unread=schemas_of(*SHOP))
    assert answer_in(reply(data=encoded(RESERVED)), schemas) == Succeeded(data=encoded(RESERVED))
    assert sum(schemas.looked_up.values()) == 1


def test_what_people_and_services_say_is_cut() -> None:
    """It stands in records and histories for ever."""
    assert answer_in(reply(outcome=Outcome.REFUSED, code=LONG, text=LONG)) == Refused(
        code=CUT, text=CUT
    )
    assert answer_in(reply(outcome=Outcome.ERROR, code=LONG, text=LONG)) == Erred(
        code=CUT, text=CUT
    )
    cancel = input_of(InboxMessage(cancel=Cancel(actor=LONG, reason=LONG)))
    assert cancel == Cancelled(actor=CUT, reason=CUT)
    act = OperatorAct(verb=Verb.SKIP, step="mail", actor=LONG, reason=LONG)
    assert input_of(InboxMessage(operator=act)) == Operated(
        verb=Verb.SKIP, step="mail", actor=CUT, reason=CUT
    )


def test_a_signal_is_named_by_its_writers_schema() -> None:
    """Law 3: whether anything awaits it is not decided here."""
    message = InboxMessage(signal=Signal(event=encoded(placed())))
    assert input_of(message) == Signalled(event="shop.OrderPlaced")
    with pytest.raises(DecodeError):
        input_of(InboxMessage(signal=Signal(event=b"junk")))


@pytest.mark.parametrize("data", [None, b"junk", encoded(RESERVED)])
def test_what_an_operator_gives_is_passed_on(data: bytes | None) -> None:
    """What cannot be read too: the operator is told why, by `decide`."""
    act = OperatorAct(verb=Verb.MARK_DONE, step="reserve_stock", actor="ann", reason="r", data=data)
    given = input_of(InboxMessage(operator=act))
    assert given == Operated(
        verb=Verb.MARK_DONE, step="reserve_stock", actor="ann", reason="r", data=data
    )
    assert isinstance(given, Operated)
    elsewhere = input_of(InboxMessage(operator=act.model_copy(update={"step": "nobody"})))
    assert elsewhere == replace(given, step="nobody")


@pytest.mark.parametrize(
    ("message", "word"),
    [
        (start(), "start"),
        (ok("mail"), "reply"),
        (InboxMessage(signal=Signal(event=b"")), "signal"),
        (InboxMessage(cancel=Cancel(actor="", reason="")), "cancel"),
        (
            InboxMessage(operator=OperatorAct(verb=Verb.RETRY, step="", actor="", reason="")),
            "operator",
        ),
    ],
)
def test_a_history_shows_what_came(message: InboxMessage, word: str) -> None:
    """One word for each part of an envelope."""
    assert trigger_of(message) == word
