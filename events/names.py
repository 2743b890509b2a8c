"""Every joined name of the product, each built in one function.

A name on a cluster is shared by every service, and two services that build the same name by
accident read each other's records. So a joined name is built here and nowhere else, from checked
parts, and each function is injective: from its result its parts can be told.

Laws:
1. Parts are checked before they are joined; what comes out is legal for Kafka.
2. `.` joins the parts of topics and groups, and an application, a worker or a saga has no dot, so
   a topic, which may have dots, stands where the fixed parts around it show its borders.
3. `/` joins the parts of a transactional id, because it is illegal in all of them.
4. This file knows no schema, no record and no cluster.
"""

import re
from dataclasses import dataclass
from typing import ClassVar, Final

from penstock.schemas.errors import CallerError

__all__ = [
    "SCHEMAS_TOPIC",
    "SCHEMAS_TRANSACTIONAL_ID",
    "TOPIC_NAME_LIMIT",
    "IllegalName",
    "NameTooLong",
    "changelog_topic",
    "check_app",
    "check_counters",
    "check_declared_topic",
    "check_saga",
    "check_slot",
    "check_subscription",
    "check_topic",
    "check_worker",
    "collision_key",
    "consumer_group",
    "crdt_topic",
    "crdt_transactional_id",
    "dead_letter_topic",
    "domain_of",
    "retry_topic",
    "saga_definitions_topic",
    "saga_history_topic",
    "saga_inbox_topic",
    "saga_state_topic",
    "saga_worker",
    "subscriber_group",
    "transactional_id",
]

TOPIC_NAME_LIMIT: Final = 249
"""Characters in a topic's name at most; Kafka's own limit (`Topic.MAX_NAME_LENGTH`)."""

SCHEMAS_TOPIC: Final = "_penstock.schemas"
"""The compacted topic with every schema of the cluster."""

SCHEMAS_TRANSACTIONAL_ID: Final = "penstock/schemas"
"""Who holds it may write to the schemas topic; the latest to ask for it holds it."""

_SIMPLE = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_TOPIC = re.compile(r"[a-zA-Z0-9._-]+")
_SEGMENT = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]*")
_GROUP = re.compile(rf"{_SIMPLE.pattern}\.(saga-)?{_SIMPLE.pattern}")
_SAGA_PREFIX = "saga-"
_SIMPLE_RULE = (
    "it begins with a letter a-z and goes on with at most 62 of a-z, 0-9, hyphen and underscore"
)


@dataclass(eq=False, kw_only=True)
class IllegalName(CallerError):
    """A name breaks the rule for names of its kind."""

    kind: str
    """What the name is for: app, worker, saga, topic, ..."""
    name: str
    """The name as given, cut at 64 characters and escaped."""
    rule: str
    """The rule, as a sentence without its end."""

    code: ClassVar[str] = "PEN-E10"
    what: ClassVar[str] = "The {kind} name '{name}' cannot be used."
    why: ClassVar[str] = "The rule for a {kind} name: {rule}."
    remedy: ClassVar[str] = "Choose a name within the rule."


@dataclass(eq=False, kw_only=True)
class NameTooLong(CallerError):
    """A topic's name, often a joined one, is longer than Kafka allows."""

    name: str
    """The whole name."""
    length: int
    """Its characters."""
    limit: int = TOPIC_NAME_LIMIT
    """Characters allowed."""

    code: ClassVar[str] = "PEN-E11"
    what: ClassVar[str] = "The topic name '{name}' has {length} characters."
    why: ClassVar[str] = "Kafka allows {limit}."
    remedy: ClassVar[str] = "Shorten the names of the topic, the app or the worker in it."


def check_app(app: str) -> str:
    """Return the name of an application if it is legal.

    Raises:
        IllegalName: it is not.
    """
    return _simple("app", app)


def check_worker(worker: str) -> str:
    """Return the name of a user's worker if it is legal.

    Raises:
        IllegalName: it is not, or it begins as the names of saga orchestrators do.
    """
    if worker.startswith(_SAGA_PREFIX):
        rule = f"it does not begin with '{_SAGA_PREFIX}', as the groups of sagas do"
        raise IllegalName(kind="worker", name=_shown(worker), rule=rule)
    return _simple("worker", worker)


def check_saga(saga: str) -> str:
    """Return the name of a saga if it is legal.

    Raises:
        IllegalName: it is not.
    """
    return _simple("saga", saga)


def check_counters(name: str) -> str:
    """Return the name of a set of replicated counters if it is legal.

    Raises:
        IllegalName: it is not.
    """
    return _simple("counters", name)


def check_slot(slot: str) -> str:
    """Return the name of a slot, which writes counters outside of workers, if it is legal.

    Raises:
        IllegalName: it is not.
    """
    return _simple("slot", slot)


def check_subscription(name: str) -> str:
    """Return the name of a group of subscribers if it is legal.

    Raises:
        IllegalName: it is not.
    """
    return _simple("subscription", name)


def check_topic(topic: str) -> str:
    """Return the name of a topic if Kafka allows it.

    Raises:
        IllegalName: Kafka would refuse it.
        NameTooLong: it is longer than Kafka allows.
    """
    if _TOPIC.fullmatch(topic) is None or topic in {".", ".."}:
        rule = "one or more of a-z, A-Z, 0-9, dot, hyphen and underscore, and neither '.' nor '..'"
        raise IllegalName(kind="topic", name=_shown(topic), rule=rule)
    if len(topic) > TOPIC_NAME_LIMIT:
        raise NameTooLong(name=topic, length=len(topic))
    return topic


