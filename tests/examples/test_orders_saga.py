"""The example's saga: checked against its schemas, and in step with its services."""

from importlib.resources import as_file, files
from uuid import UUID

import pytest

from penstock.examples.orders.events import CONFIRMED_ORDERS, TURNED_ORDERS
from penstock.examples.orders.generate import orders
from penstock.examples.orders.payments import PATIENCE_S
from penstock.infra.project import find_project
from penstock.sagas.definition import CallStep, Definition, EmitStep
from penstock.sagas.language.check import Checked, check
from penstock.sagas.scenario import SagaScenario
from penstock.schemas.schema import AvroSchema


@pytest.fixture(scope="module")
def checked() -> Checked:
    """The saga, checked against the files in schemas/ and nothing else."""
    with as_file(files("penstock.examples.orders")) as folder:
        project = find_project(folder)
        (file,), (types,) = project.sagas, project.schemas
        schemas = [AvroSchema.parse(path.read_text("utf-8")) for path in types.iterdir()]
        by_name = {schema.full_name: schema for schema in schemas}
        return check(file.read_text("utf-8"), file=file.name, schemas=by_name)


@pytest.fixture(scope="module")
def definition(checked: Checked) -> Definition:
    """What the check made of it."""
    assert checked.definition is not None, checked.problems
    return checked.definition


def test_nothing_is_wrong_with_it(checked: Checked) -> None:
    """Not even a warning: it is there to be copied."""
    assert not checked.problems


def test_it_takes_and_gives_back(definition: Definition) -> None:
    """Both steps before the pivot can be undone; the pivot cannot; the last step only tells."""
    reserve, charge, ship, confirm = definition.steps
    assert isinstance(reserve, CallStep)
    assert reserve.undo is not None
    assert isinstance(charge, CallStep)
    assert charge.undo is not None
    assert isinstance(ship, CallStep)
    assert (ship.pivot, ship.undo) == (True, None)
    assert isinstance(confirm, EmitStep)


def test_it_says_how_it_ends(definition: Definition) -> None:
    """One event for each end, on a topic of its own: who counts orders reads no record of sagas."""
    confirm, turned = definition.steps[-1], definition.compensated
    assert isinstance(confirm, EmitStep)
    assert turned is not None
    assert confirm.event.full_name == "shop.OrderConfirmed"
    assert turned.schema.full_name == "shop.OrderTurnedBack"
    assert (confirm.topic, turned.topic) == (CONFIRMED_ORDERS.name, TURNED_ORDERS.name)
    assert confirm.key == turned.key == "order_id"


def test_whoever_cancels_hears_that_all_is_undone(definition: Definition) -> None:
    """What `compensated` says, field by field; no step has failed."""
    order = next(orders(1))
    saga = SagaScenario(definition).start(**order.model_dump()).cancel()
    saga.replies("reserve_stock", reservation=UUID(int=1)).expect(published=[])
    saga.replies("reserve_stock").expect(phase="COMPENSATED", published=["shop.OrderTurnedBack"])
    (told,) = saga.published
    assert told.key == order.order_id.encode()
    assert told.fields == {
        "order_id": order.order_id,
        "customer_id": order.customer_id,
        "total": order.total,
        "step": "",
        "code": "cancelled",
    }


def test_the_saga_waits_less_than_the_payments_service(definition: Definition) -> None:
    """Else the silent bank would answer with an error in time, and nothing would time out."""
    charge = definition.steps[1]
    assert isinstance(charge, CallStep)
    assert charge.timeout_ms < PATIENCE_S * 1000


def test_a_killed_service_is_back_in_time(definition: Definition) -> None:
    """All attempts of a step together last longer than Kafka waits for a dead process (6 s)."""
    for step in definition.steps[:2]:
        assert isinstance(step, CallStep)
        attempts = step.retry.attempts
        assert attempts is not None
        waits = sum(step.retry.wait_ms(attempt, 1.0) for attempt in range(1, attempts))
        assert attempts * step.timeout_ms + waits > 10_000
