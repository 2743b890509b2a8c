"""`SagaScenario` for those who test their sagas: it reads well, and says what went wrong."""

from datetime import timedelta
from decimal import Decimal

import pytest

from penstock.events.saga_headers import Direction
from penstock.sagas.engine.facts import FactKind
from penstock.sagas.language.bad_saga import BadSaga
from penstock.sagas.scenario import SagaScenario
from penstock.schemas.record import declaration_of
from tests.sagas.shop import CLASSES, ORDER, SCHEMAS, TURNED_BACK, begun, definition, order


def test_a_scenario_reads_as_a_story() -> None:
    """The form of the documents."""
    (
        SagaScenario.from_text(ORDER, schemas=CLASSES)
        .start(order_id="o-1", total=Decimal("9.99"))
        .replies("reserve_stock", reservation="r-7")
        .refuses("charge_card", "no_funds")
        .replies("reserve_stock")
        .expect(
            phase="COMPENSATED",
            undone=["reserve_stock"],
            sent=["stock.ReserveStock", "payments.ChargeCard", "stock.ReleaseStock"],
        )
    )


def test_what_a_saga_says_in_the_end_is_expected_like_any_event() -> None:
    """By its name; what it says can be looked at, and the script tells it."""
    play = begun(ORDER + TURNED_BACK).refuses("reserve_stock", "none_left")
    play.expect(phase="COMPENSATED", published=["shop.OrderTurnedBack"])
    assert play.published[-1].fields["code"] == "none_left"
    assert "the saga says so: shop.OrderTurnedBack" in play.script
    with pytest.raises(
        AssertionError, match=r"published should be \[\] and is \['shop.OrderTurned"
    ):
        play.expect(published=[])


def test_schemas_may_be_given_in_each_form() -> None:
    """Classes bring their replies; schemas and mappings of them are taken as they are."""
    named = [each for each in CLASSES if each.__name__ != "CardCharged"]
    for schemas in (CLASSES, named, SCHEMAS, [declaration_of(each).schema for each in CLASSES]):
        SagaScenario.from_text(ORDER, schemas=schemas)
    assert SagaScenario(definition()).state is None


def test_a_bad_saga_is_refused() -> None:
    """What does not pass the checks cannot be played."""
    with pytest.raises(BadSaga):
        SagaScenario.from_text("saga: order\n", schemas=CLASSES)


def test_services_see_their_commands() -> None:
    """`sent` holds what a service would read."""
    (sent,) = begun().sent
    assert (sent.step, sent.direction, sent.attempt) == ("reserve_stock", Direction.DO, 1)
    assert (sent.type_name, sent.topic) == ("stock.ReserveStock", "stock.commands")
    assert sent.idempotency_key == "order/do/reserve_stock:o-1"
    assert sent.fields == {"order_id": "o-1"}


def test_a_failed_expectation_shows_the_whole_play() -> None:
    """Every wrong expectation at once, then the play as a script."""
    play = begun().replies("reserve_stock", reservation="r-1")
    with pytest.raises(AssertionError) as caught:
        play.expect(phase="COMPLETED", done=["ship"], parked=None, steps={"ship": "DONE"})
    told = str(caught.value)
    assert "phase should be 'COMPLETED' and is 'RUNNING'" in told
    assert "done should be ['ship'] and is ['reserve_stock']" in told
    assert "steps should be {'ship': 'DONE'} and is {'ship': 'IDLE'}" in told
    assert "parked" not in told
    assert "service: reserve_stock (1) done reservation=r-1" in told
    assert "charge_card: asked, attempt 1; an answer is late after 30s" in told


def test_sequences_may_be_tuples() -> None:
    """An expectation does not care for the kind of a sequence."""
    begun().expect(done=(), sent=("stock.ReserveStock",))


def test_advance_fires_chained_timers_one_by_one() -> None:
    """Timers that others start on the way fire too, each at its own time."""
    play = begun().advance("40s").expect(phase="COMPENSATING")
    at_s = [fact.due_ms for fact in play.history if fact.kind is FactKind.WAITS and fact.due_ms]
    assert [due - 1_700_000_000_000 for due in at_s] == [11_000, 23_000]
    assert "+33s     COMPENSATING" in play.script


def test_advance_takes_timedeltas() -> None:
    """Times below a second have no word in the language."""
    play = begun().advance(timedelta(milliseconds=9_999)).expect(sent=["stock.ReserveStock"])
    play.advance(timedelta(milliseconds=1))
    assert "+10s" in play.script.splitlines()[-1]


@pytest.mark.parametrize("bad", ["10", "1m30s", "", "-1s", timedelta(0)])
def test_a_duration_that_is_none_is_refused(bad: str | timedelta) -> None:
    """A typing error does not pass for no time."""
    with pytest.raises(AssertionError, match="is no duration"):
        begun().advance(bad)


def test_nobody_answers_what_was_never_sent() -> None:
    """A play that makes no sense ends, with its script."""
    with pytest.raises(AssertionError, match=r"ship \(do\) was never sent(.|\n)*customer: start"):
        begun().replies("ship", tracking="T")
    with pytest.raises(AssertionError, match="no attempt of ship is out"):
        begun().times_out("ship")
    with pytest.raises(AssertionError, match="there is no step nobody"):
        begun().replies("nobody")
    with pytest.raises(AssertionError, match="there is no step ship of a saga that has begun"):
        order().replies("ship", tracking="T")


def test_wrong_data_are_refused_as_the_codec_would() -> None:
    """Data are held to the schemas, with the codec's own words."""
    with pytest.raises(AssertionError, match=r"PEN-A62 stock\.StockReserved\.reservation"):
        begun().replies("reserve_stock")
    with pytest.raises(AssertionError, match=r"PEN-A63 stock\.StockReserved"):
        begun().replies("reserve_stock", reservation="r", colour="red")
    with pytest.raises(AssertionError, match="is answered without data, not with x=1"):
        begun().cancel().times_out("reserve_stock").replies("reserve_stock", x=1)
    with pytest.raises(AssertionError, match=r"PEN-A62 shop\.OrderPlaced\.total"):
        order().start(order_id="o-1")


def test_a_play_is_about_one_saga() -> None:
    """Another key is another saga, and another scenario."""
    with pytest.raises(AssertionError, match="o-2 would be another saga than o-1"):
        begun().start(order_id="o-2", total=Decimal("1.00"))


def test_answers_go_to_what_was_sent_last() -> None:
    """Once a step is being undone, an answer is the undo's, unless it says otherwise."""
    play = begun().cancel().times_out("reserve_stock")
    play.replies("reserve_stock", direction=Direction.DO, data={"reservation": "r"})
    play.expect(noted="LATE").replies("reserve_stock").expect(undone=["reserve_stock"])


def test_signals_are_noted() -> None:
    """S17: no step awaits an event in this version of the language."""
    begun().signal("shop.OrderPlaced").expect(noted="LATE", phase="RUNNING")
    order().signal("shop.OrderPlaced").expect(noted="ORPHAN", phase=None)
