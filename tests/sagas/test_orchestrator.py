"""An orchestrator: what becomes of a record or a timer, and that it is one transaction's worth."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid5

import pytest

from penstock.events.catalogue_errors import SchemasUnreadable
from penstock.events.event import Event, Reply
from penstock.events.identity import NAMESPACE
from penstock.events.saga_headers import CommandHeaders, Direction
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
    encode_inbox_message,
)
from penstock.sagas.definition_book import VersionUnknown
from penstock.sagas.engine.facts import FactKind, fold
from penstock.sagas.engine.notes import Note, ParkingCode
from penstock.sagas.engine.program import KEY_LIMIT_BYTES, Program
from penstock.sagas.engine.state import (
    Announcement,
    Phase,
    SagaState,
    StepState,
    StepStatus,
    Timer,
    Wait,
)
from penstock.sagas.orchestrator import PARKING_ROOM, RECORD_LIMIT_BYTES
from penstock.sagas.records import SAGA_TABLE, encode_saga
from penstock.schemas.codec import datum_encoder_of
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.workers.group_commit import Effects
from penstock.workers.partition_signals import Doubt
from penstock.workers.state import state_key
from penstock.workers.state_table import StateUnreadable
from penstock.workers.suspicion import Condemnation
from penstock.workers.verdicts import verdict
from tests.sagas.orchestrator_stand import (
    HISTORY,
    INBOX,
    LETTERS,
    OWN,
    PARTITIONS,
    SHOP,
    Schemas,
    Stand,
    encoded,
    erred,
    ok,
    placed,
    read,
    refused,
    schemas_of,
    start,
)
from tests.sagas.shop import (
    CHARGE,
    CHARGE_FOR_GOOD,
    CONFIRM,
    HEAD,
    MAIL_ONLY,
    ORDER,
    RESERVE,
    TURNED_BACK,
    CardCharged,
    OrderPlaced,
    ReserveStock,
    ShipmentCreated,
    StockReserved,
    definition,
)

SECOND = ORDER.replace("version: 1", "version: 2").replace("name: mail", "name: send_mail")
REFUSED_TWICE = Condemnation(reason="MESSAGE_TOO_LARGE (10)", without_value=False)
RESERVED = StockReserved(reservation="r-1")
TWICE = """\
  - name: ship
    call: shipping.CreateShipment
    with:
      order_id: $.steps.reserve_stock.reservation
      reservation: $.steps.reserve_stock.reservation
    pivot: true
"""


def begun(*, key: str = "o-1", stand: Stand | None = None) -> Stand:
    """A stand with a saga that waits for its first answer."""
    stand = stand or Stand()
    stand.take(start(key), key)
    return stand


def turned_back() -> Stand:
    """A stand with a saga that gives its stock back."""
    stand = begun()
    stand.take(ok("reserve_stock", RESERVED))
    stand.take(refused("charge_card", "no_funds"))
    assert stand.saga().phase is Phase.COMPENSATING
    return stand


# --- records that cannot be taken -----------------------------------------------------------------

WITHOUT_PARTS = datum_encoder_of(declaration_of(InboxMessage).schema)(
    dict.fromkeys(("start", "reply", "signal", "cancel", "operator"))
)
VALUES = {
    "a tombstone": None,
    "no frame": b"junk",
    "an unknown schema": b"\xc3\x01" + bytes(range(8)) + b"x",
    "cut": encode_inbox_message(start())[:-1],
    "an envelope with nothing in it": WITHOUT_PARTS,
    "a record of another type": encoded(placed()),
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
@pytest.mark.parametrize("known", [False, True], ids=["no saga", "a saga"])
def test_what_is_no_envelope_is_a_dead_letter_and_nothing_else(
    value: bytes | None, known: bool
) -> None:
    """Law 2: the saga of its key, if any, does not hear of it."""
    stand = begun() if known else Stand()
    letter = stand.only_a_letter(stand.take(value))
    assert letter.reason == "undecodable"
    assert stand.alarm_names == ["record-parked"]


KEYS = {
    "none": None,
    "empty": b"",
    "no text": b"\xff\xfe",
    "too long": b"k" * 1025,
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
def test_a_record_that_names_no_saga_is_a_dead_letter(key: bytes | None) -> None:
    """Law 2: without a key nobody knows whose it is."""
    stand = Stand()
    letter = stand.only_a_letter(stand.take(start(), key))
    assert (letter.reason, letter.error_code) == ("undecodable", "PEN-S43")
    assert "no-key" in letter.message


def test_a_record_in_another_partition_than_its_saga_is_a_dead_letter() -> None:
    """Else one key would have two sagas, one in each partition."""
    stand = Stand()
    wrong = (read(start()).partition + 1) % PARTITIONS
    letter = stand.only_a_letter(stand.take(start(), partition=wrong))
    assert "wrong-partition" in letter.message
    assert letter.partition == wrong, "it lies in the partition in which it lay"


class Elsewhere(Event, topic="shop.orders", key="order_id"):
    """An event that starts no order."""

    order_id: str


STARTS = {
    "of another type": encoded(Elsewhere(order_id="o-1")),
    "that cannot be read": encoded(placed())[:-1],
    "without a frame": b"junk",
    "of another saga's key": encoded(placed("o-2")),
}


@pytest.mark.parametrize("data", STARTS.values(), ids=STARTS.keys())
@pytest.mark.parametrize("known", [False, True], ids=["no saga", "a saga"])
def test_a_start_that_does_not_fit_is_a_dead_letter(data: bytes, known: bool) -> None:
    """Law 1 of inbox_reading: its input must be the saga's, and its key must be the record's."""
    stand = Stand(schemas=Schemas(*schemas_of(*OWN, *SHOP, Elsewhere)))
    if known:
        begun(stand=stand)
    letter = stand.only_a_letter(stand.take(InboxMessage(start=Start(input=data))))
    assert letter.reason == "refused"


@pytest.mark.parametrize("size", [KEY_LIMIT_BYTES + 1, 1024])
def test_a_start_with_a_key_too_long_to_be_carried_on_is_a_dead_letter(size: int) -> None:
    """All that a saga sends is correlated by its name and its key, which has a limit."""
    stand, key = Stand(), "k" * size
    assert stand.only_a_letter(stand.take(start(key), key)).error_code == "PEN-S32"


def test_the_longest_key_is_carried_on() -> None:
    """What may start may also be sent."""
    key = "k" * KEY_LIMIT_BYTES
    stand = Stand()
    ((_, command),) = stand.commands(stand.take(start(key), key))
    assert dict(command.headers)["ce_correlationid"] == f"order/{key}".encode()


def test_headers_that_cannot_be_read_make_a_dead_letter_only() -> None:
    """S16: with unreadable headers, dead letter only, and never an attempt."""
    stand = begun()
    message = ok("reserve_stock", RESERVED)
    effects = stand.take(message, headers=[("ce_id", b"\xff")])
    assert stand.only_a_letter(effects).error_code == "PEN-E18"
    many = [(f"h{number}", b"") for number in range(101)]
    assert stand.only_a_letter(stand.take(message, headers=many)).error_code == "PEN-E19"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("ce_id", b"")],
        [("ce_id", b"x" * 1025)],
        [("ce_id", b"mine"), ("traceparent", b"")],
        [("ce_id", b"mine"), ("traceparent", b"t" * 1025)],
    ],
)
def test_headers_that_cannot_be_carried_on_are_left_behind(
    headers: list[tuple[str, bytes]],
) -> None:
    """Reading is lenient: a foreign id or trace neither loses an answer nor stops a partition."""
    stand = begun()
    effects = stand.take(ok("reserve_stock", RESERVED), headers=headers)
    ((_, command),) = stand.commands(effects)
    sent = dict(command.headers)
    partition = read(start()).partition
    assert sent["ce_causationid"] in (b"mine", f"{INBOX}/{partition}/7".encode())
    assert "traceparent" not in sent


def test_an_answer_that_belongs_to_nothing_here_is_a_dead_letter_and_noted() -> None:
    """S7: a step that is no command, or an attempt that was never sent."""
    stand = begun()
    for message in (ok("nobody"), ok("confirm"), ok("reserve_stock", RESERVED, attempt=2)):
        before = stand.saga()
        effects = stand.take(message)
        (letter,) = stand.letters(effects)
        assert letter.reason == "foreign-reply"
        assert stand.commands(effects) == []
        assert stand.saga() == replace(before, seq=before.seq + 1)


# --- data of other versions -----------------------------------------------------------------------


def widened(record: type[Event] | type[Reply], **more: object) -> tuple[Schemas, bytes]:
    """A catalogue with a newer schema of a type on its topic still, and data written with it."""
    text, fields = declaration_of(record).schema.text, '"fields":['
    assert fields in text
    schema = AvroSchema.parse(
        text.replace(fields, f'{fields}{{"name":"added","type":"string"}},', 1)
    )
    schemas = Schemas(*schemas_of(*OWN, *SHOP), unread=[schema])
    return schemas, datum_encoder_of(schema)({"added": "new", **more})


def test_a_start_of_a_newer_writer_is_read_by_the_definition() -> None:
    """The saga keeps what its own definition knows, framed by its own schema."""
    schemas, data = widened(
        OrderPlaced, order_id="o-1", total=Decimal("19.99"), labels={"gift": "yes"}
    )
    stand = Stand(schemas=schemas)
    stand.take(InboxMessage(start=Start(input=data)))
    assert stand.saga().input == encoded(placed(labels={"gift": "yes"}))
    assert sum(schemas.looked_up.values()) == 1


def test_an_answer_of_a_newer_writer_is_read_by_the_definition() -> None:
    """So the commands that quote it are written as the saga's own version says."""
    schemas, data = widened(StockReserved, reservation="r-9")
    stand = begun(stand=Stand(schemas=schemas))
    reply = StepReply(step="reserve_stock", way=Way.DO, attempt=1, outcome=Outcome.OK, data=data)
    stand.take(InboxMessage(reply=reply))
    assert stand.saga().steps[0].data == encoded(StockReserved(reservation="r-9"))


