"""The floor of the saga engine: its two loops stripped bare, each as one process.

    python -m benchmarks.bare_sagas orchestrator BOOTSTRAP RUN DONE
    python -m benchmarks.bare_sagas participants BOOTSTRAP RUN DONE

What is left is what no engine on Kafka can do without (partition-life, "Collect, compute, commit"):
consume what is committed, compute in memory, and group commit: one transaction with the outputs,
the state records and the offset of all that is ready, the next as soon as that has ended. Records
go to aiokafka as one batch per topic (`send_batch`), all awaited before the offset is sent.
Computing goes on while a commit is in flight.

Left out: schemas (values are JSON), headers, timers, retries, compensation, history, the
participants' memory of their answers, groups, restore, checks, doubts. One partition per topic. A
process begins with empty memory and dies at the first error: this is a yardstick, no product.

Both do the saga of saga_bench: three commands to one topic, each answered, then a done record. The
one thing altered in aiokafka is what the product alters too: the wait after CONCURRENT_TRANSACTIONS
is 2 ms, not 20.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import aiokafka.producer.sender
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

__all__ = ["ROLES", "BareTopics", "start_value"]

MARKERS_WAIT_S: Final = 0.002
"""As in infra/kafka/transactions.py."""
BATCH_BYTES: Final = 960 * 1024
"""Below the broker's default message.max.bytes, which bounds a whole batch."""
FETCH_BYTES: Final = 8 * 1024 * 1024
TRANSACTION_TIMEOUT_MS: Final = 10_000
IDLE_MS: Final = 60_000

Fields = dict[str, Any]
Output = tuple[str, bytes, Fields]
"""Topic, key and value of a record to be."""
Compute = Callable[[bytes, Fields], Iterator[Output]]
"""Takes the key and the value of an input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BareTopics:
    """The topics of one run; each has one partition."""

    run: str
    """Part of their names, so that no run sees another's records."""
    done: str
    """Takes a record for each completed saga, under the saga's key."""

    @property
    def inbox(self) -> str:
        """Starts and replies."""
        return f"bench.bare-{self.run}.inbox"

    @property
    def commands(self) -> str:
        """Commands of all three steps."""
        return f"bench.bare-{self.run}.commands"

    @property
    def state(self) -> str:
        """State records; compacted."""
        return f"bench.bare-{self.run}.state"


# --- what is computed --------------------------------------------------------------------------


def start_value(order: Fields) -> bytes:
    """Return the inbox record that begins a saga."""
    return _encoded({"start": order})


STEPS: Final[tuple[tuple[str, Callable[[Fields, Fields], Fields]], ...]] = (
    (
        "reserve_stock",
        lambda order, _replies: {
            "order_id": order["order_id"],
            "sku": order["sku"],
            "quantity": order["quantity"],
        },
    ),
    (
        "charge_card",
        lambda order, _replies: {
            "order_id": order["order_id"],
            "card": order["card"],
            "amount": order["amount"],
        },
    ),
    (
        "ship",
        lambda order, replies: {
            "order_id": order["order_id"],
            "reservation": replies["reserve_stock"]["reservation"],
        },
    ),
)
"""The steps in their order, and how the command of each is filled."""

HANDLERS: Final[dict[str, Callable[[Fields], Fields]]] = {
    "reserve_stock": lambda command: {"reservation": command["order_id"]},
    "charge_card": lambda command: {"charge": command["order_id"]},
    "ship": lambda command: {"tracking": command["order_id"]},
}
"""What the participants do: nothing, and answer."""


def orchestrator(topics: BareTopics) -> Compute:
    """Keep a state per saga; each input changes it and gives one command or the end."""
    states: dict[bytes, Fields] = {}

    def compute(key: bytes, message: Fields) -> Iterator[Output]:
        state = _after(states.get(key), message)
        if state is None:
            return
        states[key] = state
        yield topics.state, key, state
        done = state["done"]
        if done == len(STEPS):
            yield topics.done, key, {"order_id": state["input"]["order_id"]}
            return
        step, fill = STEPS[done]
        command = fill(state["input"], state["replies"])
        yield topics.commands, key, {"step": step, "command": command}

    return compute


