from datetime import timedelta

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.embedded_broker import EmbeddedBroker
from penstock.infra.embedded.server.fault_rules import Moment
from penstock.infra.embedded.server.planned_fault import AwaitedInVain
from penstock.infra.embedded.wire.api_key import ApiKey
from tests.infra.embedded.server.in_loop import in_loop, leap, until
from tests.infra.embedded.server.raw_client import RawClient, answer_of, encoded, request_bytes
from tests.infra.embedded.server.requests_by_hand import (
    FETCH,
    METADATA,
    PRODUCE,
    fetch,
    fetched,
    metadata,
    produce,
)

_VERSIONS = request_bytes(18, 0)


async def _produced(client: RawClient, *values: bytes) -> ErrorCode:
    answer = await client.ask(ApiKey.PRODUCE, PRODUCE, produce("t", *values))
    code = answer.responses[0].partition_responses[0].error_code
    assert isinstance(code, ErrorCode)
    return code


async def _kept(client: RawClient) -> int:
    answer = await client.ask(ApiKey.FETCH, FETCH, fetch("t", 0, wait_ms=0))
    end = fetched(answer).high_watermark
    assert isinstance(end, int)
    return end


def _end(broker: EmbeddedBroker) -> int:
    log = broker.broker.log("t", 0)
    assert log is not None
    return log.end_offset


@in_loop
async def test_the_next_requests_are_answered_with_an_error_and_take_no_effect() -> None:
    """As many as were asked for; the one after them is written."""
    async with EmbeddedBroker() as broker, await RawClient.connect(broker) as client:
        await client.ask(ApiKey.METADATA, METADATA, metadata("t"))
        fault = broker.faults.answer(ApiKey.PRODUCE, ErrorCode.not_leader_or_follower, times=2)
        errors = [await _produced(client, b"a") for _ in range(3)]
        refused = ErrorCode.not_leader_or_follower
        assert errors == [refused, refused, ErrorCode.none]
        assert await _kept(client) == 1
        assert fault.met == 2
        assert not fault.withdraw()


@in_loop
async def test_a_request_that_is_under_way_to_its_hold_when_all_faults_are_cleared_goes_on() -> (
    None
):
    """Nobody is left who could release it."""
    async with EmbeddedBroker() as broker, await RawClient.connect(broker) as client:
        await client.ask(ApiKey.METADATA, METADATA, metadata("t"))
        broker.faults.hold(ApiKey.FETCH, moment=Moment.AFTER)
        client.send(encoded(ApiKey.FETCH, FETCH, fetch("t", 0, wait_ms=600_000)))
        await until(lambda: broker.statistics().waiting_fetches == 1)
        broker.faults.clear()
        async with await RawClient.connect(broker) as other:
            assert await _produced(other, b"a") is ErrorCode.none
        answer = answer_of(ApiKey.FETCH, FETCH, await client.receive())
        assert fetched(answer).error_code is ErrorCode.none
        assert broker.statistics().failed == 0


@in_loop
async def test_a_fault_may_be_for_one_client() -> None:
    """`where` looks at the call."""
    async with EmbeddedBroker() as broker, await RawClient.connect(broker) as client:
        await client.ask(ApiKey.METADATA, METADATA, metadata("t"))
        broker.faults.answer(
            ApiKey.PRODUCE,
            ErrorCode.kafka_storage_error,
            times=None,
            where=lambda call: call.client_id == "somebody else",
        )
        assert await _produced(client, b"a") is ErrorCode.none


@in_loop
async def test_a_held_request_takes_effect_when_it_is_released_even_after_its_client_has_left() -> (
    None
):
    """As in a real broker, which does not know that nobody waits any more."""
    async with EmbeddedBroker() as broker, await RawClient.connect(broker) as other:
        await other.ask(ApiKey.METADATA, METADATA, metadata("t"))
        held = broker.faults.hold(ApiKey.PRODUCE)
        async with await RawClient.connect(broker) as client:
            client.send(encoded(ApiKey.PRODUCE, PRODUCE, produce("t", b"late")))
            await held.wait_reached()
            assert await _kept(other) == 0
        while broker.statistics().connections > 1:
            await other.ask_bytes(_VERSIONS)
        assert await _kept(other) == 0
        held.release()
        assert await _produced(other, b"next") is ErrorCode.none
        await until(lambda: _end(broker) == 2)


