"""What cannot be handled is parked with its reason, and nothing else suffers for it."""

import time
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from penstock.events.dead_letter import DeadLetterNote, original_headers, parse_note
from penstock.events.log import LogRecord, NewRecord, Partition
from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.kafka.writer import KafkaWriter
from penstock.infra.testing.fault_proxy import FaultProxy
from penstock.schemas.errors import ExitCode
from penstock.workers import Backoff, Delivery, Refused, Worker
from penstock.workers.runner import PartitionGaveUp
from tests.integration.workbench import eventually, new_record, opened_topics, play
from tests.integration.worker_bench import Noted, Placed, Run, Shop, made_shop, running

pytestmark = pytest.mark.timeout(60)

either = pytest.mark.parametrize(
    "exactly_once", [True, False], ids=["exactly-once", "at-least-once"]
)
QUICK = Backoff(attempts=3, delay_s=0.01)
NOTE_HEADERS = {
    f"penstock-dlq-{name}"
    for name in (
        "reason",
        "error-code",
        "message",
        "topic",
        "partition",
        "offset",
        "timestamp",
        "group",
        "handler",
        "attempts",
    )
}


async def write(
    connection: KafkaConnection, partition: Partition, records: Sequence[NewRecord]
) -> None:
    """Write records as they are, past the publisher and its checks."""
    writer = KafkaWriter(connection)
    await writer.start()
    batch = writer.new_batch()
    for record in records:
        assert batch.append(record)
    await writer.write(partition, batch, timeout_s=10.0)
    await writer.close()


def echo(shop: Shop, *, exactly_once: bool) -> Worker:
    """A worker that puts out as much text as its input asks for."""
    worker = Worker("clerk")

    @worker.on(shop.placed, exactly_once=exactly_once)
    async def note(event: Placed, _: Delivery) -> Noted:
        return shop.noted(order=event.order, text="x" * event.size)

    return worker


async def committed(run: Run, shop: Shop, position: int) -> None:
    """Wait until everything before a position is committed."""

    async def is_there() -> bool:
        return run.task.done() or await shop.offset() == position

    await eventually(is_there, what=f"the offset {position}")
    assert not run.task.done(), run.task


async def only_letter(shop: Shop) -> tuple[LogRecord, DeadLetterNote]:
    """The one dead letter there is."""
    (letter,) = await shop.letters()
    return letter, parse_note(letter.headers)


@either
def test_undecodable_input_is_parked_untouched(
    exactly_once: bool, kafka: str, unique: Callable[[str], str]
) -> None:
    """Poison does not stop the partition: it is parked as it was, with a complete note."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        worker = echo(shop, exactly_once=exactly_once)
        await shop.make_topics(worker)
        headers = [("trace", b"\x00\xff"), ("trace", b"twice"), ("ce_id", b"not a uuid")]
        good = shop.orders(1)[0]
        now_ms = time.time_ns() // 1_000_000
        poison = [
            NewRecord(b"garbage", b"\x00not avro", headers, now_ms),
            NewRecord(b"unknown", b"\xc3\x01" + bytes(range(8)) + b"body", [], now_ms),
            NewRecord(b"cut", shop.encoded(good)[:-1], [], now_ms),
            NewRecord(b"tombstone", None, [], now_ms),
            NewRecord(None, b"keyless", [], now_ms),
        ]
        await write(shop.connection, shop.source(), poison)
        await shop.publish([good])
        async with running(shop, worker) as run:
            await committed(run, shop, 6)
            assert run.partitions[0].doubts == 0
        assert await shop.noted_orders() == [good.order]
        letters = await shop.letters()
        assert sorted(parse_note(letter.headers).offset for letter in letters) == list(range(5))
        for letter in letters:
            note, was = parse_note(letter.headers), poison[parse_note(letter.headers).offset]
            assert (letter.key, letter.value) == (was.key, was.value)
            assert list(original_headers(letter.headers)) == was.headers
            added = [name for name, _ in letter.headers[len(was.headers) :]]
            assert len(added) == len(NOTE_HEADERS)
            assert set(added) == NOTE_HEADERS
            assert note.reason == "undecodable"
            assert note.error_code.startswith("PEN-A")
            assert note.message
            assert (note.topic, note.partition) == shop.source()
            assert (note.group, note.handler, note.attempts) == (shop.group, "", 0)
            assert note.timestamp_ms == now_ms

    play(scenario())


@either
def test_an_output_that_the_broker_refuses_costs_only_its_own_record(
    exactly_once: bool, kafka: str, unique: Callable[[str], str]
) -> None:
    """It fails alone twice and is parked; the other records of that commit are done once."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique, outputs={"max.message.bytes": "3000"})
        worker = echo(shop, exactly_once=exactly_once)
        await shop.make_topics(worker)
        orders = shop.orders(20)
        orders[7] = shop.placed(order="large", size=5_000)
        await shop.publish(orders)
        async with running(shop, worker) as run:
            await committed(run, shop, 20)
            assert run.partitions[0].doubts <= 4
            await shop.publish(shop.orders(1, first=20))
            await committed(run, shop, 21)
            assert run.partitions[0].doubts <= 4
        letter, note = await only_letter(shop)
        assert (letter.key, letter.value) == (b"large", shop.encoded(orders[7]))
        assert (note.reason, note.error_code, note.offset) == ("refused-by-broker", "PEN-W9", 7)
        assert "MESSAGE_TOO_LARGE (10)" in note.message
        expected = [order.order for order in [*orders, *shop.orders(1, first=20)]]
        expected.remove("large")
        assert Counter(await shop.noted_orders()) == dict.fromkeys(expected, 1)

    play(scenario())