def _after(state: Fields | None, message: Fields) -> Fields | None:
    """The saga's state after an input; None where the input changes nothing."""
    if "start" in message:
        begun = {"done": 0, "input": message["start"], "replies": {}}
        return begun if state is None else None
    if state is None or state["done"] == len(STEPS) or message["step"] != STEPS[state["done"]][0]:
        return None
    replies = state["replies"] | {message["step"]: message["reply"]}
    return {"done": state["done"] + 1, "input": state["input"], "replies": replies}


def participants(topics: BareTopics) -> Compute:
    """Answer each command."""

    def compute(key: bytes, message: Fields) -> Iterator[Output]:
        step = message["step"]
        yield topics.inbox, key, {"step": step, "reply": HANDLERS[step](message["command"])}

    return compute


# --- the loop ----------------------------------------------------------------------------------


class Loop:
    """Collect, compute, commit."""

    def __init__(self, bootstrap: str, name: str, source: str, compute: Compute) -> None:
        """Prepare; `name` is the group and the transactional id."""
        self._group = name
        self._source = TopicPartition(source, 0)
        self._compute = compute
        self._ready = asyncio.Event()
        self._position = 0
        self._outputs: dict[str, list[tuple[bytes, bytes]]] = {}
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            group_id=name,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_partition_fetch_bytes=FETCH_BYTES,
        )
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            transactional_id=name,
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            max_batch_size=BATCH_BYTES,
            max_request_size=16 * BATCH_BYTES,
            linger_ms=0,
        )

    async def run(self) -> None:
        """Go on until the process is ended, or something fails."""
        self._consumer.assign([self._source])
        await self._producer.start()
        await self._consumer.start()
        await asyncio.gather(self._collect(), self._commit())

    async def _collect(self) -> None:
        while True:
            chunks = await self._consumer.getmany(timeout_ms=IDLE_MS)
            for records in chunks.values():
                for record in records:
                    for topic, key, value in self._compute(record.key, json.loads(record.value)):
                        self._outputs.setdefault(topic, []).append((key, _encoded(value)))
                self._position = records[-1].offset + 1
                self._ready.set()

    async def _commit(self) -> None:
        while True:
            await self._ready.wait()
            self._ready.clear()
            outputs, self._outputs = self._outputs, {}
            position = self._position
            await self._producer.begin_transaction()
            written = [
                await self._producer.send_batch(batch, topic, partition=0)
                for topic, records in outputs.items()
                for batch in self._batches(records)
            ]
            await asyncio.gather(*written)
            offsets = {self._source: position}
            await self._producer.send_offsets_to_transaction(offsets, self._group)
            await self._producer.commit_transaction()

    def _batches(self, records: list[tuple[bytes, bytes]]) -> Iterator[Any]:
        batch = self._producer.create_batch()
        for key, value in records:
            if batch.append(key=key, value=value, timestamp=None) is None:
                yield batch
                batch = self._producer.create_batch()
                batch.append(key=key, value=value, timestamp=None)
        yield batch


def _encoded(value: Fields) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


ROLES: Final[dict[str, Callable[[str, BareTopics], Loop]]] = {
    "orchestrator": lambda bootstrap, topics: Loop(
        bootstrap, f"bare-orchestrator-{topics.run}", topics.inbox, orchestrator(topics)
    ),
    "participants": lambda bootstrap, topics: Loop(
        bootstrap, f"bare-participants-{topics.run}", topics.commands, participants(topics)
    ),
}
"""The processes by name."""


async def main(role: str, bootstrap: str, run: str, done: str) -> None:
    """Be one of the two processes."""
    aiokafka.producer.sender.BACKOFF_OVERRIDE = MARKERS_WAIT_S
    await ROLES[role](bootstrap, BareTopics(run=run, done=done)).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
