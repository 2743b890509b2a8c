"""Counters in any order of handlers, with failures, doubts and lost answers, against a plain sum.

A world of one partition whose log, changelog and counters' topic are lists. Handlers wait for as
many turns as the example says, so records finish in any order; commits succeed, fail, are refused,
or succeed without anybody being told. After a doubt all memory goes, as in a real partition, and
the next life begins with what was committed; only the suspicion of refused records outlives it.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock.events import Event, Topic
from penstock.events.decoder import EventDecoder
from penstock.events.log import Partition
from penstock.events.names import TOPIC_NAME_LIMIT
from penstock.infra.clock import SeededEntropy
from penstock.infra.virtual_clock import VirtualClock
from penstock.schemas.codec import decoder_of, encoder_of
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.workers import Backoff, Counters, Delivery, Worker
from penstock.workers.counters import (
    NAME_LIMIT_BYTES,
    BadComponentKey,
    CounterComponent,
    component_key,
    parse_component_key,
    partition_replica,
    slot_replica,
)
from penstock.workers.emission import Emission
from penstock.workers.group_commit import CommitLimits, Work
from penstock.workers.offsets import Finished
from penstock.workers.partition_signals import Run
from penstock.workers.partition_work import PartitionWork
from penstock.workers.pipeline import Pipeline, PipelineContext
from penstock.workers.ports import TransactionDoubt, TransactionRefused
from penstock.workers.state import PartitionState, state_key
from penstock.workers.suspicion import Suspicion
from penstock.workers.tally import Tally
from penstock.workers.topics import counters_topic
from penstock.workers.work_seams import WorkLimits

__namespace__ = "shop"

ORDERS = Counters("orders")
SHELF = Counters("shelf", decrements=True)
_decode = decoder_of(declaration_of(CounterComponent).schema, CounterComponent)


class Placed(Event, topic=Topic("shop.orders", partitions=1), key="number"):
    number: int


class Commit(Enum):
    """What becomes of a commit."""

    DONE = auto()
    LOST = auto()
    """Nothing of it was written, and the partition is in doubt."""
    UNTOLD = auto()
    """It was written, and the answer was lost: in doubt, too."""
    REFUSED = auto()
    """The broker refused a batch of it: in doubt, and what is refused twice alone is parked."""


@dataclass(frozen=True)
class Plan:
    """What one record's handler does."""

    orders: Sequence[tuple[str, int]]
    """Counters and amounts."""
    taken: int
    """What it takes from the shelf."""
    waits: int
    """Turns that it waits for before it returns."""
    failures: int
    """Attempts that fail before one succeeds; three are the last one's, too."""


PLANS = st.lists(
    st.builds(
        Plan,
        orders=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), max_size=4),
        taken=st.integers(0, 3),
        waits=st.integers(0, 6),
        failures=st.integers(0, 3),
    ),
    min_size=1,
    max_size=25,
)
ATTEMPTS = 3
LETTERS = Partition("shop.orders.shop.reporting.dlq", 0)


@dataclass(frozen=True)
class Read:
    """A record as it was read."""

    offset: int
    value: bytes
    key: bytes
    topic: str = "shop.orders"
    partition: int = 0
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes]] = ()


class Known:
    """The schemas of this world."""

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """One of two."""
        schemas = [declaration_of(each).schema for each in (Placed, CounterComponent)]
        return next((each for each in schemas if each.fingerprint == fingerprint), None)


