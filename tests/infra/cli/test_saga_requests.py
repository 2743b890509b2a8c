"""What people ask of sagas, on a cluster in memory: the way from the words typed to the answer."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from penstock.events.saga_headers import Direction
from penstock.events.saga_messages import Cancel, OperatorAct, Verb
from penstock.infra.cli.datum_json import BadData
from penstock.infra.cli.output import OutputFormat
from penstock.infra.cli.saga_looks import read_rows, read_view
from penstock.infra.cli.saga_requests import (
    Outcome,
    RequestRefused,
    cancel,
    operate,
    start,
    tell_outcome,
)
from penstock.infra.sagas.address import UnknownSaga, UnknownSagaKey
from penstock.infra.sagas.operations import SagaOutlets
from penstock.infra.sagas.reading import SagaSources
from penstock.sagas.engine.inputs import Erred, Refused, Replied, Succeeded
from penstock.sagas.engine.state import Phase
from penstock.schemas.codec import datum_encoder_of
from penstock.schemas.errors import PenstockError
from tests.infra.sagas.saga_bench import SagaBench
from tests.sagas.shop import SCHEMAS, definition

JSON = '{"order_id": "o-1", "total": "19.99"}'
WISH = Cancel(actor="ann", reason="the customer called")
RESERVED = datum_encoder_of(SCHEMAS["stock.StockReserved"])({"reservation": "r-1"})


@pytest.fixture
def bench() -> SagaBench:
    """A cluster with the shop's saga, deployed."""
    bench = SagaBench(definition=definition())
    bench.run(bench.deploy(), served=False)
    return bench


def asked(
    bench: SagaBench, ask: Callable[[SagaOutlets], Coroutine[Any, Any, Outcome]]
) -> tuple[str, Phase | None]:
    """Ask while the orchestrator runs; return the answer and where the saga stands then."""
    outcome = bench.run(ask(bench.outlets))
    return outcome.answer.note, outcome.phase


def started(bench: SagaBench, text: str = "order", data: str = JSON) -> tuple[str, Phase | None]:
    """Ask for a start."""
    return asked(bench, lambda outlets: start(outlets, text, data, timeout_s=5.0))


def act(verb: Verb, step: str) -> OperatorAct:
    """What an operator decides."""
    return OperatorAct(verb=verb, step=step, actor="bob", reason="the shelf is back")


def operated(
    bench: SagaBench, verb: Verb, step: str, data: str | None = None
) -> tuple[str, Phase | None]:
    """Ask as an operator."""
    wish = act(verb, step)
    return asked(bench, lambda outlets: operate(outlets, "o-1", wish, data, timeout_s=5.0))


def replies(bench: SagaBench, step: str, answer: Succeeded | Refused | Erred) -> None:
    """Let a service answer the first attempt."""
    way = Direction.UNDO if bench.states["o-1"].phase is Phase.COMPENSATING else Direction.DO
    bench.decide("o-1", Replied(step=step, direction=way, attempt=1, answer=answer))


def park(bench: SagaBench) -> None:
    """Let the order's stock be reserved, its card refused, and the stock not be given back."""
    started(bench)
    replies(bench, "reserve_stock", Succeeded(data=RESERVED))
    replies(bench, "charge_card", Refused(code="no_funds"))
    replies(bench, "reserve_stock", Refused(code="gone"))
    assert bench.states["o-1"].phase is Phase.PARKED


# --- start -------------------------------------------------------------------------------------


def test_a_start_takes_the_json_as_the_latest_version_reads_it(bench: SagaBench) -> None:
    """Accepted; the same again is fine (S15)."""
    assert started(bench) == ("ACCEPTED", Phase.RUNNING)
    assert started(bench) == ("ALREADY", Phase.RUNNING)
    assert started(bench, "order/o-1") == ("ALREADY", Phase.RUNNING)


def test_a_start_with_another_input_is_a_conflict(bench: SagaBench) -> None:
    """Exit 7, and why."""
    started(bench)
    with pytest.raises(RequestRefused, match="CONFLICT") as caught:
        _told(bench, lambda outlets: start(outlets, "order", JSON.replace("19", "20"), timeout_s=5))
    assert caught.value.exit_code == 7
    assert "another input" in str(caught.value)


def test_a_start_that_does_not_fit_asks_nobody(bench: SagaBench) -> None:
    """By its fields, by its key, by its name."""
    with pytest.raises(BadData, match="total: it is missing"):
        started(bench, "order", '{"order_id": "o-1"}')
    with pytest.raises(BadData, match="its key is o-1, not o-2"):
        started(bench, "order/o-2")
    with pytest.raises(UnknownSaga, match="Did you mean order"):
        started(bench, "oder")
    assert not bench.states


# --- cancel ------------------------------------------------------------------------------------


def test_a_cancel_turns_round_and_again_is_no_error(bench: SagaBench) -> None:
    """The wish is fulfilled or on its way."""
    started(bench)
    replies(bench, "reserve_stock", Succeeded(data=RESERVED))

    def again(outlets: SagaOutlets) -> Coroutine[Any, Any, Outcome]:
        return cancel(outlets, "order/o-1", WISH, timeout_s=5.0)

    assert asked(bench, again) == ("ACCEPTED", Phase.SETTLING)
    assert asked(bench, again) == ("ALREADY", Phase.SETTLING)
    _told(bench, again)


def test_a_cancel_that_comes_too_late_says_why(bench: SagaBench) -> None:
    """Exit 7 (S10)."""
    park(bench)
    with pytest.raises(RequestRefused, match=r"TOO_LATE.*it waits for an operator"):
        _told(bench, lambda outlets: cancel(outlets, "o-1", WISH, timeout_s=5.0))