def test_what_an_operator_gives_is_read_by_the_definition() -> None:
    """A tool frames by the schema that it knows, which may be a newer one."""
    schemas, data = widened(StockReserved, reservation="r-9")
    stand = begun(stand=Stand(schemas=schemas))
    stand.take(ok("reserve_stock"))
    assert stand.saga().phase is Phase.PARKED
    act = OperatorAct(
        verb=Verb.MARK_DONE, step="reserve_stock", actor="ann", reason="by phone", data=data
    )
    stand.take(InboxMessage(operator=act))
    assert stand.saga().steps[0].data == encoded(StockReserved(reservation="r-9"))
    assert stand.saga().phase is Phase.RUNNING


def test_what_an_operator_gives_and_nobody_can_read_is_not_possible() -> None:
    """It is said in the history, not in a dead letter: an operator waits for the answer."""
    stand = begun()
    stand.take(ok("reserve_stock"))
    act = OperatorAct(
        verb=Verb.MARK_DONE, step="reserve_stock", actor="ann", reason="r", data=b"junk"
    )
    (transition,) = stand.histories(stand.take(InboxMessage(operator=act)))
    assert transition.facts[-1].code == Note.NOT_POSSIBLE
    assert stand.saga().phase is Phase.PARKED


UNREADABLE = {
    "junk": b"junk",
    "an unknown schema": b"\xc3\x01" + bytes(range(8)) + b"x",
    "another reply": encoded(CardCharged(charge="c")),
    "cut": encoded(RESERVED)[:-1],
    "none": None,
}


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_an_answer_that_nobody_can_read_parks_its_saga(data: bytes | None) -> None:
    """S16: dead letter and PARKED: it was an answer, so no further attempt is made."""
    stand = begun()
    reply = StepReply(step="reserve_stock", way=Way.DO, attempt=1, outcome=Outcome.OK, data=data)
    effects = stand.take(InboxMessage(reply=reply))
    assert [letter.reason for letter in stand.letters(effects)] == ["unreadable-reply"]
    assert stand.commands(effects) == []
    parked = stand.saga().parked
    assert parked is not None
    assert parked.code == ParkingCode.UNREADABLE
    assert stand.saga().due_ms == stand.saga().deadline_ms, "the attempt's timer is gone"


def test_what_cannot_be_looked_up_just_now_is_a_doubt() -> None:
    """Law 2: a slow cluster costs a restart, not a start, an answer or an operator's decision."""
    schemas, data = widened(StockReserved, reservation="r-9")
    stand = begun(stand=Stand(schemas=schemas))
    stand.take(ok("reserve_stock", way=Way.DO, attempt=1))
    parked, schemas.away = stand.saga(), True
    reply = StepReply(step="reserve_stock", way=Way.DO, attempt=1, outcome=Outcome.OK, data=data)
    act = OperatorAct(verb=Verb.MARK_DONE, step="reserve_stock", actor="ann", reason="r", data=data)
    for message in (
        InboxMessage(reply=reply),
        InboxMessage(operator=act),
        InboxMessage(start=Start(input=data)),
        InboxMessage(signal=Signal(event=data)),
    ):
        with pytest.raises(SchemasUnreadable) as caught:
            stand.take(message)
        assert isinstance(verdict(caught.value), Doubt)
    assert stand.saga() == parked