def check_declared_topic(topic: str) -> str:
    """Return the name of a topic that a user declares if it reads `<domain>.<entity>`.

    More segments may follow. Names that begin with an underscore are left to Kafka and to the
    product, so no declared topic is ever one of theirs.

    Raises:
        IllegalName: it has no domain, or a segment is empty or begins with `-` or `_`.
        NameTooLong: it is longer than Kafka allows.
    """
    segments = check_topic(topic).split(".")
    if len(segments) == 1 or not all(map(_SEGMENT.fullmatch, segments)):
        rule = (
            "<domain>.<entity>, as in shop.orders: two or more segments with dots between them, "
            "each beginning with a letter or a digit"
        )
        raise IllegalName(kind="topic", name=topic, rule=rule)
    return topic


def domain_of(topic: str) -> str:
    """Return the first segment of a topic's name: the default namespace of its types."""
    return topic.partition(".")[0]


def collision_key(topic: str) -> str:
    """Return what must differ between two topics of one cluster.

    Kafka names a topic's metrics with `_` for `.` and refuses a second topic that would share
    them (`Topic.unifyCollisionChars`).
    """
    return topic.replace(".", "_")


def saga_worker(saga: str) -> str:
    """Return the worker name under which a saga's orchestrator runs: `saga-<saga>`."""
    return _SAGA_PREFIX + check_saga(saga)


def consumer_group(app: str, worker: str) -> str:
    """Return the group of a worker: `<app>.<worker>`; for sagas give `saga_worker(saga)`."""
    return f"{check_app(app)}.{_any_worker(worker)}"


def subscriber_group(app: str, name: str) -> str:
    """Return the group of subscribers: `<app>.subscriber.<name>`.

    It has two dots, and the group of a worker or a saga has one: no name makes them meet.
    """
    return f"{check_app(app)}.subscriber.{check_subscription(name)}"


def transactional_id(group: str, topic: str, partition: int) -> str:
    """Return the transactional id of one input partition: `penstock/<group>/<topic>/<partition>`.

    Args:
        group: as `consumer_group` makes it.
        topic: the input topic.
        partition: 0 or more.
    """
    if _GROUP.fullmatch(group) is None:
        raise IllegalName(kind="group", name=_shown(group), rule="<app>.<worker>")
    if partition < 0:
        raise IllegalName(kind="partition", name=str(partition), rule="0 or more")
    return f"penstock/{group}/{check_topic(topic)}/{partition}"


def dead_letter_topic(topic: str, app: str, worker: str) -> str:
    """Return where a worker parks records of a topic: `<topic>.<app>.<worker>.dlq`."""
    return check_topic(f"{check_topic(topic)}.{consumer_group(app, worker)}.dlq")


def retry_topic(topic: str, app: str, worker: str, number: int) -> str:
    """Return where a worker lets records wait: `<topic>.<app>.<worker>.retry.<number>`.

    Args:
        topic: the input topic.
        app: the application.
        worker: the worker.
        number: which of the worker's waits, from 1 on.
    """
    if number < 1:
        raise IllegalName(kind="retry topic", name=str(number), rule="its number is 1 or more")
    return check_topic(f"{check_topic(topic)}.{consumer_group(app, worker)}.retry.{number}")


def changelog_topic(app: str, worker: str, topic: str) -> str:
    """Return where a worker's state lives: `_penstock.<app>.changelog.<worker>.<topic>`."""
    parts = ("_penstock", check_app(app), "changelog", _any_worker(worker), check_topic(topic))
    return check_topic(".".join(parts))


def saga_inbox_topic(app: str, saga: str) -> str:
    """Return where a saga's inputs arrive: `_penstock.<app>.saga.<saga>.inbox`."""
    return _saga_topic(app, saga, "inbox")


def saga_state_topic(app: str, saga: str) -> str:
    """Return where a saga's records live: `_penstock.<app>.saga.<saga>.state`."""
    return _saga_topic(app, saga, "state")


def saga_history_topic(app: str, saga: str) -> str:
    """Return where a saga's past is written: `_penstock.<app>.saga.<saga>.history`."""
    return _saga_topic(app, saga, "history")


def saga_definitions_topic(app: str, saga: str) -> str:
    """Return where a saga's versions are kept: `_penstock.<app>.saga.<saga>.definitions`."""
    return _saga_topic(app, saga, "definitions")


def crdt_topic(app: str, name: str) -> str:
    """Return where replicated counters meet: `_penstock.<app>.crdt.<name>`."""
    return f"_penstock.{check_app(app)}.crdt.{check_counters(name)}"


def crdt_transactional_id(app: str, name: str, slot: str) -> str:
    """Return the transactional id of a slot: `penstock/<app>/crdt/<name>/<slot>`."""
    return f"penstock/{check_app(app)}/crdt/{check_counters(name)}/{check_slot(slot)}"


def _saga_topic(app: str, saga: str, part: str) -> str:
    return f"_penstock.{check_app(app)}.saga.{check_saga(saga)}.{part}"


def _any_worker(worker: str) -> str:
    saga = worker.removeprefix(_SAGA_PREFIX)
    return check_worker(worker) if saga == worker else saga_worker(saga)


def _simple(kind: str, name: str) -> str:
    if _SIMPLE.fullmatch(name) is None:
        raise IllegalName(kind=kind, name=_shown(name), rule=_SIMPLE_RULE)
    return name


def _shown(name: str) -> str:
    return ascii(name[:64])[1:-1]
