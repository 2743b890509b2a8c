"""From a text to a definition: everything right becomes one, anything wrong becomes problems."""

import hashlib

import pytest

from penstock.sagas.definition import Path, Root
from penstock.sagas.language.bad_saga import BadSaga
from penstock.sagas.language.check import check, definition_from, load
from penstock.schemas.errors import ExitCode
from penstock.schemas.schema import AvroSchema
from penstock.schemas.schema_errors import SchemaError
from tests.sagas.order_language import (
    FILE,
    ORDER,
    SCHEMAS,
    call_of,
    changed,
    checked,
    codes_of,
    defined,
    emit_of,
)


def test_the_saga_of_the_study_has_no_problem() -> None:
    """Not even a warning."""
    assert not checked(ORDER).problems


def test_a_definition_holds_what_the_file_says() -> None:
    """Head, steps in order, durations in milliseconds."""
    order = defined(ORDER)
    assert (order.saga, order.version) == ("order", 3)
    assert order.input == SCHEMAS["shop.OrderPlaced"]
    assert order.input_topic == "shop.orders"
    assert order.key == Path(root=Root.INPUT, fields=("order_id",))
    assert order.deadline_ms == 15 * 60_000
    assert [step.name for step in order.steps] == [
        "reserve_stock",
        "charge_card",
        "ship",
        "confirm",
    ]
    assert order.text == ORDER


def test_a_call_step_holds_command_reply_and_undo() -> None:
    """With topics from the schemas."""
    reserve = call_of(defined(ORDER), "reserve_stock")
    assert reserve.command.schema == SCHEMAS["stock.ReserveStock"]
    assert reserve.command.topic == "stock.commands"
    assert reserve.command.template.fields == {
        "order_id": Path(root=Root.INPUT, fields=("order_id",)),
        "items": Path(root=Root.INPUT, fields=("items",)),
    }
    assert reserve.reply == SCHEMAS["stock.StockReserved"]
    assert reserve.undo is not None
    assert reserve.undo.command.schema == SCHEMAS["stock.ReleaseStock"]
    assert (reserve.undo_unknown, reserve.pivot, reserve.forward) == (True, False, False)
    assert call_of(defined(ORDER), "charge_card").reply is None


def test_an_emit_step_holds_topic_and_key() -> None:
    """And paths with the step's name first."""
    confirm = emit_of(defined(ORDER), "confirm")
    assert (confirm.topic, confirm.key) == ("shop.orders", "order_id")
    tracking = Path(root=Root.STEPS, fields=("ship", "tracking_no"))
    assert confirm.template.fields["tracking_no"] == tracking


def test_an_ended_saga_is_remembered_for_a_week_unless_said_otherwise() -> None:
    """saga-rules S15."""
    assert defined(ORDER).retention_ms == 7 * 86_400_000
    assert defined(changed(("deadline: 15m", "retention: 30d"))).retention_ms == 30 * 86_400_000


def test_without_a_deadline_there_is_none() -> None:
    """It is optional."""
    assert defined(changed(("deadline: 15m\n", ""))).deadline_ms is None


def test_only_used_schemas_belong_to_a_definition() -> None:
    """Input, commands, undo commands, replies, events: not all that happened to be known."""
    names = {AvroSchema.parse(each).full_name for each in defined(ORDER).schemas}
    assert names == {
        "shop.OrderPlaced",
        "stock.ReserveStock",
        "stock.StockReserved",
        "stock.ReleaseStock",
        "payments.ChargeCard",
        "payments.RefundCharge",
        "shipping.CreateShipment",
        "shipping.ShipmentCreated",
        "shop.OrderConfirmed",
    }
    assert list(defined(ORDER).schemas) == sorted(defined(ORDER).schemas)


def test_a_pinned_definition_reads_back_equal() -> None:
    """Text and schemas are enough, in any order of schemas."""
    order = defined(ORDER)
    assert definition_from(order.text, order.schemas) == order
    assert definition_from(order.text, reversed(order.schemas)) == order


