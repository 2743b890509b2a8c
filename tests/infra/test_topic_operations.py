"""Which topics an app needs, where sagas are among what it consists of."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from penstock.events.log import TopicState
from penstock.events.topic import Topic
from penstock.events.topic_plan import Create, plan
from penstock.infra.topic_operations import (
    InputUndeclared,
    TopicsNotSeen,
    apply_plan,
    topics_wanted,
)
from penstock.sagas.definition import Definition
from penstock.sagas.language.check import load
from penstock.schemas.errors import ExitCode
from penstock.schemas.record import Record, declaration_of
from penstock.workers.counters import Counters
from tests.sagas.shop import (
    MAIL_ONLY,
    ORDER,
    SCHEMAS,
    ChargeCard,
    CreateShipment,
    OrderPlaced,
    ReserveStock,
    SendMail,
    definition,
)

TYPES = (OrderPlaced, ReserveStock, ChargeCard, CreateShipment, SendMail)
PREFIX = "_penstock.shop.saga.order"


def test_a_saga_brings_its_topics() -> None:
    """Those of its types, its own, and what stands beside the topic that starts it."""
    wanted = topics_wanted("shop", TYPES, [], [definition()], saga_partitions=2)
    assert set(wanted.declared) == {
        "_penstock.schemas",
        "shop.orders",
        "stock.commands",
        "payments.commands",
        "shipping.commands",
        "mail.commands",
        f"{PREFIX}.inbox",
        f"{PREFIX}.state",
        f"{PREFIX}.history",
        f"{PREFIX}.definitions",
        f"{PREFIX}.inbox.shop.saga-order.dlq",
        "_penstock.shop.changelog.saga-order.shop.orders",
        "shop.orders.shop.saga-order.dlq",
    }
    assert {wanted.declared[f"{PREFIX}.{part}"].partitions for part in ("inbox", "state")} == {2}
    changelog = wanted.declared["_penstock.shop.changelog.saga-order.shop.orders"]
    assert changelog.partitions == wanted.declared["shop.orders"].partitions


def test_counters_bring_their_topic() -> None:
    """Also where no worker counts in them: slots do not make topics."""
    wanted = topics_wanted("shop", [], [], counters=[Counters("visits"), Counters("shelf")])
    assert set(wanted.declared) == {
        "_penstock.schemas",
        "_penstock.shop.crdt.visits",
        "_penstock.shop.crdt.shelf",
    }
    assert wanted.declared["_penstock.shop.crdt.visits"].cleanup == "compact"


def test_counts_of_partitions_with_state_are_for_life() -> None:
    """So a plan refuses to change them."""
    wanted = topics_wanted("shop", TYPES, [], [definition()])
    assert wanted.changelogged == {
        f"{PREFIX}.inbox",
        f"{PREFIX}.state",
        "_penstock.shop.changelog.saga-order.shop.orders",
        "shop.orders",
    }


def test_two_versions_of_a_saga_need_no_more_than_one() -> None:
    """They share an inbox."""
    second = definition(ORDER.replace("version: 1", "version: 2"))
    one = topics_wanted("shop", TYPES, [], [definition()])
    assert topics_wanted("shop", TYPES, [], [definition(), second]) == one


def test_a_saga_that_starts_by_something_nobody_declares_is_refused() -> None:
    """The partitions of the topic beside it would be a guess."""
    with pytest.raises(InputUndeclared, match=r"order starts by events on shop\.orders") as caught:
        topics_wanted("shop", (SendMail,), [], [definition()])
    assert caught.value.exit_code is ExitCode.CONFIGURATION


def test_a_saga_that_no_event_starts_needs_no_such_topic() -> None:
    """Programs and operators write into its inbox."""
    wanted = topics_wanted("shop", (SendMail,), [], [inputless()])
    assert set(wanted.declared) == {
        "_penstock.schemas",
        "mail.commands",
        f"{PREFIX}.inbox",
        f"{PREFIX}.state",
        f"{PREFIX}.history",
        f"{PREFIX}.definitions",
        f"{PREFIX}.inbox.shop.saga-order.dlq",
    }


def inputless() -> Definition:
    """A saga whose input is a plain record."""

    class OrderTold(Record, namespace="shop"):
        order_id: str

    schema = declaration_of(OrderTold).schema
    head = "saga: order\nversion: 1\ninput: shop.OrderTold\nkey: $.input.order_id\nsteps:\n"
    return load(
        head + MAIL_ONLY, file="order.saga.yaml", schemas={**SCHEMAS, schema.full_name: schema}
    )


def test_all_of_them_are_created_in_one_plan() -> None:
    """On a cluster that has none."""
    wanted = topics_wanted("shop", TYPES, [], [definition()])
    steps = plan(wanted.declared, {}, wanted.changelogged)
    assert not steps.refusals
    created = {step.topic for step in steps.steps if isinstance(step, Create)}
    assert created == set(wanted.declared.values())
    assert Topic("mail.commands") in created


class SlowBroker:
    """Creates topics, and shows each of them a few looks later; fulfils TopicAdmin."""

    def __init__(self, late_by: int) -> None:
        """Take the number of looks in which a new topic does not show."""
        self._late_by = late_by
        self._topics: dict[str, tuple[int, int]] = {}
        self.looks = 0

    async def names(self) -> list[str]:
        """All of them."""
        return sorted(self._topics)

    async def describe(self, names: Sequence[str]) -> dict[str, TopicState]:
        """Those that show by now."""
        self.looks += 1
        return {
            name: TopicState(name=name, partitions=count, replication=1)
            for name, (count, since) in self._topics.items()
            if name in names and self.looks > since + self._late_by
        }

    async def create(
        self, name: str, *, partitions: int, replication: int, config: Mapping[str, str]
    ) -> None:
        """Create a topic."""
        assert replication == 1
        assert "cleanup.policy" in config
        self._topics[name] = partitions, self.looks

    async def add_partitions(self, name: str, total: int) -> None:
        """No test adds any."""
        raise NotImplementedError

    async def configure(self, name: str, config: Mapping[str, str]) -> None:
        """No test changes any."""
        raise NotImplementedError


def test_a_plan_is_carried_out_once_a_broker_shows_it() -> None:
    """Whoever starts behind `topic apply` finds its topics, also on a broker that is slow."""
    broker = SlowBroker(late_by=2)
    wanted = topics_wanted("shop", (SendMail,), [], [inputless()])
    steps = plan(wanted.declared, {}, wanted.changelogged)
    asyncio.run(apply_plan(broker, steps, replication=1))
    assert broker.looks == 3


def test_topics_that_never_show_are_told() -> None:
    """In bounded time, by name."""
    steps = plan({"mail.commands": Topic("mail.commands")}, {}, frozenset())
    with pytest.raises(TopicsNotSeen, match=r"mail\.commands"):
        asyncio.run(apply_plan(SlowBroker(late_by=9), steps, replication=1, looks=2))
