"""The directory in Redis: step by step as its twin, bounded and mended whatever strangers write."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from redis import Redis

from penstock.events.alarm import Alarm
from penstock.infra.clock import SeededEntropy, SystemClock
from penstock.infra.redis.limits import RedisLimits
from penstock.infra.redis.opening import open_redis
from penstock.infra.registry.directory import (
    LISTED_LIMIT,
    Outcome,
    RegistryDamaged,
    Snapshot,
)
from penstock.infra.registry.instance import Instance, Status
from penstock.infra.registry.instance_codec import encode_instance
from penstock.infra.registry.redis_directory import RedisDirectory
from penstock.infra.registry.registry import Registry
from tests.infra.registry.instances import an_instance
from tests.infra.registry.twin import ServiceTwin, TwinDirectory

PARTS: Final = ("leases", "entries", "state", "events")
NAMES: Final = "abcd"
INFINITE: Final = float("inf")
PATIENT: Final = RedisLimits(call_timeout_s=20.0)
"""A machine that is busy with other tests is not taken for an outage."""


class Keys:
    """The keys of one service, seen from outside."""

    def __init__(self, url: str, app: str, service: str = "orders") -> None:
        """Connect, as a stranger may."""
        self.client: Any = Redis.from_url(url)  # its types are those of every option at once
        self.names = {part: f"penstock:{app}:registry:{{{service}}}:{part}" for part in PARTS}
        self.services = f"penstock:{app}:registry:services"

    def __getitem__(self, part: str) -> str:
        """Return a key by its last part."""
        return self.names[part]

    def all(self) -> list[str]:
        """All of them, with the list of services."""
        return [*self.names.values(), self.services]

    def spoil(self, part: str) -> None:
        """Put a text where something else belongs."""
        self.client.set(self[part] if part in self.names else self.services, b"\xff" * 10)


def an_app() -> str:
    """Return a name that nobody else has."""
    return f"app-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def app() -> str:
    """An app of its own."""
    return an_app()


@pytest.fixture
def keys(redis: str, app: str) -> Iterator[Keys]:
    """The keys of its service `orders`; removed at the end, for whoever gave the server."""
    keys = Keys(redis, app)
    yield keys
    keys.client.delete(*keys.all())
    keys.client.close()


@asynccontextmanager
async def opened(
    url: str, app: str, alarms: list[Alarm] | None = None, **options: Any
) -> AsyncIterator[RedisDirectory]:
    """Open the directory."""
    told = [] if alarms is None else alarms
    async with open_redis(url, PATIENT) as store:
        yield RedisDirectory(store, app, alarm=told.append, **options)


# --- step by step as the twin ----------------------------------------------------------------

INSTANCES = st.builds(
    lambda name, status: an_instance(id=name, status=status),
    st.sampled_from(NAMES),
    st.sampled_from(Status),
)
STEPS = st.one_of(
    st.tuples(st.just("register"), INSTANCES),
    st.tuples(st.just("heartbeat"), INSTANCES),
    st.tuples(st.just("leave"), INSTANCES),
    st.tuples(
        st.just("pass"),
        st.sampled_from([1, 1000, 2999, 3000, 8999, 9000, 20_999, 21_000, 30_001, -4000, -(10**6)]),
    ),
    st.tuples(
        st.just("entry"),
        st.tuples(
            st.sampled_from(NAMES),
            st.sampled_from([b"", b"\xff", b"{}", b"[" * 4000, b"x" * 5000]),
        ),
    ),
    st.tuples(
        st.just("score"),
        st.tuples(
            st.sampled_from([*NAMES, "x", "y z", "\x1b"]),
            st.sampled_from([INFINITE, -INFINITE, 1e300, 0.0, 1.5, 2_000_000_000_000.25]),
        ),
    ),
    st.tuples(st.just("spoil"), st.sampled_from(["leases", "entries"])),
    st.tuples(st.just("forget"), st.none()),
)


A: Final = an_instance(id="a")


@given(st.lists(STEPS, max_size=40))
@example([("register", A), ("pass", 9_000), ("heartbeat", A), ("register", A)])
@example([("register", A), ("pass", 8_999), ("heartbeat", A), ("register", A)])
@example([("register", A), ("pass", 30_000), ("leave", an_instance(id="b"))])
@example([("register", A), ("pass", 29_999), ("leave", an_instance(id="b"))])
def test_it_does_what_its_twin_does(redis: str, steps: list[tuple[str, Any]]) -> None:
    """Every answer, every snapshot and every entry, at every moment of any history."""
    asyncio.run(_compare(redis, steps))


async def _compare(url: str, steps: list[tuple[str, Any]]) -> None:
    app, now_ms = an_app(), [2_000_000_000_000]
    keys, twin = Keys(url, app), TwinDirectory(lambda: now_ms[0])
    epochs: dict[str, str] = {}
    before = (Snapshot(epoch="", event=""), Snapshot(epoch="", event=""))
    try:
        async with opened(url, app, now_ms=lambda: now_ms[0]) as directory:
            for verb, argument in steps:
                if verb == "pass":
                    now_ms[0] += argument
                elif verb in {"register", "heartbeat", "leave"}:
                    ours = await getattr(directory, verb)(argument)
                    assert ours == await getattr(twin, verb)(argument)
                else:
                    await _stranger(verb, argument, keys, twin, directory)
                looks = (await directory.look("orders"), await twin.look("orders"))
                _assert_alike(*looks, epochs)
                if looks[0].epoch == before[0].epoch:
                    changes = [
                        new.event != old.event for new, old in zip(looks, before, strict=True)
                    ]
                    assert changes[0] == changes[1]
                before = looks
                _assert_same_entries(keys, twin.kept.get("orders", ServiceTwin()))
                assert await directory.services() == await twin.services()
    finally:
        keys.client.delete(*keys.all())
        keys.client.close()


async def _stranger(
    verb: str, argument: Any, keys: Keys, twin: TwinDirectory, directory: RedisDirectory
) -> None:
    """Do to both what no instance would do."""
    if verb == "forget":
        keys.client.delete(*keys.all())
        twin.forget_everything()
    elif verb == "spoil":
        keys.spoil(argument)
        with pytest.raises(RegistryDamaged):
            await directory.look("orders")
        twin.kept.pop("orders", None)  # the next step begins anew
        nobody = an_instance(id="nobody")
        assert await directory.leave(nobody) == await twin.leave(nobody)
    elif verb == "entry":
        name, entry = argument
        keys.client.hset(keys["entries"], name, entry)
        twin.stranger("orders").entries[name] = entry
    else:
        name, score = argument
        keys.client.zadd(keys["leases"], {name: score})
        twin.stranger("orders").ends_ms[name] = score


def _assert_alike(ours: Snapshot, twins: Snapshot, epochs: dict[str, str]) -> None:
    assert ours.leases == twins.leases
    assert list(map(str, ours.unreadable)) == list(map(str, twins.unreadable))
    assert ours.left_out == twins.left_out == 0
    assert epochs.setdefault(ours.epoch, twins.epoch) == twins.epoch
    assert len(set(epochs.values())) == len(epochs)


def _assert_same_entries(keys: Keys, twin: ServiceTwin) -> None:
    leases = keys.client.zrange(keys["leases"], 0, -1, withscores=True)
    assert {name.decode(): end for name, end in leases} == twin.ends_ms
    entries = keys.client.hgetall(keys["entries"])
    assert {name.decode(): entry for name, entry in entries.items()} == twin.entries


# --- time and life ---------------------------------------------------------------------------


def test_leases_run_by_the_clock_of_the_server(redis: str, app: str, keys: Keys) -> None:
    """Not by that of whoever says that it lives."""

    async def scenario() -> None:
        async with opened(redis, app) as directory:
            seconds, micros = keys.client.time()
            await directory.register(an_instance(id="a"))
            later, micros_later = keys.client.time()
            end_ms = keys.client.zscore(keys["leases"], "a")
            assert end_ms is not None
            assert seconds * 1000 + micros // 1000 <= end_ms - 9000
            assert end_ms - 9000 <= later * 1000 + micros_later // 1000
            lease = (await directory.look("orders")).leases[0]
            assert 0 < lease.left_s <= 9.0

    asyncio.run(scenario())


def test_every_key_ends_by_itself(redis: str, app: str, keys: Keys) -> None:
    """After a minute without a word nothing is left, whatever the last step was."""

    async def scenario() -> None:
        async with opened(redis, app) as directory:
            for step in (directory.register, directory.heartbeat, directory.leave):
                await step(an_instance(id="a"))
                await directory.register(an_instance(id="b"))
                for key in keys.all():
                    assert 50_000 < keys.client.pttl(key) <= 60_000, key
        found = set(keys.client.scan_iter(f"penstock:{app}*"))
        assert found == {key.encode() for key in keys.all()}

    asyncio.run(scenario())


def test_at_most_a_share_is_removed_at_a_sweep(redis: str, app: str, keys: Keys) -> None:
    """Of forty that fell silent at once six go at first, the longest silent; none is discovered."""
    now_ms = [2_000_000_000_000]

    async def scenario() -> None:
        async with opened(redis, app, now_ms=lambda: now_ms[0]) as directory:
            for number in range(40):
                now_ms[0] += 1
                await directory.register(an_instance(id=f"i{number:02}"))
            now_ms[0] += 30_000
            alive = an_instance(id="alive")
            await directory.register(alive)
            kept = [name.decode() for name in keys.client.zrange(keys["leases"], 0, -1)]
            assert kept == [f"i{number:02}" for number in range(6, 40)] + ["alive"]
            assert [each.instance.id for each in (await directory.look("orders")).leases] == [
                "alive"
            ]
            for _ in range(30):
                now_ms[0] += 3_000
                assert await directory.heartbeat(alive) is Outcome.RENEWED
            assert keys.client.zrange(keys["leases"], 0, -1) == [b"alive"]
            assert keys.client.hkeys(keys["entries"]) == [b"alive"]

    asyncio.run(scenario())


# --- waiting ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("keys")
def test_an_event_wakes_those_who_wait(redis: str, app: str) -> None:
    """Whoever looked before it, whether they wait already or not."""

    async def scenario() -> None:
        async with opened(redis, app) as directory:
            one = an_instance(id="a")
            for change in (
                directory.register(one),
                directory.register(replace(one, status=Status.DRAINING)),
                directory.leave(one),
            ):
                event = (await directory.look("orders")).event
                early = asyncio.ensure_future(directory.wait("orders", event=event, wait_s=60.0))
                await asyncio.sleep(0)
                await change
                late = directory.wait("orders", event=event, wait_s=60.0)
                await asyncio.wait_for(asyncio.gather(early, late), timeout=30.0)

    asyncio.run(scenario())


def test_what_is_no_event(redis: str, app: str, keys: Keys) -> None:
    """A heartbeat, a registration that says nothing new, a removal, and whatever others do."""
    now_ms = [2_000_000_000_000]

    async def scenario() -> None:
        async with opened(redis, app, now_ms=lambda: now_ms[0]) as directory:
            one = an_instance(id="a")
            await directory.register(an_instance(id="dead"))
            now_ms[0] += 30_000
            await directory.register(one)
            assert keys.client.zcard(keys["leases"]) == 1
            assert keys.client.xlen(keys["events"]) == 2
            await directory.heartbeat(one)
            await directory.register(one)
            await directory.leave(an_instance(id="nobody"))
            other = an_instance(service="other", id="b")
            await directory.register(other)
            await directory.leave(other)
            assert keys.client.xlen(keys["events"]) == 2
            await directory.wait(
                "orders", event=(await directory.look("orders")).event, wait_s=0.01
            )
        keys.client.delete(*Keys(redis, app, "other").names.values())

    asyncio.run(scenario())


def test_events_are_not_kept_for_ever(redis: str, app: str, keys: Keys) -> None:
    """About a thousand of them, however many there are."""

    async def scenario() -> None:
        async with opened(redis, app) as directory:
            one = an_instance(id="a")
            for _ in range(1_500):
                await directory.register(one)
                await directory.leave(one)
            assert keys.client.xlen(keys["events"]) <= 1_200

    asyncio.run(scenario())


# --- strangers -------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [*PARTS, "services"])
@pytest.mark.parametrize("step", ["register", "heartbeat"])
def test_a_key_of_a_wrong_type_is_mended_and_told(
    redis: str, app: str, keys: Keys, part: str, step: str
) -> None:
    """By the next heartbeat of any instance; afterwards all is as if nothing had been."""
    alarms: list[Alarm] = []

    async def scenario() -> None:
        async with opened(redis, app, alarms) as directory:
            one = an_instance(id="a")
            await directory.register(one)
            keys.spoil(part)
            if await getattr(directory, step)(one) is Outcome.GONE:
                assert await directory.register(one) is Outcome.JOINED
            assert [alarm.name for alarm in alarms] == ["registry-mended"]
            assert [each.instance for each in (await directory.look("orders")).leases] == [one]
            assert await directory.services() == ("orders",)
            assert await directory.heartbeat(one) is Outcome.RENEWED
            assert directory.statistics().mended == 1

    asyncio.run(scenario())


def test_readers_say_which_key_is_damaged(redis: str, app: str, keys: Keys) -> None:
    """And change nothing."""

    async def scenario() -> None:
        async with opened(redis, app) as directory:
            await directory.register(an_instance(id="a"))
            for part in ("leases", "entries"):
                value = keys.client.dump(keys[part])
                keys.spoil(part)
                with pytest.raises(RegistryDamaged, match=f"orders.*:{part}"):
                    await directory.look("orders")
                assert keys.client.type(keys[part]) == b"string"
                assert value is not None
                keys.client.restore(keys[part], 60_000, value, replace=True)
            keys.spoil("services")
            with pytest.raises(RegistryDamaged, match="registry:services"):
                await directory.services()
            for part in ("state", "events"):
                keys.spoil(part)
            assert len((await directory.look("orders")).leases) == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("part", ["leases", "entries"])
def test_a_key_that_redis_evicts_empties_no_list(
    redis: str, app: str, keys: Keys, part: str
) -> None:
    """It is as if all had been lost, for readers as for those who register: a full Redis evicts."""

    async def scenario() -> None:
        async with opened(redis, app) as directory:
            both = [an_instance(id="a"), an_instance(id="b")]
            for one in both:
                await directory.register(one)
            reader = Registry(
                directory, clock=SystemClock(), entropy=SeededEntropy(1), alarm=lambda _: None
            )
            before = await directory.look("orders")
            assert len((await reader.discover("orders")).instances) == 2
            keys.client.delete(keys[part])
            lost = await directory.look("orders")
            assert (lost.epoch, lost.leases, lost.unreadable) == ("", (), ())
            for number, one in enumerate(both):
                found = await reader.discover("orders")
                assert (list(found.instances), found.stale) == (both, True)
                assert await directory.heartbeat(one) is Outcome.GONE
                assert await directory.register(one) is Outcome.JOINED
                after = await directory.look("orders")
                assert len(after.leases) == number + 1
                assert after.epoch not in {"", before.epoch}
            assert not (await reader.discover("orders")).stale

    asyncio.run(scenario())


def test_whoever_left_last_is_gone_at_once(redis: str, app: str, keys: Keys) -> None:
    """That there are no leases any more is no loss then."""

    async def scenario() -> None:
        async with opened(redis, app) as directory:
            one = an_instance(id="a")
            await directory.register(one)
            epoch = (await directory.look("orders")).epoch
            await directory.leave(one)
            assert not keys.client.exists(keys["leases"])
            assert (await directory.look("orders")).epoch == epoch
            await directory.register(one)
            assert (await directory.look("orders")).epoch == epoch

    asyncio.run(scenario())


HOSTILE: Final[dict[str, bytes]] = {
    "nothing": b"",
    "garbage": b"\xff\xfe\x00",
    "deep": b"[" * 4_096,
    "deep-objects": b'{"a":' * 800,
    "bomb": b"[" * 1_000_000,
    "megabyte": b"x" * 1_048_576,
    "number": b"9" * 4_000,
    "null": b"null",
    "another": encode_instance(an_instance(id="somebody-else")),
}


def test_hostile_entries_hide_nobody(redis: str, app: str, keys: Keys) -> None:
    """Each is an error of its own that names it, and what is long is not even sent."""

    async def scenario() -> None:
        async with opened(redis, app) as directory:
            await directory.register(an_instance(id="good"))
            for name, entry in HOSTILE.items():
                keys.client.hset(keys["entries"], name, entry)
                keys.client.zadd(keys["leases"], {name: INFINITE})
            keys.client.zadd(keys["leases"], {b"\xff" * 100_000: 1e300, "\n\x1b[2J": 1e15})
            found = await directory.look("orders")
            assert [lease.instance.id for lease in found.leases] == ["good"]
            told = {error.instance: error for error in found.unreadable}
            assert HOSTILE.keys() <= told.keys()
            assert len(found.unreadable) == len(HOSTILE) + 2
            assert all(len(str(error)) < 600 for error in found.unreadable)
            assert all(str(error).isprintable() for error in found.unreadable)
            assert "1048576 bytes" in told["megabyte"].reason

    asyncio.run(scenario())


def test_hostile_entries_end_as_all_others_do(redis: str, app: str, keys: Keys) -> None:
    """An endless lease is cut to nine seconds by the next sweep, and removed after thirty."""
    now_ms = [2_000_000_000_000]

    async def scenario() -> None:
        async with opened(redis, app, now_ms=lambda: now_ms[0]) as directory:
            one = an_instance(id="good")
            await directory.register(one)
            for name, entry in HOSTILE.items():
                keys.client.hset(keys["entries"], name, entry)
                keys.client.zadd(keys["leases"], {name: INFINITE})
            for _ in range(40):
                now_ms[0] += 2_999
                assert await directory.heartbeat(one) is Outcome.RENEWED
            assert keys.client.zrange(keys["leases"], 0, -1) == [b"good"]
            assert keys.client.hkeys(keys["entries"]) == [b"good"]

    asyncio.run(scenario())


def test_an_entry_that_was_overwritten_is_gone_for_its_heartbeat(
    redis: str, app: str, keys: Keys
) -> None:
    """So the process writes it anew: who is alive is put right within three seconds."""

    async def scenario() -> None:
        async with opened(redis, app) as directory:
            one = an_instance(id="a")
            await directory.register(one)
            for entry in HOSTILE.values():
                keys.client.hset(keys["entries"], "a", entry)
                assert await directory.heartbeat(one) is Outcome.GONE
                assert await directory.register(one) is Outcome.CHANGED
            keys.client.hdel(keys["entries"], "a")
            assert await directory.heartbeat(one) is Outcome.GONE

    asyncio.run(scenario())


@pytest.mark.parametrize("swept", ["nan", "inf", "-inf", "1e999", "", "x", "-1", "9" * 400])
def test_a_hostile_state_stops_no_sweep(redis: str, app: str, keys: Keys, swept: str) -> None:
    """And an epoch of any length is cut before it is sent."""
    now_ms = [2_000_000_000_000]

    async def scenario() -> None:
        async with opened(redis, app, now_ms=lambda: now_ms[0]) as directory:
            one = an_instance(id="a")
            await directory.register(an_instance(id="dead"))
            now_ms[0] += 30_000
            keys.client.hset(keys["state"], mapping={"swept": swept, "epoch": b"\xff" * 100_000})
            assert len((await directory.look("orders")).epoch) <= 64 * len("\\xff")
            await directory.register(one)
            assert keys.client.zrange(keys["leases"], 0, -1) == [b"a"]

    asyncio.run(scenario())


def test_a_stream_whose_last_id_is_taken_begins_anew(redis: str, app: str, keys: Keys) -> None:
    """Else no event could be told ever again."""
    alarms: list[Alarm] = []

    async def scenario() -> None:
        async with opened(redis, app, alarms) as directory:
            last = f"{2**64 - 1}-{2**64 - 1}"
            keys.client.xadd(keys["events"], {"what": "x" * 1_000_000}, id=last)
            assert (await directory.look("orders")).event == last
            await directory.register(an_instance(id="a"))
            assert (await directory.look("orders")).event != last
            assert [alarm.name for alarm in alarms] == ["registry-mended"]

    asyncio.run(scenario())


def test_names_that_no_service_has_are_left_out_and_told(redis: str, app: str, keys: Keys) -> None:
    """They go with the next announcement, as a stranger's endless leases do."""
    alarms: list[Alarm] = []

    async def scenario() -> None:
        async with opened(redis, app, alarms) as directory:
            await directory.register(an_instance(id="a"))
            strange = {b"\xff\n": INFINITE, "a}b": 1e15, "x" * 100_000: 1e300}
            keys.client.zadd(keys.services, strange)
            assert await directory.services() == ("orders",)
            assert [alarm.name for alarm in alarms] == ["registry-names-unreadable"]
            assert str(alarms[0].facts["first"]).isprintable()
            await directory.heartbeat(an_instance(id="a"))
            assert keys.client.zrange(keys.services, 0, -1) == [b"orders"]

    asyncio.run(scenario())


def test_a_service_may_have_more_instances_than_are_listed(
    redis: str, app: str, keys: Keys
) -> None:
    """The answer has a bound, and says how many are missing."""
    now_ms = [2_000_000_000_000]

    async def scenario() -> None:
        async with opened(redis, app, now_ms=lambda: now_ms[0]) as directory:
            await directory.register(an_instance(id="a"))
            for number in range(LISTED_LIMIT + 10):
                one: Instance = an_instance(id=f"i{number}")
                keys.client.hset(keys["entries"], one.id, encode_instance(one))
            names = {f"i{number}": now_ms[0] + 1_000 for number in range(LISTED_LIMIT + 10)}
            keys.client.zadd(keys["leases"], names)
            found = await directory.look("orders")
            assert (len(found.leases), found.left_out) == (LISTED_LIMIT, 11)

    asyncio.run(scenario())