@either
def test_an_output_beyond_our_own_limit_is_parked_without_a_doubt(
    exactly_once: bool, kafka: str, unique: Callable[[str], str]
) -> None:
    """What is certain to fail is found before anything is sent."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique, max_record_bytes=1024)
        worker = echo(shop, exactly_once=exactly_once)
        await shop.make_topics(worker)
        orders = [*shop.orders(2), shop.placed(order="large", size=5_000)]
        await shop.publish(orders)
        async with running(shop, worker) as run:
            await committed(run, shop, 3)
            assert run.partitions[0].doubts == 0
        letter, note = await only_letter(shop)
        assert letter.value == shop.encoded(orders[2])
        assert (note.reason, note.error_code, note.attempts) == ("bad-output", "PEN-E3", 1)
        assert sorted(await shop.noted_orders()) == [order.order for order in orders[:2]]

    play(scenario())


@either
def test_a_failing_handler_is_tried_again_and_then_parked(
    exactly_once: bool, kafka: str, unique: Callable[[str], str]
) -> None:
    """The note counts the attempts and says what the handler said; its effects are dropped."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        worker, attempts = Worker("clerk"), list[int]()

        @worker.on(shop.placed, retries=QUICK, exactly_once=exactly_once)
        async def note(event: Placed, delivery: Delivery) -> Noted:
            if event.order == "o00001":
                attempts.append(delivery.attempt)
                message = "no such customer"
                raise LookupError(message)
            return shop.noted(order=event.order)

        await shop.make_topics(worker)
        await shop.publish(shop.orders(3))
        async with running(shop, worker) as run:
            await committed(run, shop, 3)
            assert run.partitions[0].doubts == 0
        _, told = await only_letter(shop)
        assert attempts == [1, 2, 3]
        assert (told.reason, told.error_code) == ("failed", "builtins.LookupError")
        assert (told.message, told.attempts, told.offset) == ("no such customer", 3, 1)
        assert told.handler.endswith("note")
        assert sorted(await shop.noted_orders()) == ["o00000", "o00002"]

    play(scenario())


@either
def test_a_handler_that_recovers_leaves_no_letter(
    exactly_once: bool, kafka: str, unique: Callable[[str], str]
) -> None:
    """A later attempt's success is all that counts."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        worker = Worker("clerk")

        @worker.on(shop.placed, retries=QUICK, exactly_once=exactly_once)
        async def note(event: Placed, delivery: Delivery) -> Noted:
            if delivery.attempt < 3:
                raise ConnectionError
            return shop.noted(order=event.order)

        await shop.make_topics(worker)
        await shop.publish(shop.orders(1))
        async with running(shop, worker) as run:
            await committed(run, shop, 1)
        assert await shop.letters() == []
        assert await shop.noted_orders() == ["o00000"]

    play(scenario())


def test_a_refusal_is_parked_at_once(kafka: str, unique: Callable[[str], str]) -> None:
    """The handler's word that it will never succeed saves the other attempts."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        worker, attempts = Worker("clerk"), list[int]()

        @worker.on(shop.placed, retries=QUICK, exactly_once=True)
        async def note(_: Placed, delivery: Delivery) -> None:
            attempts.append(delivery.attempt)
            raise Refused("sold-out", "nothing left")

        await shop.make_topics(worker)
        await shop.publish(shop.orders(1))
        async with running(shop, worker) as run:
            await committed(run, shop, 1)
        _, told = await only_letter(shop)
        assert attempts == [1]
        assert (told.reason, told.attempts) == ("refused", 1)
        assert told.message == "sold-out: nothing left"

    play(scenario())