def test_a_pinned_definition_that_is_broken_says_so() -> None:
    """Whoever reads the topic turns either into its own error."""
    order = defined(ORDER)
    lacking = [each for each in order.schemas if "ChargeCard" not in each]
    with pytest.raises(BadSaga, match=r"\(pinned definition\):15:11: error\[unknown-type\]"):
        definition_from(order.text, lacking)
    with pytest.raises(SchemaError):
        definition_from(order.text, [*order.schemas, "{}"])


def test_text_and_schemas_decide_the_digest() -> None:
    """A comment, a default or a doc of a schema: another content is another digest."""
    digest = defined(ORDER).digest
    assert len(bytes.fromhex(digest)) == hashlib.sha256().digest_size
    assert defined(ORDER).digest == digest
    assert defined(ORDER + "# changed\n").digest != digest
    reason = '{"name":"reason","type":"string","default":"%s"}'
    texts = defined(ORDER).schemas
    other = [each.replace(reason % "", reason % "other") for each in texts]
    assert other != list(texts)
    assert definition_from(ORDER, other).digest != digest


def test_load_raises_with_every_problem() -> None:
    """And with the exit code for schemas."""
    text = changed(("version: 3", "version: 0"), ("timeout: 10s", "timeout: 10"))
    with pytest.raises(BadSaga) as caught:
        load(text, file=FILE, schemas=SCHEMAS)
    assert [each.code for each in caught.value.problems] == ["illegal-number", "illegal-duration"]
    assert caught.value.exit_code is ExitCode.SCHEMA
    assert f"{FILE}:2:10: error[illegal-number]" in str(caught.value)
    assert f"{FILE}:11:14: error[illegal-duration]" in str(caught.value)


def test_a_warning_does_not_stop_a_saga() -> None:
    """It comes beside the definition."""
    found = checked(changed(("deadline: 15m", "deadline: 2m")))
    assert found.definition is not None
    assert [each.code for each in found.problems] == ["path-over-deadline"]
    assert load(found.definition.text, file=FILE, schemas=SCHEMAS) == found.definition


def test_without_schemas_every_type_is_unknown() -> None:
    """And nothing else is wrong."""
    found = check(ORDER, file=FILE, schemas={})
    assert {each.code for each in found.problems} == {"unknown-type"}
    assert len(found.problems) == 7


# The key


@pytest.mark.parametrize("path", ["order_id", "number", "customer.customer_id"])
def test_the_key_is_a_string_a_number_or_a_uuid(path: str) -> None:
    """saga-rules S35."""
    text = changed(("key: $.input.order_id", f"key: $.input.{path}"))
    assert defined(text).key.fields == tuple(path.split("."))


@pytest.mark.parametrize("path", ["note", "items", "total", "placed_at", "speed", "customer"])
def test_nothing_else_names_a_saga(path: str) -> None:
    """Least of all what may be null."""
    text = changed(("key: $.input.order_id", f"key: $.input.{path}"))
    assert codes_of(text) == ["4 illegal-key"]


@pytest.mark.parametrize("key", ["order_id", "$.saga.id", "$.steps.ship.tracking_no", "$.input"])
def test_the_key_leads_into_the_input(key: str) -> None:
    """It is needed before anything else is known."""
    assert codes_of(changed(("key: $.input.order_id", f"key: {key}"))) == ["4 illegal-key"]


# The input


def test_a_record_without_a_topic_may_be_the_input() -> None:
    """Then programs and operators start the saga, and no event does."""
    text = (
        "saga: welcome\nversion: 1\ninput: shop.Customer\nkey: $.input.customer_id\nsteps:\n"
        "  - {name: tell, emit: shop.Note, with: {text: $.input.name}}\n"
    )
    assert defined(text).input_topic is None
