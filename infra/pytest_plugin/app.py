"""The app of one test: workers and sagas of the user, run against the test's Kafka.

    async with penstock_app.running(stock, payments, saga="order.saga.yaml") as app:
        await app.publish(OrderPlaced(...))
        await app.settled()
        assert await app.published(OrderConfirmed) == [...]

    with penstock_app.in_thread(stock) as app:      # the same without an event loop
        app.publish(OrderPlaced(...))

What `penstock topic apply`, `penstock run worker` and `penstock run saga` do happens here in one
loop: topics applied, then each worker opened as bootstrap.py opens it, with the test's clock.

Laws:
1. It runs under a name of its own (names.py). On a server that tests share it begins where topics
   end, so records of other tests are not seen.
2. It ends with its block, in bounded time, and what a worker raised is raised there.
3. While the fixture lives, the environment says what the test's app is: code under test that reads
   it meets the test's servers, and never those of whoever runs the test.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Final, TypeAlias, final

from penstock.events.catalogue import SCHEMAS_PARTITION
from penstock.events.event_types import MessageType, declared_topics, partitions_of
from penstock.events.log import Partition
from penstock.events.names import consumer_group, saga_worker
from penstock.events.saga_messages import InboxMessage
from penstock.infra.bootstrap import open_worker
from penstock.infra.kafka.group_start import begin_at
from penstock.infra.kafka.log_ends import open_log_ends
from penstock.infra.parts import Parts, open_parts, open_topics
from penstock.infra.project import find_project
from penstock.infra.pytest_plugin.clock import PenstockClock
from penstock.infra.pytest_plugin.contents import AppContents, contents_of
from penstock.infra.pytest_plugin.kafka import PenstockKafka
from penstock.infra.pytest_plugin.redis import PenstockRedis
from penstock.infra.pytest_plugin.running_app import Member, RunningApp, saga_inputs
from penstock.infra.sagas.bootstrap import open_saga
from penstock.infra.settings import Settings
from penstock.infra.topic_operations import apply_plan, plan_topics, topics_wanted
from penstock.sagas.definition import Definition
from penstock.sagas.records import RECORDS
from penstock.schemas.record import Record, declaration_of
from penstock.workers.changelog import BarrierRecord
from penstock.workers.runner import WorkerRunner
from penstock.workers.worker import Worker

if TYPE_CHECKING:
    from penstock.infra.pytest_plugin.threaded_app import ThreadedApp

__all__ = ["PenstockApp", "Place", "SagaSource", "settings_variables"]

STOP_S: Final = 30.0
"""Longest end of all workers together, from the word on; a drain takes five seconds at most."""

_FOR_TESTS: Final[Mapping[str, object]] = MappingProxyType(
    {
        "session_timeout_s": 6.0,
        "drain_s": 5.0,
        "saga_partitions": 1,  # each has a producer and a fence of its own, and tests are small
        "progress_file": "off",
        "topic_replication": 1,
    }
)
"""Settings that differ from the product's, which are made for services."""
_OWN_PREFIX: Final = "PENSTOCK_"
_TESTS_PREFIX: Final = "PENSTOCK_TEST_"
_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})

SagaSource: TypeAlias = str | Path | Definition
"""A saga's file, or a definition that was read."""