@dataclass
class World:
    """What is committed, and what will become of the next commits."""

    plans: Sequence[Plan]
    commits: list[Commit]
    limits: CommitLimits
    position: int = 0
    finished: Finished = field(default_factory=Finished)
    changelog: dict[bytes, bytes | None] = field(default_factory=dict)
    components: dict[tuple[Partition, bytes], CounterComponent] = field(default_factory=dict)
    truth: Counter[str] = field(default_factory=Counter)
    done: set[int] = field(default_factory=set)
    clock: VirtualClock = field(default_factory=VirtualClock)
    suspicion: Suspicion = field(default_factory=Suspicion)

    async def commit(self, work: Work) -> None:
        """Write a transaction, or not; say so, or not."""
        await asyncio.sleep(0)
        outcome = self.commits.pop() if self.commits else Commit.DONE
        if outcome is Commit.REFUSED:
            raise TransactionRefused(partition=LETTERS, reason="MESSAGE_TOO_LARGE (10)")
        if outcome is not Commit.LOST:
            self.write(work)
        if outcome is not Commit.DONE:
            raise TransactionDoubt(reason=outcome.name)

    def write(self, work: Work) -> None:
        """Make all of it seen, and hold it against the plain sum of what it finishes."""
        parked = {
            int(dict(letter.headers)["penstock-dlq-offset"])
            for letter in work.outputs.get(LETTERS, ())
        }
        assert self.done.isdisjoint(work.offsets), "no record is finished twice"
        self.done.update(work.offsets)
        for offset in set(work.offsets) - parked:
            self.count(self.plans[offset])
        for place, records in work.outputs.items():
            if ".crdt." not in place.topic:
                continue
            keys = [record.key for record in records]
            assert len(keys) == len(set(keys)), "one record of each key in a commit"
            for record in records:
                self.take(place, record.key or b"", record.value or b"")
        self.changelog.update(work.state)
        self.position, self.finished = work.position, work.finished
        assert self.sums() == +self.truth

    def count(self, plan: Plan) -> None:
        """Count as somebody would without replicas, partitions and doubts."""
        assert plan.failures < ATTEMPTS, "what fails each time is parked"
        for counter, by in plan.orders:
            self.truth[f"orders/{counter}"] += by
        self.truth["shelf/s"] += plan.taken

    def take(self, place: Partition, key: bytes, value: bytes) -> None:
        """Take a component as a reader does, and refuse one that goes back."""
        component, before = _decode(value), self.components.get((place, key))
        if before is not None:
            assert component.increments >= before.increments
            assert component.decrements >= before.decrements
            assert component != before, "what is written says something new"
        self.components[place, key] = component

    def sums(self) -> Counter[str]:
        """The values that readers see, without their signs."""
        sums = Counter[str]()
        for (place, key), component in self.components.items():
            replica, counter = parse_component_key(key)
            assert replica == "reporting/shop.orders/0"
            name = place.topic.rpartition(".")[2]
            sums[f"{name}/{counter}"] += component.increments + component.decrements
            held = self.changelog[state_key("penstock.CounterComponent", f"{name}/{counter}")]
            assert held is not None
            assert _decode(held) == component, "the truth and the output agree"
        return +sums

    # --- lives -----------------------------------------------------------------------------

    async def live(self, pipeline: Pipeline) -> bool:
        """Be one partition from a restore to a doubt, or to the end of the log."""
        state = PartitionState()
        for key, value in self.changelog.items():
            state.apply(key, value)
        work = PartitionWork(
            Run(position=self.position, finished=self.finished, caught_up_at=0),
            processor=pipeline,
            committer=self,
            state=state,
            suspicion=self.suspicion,
            limits=WorkLimits(commit=self.limits),
            clock=self.clock,
            on_commit=lambda _: None,
        )
        encode = encoder_of(Placed)
        work.offer(
            [
                Read(offset, encode(Placed(number=offset)), b"%d" % offset)
                for offset in range(self.position, len(self.plans))
            ]
        )
        while work.trouble is None and self.position < len(self.plans):
            await asyncio.sleep(0)
            await self.clock.advance(0.01)
        trouble = work.trouble
        assert await work.close(5.0)
        if trouble is not None and not isinstance(trouble, TransactionDoubt | TransactionRefused):
            raise trouble
        return trouble is None

    def pipeline(self) -> Pipeline:
        """A worker's; it outlives doubts, as its process does."""
        worker = Worker("reporting")

        @worker.on(Placed, counters=(ORDERS, SHELF), retries=Backoff(attempts=ATTEMPTS))
        async def count(placed: Placed, delivery: Delivery) -> None:
            plan = self.plans[placed.number]
            for counter, by in plan.orders:
                delivery.counters(ORDERS).increment(counter, by)
            for _ in range(plan.waits):
                await asyncio.sleep(0)
            delivery.counters(SHELF).decrement("s", plan.taken)
            if delivery.attempt <= plan.failures:
                raise OSError

        (source,) = worker.inputs
        known = Known()

        async def nothing(_given: Any) -> None: ...

        return Pipeline(
            {Placed: source.handlers[0]},
            PipelineContext(
                group="shop.reporting",
                dead_letters=lambda topic: f"{topic}.shop.reporting.dlq",
                decoder=EventDecoder([Placed], known),
                look_up=nothing,
                prepare=nothing,
                emission=Emission(source="shop.reporting", limit_bytes=10_000),
                tables={},
                clock=self.clock,
                entropy=SeededEntropy(1),
                alarm=lambda _: None,
                tally=Tally(
                    worker=worker.name,
                    topics={
                        each.name: counters_topic("shop", each.name) for each in source.counters
                    },
                    schemas=known,
                ),
            ),
        )


