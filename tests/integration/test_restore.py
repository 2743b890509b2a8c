"""State comes back from its changelog as it was committed, or the partition refuses to begin."""

from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaProducer

from penstock.events.log import NewRecord
from penstock.events.names import transactional_id
from penstock.infra.kafka.writer import KafkaWriter
from penstock.schemas.codec import encoder_of
from penstock.schemas.errors import ExitCode
from penstock.workers import Delivery, Worker
from penstock.workers.partition_life import Phase
from penstock.workers.runner import PartitionUnsafe
from penstock.workers.state import state_key
from tests.integration.workbench import new_record, play, read_committed
from tests.integration.worker_bench import Count, Noted, Placed, Shop, made_shop, running

pytestmark = pytest.mark.timeout(60)

FORGET = 0
"""The size of an order that makes the worker forget its key."""


def keeper(shop: Shop, found: dict[str, int] | None = None) -> Worker:
    """A worker that keeps the size of each order, and can be asked for all of them."""
    worker = Worker("clerk")

    @worker.on(shop.placed, state=Count)
    async def keep(event: Placed, delivery: Delivery) -> None:
        table = delivery.state(Count)
        if event.order == "tell":
            assert found is not None
            found.update({key: count.seen for key, count in table.scan()})
        elif event.size == FORGET:
            table.delete(event.order)
        else:
            table.put(event.order, Count(seen=event.size))

    return worker


async def told(shop: Shop) -> dict[str, int]:
    """All entries that a new start finds."""
    found: dict[str, int] = {}
    await shop.publish([shop.placed(order="tell")])
    async with running(shop, keeper(shop, found)) as run:
        await run.done(1)
    return found


def test_thousands_of_entries_come_back_as_they_were(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """Overwritten and deleted entries too; the log ends in a marker, and the restore ends."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        await shop.make_topics(keeper(shop))
        written = [shop.placed(order=f"k{n:04}", size=n + 1) for n in range(3_000)]
        changed = [shop.placed(order=f"k{n:04}", size=n + 10_000) for n in range(0, 3_000, 3)]
        deleted = [shop.placed(order=f"k{n:04}", size=FORGET) for n in range(0, 3_000, 2)]
        await shop.publish([*written, *changed, *deleted])
        async with running(shop, keeper(shop)) as run:
            await run.done(len(written) + len(changed) + len(deleted))
            assert run.partitions[0].entries == 1_500
        log = await read_committed(shop.connection, shop.changelog())
        assert any(record.value is None for record in log), "deletes must be tombstones"
        expected = {order.order: order.size for order in [*written, *changed]}
        for order in deleted:
            del expected[order.order]
        assert await told(shop) == expected

    play(scenario())


def test_an_empty_changelog_is_an_empty_state(kafka: str, unique: Callable[[str], str]) -> None:
    """The first start finds nothing and says so."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        await shop.make_topics(keeper(shop))
        assert await told(shop) == {}

    play(scenario())


def test_what_was_never_committed_does_not_come_back(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """A former owner died in a transaction: the fence aborts it, and the restore passes over it."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        await shop.make_topics(keeper(shop))
        await shop.publish([shop.placed(order="kept", size=7)])
        async with running(shop, keeper(shop)) as run:
            await run.done(1)
        former = AIOKafkaProducer(
            bootstrap_servers=kafka,
            transactional_id=transactional_id(shop.group, *shop.source()),
        )
        await former.start()
        await former.begin_transaction()
        await former.send_and_wait(
            shop.changelog().topic,
            encoder_of(Count)(Count(seen=8)),
            key=state_key("bench.Count", "kept"),
            partition=0,
        )
        assert await told(shop) == {"kept": 7}
        await former.client.close()  # it is fenced by now, and cannot end its transaction
        former._closed = True
        former._sender.sender_task.cancel()

    play(scenario())


KNOWN_KEY = state_key("bench.Count", "key")
VALUE = encoder_of(Count)(Count(seen=1))
NEWER = b"\xc3\x01" + bytes(range(1, 9)) + b"\x02"

FOREIGN = [
    pytest.param(new_record(NEWER, key=KNOWN_KEY), "0102030405060708", id="newer-fingerprint"),
    pytest.param(new_record(b"plain", key=KNOWN_KEY), "PEN-A", id="unframed-value"),
    pytest.param(new_record(VALUE, key=b"x/other"), "its key is of no kind", id="foreign-key"),
    pytest.param(
        new_record(VALUE, key=state_key("bench.Other", "key")),
        "no handler declares the table",
        id="undeclared-table",
    ),
    pytest.param(
        new_record(None, key=state_key("bench.Other", "key")),
        "no handler declares the table",
        id="tombstone-of-an-undeclared-table",
    ),
]


@pytest.mark.parametrize(("record", "complaint"), FOREIGN)
def test_a_changelog_that_cannot_be_understood_is_refused(
    record: NewRecord, complaint: str, kafka: str, unique: Callable[[str], str]
) -> None:
    """It is told with topic, partition and offset; nothing is guessed, and nothing is processed."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        await shop.make_topics(keeper(shop))
        await shop.publish([shop.placed(order="kept", size=7)])
        async with running(shop, keeper(shop)) as run:
            await run.done(1)
        offset = await append(shop, record)
        await shop.publish([shop.placed(order="later", size=8)])
        for _ in range(2):
            async with running(shop, keeper(shop)) as run:
                error = await run.failure()
            assert isinstance(error, PartitionUnsafe)
            assert error.exit_code is ExitCode.DATA
            assert f"{shop.changelog()} cannot be read at offset {offset}:" in error.message
            assert complaint in error.message
        assert await shop.offset() == 1

    play(scenario())


async def append(shop: Shop, record: NewRecord) -> int:
    """Write into the changelog, as another version or another program would."""
    writer = KafkaWriter(shop.connection)
    await writer.start()
    batch = writer.new_batch()
    assert batch.append(record)
    offset = await writer.write(shop.changelog(), batch, timeout_s=10.0)
    await writer.close()
    return offset


def test_an_entry_whose_body_is_broken_fails_the_partition_when_it_is_read(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """A handler's retry or a dead letter would go on with wrong state."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        await shop.make_topics(keeper(shop))
        async with running(shop, keeper(shop)) as run:
            await run.in_phase(Phase.RUNNING)
        await append(shop, new_record(VALUE[:-1], key=KNOWN_KEY))
        await shop.publish([shop.placed(order="tell")])
        async with running(shop, keeper(shop, {})) as run:
            error = await run.failure()
        assert isinstance(error, PartitionUnsafe)
        assert "bench.Count" in error.message
        assert await shop.letters() == []
        assert await shop.offset() == 0

    play(scenario())


def test_state_that_keys_share_loses_no_update(kafka: str, unique: Callable[[str], str]) -> None:
    """Read and written without an await in between, an entry may be shared by all keys."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        worker = Worker("clerk")

        @worker.on(shop.placed, state=Count)
        async def note(event: Placed, delivery: Delivery) -> Noted:
            table = delivery.state(Count)
            before = table.get("all") or Count(seen=0)
            table.put("all", Count(seen=before.seen + 1))
            return shop.noted(order=event.order, text=str(before.seen + 1))

        await shop.make_topics(worker)
        await shop.publish(shop.orders(20))
        async with running(shop, worker) as run:
            await run.done(20)
        texts = sorted(int(shop.read_noted(note).text) for note in await shop.notes())
        assert texts == list(range(1, 21))

    play(scenario())
