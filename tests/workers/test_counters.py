"""Replicated counters: names, keys, amounts, and what is written of them."""

from importlib.resources import files
from typing import Any

import pytest

from penstock.events.names import IllegalName
from penstock.events.partitioner import partition_of
from penstock.infra.schema_files.export import file_text
from penstock.schemas.codec import decoder_of, encoder_of
from penstock.schemas.errors import ExitCode
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.workers import Counters
from penstock.workers.counters import (
    COUNT_LIMIT,
    BadComponentKey,
    BadCount,
    CounterComponent,
    CounterOverflow,
    advanced,
    check_amount,
    check_counter,
    component_key,
    counter_partition,
    parse_component_key,
    partition_replica,
    slot_replica,
)
from penstock.workers.topics import counters_topic

ORDERS = Counters("orders")
SHELF = Counters("shelf", decrements=True)

GOLDEN = bytes.fromhex("c3015b4d2a51c6d4fbc502feffffffffffffffff0106")
"""A component as the first version with counters wrote it: never to be changed, only added to."""


def test_a_set_of_counters_is_a_value() -> None:
    """Whoever declares it alike means the same one."""
    assert Counters("orders") == ORDERS
    assert (ORDERS.kind, SHELF.kind) == ("g", "pn")
    assert Counters("orders", decrements=True) != ORDERS


@pytest.mark.parametrize("name", ["", "Orders", "a.b", "a/b", "a:b", "1st", "a" * 64])
def test_the_name_of_a_set_is_checked_where_it_is_declared(name: str) -> None:
    """It stands in a topic's name and before a counter in the keys of state."""
    with pytest.raises(IllegalName, match="counters name"):
        Counters(name)


def test_the_topic_of_counters_is_compacted_and_nothing_else() -> None:
    """Compaction comes early and often, so that whoever begins to read has little to read."""
    topic = counters_topic("shop", "orders")
    assert (topic.name, topic.partitions) == ("_penstock.shop.crdt.orders", 4)
    assert topic.entries == {
        "cleanup.policy": "compact",
        "segment.ms": "600000",
        "min.cleanable.dirty.ratio": "0.1",
    }


# --- keys ---------------------------------------------------------------------------------------


def test_keys_are_as_other_languages_expect_them() -> None:
    """The free part stands last, and the partition is Kafka's own choice for the counter."""
    replica = partition_replica("reporting", "shop.orders", 11)
    key = component_key(replica, "completed/gold: all")
    assert key == b"reporting/shop.orders/11:completed/gold: all"
    assert parse_component_key(key) == (replica, "completed/gold: all")
    assert counter_partition("ä", 12) == partition_of("ä".encode(), 12)


def test_a_slot_is_no_partition() -> None:
    """Also where a worker has the name: it has one part less."""
    assert slot_replica("gateway-1") == "slot/gateway-1"
    assert parse_component_key(b"slot/gateway-1:a") == ("slot/gateway-1", "a")
    assert parse_component_key(b"slot/t/1:a") == (partition_replica("slot", "t", 1), "a")


@pytest.mark.parametrize(
    "parts",
    [
        ("saga-order", "shop.orders", 0),
        ("a:b", "shop.orders", 0),
        ("a", "shop/orders", 0),
        ("a", "shop.orders", -1),
        ("a/b",),
        ("",),
    ],
)
def test_a_replica_is_made_of_legal_names(parts: tuple[Any, ...]) -> None:
    """None of them can hold what joins them."""
    make: Any = slot_replica if len(parts) == 1 else partition_replica
    with pytest.raises(IllegalName):
        make(*parts)


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        (b"", "no colon"),
        (b"reporting/shop.orders/1", "no colon"),
        (b"\xff/a/1:b", "not UTF-8"),
        (b"reporting/shop.orders/1:", "0 bytes"),
        (b"reporting/shop.orders/1:" + b"x" * 513, "513 bytes"),
        (b"shop.orders/1:a", "no kind known here"),
        (b"a/b/c/1:a", "no kind known here"),
        (b"reporting/shop.orders/01:a", "no kind known here"),
        (b"reporting/shop.orders/-1:a", "no kind known here"),
        (b"reporting/shop.orders/99999999999:a", "no kind known here"),
        ("reporting/shop.orders/\u0661:a".encode(), "no kind known here"),
        (b"Reporting/shop.orders/1:a", "PEN-E10"),
        (b"saga-order/shop.orders/1:a", "PEN-E10"),
        (b"reporting/" + b"t" * 250 + b"/1:a", "PEN-E11"),
        (b"slot/:a", "PEN-E10"),
    ],
)
def test_a_key_that_was_never_made_here_is_told(key: bytes, problem: str) -> None:
    """Anybody can write into a topic; what is wrong with it is said, and bounded."""
    with pytest.raises(BadComponentKey) as caught:
        parse_component_key(key)
    assert problem in caught.value.problem
    assert len(str(caught.value)) < 1_000
    assert caught.value.exit_code is ExitCode.DATA


