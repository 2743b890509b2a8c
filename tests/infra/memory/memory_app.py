"""Programs of an app over a cluster in memory, wired as infra/bootstrap.py wires them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from penstock.events.alarm import Alarm
from penstock.events.catalogue import SCHEMAS_PARTITION, SchemaCatalogue
from penstock.events.clock import Clock
from penstock.events.identity import Entropy
from penstock.events.log import Partition
from penstock.events.publisher import Publisher
from penstock.infra.bootstrap import _publish_schemas, _WorkerBuild
from penstock.infra.group_build import MAX_POLL_INTERVAL_S
from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.memory.member import MemoryMember
from penstock.infra.memory.memory_cluster import MemoryCluster
from penstock.infra.parts import Parts
from penstock.infra.settings import Settings
from penstock.infra.topic_operations import check_topics
from penstock.workers.ports import Assignments, GroupMember
from penstock.workers.runner import RunnerLimits, WorkerRunner
from penstock.workers.topics import topics_of_worker
from penstock.workers.worker import Worker

__all__ = ["SETTINGS", "memory_parts", "memory_worker"]

SETTINGS = Settings.model_validate({"app": "bench", "kafka": "localhost:1", "drain_s": 5.0})
"""The address is never connected to: all ports are those of the cluster."""


@asynccontextmanager
async def memory_parts(
    cluster: MemoryCluster, *, clock: Clock, entropy: Entropy, source: str, name: str
) -> AsyncIterator[Parts]:
    """What a program is made of, as `penstock.infra.parts.open_parts` makes it.

    Args:
        cluster: In the place of Kafka.
        clock: The time.
        entropy: Ids and randomness.
        source: Who publishes.
        name: Of the process, by which faults and the history know its clients.
    """
    alarms: list[Alarm] = []
    reader = await cluster.reader(SCHEMAS_PARTITION, name=f"{name} schemas")
    registrar = cluster.registrar(name=f"{name} registrar")
    catalogue = SchemaCatalogue(reader, registrar, clock, entropy, raise_alarm=alarms.append)
    writer = cluster.writer(name=f"{name} writer")
    await writer.start()
    publisher = Publisher(
        writer, catalogue, clock, entropy, source=source, raise_alarm=alarms.append
    )
    try:
        yield Parts(
            settings=SETTINGS,
            connection=KafkaConnection(bootstrap="memory"),
            clock=clock,
            entropy=entropy,
            alarm=alarms.append,
            topics=cluster.admin(name=f"{name} admin"),  # type: ignore[arg-type] # named by class there, used by port
            writer=writer,  # type: ignore[arg-type] # as above
            catalogue=catalogue,
            publisher=publisher,
        )
    finally:
        await publisher.close()
        await writer.close()
        registrar.close()
        await reader.close()


@asynccontextmanager
async def memory_worker(
    cluster: MemoryCluster,
    worker: Worker,
    *,
    clock: Clock,
    entropy: Entropy,
    name: str,
    accept_reset: frozenset[Partition] = frozenset(),
) -> AsyncIterator[WorkerRunner]:
    """A worker process, as `penstock.infra.bootstrap.open_worker` opens it.

    Args:
        cluster: In the place of Kafka.
        worker: What to run.
        clock: The time.
        entropy: Ids and randomness.
        name: Of the process; its member of the group has it too.
        accept_reset: Partitions whose missing or earlier offset is meant.
    """
    source, members = f"{SETTINGS.app}.{worker.name}", list[MemoryMember]()
    async with memory_parts(
        cluster, clock=clock, entropy=entropy, source=source, name=name
    ) as parts:
        await check_topics(parts.topics, topics_of_worker(SETTINGS.app, worker))
        await _publish_schemas(parts, worker)
        build = _WorkerBuild(parts, worker, accept_reset)
        build.group.gate = cluster.gate(name=f"{name} restorer")  # type: ignore[assignment] # as above
        await build.group.look_at_broker()

        async def join(assignments: Assignments) -> GroupMember:
            member = cluster.member(
                group=build.group.group,
                topics=[each.topic.name for each in worker.inputs],
                assignments=assignments,
                session_timeout_s=SETTINGS.session_timeout_s,
                rebalance_timeout_s=SETTINGS.drain_s + 10.0,
                max_poll_interval_s=MAX_POLL_INTERVAL_S,
                name=name,
            )
            members.append(member)
            return member

        async def leave() -> None:
            for member in members:
                await member.stop()

        yield WorkerRunner(
            contexts=build.contexts,
            join=join,
            leave=leave,
            clock=clock,
            limits=RunnerLimits(drain_s=SETTINGS.drain_s),
        )
