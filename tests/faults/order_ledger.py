"""The independent witness: reads topics with aiokafka and fastavro alone, and recounts everything.

Nothing of penstock is used here except names, so that a mistake in penstock's own reading cannot
hide a mistake in its writing. What lies on the input topic is the truth; from it follows what must
lie on the output topic, once, and in order for each customer.
"""

import asyncio
import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import fastavro
from aiokafka import AIOKafkaConsumer

__all__ = ["Ledger", "read_committed", "recount"]


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """What was found, with every deviation as a sentence."""

    orders: int
    """Orders on the input topic."""
    customers: int
    """Customers that ordered."""
    outputs: int
    """Changes of totals that read_committed readers see."""
    deviations: tuple[str, ...] = field(default_factory=tuple)
    """Empty where all is exact."""


async def read_committed(bootstrap: str, topic: str) -> list[Any]:
    """All committed records of a topic, by partition and offset.

    Up to the last record of all: committed readers are told an end that for a while after a commit
    stands before what it has committed.
    """
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        async with asyncio.timeout(60):
            places = sorted(consumer.assignment())
            assert places, f"{topic} has no partitions"
            async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as last:  # reads uncommitted
                ends = await last.end_offsets(places)
            records: list[Any] = []
            while any([await consumer.position(place) < ends[place] for place in places]):
                for chunk in (await consumer.getmany(timeout_ms=500)).values():
                    records.extend(chunk)
    finally:
        await consumer.stop()
    return sorted(records, key=lambda record: (record.partition, record.offset))


def decoded(records: Iterable[Any], schemas: Iterable[Any]) -> list[tuple[Any, dict[str, Any]]]:
    """Records with their contents, decoded by the schema that their fingerprint names."""
    parsed = {
        bytes.fromhex(record.key.decode()): fastavro.parse_schema(json.loads(record.value))
        for record in schemas
        if b"/" not in record.key  # others are versions of subjects, not schemas
    }
    found = []
    for record in records:
        assert record.value[:2] == b"\xc3\x01", "single-object encoding"
        body = io.BytesIO(record.value[10:])
        schema = parsed[record.value[2:10]]
        content = fastavro.schemaless_reader(body, schema, None)
        assert isinstance(content, dict)
        found.append((record, content))
        assert not body.read(), "nothing lies behind a record"
    return found


async def recount(bootstrap: str, acknowledged: Iterable[str]) -> Ledger:
    """Hold the outputs of the totals worker against the orders it was given.

    Args:
        bootstrap: Where Kafka is.
        acknowledged: Ids of the orders whose publishing returned.
    """
    schemas = await read_committed(bootstrap, "_penstock.schemas")
    orders = decoded(await read_committed(bootstrap, "shop.orders"), schemas)
    outputs = decoded(await read_committed(bootstrap, "shop.customer-totals"), schemas)
    deviations = [
        *_lost(acknowledged, orders),
        *_repeated(outputs),
        *_out_of_step(orders, outputs),
    ]
    return Ledger(
        orders=len(orders),
        customers=len({order["customer_id"] for _, order in orders}),
        outputs=len(outputs),
        deviations=tuple(deviations),
    )


def _lost(acknowledged: Iterable[str], orders: list[tuple[Any, dict[str, Any]]]) -> list[str]:
    there = {order["order_id"] for _, order in orders}
    return [f"{order_id} was acknowledged and is lost" for order_id in set(acknowledged) - there]


def _repeated(outputs: list[tuple[Any, dict[str, Any]]]) -> list[str]:
    ids = Counter(dict(record.headers)["ce_id"] for record, _ in outputs)
    return [f"the output {each.decode()} is there {n} times" for each, n in ids.items() if n > 1]


def _out_of_step(
    orders: list[tuple[Any, dict[str, Any]]], outputs: list[tuple[Any, dict[str, Any]]]
) -> list[str]:
    """Each customer's outputs, in order, must be the running totals of their orders, in order."""
    expected: dict[str, list[tuple[str, int, Decimal]]] = defaultdict(list)
    for _, order in orders:
        totals = expected[order["customer_id"]]
        count, total = (totals[-1][1], totals[-1][2]) if totals else (0, Decimal("0.00"))
        totals.append((order["order_id"], count + 1, total + order["total"]))
    found: dict[str, list[tuple[str, int, Decimal]]] = defaultdict(list)
    for _, output in outputs:
        found[output["customer_id"]].append((output["order_id"], output["orders"], output["total"]))
    deviations = []
    for customer in expected.keys() | found.keys():
        if expected[customer] != found[customer]:
            pairs = zip(expected[customer], found[customer], strict=False)
            first = next((pair for pair in pairs if pair[0] != pair[1]), None)
            deviations.append(
                f"{customer}: {len(expected[customer])} orders, {len(found[customer])} outputs; "
                f"first difference {first}"
            )
    return deviations