def settings_variables(
    app: str, kafka: PenstockKafka, redis: PenstockRedis | None, environment: Mapping[str, str]
) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """Say what the environment is to be while a test runs.

    How to speak to a cluster that somebody has given stays as that somebody has set it; a server of
    our own needs none of it.

    Args:
        app: the app's name.
        kafka: the test's.
        redis: the test's, if it has one.
        environment: as it is.

    Returns:
        Variables to set, and names of those to remove.
    """
    wanted = {"PENSTOCK_APP": app, "PENSTOCK_KAFKA": kafka.address}
    if redis is not None:
        wanted["PENSTOCK_REDIS"] = redis.url
    ours = [
        name
        for name in environment
        if name.upper().startswith(_OWN_PREFIX) and not name.upper().startswith(_TESTS_PREFIX)
    ]
    kept = [
        name
        for name in ours
        if not kafka.choice.is_ours and name.upper().startswith("PENSTOCK_KAFKA_")
    ]
    return wanted, tuple(name for name in ours if name not in wanted and name not in kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a test stands."""

    file: Path
    """Its file."""
    root: Path
    """The folder that the suite was started for."""
    module: ModuleType | None
    """Its module; None for what is no Python."""


@final
class PenstockApp:
    """What runs the workers and sagas of one test."""

    def __init__(
        self,
        *,
        app: str,
        kafka: PenstockKafka,
        redis: PenstockRedis | None,
        clock: PenstockClock,
        place: Place,
    ) -> None:
        """Made by the fixture `penstock_app`.

        Args:
            app: the app's name.
            kafka: the test's.
            redis: the test's, if it has one.
            clock: the test's.
            place: where the test stands.
        """
        self.name = app
        """The app's name, which no other test has."""
        self.kafka = kafka
        self.redis = redis
        self.clock = clock
        self._place = place

    def settings(self, **fields: object) -> Settings:
        """Return settings of this app on the test's servers, for code that takes them.

        Args:
            fields: of Settings, in place of what is usual in tests.
        """
        own = {"app": self.name, "kafka": self.kafka.address}
        redis = {} if self.redis is None else {"redis": self.redis.url}
        return Settings.model_validate({**_FOR_TESTS, **own, **redis, **fields})

    @asynccontextmanager
    async def running(
        self,
        *workers: Worker,
        saga: SagaSource | Iterable[SagaSource] = (),
        types: Iterable[MessageType] = (),
        settings: Mapping[str, object] = _NOTHING,
    ) -> AsyncIterator[RunningApp]:
        """Make the topics, run workers and sagas in this loop, and stop them at the end.

        Args:
            workers: to run; the same one twice makes two members of its group.
            saga: files of sagas, relative to the project's folder, or definitions.
            types: messages beside those in the project's modules, in the modules of the workers'
                handlers, and in the test's own.
            settings: fields of Settings, in place of what is usual in tests.

        Raises:
            PenstockError: something cannot be started, or a worker has given up.
        """
        made = self.settings(**settings)
        contents = self._contents(workers, saga, types)
        async with AsyncExitStack() as opened:
            starting = _Start(made, contents, self.clock, opened)
            await starting.apply_topics()
            starts = await starting.begin_at_ends() if self.kafka.is_shared else {}
            parts = await starting.open_parts()
            ends = await opened.enter_async_context(open_log_ends(made.connection()))
            lives = starting.lives()
            try:
                members = [await life.begun() for life in lives]
                app = RunningApp(
                    parts, ends, members, starting.sagas, starts=starts, places=starting.places
                )
                await app.started()
                yield app
            except BaseException as error:
                await _end(lives, beside=error)
                raise
            await _end(lives)

    @contextmanager
    def in_thread(
        self,
        *workers: Worker,
        saga: SagaSource | Iterable[SagaSource] = (),
        types: Iterable[MessageType] = (),
        settings: Mapping[str, object] = _NOTHING,
    ) -> "Iterator[ThreadedApp]":
        """Do as `running`, in a loop in a thread of its own: for tests without an event loop.

        Args:
            workers: as for `running`; their handlers run in that thread.
            saga: as for `running`.
            types: as for `running`.
            settings: as for `running`.

        Raises:
            PenstockError: something cannot be started, or a worker has given up.
        """
        from penstock.infra.pytest_plugin.threaded_app import (  # noqa: PLC0415 - it is rarer
            threaded,
        )

        with threaded(self.running(*workers, saga=saga, types=types, settings=settings)) as app:
            yield app

    def _contents(
        self,
        workers: tuple[Worker, ...],
        saga: SagaSource | Iterable[SagaSource],
        types: Iterable[MessageType],
    ) -> AppContents:
        one = isinstance(saga, str | Path | Definition)
        return contents_of(
            workers,
            (saga,) if one else tuple(saga),  # type: ignore[arg-type] # mypy forgets what `one` says
            types,
            project=find_project(self._place.file.parent),
            folder=self._place.root,
            module=self._place.module,
        )


@final
class _Start:
    """Starts one app, step by step."""

    def __init__(
        self,
        settings: Settings,
        contents: AppContents,
        clock: PenstockClock,
        opened: AsyncExitStack,
    ) -> None:
        self._settings = settings
        self._contents = contents
        self._clock = clock
        self._opened = opened
        self._versions: dict[str, list[Definition]] = {}
        self.places: frozenset[Partition] = frozenset()
        """Of all topics of the app; that of schemas is everybody's."""
        for definition in contents.sagas:
            self._versions.setdefault(definition.saga, []).append(definition)

    @property
    def sagas(self) -> tuple[str, ...]:
        """Names of the sagas."""
        return tuple(self._versions)

    async def apply_topics(self) -> None:
        """Make what is missing."""
        wanted = topics_wanted(
            self._settings.app,
            self._contents.types,
            self._contents.workers,
            self._contents.sagas,
            saga_partitions=self._settings.saga_partitions,
            counters=self._contents.counters,
        )
        async with open_topics(self._settings) as topics:
            steps = await plan_topics(topics, wanted)
            await apply_plan(topics, steps, replication=self._settings.replication)
        self.places = frozenset(
            Partition(topic.name, number)
            for topic in wanted.declared.values()
            for number in range(topic.partitions)
            if topic.name != SCHEMAS_PARTITION.topic
        )

    async def begin_at_ends(self) -> Mapping[Partition, int]:
        """Let every group begin where its topics end now; return where all topics end."""
        connection, groups = self._settings.connection(), self._groups()
        declared = {
            Partition(topic.name, number)
            for topic in declared_topics(self._contents.types).values()
            for number in range(topic.partitions)
        }
        async with open_log_ends(connection) as logs:
            ends = await logs.ask(declared.union(*groups.values()))
        for name, places in groups.items():
            group = consumer_group(self._settings.app, name)
            await begin_at(connection, group, {place: ends[place] for place in places})
        return ends

    def _groups(self) -> dict[str, frozenset[Partition]]:
        """What others may have written to, of all that each group reads."""
        groups = {
            worker.name: frozenset(_input_partitions(worker)) for worker in self._contents.workers
        }
        for saga, versions in self._versions.items():
            source = frozenset(self._source_of(versions))
            if source:
                groups[saga_worker(saga)] = source
        return groups

    def _source_of(self, versions: Iterable[Definition]) -> Iterator[Partition]:
        topics = declared_topics(self._contents.types)
        for name in {each.input_topic for each in versions} - {None}:
            assert name is not None
            for number in range(topics[name].partitions):
                yield Partition(name, number)

    async def open_parts(self) -> Parts:
        """Open what the test itself publishes and reads with, and publish all schemas at once.

        Workers publish their own, and wait for their turn to do so: here all take one turn.
        """
        parts = await self._opened.enter_async_context(
            open_parts(self._settings, source=self._settings.app, clock=self._clock)
        )
        records: list[type[Record]] = [BarrierRecord, *self._contents.types]
        for worker in self._contents.workers:
            for each in worker.inputs:
                records += each.records
        if self._versions:
            records += [InboxMessage, *RECORDS]
        schemas = [declaration_of(each).schema for each in dict.fromkeys(records)]
        await parts.catalogue.ensure(schemas)
        return parts

    def lives(self) -> list["_Life"]:
        """Let all workers and sagas begin to live, side by side."""
        settings, clock = self._settings, self._clock
        lives = [
            _Life(
                worker.name,
                frozenset(_input_partitions(worker)),
                open_worker(settings, worker, clock=clock),
            )
            for worker in self._contents.workers
        ]
        for saga, versions in self._versions.items():
            source = self._source_of(versions)
            name, inputs = saga_inputs(settings.app, saga, settings.saga_partitions, source)
            lives.append(_Life(name, inputs, open_saga(settings, versions, clock=clock)))
        return lives


@final
class _Life:
    """One worker or saga: opened, run and closed in a task of its own."""

    def __init__(
        self,
        name: str,
        inputs: frozenset[Partition],
        opening: AbstractAsyncContextManager[WorkerRunner],
    ) -> None:
        self.name = name
        self.runner: WorkerRunner | None = None
        self._inputs = inputs
        self._opening = opening
        self._opened = asyncio.Event()
        self.task = asyncio.ensure_future(self._live())

    async def _live(self) -> None:
        try:
            async with self._opening as runner:
                self.runner = runner
                self._opened.set()
                await runner.run()
        finally:
            self._opened.set()

    async def begun(self) -> Member:
        """Wait until it runs.

        Raises:
            PenstockError: it cannot be started.
        """
        await self._opened.wait()
        if self.runner is None:
            await self.task
        assert self.runner is not None
        return Member(name=self.name, inputs=self._inputs, runner=self.runner, task=self.task)


def _input_partitions(worker: Worker) -> Iterator[Partition]:
    for each in worker.inputs:
        yield from partitions_of(each.message_types)


async def _end(lives: list[_Life], *, beside: BaseException | None = None) -> None:
    """End all; raise what the first of them raised, and note the others' beside it.

    Where something is raised already, all are noted beside that.
    """
    for life in lives:
        if life.runner is None:
            life.task.cancel()
        else:
            life.runner.stop()
    if lives:
        await asyncio.wait({life.task for life in lives}, timeout=STOP_S)
    errors = [error for life in lives if (error := _error_of(life)) is not None]
    if beside is None and not errors:
        return
    told = errors[0] if beside is None else beside
    for error in errors:
        if error is not told:
            told.add_note(f"A worker had ended, too: {error}")
    if beside is None:
        raise told


def _error_of(life: _Life) -> BaseException | None:
    if not life.task.done():
        life.task.cancel()
        stands = "" if life.runner is None else f": {life.runner.statistics()}"
        return TimeoutError(f"{life.name} did not stop within {STOP_S:g} s{stands}")
    return None if life.task.cancelled() else life.task.exception()