@pytest.mark.parametrize("text", ["order/o-9", "o-9", f"order/{'x' * 2_000}", "order/\udc80"])
def test_a_key_that_nobody_has_is_unknown(bench: SagaBench, text: str) -> None:
    """Exit 7, whether it is asked or shown (formats.md F25)."""
    for ask in (
        lambda: _told(bench, lambda outlets: cancel(outlets, text, WISH, timeout_s=5.0)),
        lambda: bench.run(read_view(bench.sources, text)),
    ):
        with pytest.raises(UnknownSagaKey, match="There is no saga order/") as caught:
            ask()
        assert caught.value.exit_code == 7


# --- operators ---------------------------------------------------------------------------------


def test_an_operator_is_answered(bench: SagaBench) -> None:
    """What is possible comes about, and leaves actor and reason (S11)."""
    park(bench)
    assert operated(bench, Verb.RETRY, "reserve_stock") == ("ACCEPTED", Phase.COMPENSATING)
    view = bench.run(read_view(bench.sources, "o-1"))
    said = [row["what_happened"] for row in view.happenings()]
    assert "reserve_stock: an operator asks for retry (bob: the shelf is back)" in said


def test_what_is_not_possible_is_refused_with_what_is(bench: SagaBench) -> None:
    """Exit 7."""
    park(bench)
    wish = act(Verb.MARK_DONE, "reserve_stock")
    with pytest.raises(RequestRefused, match="possible: retry, skip, mark-undone"):
        _told(bench, lambda outlets: operate(outlets, "o-1", wish, None, timeout_s=5.0))


def test_mark_done_frames_its_data_by_the_saga_s_own_version(bench: SagaBench) -> None:
    """The step is done, with that answer."""
    started(bench)
    replies(bench, "reserve_stock", Succeeded(data=RESERVED))
    charged = datum_encoder_of(SCHEMAS["payments.CardCharged"])({"charge": "c"})
    replies(bench, "charge_card", Succeeded(data=charged))
    replies(bench, "ship", Erred(code="broken", retryable=False))
    assert bench.states["o-1"].phase is Phase.PARKED
    data = '{"tracking": "T-1"}'
    assert operated(bench, Verb.MARK_DONE, "ship", data) == ("ACCEPTED", Phase.FORWARD)
    shipped = datum_encoder_of(SCHEMAS["shipping.ShipmentCreated"])({"tracking": "T-1"})
    assert bench.states["o-1"].steps[2].data == shipped


@pytest.mark.parametrize(
    ("step", "data", "error", "words"),
    [
        ("ship", '{"track": "T-1"}', BadData, "did you mean tracking"),
        ("shp", "{}", RequestRefused, "did you mean ship"),
        ("mail", "{}", RequestRefused, "give no --data"),
        ("confirm", "{}", RequestRefused, "give no --data"),
    ],
)
def test_data_that_no_step_answers_are_refused_before_anybody_is_asked(
    bench: SagaBench, step: str, data: str, error: type[PenstockError], words: str
) -> None:
    """Exit 7; the history knows nothing of it."""
    started(bench)
    seq = bench.states["o-1"].seq
    with pytest.raises(error, match=words) as caught:
        operated(bench, Verb.MARK_DONE, step, data)
    assert caught.value.exit_code == 7
    assert bench.states["o-1"].seq == seq


# --- looks -------------------------------------------------------------------------------------


def test_a_list_has_a_row_for_each_saga(bench: SagaBench) -> None:
    """The latest last; by name and by phase."""
    park(bench)
    bench.pass_time(0.5)
    started(bench, "order", JSON.replace("o-1", "o-0"))

    def rows(saga: str | None = None, phase: Phase | None = None) -> list[Any]:
        return [row["id"] for row in bench.run(read_rows(bench.sources, saga, phase))]

    assert rows() == ["order/o-1", "order/o-0"]
    assert rows("order", Phase.PARKED) == ["order/o-1"]
    assert rows(None, Phase.COMPLETED) == []
    with pytest.raises(UnknownSaga):
        rows("refund")


def test_where_no_saga_is_there_is_nothing_to_list() -> None:
    """An app without sagas is no error."""
    bench = SagaBench(definition=definition())

    async def none() -> list[Any]:
        own = bench.sources
        other = SagaSources(
            app="other",
            topics=own.topics,
            open_reader=own.open_reader,
            catalogue=own.catalogue,
            clock=own.clock,
        )
        return await read_rows(other, None, None)

    assert bench.run(none(), served=False) == []


def test_a_forgotten_saga_is_told_from_one_that_never_was(bench: SagaBench) -> None:
    """Its history is kept longer than its record."""
    started(bench)
    replies(bench, "reserve_stock", Refused(code="out_of_stock"))
    bench.pass_time(3 * 86_400.0)
    with pytest.raises(UnknownSagaKey, match="was forgotten at 2026-03-04T12"):
        bench.run(read_view(bench.sources, "o-1"))


# --- what is printed ---------------------------------------------------------------------------


def _told(bench: SagaBench, ask: Callable[[SagaOutlets], Coroutine[Any, Any, Outcome]]) -> None:
    tell_outcome(bench.run(ask(bench.outlets)), "the request", OutputFormat.TABLE)


def test_an_accepted_request_is_a_sentence_or_an_object(
    bench: SagaBench, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both say the same."""
    outcome = bench.run(start(bench.outlets, "order", JSON, timeout_s=5.0))
    tell_outcome(outcome, "start", OutputFormat.TABLE)
    assert capsys.readouterr().out == "order/o-1: start accepted; it is RUNNING.\n"
    tell_outcome(outcome, "start", OutputFormat.JSON)
    fields = {"id": "order/o-1", "answer": "ACCEPTED", "phase": "RUNNING"}
    assert json.loads(capsys.readouterr().out) == fields
