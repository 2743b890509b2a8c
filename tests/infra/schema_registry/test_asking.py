"""One call: what is repeated, where, how long, and what each kind of answer becomes."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from penstock.infra.schema_registry.client_settings import RegistryClientSettings
from penstock.infra.schema_registry.exchange import NoAnswer, RegistryResponse
from penstock.infra.schema_registry.registry_errors import (
    RegistryAnswerUnusable,
    RegistryClosed,
    RegistryCredentialsRefused,
    RegistryRefused,
    RegistryUnreachable,
    SchemaIncompatible,
    SchemaUnsupported,
)
from penstock.infra.schema_registry.registry_request import RegistryRequest
from penstock.infra.virtual_clock import VirtualClock
from penstock.schemas.codec_errors import DecodeError
from penstock.schemas.errors import ExitCode
from tests.infra.schema_registry.network import ONE, TWO, Network, Step, answer
from tests.infra.schema_registry.texts import schema, text

_ResultT = TypeVar("_ResultT")

GOOD = answer(200, {"schema": text()})
DOWN = NoAnswer("ConnectError: refused")
BUSY = answer(503, {"error_code": 50003, "message": "no leader"})
SETTINGS = RegistryClientSettings()


def played(clock: VirtualClock, work: Coroutine[Any, Any, _ResultT]) -> _ResultT:
    """Run it in time that passes by itself."""

    async def run() -> _ResultT:
        return await clock.run(work)

    return asyncio.run(run())


def network(one: list[Step], two: list[Step] | None = None) -> Network:
    """One address, or two."""
    steps = {ONE: one} | ({TWO: two} if two is not None else {})
    return Network(VirtualClock(), steps)


def outcome(world: Network) -> Any:
    """Ask for an id; return the schema, None, or the error."""
    clock = world.clock
    assert isinstance(clock, VirtualClock)
    try:
        return played(clock, world.client().lookup_id(7))
    except Exception as error:  # noqa: BLE001 - which one is what the test asks
        return error


@pytest.mark.parametrize("fault", [DOWN, BUSY, answer(429, b""), answer(500, b"<html>")])
def test_what_may_pass_is_asked_again(fault: Step) -> None:
    """After a pause."""
    world = network([fault, fault, GOOD])
    assert outcome(world) == schema()
    first, second, third = world.times()
    assert first == 0 < second < third
    assert second <= SETTINGS.backoff_s
    assert third - second <= 2 * SETTINGS.backoff_s


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 422, 301, 501, 204])
def test_what_will_not_pass_is_not(status: int) -> None:
    """A 4xx says that the call is wrong; a redirection, that this is no registry."""
    world = network([answer(status, b"")])
    assert isinstance(outcome(world), Exception)
    assert len(world.asked) == 1


def test_addresses_are_tried_in_turn_without_a_pause() -> None:
    """And the one that answered is asked first from then on."""
    world = network([DOWN], [GOOD])

    async def scenario() -> None:
        client = world.client()
        await client.lookup_id(7)
        await client.lookup_id(8)

    clock = world.clock
    assert isinstance(clock, VirtualClock)
    played(clock, scenario())
    assert [(at, url) for at, url, _ in world.asked] == [(0, ONE), (0, TWO), (0, TWO)]


def test_a_registry_that_is_away_is_told_in_bounded_time() -> None:
    """With its addresses, the number of attempts and the last reason; later it may work."""
    world = network([DOWN], [BUSY])
    error = outcome(world)
    assert isinstance(error, RegistryUnreachable)
    assert error.retryable
    assert error.exit_code is ExitCode.UNREACHABLE
    assert error.attempts == len(world.asked) <= 2 * SETTINGS.rounds
    assert world.times()[-1] <= SETTINGS.call_s
    assert ONE in error.message
    assert TWO in error.message
    assert "50003: no leader" in error.message


def test_an_address_that_says_nothing_is_given_up() -> None:
    """Each attempt has its own limit, and the call has one for all."""

    async def silent(_: RegistryRequest) -> RegistryResponse:
        await asyncio.Event().wait()
        raise AssertionError

    world = network([silent])
    error = outcome(world)
    assert isinstance(error, RegistryUnreachable)
    assert 2 <= len(world.asked) <= SETTINGS.call_s / SETTINGS.attempt_s
    assert world.clock.monotonic() <= SETTINGS.call_s


def test_a_registry_may_ask_for_time() -> None:
    """Retry-After is waited for."""
    world = network([answer(429, b"", retry_after_s=7.0), GOOD])
    assert outcome(world) == schema()
    assert world.times() == [0, 7.0]


def test_more_time_than_a_call_has_is_not_waited_for() -> None:
    """The caller is told now, and not after the time it allowed."""
    world = network([answer(503, b"", retry_after_s=3_600.0)])
    assert isinstance(outcome(world), RegistryUnreachable)
    assert world.clock.monotonic() == 0


def test_services_that_began_together_do_not_stay_in_step() -> None:
    """Jitter comes from the entropy that is given."""
    times = []
    for seed in (1, 2):
        world = network([DOWN])
        clock = world.clock
        assert isinstance(clock, VirtualClock)
        with pytest.raises(RegistryUnreachable):
            played(clock, world.client(seed=seed).lookup_id(7))
        times.append(world.times())
    assert times[0] != times[1]


@pytest.mark.parametrize("status", [401, 403])
def test_credentials_that_are_refused(status: int) -> None:
    """With the user's name, exit code 6, and no word of a password."""
    error = outcome(network([answer(status, b"")]))
    assert isinstance(error, RegistryCredentialsRefused)
    assert error.exit_code is ExitCode.PERMISSION
    assert "alice" in error.message
    assert str(status) in error.message


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (answer(200, b"<html>welcome</html>"), "no JSON"),
        (answer(200, [1]), "no JSON object"),
        (answer(200, {"schema": 7}), 'no text called "schema"'),
        (answer(404, b"<html>not here</html>"), "no such path"),
        (answer(404, {"error_code": 404, "message": "HTTP 404 Not Found"}), "no such path"),
        (answer(302, b""), "something else"),
    ],
)
def test_what_is_no_registry(given: RegistryResponse, words: str) -> None:
    """A wrong base path, a login page: said so, and not taken for a missing schema."""
    error = outcome(network([given]))
    assert isinstance(error, RegistryAnswerUnusable)
    assert words in error.message