def test_an_envelope_of_an_unknown_schema_is_looked_up_before_it_is_given_up() -> None:
    """A newer penstock may have written it a moment ago."""
    schemas = Schemas(*schemas_of(*OWN[2:], *SHOP), unread=schemas_of(InboxMessage))
    stand = Stand(schemas=schemas)
    stand.take(start())
    assert stand.saga().phase is Phase.RUNNING
    assert sum(schemas.looked_up.values()) == 1


def test_an_event_that_no_step_awaits_is_noted() -> None:
    """S17, in this version of the language."""
    stand = begun()
    (transition,) = stand.histories(
        stand.take(InboxMessage(signal=Signal(event=encoded(placed("o-9")))))
    )
    assert [(fact.code, fact.text) for fact in transition.facts] == [
        (Note.LATE, "shop.OrderPlaced")
    ]
    effects = stand.take(InboxMessage(signal=Signal(event=b"junk")))
    assert stand.only_a_letter(effects).reason == "refused"


# --- one transition -------------------------------------------------------------------------------


def test_a_transition_is_one_commits_worth() -> None:
    """Law 1: record, history and command come together."""
    stand = Stand()
    effects = stand.take(start())
    assert list(effects.state) == [state_key(SAGA_TABLE, "o-1")]
    assert sorted(place.topic for place, _ in effects.outputs) == [HISTORY, "stock.commands"]
    (transition,) = stand.histories(effects)
    assert (transition.seq, transition.trigger, transition.cause) == (1, "start", "cause-1")
    assert transition.version == 1
    assert transition.at_ms == stand.clock.wall_ms()


def test_each_transition_is_one_entry_of_the_history_and_counts_one() -> None:
    """The history alone makes the state again, whatever came on the way."""
    stand, built = Stand(), None
    messages = [
        start(),
        start(),
        start(total=Decimal("1.00")),
        ok("nobody"),
        erred("reserve_stock", "busy"),
        ok("reserve_stock", RESERVED),
        ok("reserve_stock", RESERVED),
        refused("reserve_stock", "none_left"),
        ok("charge_card", CardCharged(charge="c")),
        InboxMessage(cancel=Cancel(actor="ann", reason="changed her mind")),
        ok("ship", ShipmentCreated(tracking="T")),
        ok("mail"),
        ok("mail"),
    ]
    program = stand.book.latest
    for count, message in enumerate(messages, start=1):
        (transition,) = stand.histories(stand.take(message))
        assert transition.seq == count
        moment = program.moment("o-1", transition.at_ms)
        built = fold(built, transition.facts, moment)
        assert built == stand.saga()
    assert stand.saga().phase is Phase.COMPLETED
    assert stand.orchestrator.statistics().transitions == len(messages)


def test_a_command_says_all_that_its_service_needs() -> None:
    """F10-F12, header by header; the record's key is the saga's (F11)."""
    stand = Stand()
    headers = [("ce_id", b"cause-1"), ("traceparent", b"00-trace-span-01")]
    ((place, command),) = stand.commands(stand.take(start(), headers=headers))
    now_ms = stand.clock.wall_ms()
    assert place.topic == "stock.commands"
    assert place.number == read(start()).partition
    assert (command.key, command.timestamp_ms) == (b"o-1", now_ms)
    assert command.value == encoded(ReserveStock(order_id="o-1"))
    assert dict(command.headers) == {
        "ce_specversion": b"1.0",
        "ce_type": b"stock.ReserveStock",
        "ce_source": b"shop.saga-order",
        "content-type": b"application/avro",
        "ce_id": str(uuid5(NAMESPACE, "order/do/reserve_stock:o-1#1")).encode(),
        "ce_time": b"2026-01-01T00:00:00.000000Z",
        "ce_correlationid": b"order/o-1",
        "ce_causationid": b"cause-1",
        "traceparent": b"00-trace-span-01",
        "penstock-saga": b"order",
        "penstock-step": b"reserve_stock",
        "penstock-direction": b"do",
        "penstock-attempt": b"1",
        "penstock-idempotency-key": b"order/do/reserve_stock:o-1",
        "penstock-deadline": b"%d" % (now_ms + 10_000),
        "reply-to": INBOX.encode(),
    }
    assert len(command.headers) == len(dict(command.headers)), "none stands there twice"


def test_attempts_share_their_key_and_differ_in_their_id() -> None:
    """F11, F12: the effect is the same, the message is another."""
    stand = Stand()
    ((_, first),) = stand.commands(stand.take(start()))
    stand.take(erred("reserve_stock", "busy"))
    stand.pass_time(1.0)
    ((_, second),) = stand.commands(stand.fire())
    one, two = (CommandHeaders.parse(each.headers) for each in (first, second))
    assert one is not None
    assert two is not None
    assert (one.attempt, two.attempt) == (1, 2)
    assert one.idempotency_key == two.idempotency_key
    assert dict(first.headers)["ce_id"] != dict(second.headers)["ce_id"]
    assert "ce_causationid" not in dict(second.headers), "a timer has no cause"


def test_an_undo_has_a_key_of_its_own() -> None:
    """F12: it is an effect of its own."""
    stand = begun()
    stand.take(ok("reserve_stock", RESERVED))
    ((place, undo),) = stand.commands(stand.take(refused("charge_card", "no_funds")))
    parsed = CommandHeaders.parse(undo.headers)
    assert parsed is not None
    assert place.topic == "stock.commands", "a command and its undo share one topic"
    assert parsed.direction is Direction.UNDO
    assert parsed.idempotency_key == "order/undo/reserve_stock:o-1"
    assert dict(undo.headers)["ce_type"] == b"stock.ReleaseStock"


def test_the_same_record_again_makes_the_same_messages() -> None:
    """A record that is read again behind a doubt repeats ids, bytes and places."""
    stand = begun()
    before = stand.entry()
    first = stand.take(ok("reserve_stock", RESERVED))
    stand.state.apply(state_key(SAGA_TABLE, "o-1"), before)
    again = stand.take(ok("reserve_stock", RESERVED))
    assert again.outputs == first.outputs
    assert again.state == first.state


