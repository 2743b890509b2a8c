"""Asking a saga: the request reaches its inbox, and its answer is the one that it caused."""

from collections.abc import Coroutine
from decimal import Decimal
from typing import Any

import pytest

from penstock.events.headers import parse_headers
from penstock.events.log import RecordTooLarge, WriteUnknown
from penstock.events.names import saga_inbox_topic
from penstock.events.saga_messages import Cancel, InboxMessage, Start
from penstock.infra.sagas.operations import NoAnswer, SagaAnswer, SagaDesk, SagaOutlets, answer_in
from penstock.infra.sagas.reading import open_saga_reader
from penstock.sagas.engine.facts import Fact, FactKind
from penstock.sagas.engine.inputs import Started
from penstock.sagas.engine.notes import Note
from penstock.sagas.records import Transition
from penstock.schemas.codec import datum_encoder_of
from tests.events.conftest import MemoryWriter
from tests.infra.sagas.saga_bench import SagaBench
from tests.sagas.shop import SCHEMAS, definition

ENCODE = datum_encoder_of(SCHEMAS["shop.OrderPlaced"])
CANCEL = InboxMessage(cancel=Cancel(actor="ann", reason="the customer called"))


@pytest.fixture
def bench() -> SagaBench:
    """A cluster with the shop's saga, deployed."""
    bench = SagaBench(definition=definition())
    bench.run(bench.deploy(), served=False)
    return bench


def data(key: str) -> bytes:
    """An order."""
    return ENCODE({"order_id": key, "total": Decimal("19.99")})


async def ask(
    outlets: SagaOutlets, key: str, message: InboxMessage, timeout_s: float = 10.0
) -> SagaAnswer:
    """Ask."""
    reader = await open_saga_reader(outlets.sources, "order")
    return await SagaDesk(outlets, reader).ask(key, message, timeout_s=timeout_s)


def asked(bench: SagaBench, key: str, message: InboxMessage) -> str:
    """Ask while the orchestrator runs; return the word of the answer."""
    return bench.run(ask(bench.outlets, key, message)).note


def test_a_start_is_answered_and_again_and_otherwise(bench: SagaBench) -> None:
    """Accepted, already, conflict (S15)."""
    start = InboxMessage(start=Start(input=data("o-1")))
    assert asked(bench, "o-1", start) == Note.ACCEPTED
    assert asked(bench, "o-1", start) == Note.ALREADY
    other = ENCODE({"order_id": "o-1", "total": Decimal("1.00")})
    assert asked(bench, "o-1", InboxMessage(start=Start(input=other))) == Note.CONFLICT


def test_a_cancel_is_answered_by_the_saga(bench: SagaBench) -> None:
    """Not found, accepted, already (S10)."""
    assert asked(bench, "o-1", CANCEL) == Note.NOT_FOUND
    bench.decide("o-1", Started(key="o-1", input=data("o-1")))
    assert asked(bench, "o-1", CANCEL) == Note.ACCEPTED
    assert asked(bench, "o-1", CANCEL) == Note.ALREADY


def test_a_request_looks_like_any_record_of_ours(bench: SagaBench) -> None:
    """CloudEvents headers, a new id for each, the saga as correlation."""
    for _ in range(2):
        asked(bench, "o-1", CANCEL)
    records = bench.world.log.all(saga_inbox_topic("shop", "order"))
    found = [parse_headers(record.headers) for record in records]
    assert [each.type for each in found] == ["penstock.InboxMessage"] * 2
    assert {each.source for each in found} == {"shop"}
    assert {each.correlation_id for each in found} == {"order/o-1"}
    assert len({each.id for each in found}) == 2
    assert all(each.time is not None for each in found)


def test_an_answer_that_comes_at_once_is_not_missed(bench: SagaBench) -> None:
    """The history's end is noted before the request is written."""
    written = MemoryWriter.write

    async def write(self: MemoryWriter, *arguments: Any, **options: Any) -> int:
        offset = await written(self, *arguments, **options)
        await bench.turn()
        return offset

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryWriter, "write", write)
        answer = bench.run(ask(bench.outlets, "o-1", CANCEL), served=False)
    assert answer.note == Note.NOT_FOUND


def test_answers_to_others_are_passed_over(bench: SagaBench) -> None:
    """The same key, another cause; another key, anything."""
    bench.decide("o-1", Started(key="o-1", input=data("o-1")))

    async def both() -> tuple[SagaAnswer, SagaAnswer]:
        outlets = bench.outlets
        first = await ask(outlets, "o-1", CANCEL)
        return first, await ask(outlets, "o-1", CANCEL)

    first, second = bench.run(both())
    assert (first.note, second.note) == (Note.ACCEPTED, Note.ALREADY)
    assert first.transition.cause != second.transition.cause


def test_without_an_orchestrator_the_wait_ends_and_the_request_stands(bench: SagaBench) -> None:
    """Bounded; it is taken when one runs."""
    begun_s = bench.world.clock.now_s
    with pytest.raises(NoAnswer, match="stands in the inbox") as caught:
        bench.run(ask(bench.outlets, "o-1", CANCEL, 3.0), served=False)
    assert caught.value.exit_code == 5
    assert bench.world.clock.now_s - begun_s < 5.0

    async def later() -> int:
        return await bench.turn()

    assert bench.run(later(), served=False) == 1


def test_a_request_that_is_too_large_is_not_written(bench: SagaBench) -> None:
    """Refused before a batch is touched."""
    start = InboxMessage(start=Start(input=b"x" * 1_000_000))
    with pytest.raises(RecordTooLarge):
        asked(bench, "o-1", start)
    assert not bench.world.log.all(saga_inbox_topic("shop", "order"))


def test_a_write_in_doubt_is_told_as_that(bench: SagaBench) -> None:
    """Nobody waits for the answer to what may never have been asked."""
    outlets = bench.outlets
    assert isinstance(outlets.writer, MemoryWriter)
    outlets.writer.faults.append("lost")
    work: Coroutine[Any, Any, SagaAnswer] = ask(outlets, "o-1", CANCEL)
    with pytest.raises(WriteUnknown):
        bench.run(work)


def test_the_answer_is_the_note_that_answers() -> None:
    """Other notes are none; a transition may hold no answer at all."""
    late = Fact(kind=FactKind.NOTED, code=Note.LATE)
    told = Fact(kind=FactKind.NOTED, code=Note.TOO_LATE, text="its pivot is sent")
    transition = Transition(
        key="o-1", seq=1, at_ms=0, version=1, trigger="cancel", cause="c", facts=(late, told)
    )
    assert answer_in(transition) == SagaAnswer(
        note="TOO_LATE", text="its pivot is sent", transition=transition
    )
    nothing = Transition(
        key="o-1", seq=1, at_ms=0, version=1, trigger="cancel", cause="c", facts=(late,)
    )
    assert answer_in(nothing).note == ""
