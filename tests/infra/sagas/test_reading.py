"""Reading sagas for people: what the topics hold, to their present end, or a clear error."""

import asyncio
from decimal import Decimal

import pytest

from penstock.events.log import NewRecord, Partition
from penstock.events.names import saga_state_topic
from penstock.events.saga_headers import Direction
from penstock.infra.sagas.address import UnknownSaga
from penstock.infra.sagas.reading import (
    NoVersion,
    SagaReader,
    SagaRecordUnreadable,
    SagaTopicSilent,
    look_for_sagas,
    open_saga_reader,
)
from penstock.sagas.engine.facts import FactKind
from penstock.sagas.engine.inputs import Cancelled, Refused, Replied, Started
from penstock.sagas.engine.state import Phase, SagaState
from penstock.schemas.codec import datum_encoder_of
from tests.events.conftest import MemoryReader
from tests.infra.sagas.saga_bench import SagaBench
from tests.sagas.shop import SCHEMAS, definition

ENCODE = datum_encoder_of(SCHEMAS["shop.OrderPlaced"])


@pytest.fixture
def bench() -> SagaBench:
    """A cluster with the shop's saga, deployed."""
    bench = SagaBench(definition=definition())
    bench.run(bench.deploy(), served=False)
    return bench


def begin(bench: SagaBench, *keys: str) -> None:
    """Begin sagas."""
    for key in keys:
        data = ENCODE({"order_id": key, "total": Decimal("19.99")})
        bench.decide(key, Started(key=key, input=data), "start")


def refuse(bench: SagaBench, key: str) -> None:
    """Let the first step of a saga be refused."""
    answer = Refused(code="out_of_stock")
    given = Replied(step="reserve_stock", direction=Direction.DO, attempt=1, answer=answer)
    bench.decide(key, given)


async def reader_of(bench: SagaBench) -> SagaReader:
    """A reader of the saga."""
    return await open_saga_reader(bench.sources, "order")


async def states_of(bench: SagaBench) -> dict[str, SagaState]:
    """All sagas, as they are read."""
    return dict(await (await reader_of(bench)).sagas())


def test_sagas_are_found_by_their_topics(bench: SagaBench) -> None:
    """Whatever else the cluster has."""
    bench.world.log.create("shop.orders", 3)
    assert bench.run(look_for_sagas(bench.sources)) == ("order",)


def test_a_saga_that_is_not_there_is_unknown(bench: SagaBench) -> None:
    """With a hint; exit 7."""
    with pytest.raises(UnknownSaga, match="Did you mean order"):
        bench.run(open_saga_reader(bench.sources, "ordr"))


def test_all_sagas_are_read_as_they_stand_now(bench: SagaBench) -> None:
    """The latest record of each; barriers are none; forgotten ones are gone."""
    keys = [f"o-{number}" for number in range(30)]
    begin(bench, *keys)
    refuse(bench, "o-7")
    assert bench.states["o-7"].phase is Phase.COMPENSATED
    assert bench.run(states_of(bench)) == bench.states
    bench.pass_time(3 * 86_400.0)
    assert "o-7" not in bench.states
    assert bench.run(states_of(bench)) == bench.states
    assert all(reader.closed for reader in bench.readers)


def test_one_saga_is_read_by_its_key(bench: SagaBench) -> None:
    """None where there is none, and where none can be."""
    begin(bench, "o-1", "o-10")

    async def read() -> tuple[SagaState | None, ...]:
        reader = await reader_of(bench)
        keys = ("o-1", "o-2", "", "x" * 2_000, "\udc80")
        return tuple([await reader.one(key) for key in keys])

    assert bench.run(read()) == (bench.states["o-1"], None, None, None, None)


def test_a_history_is_read_in_order_and_alone(bench: SagaBench) -> None:
    """Only the key's, all of it."""
    begin(bench, *[f"o-{number}" for number in range(20)])
    refuse(bench, "o-3")
    bench.decide("o-3", Cancelled(actor="ann", reason="why"), "cancel", "c-9")

    async def read() -> list[tuple[int, str]]:
        history = await (await reader_of(bench)).history("o-3")
        assert {each.key for each in history} == {"o-3"}
        assert history[0].facts[0].kind is FactKind.STARTED
        return [(each.seq, each.trigger) for each in history]

    assert bench.run(read()) == [(1, "start"), (2, "reply"), (3, "cancel")]


def test_a_version_is_read_and_compiled(bench: SagaBench) -> None:
    """The latest, and each by its number."""

    async def read() -> tuple[int, tuple[str, ...]]:
        programs = await (await reader_of(bench)).programs()
        assert programs.of(1) is programs.latest
        with pytest.raises(NoVersion, match="version 2"):
            programs.of(2)
        return programs.latest.definition.version, programs.latest.names

    assert bench.run(read()) == (1, ("reserve_stock", "charge_card", "ship", "mail", "confirm"))


def test_where_nothing_was_deployed_there_is_no_version() -> None:
    """Topics are there, and `run saga` never was."""
    bench = SagaBench(definition=definition())

    async def read() -> None:
        programs = await (await reader_of(bench)).programs()
        _ = programs.latest

    with pytest.raises(NoVersion, match="penstock run saga"):
        bench.run(read(), served=False)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"s/penstock.SagaRecord/o-1", b"\xc3\x01unknown!rest"),
        (b"s/penstock.SagaRecord/o-1", b"no frame"),
        (b"s/shop.Other/o-1", b"x"),
        (None, b"x"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(
    bench: SagaBench, key: bytes | None, value: bytes
) -> None:
    """Never passed over (formats.md F19)."""
    begin(bench, "o-1")
    place = Partition(saga_state_topic("shop", "order"), 1)
    offset = bench.world.log.append(place, [NewRecord(key, value, [], 0)])
    with pytest.raises(SagaRecordUnreadable) as caught:
        bench.run(states_of(bench))
    assert (caught.value.partition, caught.value.offset) == (place, offset)
    assert caught.value.exit_code == 7


def test_a_silent_topic_is_told_in_bounded_time(
    bench: SagaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A leader that is away must not be taken for an empty topic."""
    begin(bench, "o-1")

    async def silent(_: MemoryReader, *, timeout_s: float) -> list[object]:
        await bench.world.clock.sleep_until(bench.world.clock.now_s + timeout_s)
        return []

    monkeypatch.setattr(MemoryReader, "read", silent)
    begun_s = bench.world.clock.now_s
    sources = bench.sources

    async def read() -> None:
        await SagaReader(sources, "order", partitions=2).sagas()

    with pytest.raises(SagaTopicSilent) as caught:
        bench.run(read(), served=False)
    assert caught.value.retryable
    assert bench.world.clock.now_s - begun_s < 61.0
    assert asyncio.run(look_for_sagas(sources)) == ("order",)