def test_an_event_goes_out_once_for_each_life_of_a_key() -> None:
    """Its id is the same however often it is made, and another one once the key begins anew."""
    stand = Stand()

    def told() -> dict[str, bytes]:
        stand.take(start())
        stand.take(ok("reserve_stock", RESERVED))
        stand.take(ok("charge_card", CardCharged(charge="c")))
        stand.take(ok("ship", ShipmentCreated(tracking="T")))
        effects = stand.take(ok("mail"))
        ((_, event),) = [each for each in effects.outputs if each[0].topic == "shop.orders"]
        assert event.key == b"o-1"
        return dict(event.headers)

    first = told()
    assert first["ce_type"] == b"shop.OrderConfirmed"
    assert not any(name.startswith("penstock-") for name in first), "an event is an event"
    stand.pass_time(2 * 86_400)
    stand.fire()
    assert told()["ce_id"] != first["ce_id"]


SAYS_SO = ORDER + TURNED_BACK


def saying(**fields: Any) -> Stand:
    """A stand with a saga that says that it has turned round, and waits for its first answer."""
    return begun(stand=Stand(definition(SAYS_SO), **fields))


def said(effects: Effects) -> list[dict[str, bytes]]:
    """The headers of what is said of sagas that have turned round."""
    outputs = [record for place, record in effects.outputs if place.topic == "shop.turned"]
    assert all(record.key == b"o-1" for record in outputs)
    return [dict(record.headers) for record in outputs]


def act(verb: Verb, step: str = "reserve_stock") -> InboxMessage:
    """What an operator decides."""
    return InboxMessage(operator=OperatorAct(verb=verb, step=step, actor="ann", reason="r"))


def test_a_saga_says_that_it_has_turned_round_in_the_commit_that_ends_it() -> None:
    """Law 1: the event, the record and the history are one transaction; later there is no other."""
    stand = saying()
    effects = stand.take(refused("reserve_stock", "none_left"))
    assert sorted(place.topic for place, _ in effects.outputs) == [HISTORY, "shop.turned"]
    assert list(effects.state) == [state_key(SAGA_TABLE, "o-1")]
    (headers,) = said(effects)
    assert headers["ce_type"] == b"shop.OrderTurnedBack"
    assert not any(name.startswith("penstock-") for name in headers), "an event is an event"
    assert stand.saga().phase is Phase.COMPENSATED
    assert stand.saga().announced is Announcement.PUBLISHED
    for message in (
        refused("reserve_stock", "none_left"),
        ok("reserve_stock", RESERVED),
        start(),
        InboxMessage(cancel=Cancel(actor="ann", reason="too slow")),
        act(Verb.SKIP),
    ):
        assert said(stand.take(message)) == []
    stand.pass_time(2 * 86_400)
    assert said(stand.fire()) == []


def test_the_same_end_again_is_the_same_event() -> None:
    """Law 2 of outputs.py, behind a doubt; a key that begins anew has another end."""
    stand = saying()
    entry, committed = state_key(SAGA_TABLE, "o-1"), stand.entry()
    (first,) = said(stand.take(refused("reserve_stock", "none_left")))
    stand.state.apply(entry, committed)
    (again,) = said(stand.take(refused("reserve_stock", "none_left")))
    assert again["ce_id"] == first["ce_id"]
    stand.pass_time(2 * 86_400)
    stand.fire()
    stand.take(start())
    (anew,) = said(stand.take(refused("reserve_stock", "none_left")))
    assert anew["ce_id"] != first["ce_id"]


UNTOLD = (
    "; retry asks the step again and announces the end that follows; an end that an operator "
    "decides at once is silent"
)


def test_an_end_that_cannot_be_sent_parks_its_saga_until_it_can() -> None:
    """F18, as any output: once there is a topic, `retry` asks again and the answer is told."""
    stand = saying(missing=frozenset({"shop.turned"}))
    effects = stand.take(refused("reserve_stock", "none_left"))
    reason = assert_parked_unsent(stand, effects, "reserve_stock", ParkingCode.NOT_ANNOUNCED)
    assert reason == f"the topic shop.turned does not exist{UNTOLD}"
    stand.take(act(Verb.RETRY))
    stand.take(refused("reserve_stock", "none_left", attempt=2))
    assert stand.saga().phase is Phase.PARKED, "nothing has changed, so nothing is lost"
    stand.partitions["shop.turned"] = PARTITIONS
    stand.take(act(Verb.RETRY))
    assert len(said(stand.take(refused("reserve_stock", "none_left", attempt=3)))) == 1
    assert stand.saga().phase is Phase.COMPENSATED


def assert_given_up(stand: Stand, effects: Effects) -> None:
    """Assert that a saga has ended without its event, and that everybody may know."""
    assert said(effects) == []
    saga = stand.saga()
    assert (saga.phase, saga.announced) == (Phase.COMPENSATED, Announcement.LOST)
    (transition,) = stand.histories(effects)
    assert FactKind.UNANNOUNCED in {fact.kind for fact in transition.facts}
    assert stand.alarm_names[-1] == "saga-end-not-announced"


@pytest.mark.parametrize("verb", [Verb.SKIP, Verb.MARK_UNDONE])
def test_an_end_that_can_never_be_sent_is_an_operators_to_decide(verb: Verb) -> None:
    """The saga ends without it: its record, its history and an alarm say so."""
    stand = saying(missing=frozenset({"shop.turned"}))
    stand.take(ok("reserve_stock", RESERVED))
    stand.take(refused("charge_card", "no_funds"))
    stand.take(ok("reserve_stock", way=Way.UNDO))
    assert stand.saga().phase is Phase.PARKED
    assert_given_up(stand, stand.take(act(verb)))
    assert len(stand.alarms) == 2


def test_an_operators_end_that_cannot_be_sent_is_answered_and_can_be_given_up() -> None:
    """Who has not heard of it is told, and nothing is lost by that; who decides again gives up."""
    stand = saying(missing=frozenset({"shop.turned"}))
    stand.take(ok("reserve_stock", RESERVED))
    stand.take(refused("charge_card", "no_funds"))
    stand.take(refused("reserve_stock", "gone", way=Way.UNDO))
    (transition,) = stand.histories(stand.take(act(Verb.MARK_UNDONE)))
    assert transition.facts[0].code == Note.UNSENT
    parked = stand.saga().parked
    assert parked is not None
    assert (parked.code, parked.phase) == (ParkingCode.NOT_ANNOUNCED, Phase.COMPENSATING)
    assert_given_up(stand, stand.take(act(Verb.MARK_UNDONE)))