def test_a_handler_that_takes_too_long_is_parked(kafka: str, unique: Callable[[str], str]) -> None:
    """Each attempt has a limit; the lane of its key goes on afterwards."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        worker = Worker("clerk")

        @worker.on(shop.placed, retries=Backoff(attempts=2, delay_s=0.01), timeout_s=0.2)
        async def note(event: Placed, _: Delivery) -> Noted:
            if event.size:
                await eventually(lambda: False, what="nothing")
            return shop.noted(order=event.order)

        await shop.make_topics(worker)
        await shop.publish([shop.placed(order="same", size=1), shop.placed(order="same")])
        async with running(shop, worker) as run:
            await committed(run, shop, 2)
        _, told = await only_letter(shop)
        assert (told.reason, told.error_code, told.attempts) == ("failed", "PEN-W8", 2)
        assert await shop.noted_orders() == ["same"]

    play(scenario())


@either
def test_a_letter_that_is_refused_itself_is_parked_without_its_value(
    exactly_once: bool, kafka: str, unique: Callable[[str], str]
) -> None:
    """Its coordinates still say where the value lies, and the partition goes on."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        worker = echo(shop, exactly_once=exactly_once)
        await shop.make_topics(worker)
        async with opened_topics(shop.connection) as topics:
            await topics.configure(shop.dead_letters().topic, {"max.message.bytes": "2000"})
        await write(shop.connection, shop.source(), [new_record(b"x" * 3_000, key=b"poison")])
        await shop.publish(shop.orders(2))
        async with running(shop, worker) as run:
            await committed(run, shop, 3)
        letter, told = await only_letter(shop)
        assert (letter.key, letter.value) == (b"poison", None)
        assert (told.reason, told.offset) == ("refused-by-broker", 0)
        noted = Counter(await shop.noted_orders())
        assert set(noted) == {"o00000", "o00001"}
        # At least once, whatever was written beside the refused letter is written again.
        assert not exactly_once or set(noted.values()) == {1}

    play(scenario())


def test_five_doubts_in_a_row_end_the_process(
    fault_proxy: FaultProxy, unique: Callable[[str], str]
) -> None:
    """Each EndTxn is cut: the process says why within a minute, with the exit code of a bug."""

    async def scenario() -> None:
        shop = made_shop(fault_proxy.address, unique)
        worker = echo(shop, exactly_once=True)
        await shop.make_topics(worker)
        await shop.publish(shop.orders(1))
        async with running(shop, worker) as run:
            await run.done(1)
            cuts = [fault_proxy.reset(ApiKey.END_TXN, after_bytes=0) for _ in range(20)]
            await shop.publish(shop.orders(1, first=1))
            error = await run.failure(limit_s=60.0)
            assert sum(cut.reached for cut in cuts) == 5
            fault_proxy.heal()
        assert isinstance(error, PartitionGaveUp)
        assert error.exit_code is ExitCode.BUG
        assert error.partition == shop.source()
        assert "5 doubts" in error.message
        assert "no answer" in error.message

    play(scenario())


def test_doubts_with_a_commit_in_between_are_forgiven(
    fault_proxy: FaultProxy, unique: Callable[[str], str]
) -> None:
    """Three doubts, a commit, three doubts: each record is done once, and the worker goes on."""

    async def scenario() -> None:
        shop = made_shop(fault_proxy.address, unique)
        worker = echo(shop, exactly_once=True)
        await shop.make_topics(worker)
        await shop.publish(shop.orders(1))
        async with running(shop, worker) as run:
            await run.done(1)
            for turn in (1, 2):
                for _ in range(3):
                    fault_proxy.reset(ApiKey.END_TXN, after_bytes=0)
                await shop.publish(shop.orders(1, first=turn))
                await committed(run, shop, turn + 1)
            assert run.partitions[0].doubts == 6
        assert await shop.noted_orders() == ["o00000", "o00001", "o00002"]

    play(scenario())