@in_loop
async def test_a_held_answer_is_that_of_a_request_that_has_taken_effect() -> None:
    """The client is in doubt, and the record is there."""
    async with (
        EmbeddedBroker() as broker,
        await RawClient.connect(broker) as client,
        await RawClient.connect(broker) as other,
    ):
        await other.ask(ApiKey.METADATA, METADATA, metadata("t"))
        held = broker.faults.hold(ApiKey.PRODUCE, moment=Moment.AFTER)
        client.send(encoded(ApiKey.PRODUCE, PRODUCE, produce("t", b"a")))
        await held.wait_reached()
        await until(lambda: _end(broker) == 1)
        held.release()
        answer = answer_of(ApiKey.PRODUCE, PRODUCE, await client.receive())
        assert answer.responses[0].partition_responses[0].base_offset == 0


@pytest.mark.parametrize(("moment", "kept"), [(Moment.BEFORE, 0), (Moment.AFTER, 1)])
@in_loop
async def test_a_connection_is_cut_before_or_after_the_request_takes_effect(
    moment: Moment, kept: int
) -> None:
    """The client cannot tell the two apart; the log can."""
    async with EmbeddedBroker() as broker, await RawClient.connect(broker) as other:
        await other.ask(ApiKey.METADATA, METADATA, metadata("t"))
        broker.faults.drop(ApiKey.PRODUCE, moment=moment)
        async with await RawClient.connect(broker) as client:
            client.send(encoded(ApiKey.PRODUCE, PRODUCE, produce("t", b"a")))
            assert await client.is_closed()
        assert await _kept(other) == kept


@in_loop
async def test_a_held_request_may_be_lost_with_its_connection() -> None:
    """As one that never came."""
    async with EmbeddedBroker() as broker, await RawClient.connect(broker) as other:
        await other.ask(ApiKey.METADATA, METADATA, metadata("t"))
        held = broker.faults.hold(ApiKey.PRODUCE)
        async with await RawClient.connect(broker) as client:
            client.send(encoded(ApiKey.PRODUCE, PRODUCE, produce("t", b"a")))
            await held.wait_reached()
            held.drop()
            assert await client.is_closed()
        assert await _kept(other) == 0


@in_loop
async def test_a_delay_holds_up_one_connection_for_its_time() -> None:
    """No less, and no longer; others are served meanwhile."""
    async with (
        EmbeddedBroker() as broker,
        await RawClient.connect(broker) as client,
        await RawClient.connect(broker) as other,
    ):
        delay = broker.faults.delay(ApiKey.METADATA, 60.0)
        client.send(encoded(ApiKey.METADATA, METADATA, metadata("t")))
        await delay.wait_reached()
        await leap(50.0)
        await other.ask_bytes(_VERSIONS)
        assert not client.has_mail
        await leap(10.0)
        answer = answer_of(ApiKey.METADATA, METADATA, await client.receive())
        assert answer.topics[0].name == "t"
        assert delay.withdraw()


@in_loop
async def test_nothing_is_reached_says_so_in_bounded_time() -> None:
    """The error names the fault that was waited for."""
    async with EmbeddedBroker() as broker:
        held = broker.faults.hold(ApiKey.END_TXN)
        with pytest.raises(AwaitedInVain, match="END_TXN"):
            await held.wait_reached(timeout_s=0.01)


@in_loop
async def test_a_broker_that_stops_serving_keeps_what_it_knows() -> None:
    """It comes back at its address, with its records."""
    async with EmbeddedBroker() as broker:
        async with await RawClient.connect(broker) as client:
            await client.ask(ApiKey.METADATA, METADATA, metadata("t"))
            await _produced(client, b"a")
            address = broker.address
            await broker.faults.stop_serving()
            assert await client.is_closed()
        with pytest.raises(ConnectionRefusedError):
            await RawClient.connect(broker)
        await broker.faults.serve_again()
        assert broker.address == address
        async with await RawClient.connect(broker) as client:
            assert await _kept(client) == 1