def test_a_saga_that_is_parked_for_a_command_still_announces_its_end() -> None:
    """Given up is only what was refused itself."""
    stand = saying(missing=frozenset({"payments.commands"}))
    effects = stand.take(ok("reserve_stock", RESERVED))
    assert_parked_unsent(stand, effects, "reserve_stock")
    assert len(said(stand.take(act(Verb.MARK_UNDONE)))) == 1
    assert stand.saga().announced is Announcement.PUBLISHED


def test_an_end_that_is_too_large_with_its_headers_is_an_operators_to_decide() -> None:
    """What fits by itself may still be too large for a record."""
    text = SAYS_SO.replace("$.input.labels", f"{{bulk: {'x' * 20_000}}}")
    stand = begun(stand=Stand(definition(text), limit_bytes=20_200))
    effects = stand.take(refused("reserve_stock", "none_left"))
    reason = assert_parked_unsent(stand, effects, "reserve_stock", ParkingCode.NOT_ANNOUNCED)
    assert "a record for shop.turned has" in reason
    assert_given_up(stand, stand.take(act(Verb.MARK_UNDONE)))


def test_an_end_that_the_broker_refuses_is_told_from_other_outputs() -> None:
    """Refused twice, the answer is a dead letter; deciding again shows what was refused."""
    stand = saying()
    effects = stand.take(refused("reserve_stock", "none_left"), condemned=REFUSED_TWICE)
    assert stand.letters(effects)[0].reason == "refused-by-broker"
    assert said(effects) == []
    parked = stand.saga().parked
    assert parked is not None
    assert (parked.code, parked.text) == ("not_announced", f"MESSAGE_TOO_LARGE (10){UNTOLD}")
    assert_given_up(stand, stand.take(act(Verb.MARK_UNDONE)))
    other = saying()
    other.take(ok("reserve_stock", RESERVED), condemned=REFUSED_TWICE)
    assert len(said(other.take(act(Verb.MARK_UNDONE)))) == 1


def test_an_end_by_a_timer_that_the_broker_refuses_is_told_from_other_outputs() -> None:
    """Timers take the same way: a last attempt that nobody answers."""
    text = HEAD + CHARGE_FOR_GOOD + MAIL_ONLY + TURNED_BACK
    stand = begun(stand=Stand(definition(text)))
    for seconds in (30.0, 1.0):
        stand.pass_time(seconds)
        stand.fire()
    stand.pass_time(30.0)
    stand.fire(condemned=REFUSED_TWICE)
    parked = stand.saga().parked
    assert parked is not None
    assert (parked.step, parked.code) == ("charge_card", ParkingCode.NOT_ANNOUNCED)
    assert_given_up(stand, stand.take(act(Verb.MARK_UNDONE, "charge_card")))


def test_what_nobody_can_take_is_refused_by_the_broker_as_what_it_is() -> None:
    """Its dead letter was refused, and no end; its saga is parked as ever."""
    stand = saying()
    effects = stand.take(start(total=Decimal("1.00")), condemned=REFUSED_TWICE)
    assert stand.letters(effects)[0].reason == "refused-by-broker"
    strange = InboxMessage(start=Start(input=encoded(placed("o-2"))))
    stand = saying()
    stand.take(strange, condemned=REFUSED_TWICE)
    parked = stand.saga().parked
    assert parked is not None
    assert parked.code == ParkingCode.NOT_SENT