# --- what can be counted ------------------------------------------------------------------------


@pytest.mark.parametrize("counter", ["a", "completed/gold", ":", "/", " ", "ß" * 256, "\x00"])
def test_a_counter_has_any_name_of_up_to_512_bytes(counter: str) -> None:
    """Names are data."""
    assert check_counter(ORDERS, counter) == counter


@pytest.mark.parametrize("counter", ["", "a" * 513, "ß" * 257, "\ud800", b"a", 7, None, True])
def test_what_is_no_name_is_refused(counter: Any) -> None:
    """At the call, and never in a record."""
    with pytest.raises(BadCount, match="orders") as caught:
        check_counter(ORDERS, counter)
    assert not caught.value.retryable


@pytest.mark.parametrize("by", [0, 1, COUNT_LIMIT])
def test_an_amount_is_a_whole_number(by: int) -> None:
    """Nothing, too: an order may have no items."""
    assert check_amount(ORDERS, by) == by


@pytest.mark.parametrize("by", [True, False, 1.0, -1, COUNT_LIMIT + 1, "1", None, 1j])
def test_what_is_no_amount_is_refused(by: Any) -> None:
    """Python's integers have no end and its booleans are integers; readers' are not so."""
    with pytest.raises(BadCount, match="amount"):
        check_amount(ORDERS, by)


def test_a_component_counts_on() -> None:
    """From nothing, and from what it was."""
    first = advanced(SHELF, "a", None, increments=2)
    assert first == CounterComponent(kind="pn", increments=2, decrements=0)
    then = advanced(SHELF, "a", first, increments=1, decrements=5)
    assert then == CounterComponent(kind="pn", increments=3, decrements=5)


def test_counters_that_may_go_down_later_keep_what_they_have() -> None:
    """And one that has once gone down stays what it is, or readers would forget the decrements."""
    grown = CounterComponent(kind="g", increments=7, decrements=0)
    fallen = CounterComponent(kind="pn", increments=7, decrements=2)
    assert advanced(SHELF, "a", grown, increments=0, decrements=1).kind == "pn"
    assert advanced(ORDERS, "a", fallen, increments=1) == CounterComponent(
        kind="pn", increments=8, decrements=2
    )


def test_a_component_never_grows_out_of_a_long() -> None:
    """The largest number is reached and not passed, in either direction."""
    full = CounterComponent(kind="pn", increments=COUNT_LIMIT, decrements=COUNT_LIMIT - 1)
    assert advanced(SHELF, "a", full, increments=0, decrements=1).decrements == COUNT_LIMIT
    for amounts in ({"increments": 1}, {"increments": 0, "decrements": 2}):
        with pytest.raises(CounterOverflow) as caught:
            advanced(SHELF, "a\n" * 300, full, **amounts)
        assert len(caught.value.counter) < 300


@pytest.mark.parametrize(
    ("counters", "amounts"),
    [
        (SHELF, {"increments": -1}),
        (SHELF, {"increments": 0, "decrements": -1}),
        (ORDERS, {"increments": 0, "decrements": 1}),
    ],
)
def test_a_component_that_would_go_back_is_a_bug(
    counters: Counters, amounts: dict[str, int]
) -> None:
    """Readers keep the larger number: what goes back is never seen, and lost."""
    with pytest.raises(AssertionError):
        advanced(counters, "a", None, **amounts)


# --- the record ---------------------------------------------------------------------------------


def test_the_schema_file_is_the_schema_of_the_class() -> None:
    """A change of such a record shows as a change of its file, and is thought about."""
    schema = declaration_of(CounterComponent).schema
    file = files("penstock.schemas").joinpath(f"avsc/{schema.full_name}.avsc")
    assert file.read_text(encoding="utf-8") == file_text(schema)


def test_an_old_component_can_still_be_read_and_is_written_as_ever() -> None:
    """Topics of counters are kept for ever."""
    file = files("penstock.schemas").joinpath("avsc/penstock.CounterComponent.avsc")
    schema = AvroSchema.parse(file.read_text("utf-8"))
    component = CounterComponent(kind="pn", increments=COUNT_LIMIT, decrements=3)
    assert decoder_of(schema, CounterComponent)(GOLDEN) == component
    assert encoder_of(CounterComponent)(component) == GOLDEN