@in_loop
async def test_the_clock_moves_and_a_wait_is_over_at_once() -> None:
    """And not before its time has come."""
    async with (
        EmbeddedBroker() as broker,
        await RawClient.connect(broker) as client,
        await RawClient.connect(broker) as other,
    ):
        await other.ask(ApiKey.METADATA, METADATA, metadata("t"))
        client.send(encoded(ApiKey.FETCH, FETCH, fetch("t", 0, wait_ms=3_600_000)))
        while not broker.statistics().waiting_fetches:
            await other.ask_bytes(_VERSIONS)
        broker.faults.move_clock(timedelta(minutes=59))
        await other.ask_bytes(_VERSIONS)
        assert broker.statistics().waiting_fetches == 1
        broker.faults.move_clock(timedelta(minutes=1))
        answer = answer_of(ApiKey.FETCH, FETCH, await client.receive())
        assert fetched(answer).error_code is ErrorCode.none
        assert broker.clock.moved == timedelta(hours=1)


@in_loop
async def test_the_clock_does_not_go_back() -> None:
    """What has expired would be alive again."""
    async with EmbeddedBroker() as broker:
        with pytest.raises(ValueError, match="only goes forward"):
            broker.faults.move_clock(timedelta(seconds=-1))


@in_loop
async def test_a_transaction_times_out_when_the_clock_is_moved() -> None:
    """By nobody's request; its producer learns of it when it commits."""
    async with EmbeddedBroker() as broker:
        producer = AIOKafkaProducer(
            bootstrap_servers=broker.bootstrap, transactional_id="x", transaction_timeout_ms=60_000
        )
        await producer.start()
        await producer.begin_transaction()
        await producer.send_and_wait("t", b"a")
        log = broker.broker.log("t", 0)
        assert log is not None
        assert (log.end_offset, log.last_stable_offset) == (1, 0)
        broker.faults.move_clock(timedelta(minutes=2))
        assert (log.end_offset, log.last_stable_offset) == (2, 2), "an abort marker is written"
        with pytest.raises(KafkaError):
            await producer.commit_transaction()
        await producer.stop()


@in_loop
async def test_held_markers_leave_a_committed_transaction_unreadable_until_they_are_released() -> (
    None
):
    """Kafka answers the commit before its markers are written, and this is what lies between."""
    async with EmbeddedBroker() as broker:
        producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id="x")
        await producer.start()
        broker.faults.hold_markers()
        async with producer.transaction():
            await producer.send_and_wait("t", b"a")
            await producer.send_offsets_to_transaction({TopicPartition("t", 0): 1}, "group")
        log = broker.broker.log("t", 0)
        assert log is not None
        assert (log.end_offset, log.last_stable_offset) == (1, 0)
        broker.faults.release_markers()
        assert (log.end_offset, log.last_stable_offset) == (2, 2)
        await producer.stop()


@in_loop
async def test_clear_takes_all_faults_back_and_releases_what_is_held() -> None:
    """Those that nobody has met, too."""
    async with EmbeddedBroker() as broker, await RawClient.connect(broker) as client:
        await client.ask(ApiKey.METADATA, METADATA, metadata("t"))
        broker.faults.answer(ApiKey.PRODUCE, ErrorCode.kafka_storage_error, times=None, skip=1)
        held = broker.faults.hold(ApiKey.PRODUCE)
        client.send(encoded(ApiKey.PRODUCE, PRODUCE, produce("t", b"a")))
        await held.wait_reached()
        broker.faults.clear()
        await client.receive()
        assert await _produced(client, b"b") is ErrorCode.none
        assert not broker.faults.active


@in_loop
async def test_a_fault_that_is_over_leaves_nothing_behind() -> None:
    """However it ended: used up, taken back, released, lost, or cleared with all others."""
    async with EmbeddedBroker() as broker, await RawClient.connect(broker) as client:
        faults, over = broker.faults, ErrorCode.kafka_storage_error
        await client.ask(ApiKey.METADATA, METADATA, metadata("t"))
        faults.answer(ApiKey.PRODUCE, over, times=2)
        assert [await _produced(client, b"a") for _ in range(2)] == [over, over]
        assert faults.answer(ApiKey.PRODUCE, over, times=None).withdraw()
        faults.hold(ApiKey.PRODUCE).drop()
        held = faults.hold(ApiKey.PRODUCE)
        client.send(encoded(ApiKey.PRODUCE, PRODUCE, produce("t", b"a")))
        await held.wait_reached()
        held.release()
        await client.receive()
        assert not faults._planned
        assert not faults._held
        faults.delay(None, 1.0)
        faults.hold(ApiKey.FETCH)
        faults.clear()
        assert not faults._planned
        assert not faults._held