@given(
    plans=PLANS,
    commits=st.lists(st.sampled_from(Commit), max_size=12),
    records=st.integers(1, 10),
)
def test_every_commit_holds_the_plain_sum_of_what_it_and_those_before_it_finished(
    plans: list[Plan], commits: list[Commit], records: int
) -> None:
    """Nothing is counted twice, nothing is lost, and no component ever goes back."""

    async def scenario() -> None:
        refusing = Commit.REFUSED in commits
        world = World(plans, commits, CommitLimits(records=records))
        pipeline = world.pipeline()
        while not await world.live(pipeline):
            pass
        assert world.done == set(range(len(plans))), "each record is done once, counted or parked"
        if refusing:
            return  # which of them were parked is known by their letters alone
        expected = Counter[str]()
        for plan in plans:
            if plan.failures < ATTEMPTS:
                expected.update({"shelf/s": plan.taken})
                for counter, by in plan.orders:
                    expected.update({f"orders/{counter}": by})
        assert world.sums() == +expected

    asyncio.run(scenario())


# --- keys ---------------------------------------------------------------------------------------

SIMPLE = st.from_regex(r"[a-z][a-z0-9_-]{0,10}", fullmatch=True).filter(
    lambda name: not name.startswith("saga-")
)
TOPICS = st.one_of(
    st.sampled_from(["a.b", "slot", "1", "0"]),
    st.from_regex(r"[a-zA-Z0-9._-]{3,20}", fullmatch=True),
    st.just("t" * TOPIC_NAME_LIMIT),
)
REPLICAS = st.one_of(
    st.builds(partition_replica, st.one_of(SIMPLE, st.just("slot")), TOPICS, st.integers(0, 9_999)),
    st.builds(slot_replica, SIMPLE),
)
COUNTERS = st.one_of(
    st.text("/:a1.", min_size=1, max_size=6),
    st.text(min_size=1, max_size=20).filter(lambda text: len(text.encode()) <= NAME_LIMIT_BYTES),
)


@given(REPLICAS, COUNTERS)
def test_a_key_tells_its_parts(replica: str, counter: str) -> None:
    """So two components never share one."""
    assert parse_component_key(component_key(replica, counter)) == (replica, counter)


@given(st.tuples(SIMPLE, COUNTERS), st.tuples(SIMPLE, COUNTERS))
def test_the_keys_of_state_are_as_different_as_counters_are(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    """The name of a set holds no slash, so a counter cannot pretend to be of another set."""
    keys = {state_key("penstock.CounterComponent", "/".join(each)) for each in (one, other)}
    assert len(keys) == len({one, other})


@given(st.one_of(st.binary(max_size=40), st.text("slot/ab1:.-", max_size=20).map(str.encode)))
def test_any_bytes_are_a_key_or_are_told_to_be_none(key: bytes) -> None:
    """And what is a key is written in one way only."""
    try:
        replica, counter = parse_component_key(key)
    except BadComponentKey:
        return
    assert component_key(replica, counter) == key