def test_a_refusal_in_the_words_of_the_registry() -> None:
    """On one line, with both codes."""
    refusal = {"error_code": 42201, "message": "bad\nschema \x1b[31m"}
    error = outcome(network([answer(422, refusal)]))
    assert isinstance(error, RegistryRefused)
    assert error.api_code == 42201
    assert "\n" not in error.message
    assert "\x1b" not in error.message


def test_an_incompatible_schema() -> None:
    """The registry's reasons, exit code 4."""
    missing = answer(404, {"error_code": 40401, "message": "no"})
    conflict = answer(409, {"error_code": 409, "message": "READER_FIELD_MISSING_DEFAULT_VALUE"})
    world = network([missing, conflict])
    clock = world.clock
    assert isinstance(clock, VirtualClock)
    with pytest.raises(SchemaIncompatible) as refused:
        played(clock, world.client().ids_for([schema(topic="shop.orders")]))
    assert refused.value.exit_code is ExitCode.SCHEMA
    assert refused.value.subject == "shop.orders-value"
    assert "READER_FIELD_MISSING_DEFAULT_VALUE" in refused.value.message


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"schema": "x", "schemaType": "PROTOBUF"}, "PROTOBUF"),
        ({"schema": '"string"'}, "record"),
        ({"schema": "{"}, "no JSON"),
    ],
)
def test_schemas_that_cannot_be_worked_with(fields: dict[str, Any], words: str) -> None:
    """Said so, by the id."""
    error = outcome(network([answer(200, fields)]))
    assert isinstance(error, SchemaUnsupported)
    assert "with id 7" in error.message
    assert words in error.message


def test_a_schema_that_cannot_be_worked_with_is_asked_for_once() -> None:
    """An id keeps its schema: each record that names it is refused, and costs no call."""
    world = network([answer(200, {"schema": "x", "schemaType": "JSON"})])
    assert isinstance(world.clock, VirtualClock)

    async def scenario() -> set[str]:
        client, said = world.client(), set()
        for _ in range(3):
            with pytest.raises(DecodeError) as refused:
                await client.lookup_id(7)
            said.add(refused.value.message)
        return said

    assert len(played(world.clock, scenario())) == 1
    assert len(world.asked) == 1


REFERRING = {
    "schema": text(fields={"money": "shop.Money"}),
    "references": [{"name": "shop.Money", "subject": "money", "version": 1}],
}


def test_references_are_written_out_by_registries_that_can() -> None:
    """One more question gives the whole schema."""
    money = {"type": "record", "name": "Money", "fields": []}
    whole = text(fields={"money": money})
    world = network([answer(200, REFERRING), answer(200, {"schema": whole})])
    assert outcome(world) == schema(fields={"money": money})
    assert list(world.paths()) == ["GET /schemas/ids/7", "GET /schemas/ids/7?format=resolved"]


def test_references_that_no_registry_writes_out_are_refused() -> None:
    """By name."""
    error = outcome(network([answer(200, REFERRING)]))
    assert isinstance(error, SchemaUnsupported)
    assert "types of other subjects (shop.Money)" in error.message


def test_a_closed_client_asks_nothing() -> None:
    """Neither new calls nor those under way go on."""

    async def silent(_: RegistryRequest) -> RegistryResponse:
        await asyncio.Event().wait()
        raise AssertionError

    world = network([silent])

    async def scenario() -> None:
        client = world.client()
        waiting = asyncio.ensure_future(client.lookup_id(7))
        await asyncio.sleep(0)
        await client.close()
        with pytest.raises(RegistryClosed):
            await waiting
        for call in (client.lookup_id(8), client.subjects(), client.register("a", schema())):
            with pytest.raises(RegistryClosed):
                await call

    asyncio.run(scenario())
    assert world.closed
    assert len(world.asked) <= 1