def test_a_bug_in_the_last_event_parks_its_saga(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 5: the answer is kept. Once the bug is mended, the saga ends as an operator decides."""
    stand = saying()

    def broken_event(self: Program, state: SagaState) -> None:
        del self, state
        message = "no such luck"
        raise KeyError(message)

    with monkeypatch.context() as patched:
        patched.setattr(Program, "announcement", broken_event)
        (letter,) = stand.letters(stand.take(refused("reserve_stock", "none_left")))
        assert letter.error_code == "PEN-S45"
        other = saying()
        other.take(refused("reserve_stock", "none_left"), condemned=REFUSED_TWICE)
    for each, code in ((stand, ParkingCode.BUG), (other, ParkingCode.NOT_SENT)):
        parked = each.saga().parked
        assert parked is not None
        assert parked.code == code
        assert len(said(each.take(act(Verb.MARK_UNDONE)))) == 1


def test_running_sagas_stay_without_the_word_they_began_without() -> None:
    """A newer version that announces its end changes nothing for sagas of the older one."""
    old = begun()
    stand = Stand(definition(), definition(SAYS_SO.replace("version: 1", "version: 2")))
    stand.state.apply(state_key(SAGA_TABLE, "o-1"), old.entry())
    assert said(stand.take(refused("reserve_stock", "none_left"))) == []
    assert stand.saga().phase is Phase.COMPENSATED
    stand.pass_time(2 * 86_400)
    stand.fire()
    stand.take(start())
    assert len(said(stand.take(refused("reserve_stock", "none_left")))) == 1


def test_answers_to_nobody_are_counted_and_leave_no_history() -> None:
    """A topic of late answers to forgotten sagas must not fill a history."""
    stand = Stand()
    for message in (ok("reserve_stock", RESERVED), ok("nobody"), erred("ship", "x")):
        effects = stand.take(message)
        assert not effects.size_bytes
    assert stand.orchestrator.statistics().orphans == 3
    assert stand.alarms == []


def test_whoever_asks_about_a_key_without_a_saga_gets_an_answer() -> None:
    """S10, S11: NOT_FOUND, in a history without a count."""
    stand = Stand()
    act = OperatorAct(verb=Verb.RETRY, step="ship", actor="ann", reason="r")
    for message in (
        InboxMessage(cancel=Cancel(actor="ann", reason="r")),
        InboxMessage(operator=act),
    ):
        effects = stand.take(message, "o-9")
        (transition,) = stand.histories(effects)
        assert (transition.seq, transition.facts[-1].code) == (0, Note.NOT_FOUND)
        assert effects.state == {}
    assert stand.orchestrator.statistics().orphans == 0


def test_an_alarm_names_the_saga() -> None:
    """And no payload."""
    stand = begun()
    stand.take(ok("reserve_stock", RESERVED))
    stand.take(refused("reserve_stock", "none_left"))
    (alarm,) = stand.alarms
    assert (alarm.name, dict(alarm.facts)) == ("saga-contradiction", {"saga": "order/o-1"})
    assert "r-1" not in alarm.text


# --- timers ---------------------------------------------------------------------------------------


def test_a_timer_that_is_not_due_does_nothing() -> None:
    """Its saga may have moved since it was found due."""
    stand = begun()
    stand.pass_time(9.9)
    assert not stand.fire().size_bytes


def test_a_timer_that_is_due_is_a_transition_like_any_other() -> None:
    """It has a trigger and no cause."""
    stand = begun()
    entry = state_key(SAGA_TABLE, "o-1")
    due_ms = stand.orchestrator.timing(entry, stand.entry() or b"").due_ms
    assert due_ms == stand.clock.wall_ms() + 10_000
    stand.pass_time(10.0)
    (transition,) = stand.histories(stand.fire())
    assert (transition.trigger, transition.cause, transition.seq) == ("timer", "", 2)
    assert [fact.kind for fact in transition.facts] == [FactKind.WAITS]


def test_the_lane_of_a_timer_is_that_of_its_saga() -> None:
    """Law 3: a timer and an answer never meet."""
    assert Stand().orchestrator.lane_key(state_key(SAGA_TABLE, "o/1 x")) == b"o/1 x"


def test_time_never_runs_back() -> None:
    """A clock that was set back neither makes waits longer nor a history confused."""
    stand = begun()
    began_ms = stand.saga().updated_ms
    stand.clock.jump_wall(timedelta(hours=-1))
    stand.take(ok("reserve_stock", RESERVED))
    assert stand.saga().updated_ms == began_ms
    timer = stand.saga().steps[1].timer
    assert timer is not None
    assert timer.due_ms == began_ms + 30_000


def test_a_saga_that_is_over_is_forgotten_and_its_key_may_begin_anew() -> None:
    """S15: after its retention; the history says so."""
    stand = begun()
    stand.take(refused("reserve_stock", "none_left"))
    assert stand.saga().phase is Phase.COMPENSATED
    stand.pass_time(2 * 86_400)
    effects = stand.fire()
    assert effects.state == {state_key(SAGA_TABLE, "o-1"): None}
    (transition,) = stand.histories(effects)
    assert [fact.kind for fact in transition.facts] == [FactKind.REMOVED]
    stand.take(start())
    assert stand.saga().seq == 1


# --- what is kept beside the state ----------------------------------------------------------------


def test_a_saga_is_decoded_only_where_its_bytes_are_not_those_that_were_written() -> None:
    """Kept sagas stand for the very bytes of the state; equal bytes from elsewhere are read."""
    stand = begun(stand=Stand(readable=False))
    stand.take(ok("reserve_stock", RESERVED))
    entry, value = state_key(SAGA_TABLE, "o-1"), stand.entry()
    assert value is not None
    assert stand.orchestrator.timing(entry, value).due_ms is not None
    stand.state.apply(entry, bytes(bytearray(value)))
    with pytest.raises(StateUnreadable):
        stand.take(ok("charge_card", CardCharged(charge="c")))
    with pytest.raises(StateUnreadable):
        stand.orchestrator.timing(entry, stand.entry() or b"")


@pytest.mark.parametrize(("name", "limit"), [("NUMBER_LIMIT", 3), ("BYTES_LIMIT", 2_000)])
def test_what_is_kept_decoded_is_bounded(
    monkeypatch: pytest.MonkeyPatch, name: str, limit: int
) -> None:
    """By count and by bytes, also where sagas are only read: the state itself has no limit."""
    monkeypatch.setattr(f"penstock.sagas.decoded_sagas.{name}", limit)
    stand, reading = Stand(), Stand()
    for number in range(10):
        stand.take(start(f"o-{number}"))
    for key, value in stand.state.items():
        reading.state.apply(key, value)
    for number in range(10):
        reading.take(start(f"o-{number}"))
    for each in (stand, reading):
        kept = each.orchestrator.statistics()
        assert 0 < kept.kept <= 10
        assert (kept.kept if name == "NUMBER_LIMIT" else kept.kept_bytes) <= limit


def test_what_is_forgotten_is_not_counted_as_kept() -> None:
    """A saga that is written again and again counts once, and one that is over not at all."""
    stand = begun()
    stand.take(refused("reserve_stock", "none_left"))
    value = stand.entry()
    assert value is not None
    assert stand.orchestrator.statistics().kept_bytes == len(value)
    stand.pass_time(2 * 86_400)
    stand.fire()
    assert stand.orchestrator.statistics().kept == 0
    assert stand.orchestrator.statistics().kept_bytes == 0


def test_a_restored_state_counts_and_not_what_was_thought_before() -> None:
    """Behind a doubt an uncommitted transition has never been: the answer counts as the first."""
    stand = begun()
    entry, committed = state_key(SAGA_TABLE, "o-1"), stand.entry()
    assert committed is not None
    stand.take(ok("reserve_stock", RESERVED))
    stand.state.apply(entry, bytes(bytearray(committed)))
    assert stand.orchestrator.timing(entry, stand.entry() or b"").due_ms == stand.saga().due_ms
    effects = stand.take(ok("reserve_stock", RESERVED))
    assert stand.saga().seq == 2
    assert [place.topic for place, _ in stand.commands(effects)] == ["payments.commands"]


@pytest.mark.parametrize("value", [b"junk", b"\xc3\x01" + bytes(8), b""])
def test_a_sagas_own_record_that_cannot_be_read_fails_the_partition(value: bytes) -> None:
    """Law 2: going on without it would be going on with another saga."""
    stand = begun()
    entry = state_key(SAGA_TABLE, "o-1")
    stand.state.apply(entry, value)
    for call in (
        lambda: stand.take(ok("reserve_stock", RESERVED)),
        lambda: stand.take(start()),
        stand.fire,
        lambda: stand.orchestrator.timing(entry, value),
    ):
        with pytest.raises(StateUnreadable):
            call()


# --- what cannot be sent --------------------------------------------------------------------------


def assert_parked_unsent(
    stand: Stand, effects: Effects, step: str, code: ParkingCode = ParkingCode.NOT_SENT
) -> str:
    """Assert that a saga was parked without anything else of the transition; return the reason."""
    assert [place.topic for place, _ in effects.outputs] == [HISTORY]
    saga = stand.saga()
    assert saga.phase is Phase.PARKED
    assert saga.parked is not None
    assert (saga.parked.step, saga.parked.code) == (step, code)
    assert stand.alarm_names == ["saga-parked"], "people are told once"
    (transition,) = stand.histories(effects)
    assert transition.seq == saga.seq
    assert transition.trigger.endswith(", not sent")
    return saga.parked.text


def test_a_record_that_would_grow_too_large_parks_its_saga() -> None:
    """F18: 512 KiB. The answer is not kept, the step waits as it did, an operator decides."""
    stand = begun()
    large = StockReserved(reservation="r" * RECORD_LIMIT_BYTES)
    effects = stand.take(ok("reserve_stock", large))
    assert "524288" in assert_parked_unsent(stand, effects, "reserve_stock")
    assert stand.saga().steps[0].status is StepStatus.PENDING
    act = OperatorAct(
        verb=Verb.MARK_DONE,
        step="reserve_stock",
        actor="ann",
        reason="shortened",
        data=encoded(RESERVED),
    )
    effects = stand.take(InboxMessage(operator=act))
    assert [place.topic for place, _ in stand.commands(effects)] == ["payments.commands"]


def test_a_record_that_is_full_has_room_for_the_reason() -> None:
    """Parking makes a record larger too, and must not fail for that."""
    room = begun()
    room.take(ok("reserve_stock", StockReserved(reservation="r")))
    full = RECORD_LIMIT_BYTES - len(room.entry() or b"") - 40
    stand = begun()
    stand.take(ok("reserve_stock", StockReserved(reservation="r" * full)))
    assert stand.saga().phase is Phase.RUNNING
    reply = StepReply(
        step="charge_card", way=Way.DO, attempt=1, outcome=Outcome.REFUSED, code="c", text="t" * 900
    )
    effects = stand.take(InboxMessage(reply=reply))
    if stand.saga().phase is Phase.COMPENSATING:
        effects = stand.take(refused("reserve_stock", "no" * 100, way=Way.UNDO))
    assert stand.saga().phase is Phase.PARKED
    assert RECORD_LIMIT_BYTES < len(stand.entry() or b"") <= RECORD_LIMIT_BYTES + PARKING_ROOM
    assert stand.commands(effects) == []
    assert stand.alarm_names == ["saga-parked"], "of the transition that was not made, nobody heard"


def test_a_full_saga_that_waits_answers_whoever_asks() -> None:
    """Its record is larger than others by the reason, and grows no further: nothing is refused."""
    room = begun()
    room.take(ok("reserve_stock", StockReserved(reservation="r")))
    full = RECORD_LIMIT_BYTES - len(room.entry() or b"") - 40
    stand = begun()
    stand.take(ok("reserve_stock", StockReserved(reservation="r" * full)))
    stand.take(refused("charge_card", "no" * 30))
    assert stand.saga().phase is Phase.PARKED
    assert len(stand.entry() or b"") > RECORD_LIMIT_BYTES
    effects = stand.take(InboxMessage(cancel=Cancel(actor="ann", reason="too slow")))
    (transition,) = stand.histories(effects)
    assert transition.trigger == "cancel"
    assert transition.facts[-1].code == Note.TOO_LATE
    assert stand.alarm_names == ["saga-parked"]


def test_a_command_that_is_too_large_parks_its_saga() -> None:
    """The limit of records is the broker's, and it would refuse the whole transaction."""
    text = HEAD + RESERVE + CHARGE + TWICE + CONFIRM
    stand = begun(stand=Stand(definition(text), limit_bytes=100_000))
    stand.take(ok("reserve_stock", StockReserved(reservation="r" * 60_000)))
    effects = stand.take(ok("charge_card", CardCharged(charge="c")))
    reason = assert_parked_unsent(stand, effects, "charge_card")
    assert "shipping.commands" in reason
    assert "100000" in reason


def test_a_command_for_a_topic_that_is_not_there_parks_its_saga() -> None:
    """An old version may name topics that were deleted; once there is one, it goes on."""
    stand = begun(stand=Stand(missing=frozenset({"payments.commands"})))
    effects = stand.take(ok("reserve_stock", RESERVED))
    reason = assert_parked_unsent(stand, effects, "reserve_stock")
    assert reason == "the topic payments.commands does not exist"
    stand.partitions["payments.commands"] = 1
    stand.take(ok("reserve_stock", RESERVED))
    assert stand.saga().phase is Phase.RUNNING


def test_a_timer_whose_command_cannot_be_sent_parks_its_saga() -> None:
    """Timers take the same way."""
    stand = begun()
    stand.take(erred("reserve_stock", "busy"))
    stand.pass_time(1.0)
    del stand.partitions["stock.commands"]
    assert_parked_unsent(stand, stand.fire(), "reserve_stock")


def test_a_start_that_cannot_be_kept_or_sent_is_a_dead_letter() -> None:
    """There is no saga yet that could be parked."""
    large = Stand()
    labels = {"bulk": "x" * RECORD_LIMIT_BYTES}
    letter = large.only_a_letter(large.take(start(labels=labels)))
    assert "unsendable" in letter.message
    without = Stand(missing=frozenset({"stock.commands"}))
    assert "stock.commands" in without.only_a_letter(without.take(start())).message
    assert without.orchestrator.statistics().transitions == 0


# --- bugs -----------------------------------------------------------------------------------------


def broken(stand: Stand, pending: str) -> Stand:
    """A stand with a record as no version of the engine writes it.

    The pivot is done in a saga that has not passed it: if it turned round now, it would be unsound.
    """
    saga = stand.saga()
    timer = Timer(wait=Wait.ANSWER, due_ms=stand.clock.wall_ms() + 1_000)
    steps = tuple(
        StepState(status=StepStatus.PENDING, attempt=2, timer=timer)
        if name == pending
        else StepState(status=StepStatus.DONE if name in ("reserve_stock", "ship") else at.status)
        for name, at in zip(stand.book.latest.names, saga.steps, strict=True)
    )
    damaged = replace(saga, steps=steps)
    stand.state.apply(state_key(SAGA_TABLE, "o-1"), encode_saga(damaged))
    return stand


def test_a_bug_parks_the_saga_that_meets_it_and_no_other() -> None:
    """Sagas.md 3.1, poison record: the saga is PARKED, the record kept, the partition goes on."""
    stand = broken(begun(), "mail")
    effects = stand.take(refused("mail", "no"))
    (letter,) = stand.letters(effects)
    assert (letter.reason, letter.error_code) == ("bug", "PEN-S45")
    saga = stand.saga()
    assert saga.parked is not None
    assert (saga.phase, saga.parked.step, saga.parked.code) == (Phase.PARKED, "mail", "bug")
    assert "its pivot is DONE" in saga.parked.text
    (transition,) = stand.histories(effects)
    assert transition.trigger == "reply, not decided"
    assert stand.commands(effects) == []
    assert sorted(stand.alarm_names) == ["record-parked", "saga-parked"]
    assert begun(key="o-2", stand=stand).saga("o-2").phase is Phase.RUNNING


def test_a_bug_that_a_timer_meets_parks_its_saga() -> None:
    """There is no record to keep; the timer is gone, so it does not run out for ever."""
    stand = broken(begun(), "charge_card")
    stand.pass_time(1.0)
    effects = stand.fire()
    assert stand.letters(effects) == []
    saga = stand.saga()
    assert saga.parked is not None
    assert (saga.phase, saga.parked.step, saga.parked.code) == (Phase.PARKED, "charge_card", "bug")
    assert saga.due_ms == saga.deadline_ms


def test_a_bug_where_nothing_can_be_parked_leaves_a_letter_or_is_raised() -> None:
    """What would come again at once, and could not be kept, ends the process: nothing is hidden."""
    stand = begun()
    damaged = replace(stand.saga(), steps=())
    stand.state.apply(state_key(SAGA_TABLE, "o-1"), encode_saga(damaged))
    letter = stand.only_a_letter(stand.take(ok("reserve_stock", RESERVED)))
    assert letter.error_code == "PEN-S45"
    stand.pass_time(16 * 60.0)
    with pytest.raises(ValueError, match="zip"):
        stand.fire()


# --- what the broker has refused ------------------------------------------------------------------


def test_a_condemned_record_is_parked_beside_its_saga() -> None:
    """F18: the broker refused twice what followed from it, so nothing of that is sent."""
    stand = begun()
    message = ok("reserve_stock", RESERVED)
    effects = stand.take(message, condemned=REFUSED_TWICE)
    (letter,) = stand.letters(effects)
    assert letter.reason == "refused-by-broker"
    assert "MESSAGE_TOO_LARGE" in letter.message
    assert stand.commands(effects) == []
    saga = stand.saga()
    assert saga.parked is not None
    assert (saga.parked.step, saga.parked.code) == ("reserve_stock", ParkingCode.NOT_SENT)
    (transition,) = stand.histories(effects)
    assert transition.trigger == "refused-by-broker"
    ((_, lying),) = [each for each in effects.outputs if each[0].topic == LETTERS]
    assert lying.value == encode_inbox_message(message)


def test_a_condemned_record_without_a_saga_is_only_parked() -> None:
    """A start that the broker does not let through."""
    stand = Stand()
    effects = stand.take(start(), condemned=REFUSED_TWICE)
    assert stand.only_a_letter(effects).reason == "refused-by-broker"


@pytest.mark.parametrize("value", [start(), b"junk"], ids=["an envelope", "none"])
def test_a_condemned_record_whose_letter_was_refused_is_parked_bare(
    value: InboxMessage | bytes,
) -> None:
    """Its coordinates still say where the value lies."""
    stand = Stand()
    effects = stand.take(value, condemned=replace(REFUSED_TWICE, without_value=True))
    ((place, letter),) = effects.outputs
    assert (place.topic, letter.value) == (LETTERS, None)


def test_a_condemned_timer_parks_its_saga() -> None:
    """And leaves no timer behind that would run out again at once."""
    stand = begun()
    stand.take(erred("reserve_stock", "busy"))
    stand.pass_time(1.0)
    effects = stand.fire(condemned=REFUSED_TWICE)
    assert stand.commands(effects) == []
    assert stand.letters(effects) == [], "there is no record to be parked"
    assert stand.saga().phase is Phase.PARKED
    due_ms = stand.saga().due_ms
    assert due_ms is not None
    assert due_ms > stand.clock.wall_ms()
    (transition,) = stand.histories(effects)
    assert (transition.trigger, transition.cause) == ("refused-by-broker", "")


def test_a_condemned_undo_is_stuck() -> None:
    """S5: a step that cannot be undone waits for an operator."""
    stand = turned_back()
    stand.pass_time(20.0)
    stand.fire(condemned=REFUSED_TWICE)
    assert stand.saga().steps[0].status is StepStatus.STUCK
    assert stand.saga().phase is Phase.PARKED


# --- versions -------------------------------------------------------------------------------------


def test_a_saga_goes_on_by_the_version_that_it_began_with() -> None:
    """S15: new ones take the highest, running ones stay."""
    old = begun()
    stand = Stand(definition(), definition(SECOND))
    stand.state.apply(state_key(SAGA_TABLE, "o-1"), old.entry())
    stand.take(start("o-2"), "o-2")
    assert (stand.saga("o-1").version, stand.saga("o-2").version) == (1, 2)
    for key, mail in (("o-1", "mail"), ("o-2", "send_mail")):
        stand.take(ok("reserve_stock", RESERVED), key)
        stand.take(ok("charge_card", CardCharged(charge="c")), key)
        effects = stand.take(ok("ship", ShipmentCreated(tracking="T")), key)
        (transition,) = stand.histories(effects)
        assert transition.version == stand.saga(key).version
        ((_, command),) = stand.commands(effects)
        assert dict(command.headers)["penstock-step"] == mail.encode()


def test_a_version_that_is_not_known_yet_is_a_doubt_and_cured_by_a_look() -> None:
    """No record and no timer is lost: the partition begins again, and looks before it runs."""
    newer_process = begun(stand=Stand(definition(), definition(SECOND)))
    stand = Stand()
    stand.log.records = newer_process.log.records
    stand.state.apply(state_key(SAGA_TABLE, "o-1"), newer_process.entry())
    stand.pass_time(10.0)
    with pytest.raises(VersionUnknown) as by_record:
        stand.take(ok("reserve_stock", RESERVED))
    with pytest.raises(VersionUnknown) as by_timer:
        stand.fire()
    assert isinstance(verdict(by_record.value), Doubt)
    assert isinstance(verdict(by_timer.value), Doubt)
    assert stand.saga() == newer_process.saga()
    asyncio.run(stand.book.refresh())
    stand.take(ok("reserve_stock", RESERVED))
    assert stand.saga().steps[0].status is StepStatus.DONE


def test_a_start_again_is_compared_in_the_version_that_the_saga_began_with() -> None:
    """S15: ALREADY for the same input, CONFLICT for another, and neither begins anything."""
    old = begun()
    stand = Stand(definition(), definition(SECOND))
    stand.state.apply(state_key(SAGA_TABLE, "o-1"), old.entry())
    (same,) = stand.histories(stand.take(start()))
    (other,) = stand.histories(stand.take(start(total=Decimal("7.00"))))
    assert [each.facts[-1].code for each in (same, other)] == [Note.ALREADY, Note.CONFLICT]
    assert stand.saga().version == 1
