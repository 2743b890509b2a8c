"""Operations of an AsyncAPI document: what each worker and each saga sends and receives.

    worker   receives the events and commands that it handles, answers commands, sends the events
             that its handlers say they return
    saga     receives what starts it, sends commands and takes their answers, sends events

A message that a program publishes by itself is in no operation: its declaration does not say who
sends it.

Laws:
1. One operation per command, because an operation has one reply; events of one topic share one.
2. Names depend on worker, verb and type or topic alone, so that they stay when others come.
3. This file knows no text format.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from penstock.events.names import consumer_group, saga_worker
from penstock.events.saga_headers import REPLY_TO
from penstock.infra.asyncapi.messages import BINDING_VERSION, DescribedMessage, MessageKind
from penstock.sagas.definition import CallStep, CommandUse, Definition
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.workers.worker import Worker

__all__ = [
    "REPLIES",
    "Operation",
    "operation_object",
    "operations_of_saga",
    "operations_of_worker",
]

REPLIES: Final = "replies"
"""The channel of all answers; its address is in each command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that an app does with messages of one topic."""

    name: str
    """Unique in the document."""
    action: Literal["send", "receive"]
    """Seen from the app."""
    topic: str
    """The topic."""
    messages: tuple[DescribedMessage, ...]
    """What is sent or received."""
    summary: str
    """A sentence."""
    group: str | None = None
    """The consumer group of what receives."""
    answer: DescribedMessage | None = None
    """What answers the command in it, where it is one with a reply."""


def operations_of_worker(app: str, worker: Worker) -> Iterator[Operation]:
    """Yield what a worker does, receiving before sending.

    Args:
        app: the app that it runs in.
        worker: as declared.
    """
    group = consumer_group(app, worker.name)
    announced: dict[str, AvroSchema] = {}
    for each in worker.inputs:
        events = [declaration_of(handler.event_type).schema for handler in each.handlers]
        if events:
            yield Operation(
                name=f"{worker.name}.handle.{each.topic.name}",
                action="receive",
                topic=each.topic.name,
                messages=_sorted(MessageKind.EVENT, events),
                summary=f"The worker {worker.name} handles events.",
                group=group,
            )
        for handler in each.commands:
            schema = declaration_of(handler.command_type).schema
            reply = None if handler.reply is None else declaration_of(handler.reply).schema
            yield Operation(
                name=f"{worker.name}.execute.{schema.full_name}",
                action="receive",
                topic=each.topic.name,
                messages=_sorted(MessageKind.COMMAND, [schema]),
                summary=f"The worker {worker.name} carries out a command.",
                group=group,
                answer=_answer(reply),
            )
        announced |= {
            schema.full_name: schema
            for schema in (declaration_of(event).schema for event in each.announced)
        }
    yield from _sent(worker.name, f"The worker {worker.name} publishes events.", announced.values())


def operations_of_saga(app: str, saga: Definition) -> Iterator[Operation]:
    """Yield what a saga does, receiving before sending.

    Args:
        app: the app that it runs in.
        saga: as checked.
    """
    worker = saga_worker(saga.saga)
    if saga.input_topic is not None:
        yield Operation(
            name=f"{worker}.start.{saga.input.full_name}",
            action="receive",
            topic=saga.input_topic,
            messages=_sorted(MessageKind.EVENT, [saga.input]),
            summary=f"An event starts the saga {saga.saga}.",
            group=consumer_group(app, worker),
        )
    yield from _commands(worker, saga)
    events = [step.event for step in saga.steps if not isinstance(step, CallStep)]
    if saga.compensated is not None:
        events.append(saga.compensated.schema)
    yield from _sent(worker, f"The saga {saga.saga} publishes events.", events)


def operation_object(operation: Operation, *, client_id: str) -> dict[str, Any]:
    """Describe an operation.

    Args:
        operation: what is done.
        client_id: of the app's clients.
    """
    channel = f"#/channels/{operation.topic}"
    group = {} if operation.group is None else {"groupId": _one_of(operation.group)}
    described: dict[str, Any] = {
        "action": operation.action,
        "channel": {"$ref": channel},
        "summary": operation.summary,
        "messages": [{"$ref": f"{channel}/messages/{each.name}"} for each in operation.messages],
        "bindings": {
            "kafka": {
                **group,
                "clientId": _one_of(client_id),
                "bindingVersion": BINDING_VERSION,
            }
        },
    }
    if operation.answer is not None:
        described["reply"] = _reply(operation.answer)
    return described


def _commands(worker: str, saga: Definition) -> Iterator[Operation]:
    calls = [step for step in saga.steps if isinstance(step, CallStep)]
    uses: dict[str, tuple[CommandUse, AvroSchema | None]] = {}
    for step in calls:
        uses.setdefault(step.command.schema.full_name, (step.command, step.reply))
    for step in calls:
        if step.undo is not None:  # what undoes a step answers whether it did, and with no data
            uses.setdefault(step.undo.command.schema.full_name, (step.undo.command, None))
    for name, (use, reply) in uses.items():
        yield Operation(
            name=f"{worker}.ask.{name}",
            action="send",
            topic=use.topic,
            messages=_sorted(MessageKind.COMMAND, [use.schema]),
            summary=f"The saga {saga.saga} asks for a step.",
            answer=_answer(reply),
        )


def _sent(worker: str, summary: str, schemas: Iterable[AvroSchema]) -> Iterator[Operation]:
    by_topic: dict[str, list[AvroSchema]] = {}
    for schema in schemas:
        by_topic.setdefault(schema.document["topic"], []).append(schema)
    for topic, those in by_topic.items():
        yield Operation(
            name=f"{worker}.publish.{topic}",
            action="send",
            topic=topic,
            messages=_sorted(MessageKind.EVENT, those),
            summary=summary,
        )


def _sorted(kind: MessageKind, schemas: Iterable[AvroSchema]) -> tuple[DescribedMessage, ...]:
    by_name = {schema.full_name: schema for schema in schemas}
    return tuple(
        DescribedMessage(kind=kind, schema=schema) for _, schema in sorted(by_name.items())
    )


def _answer(reply: AvroSchema | None) -> DescribedMessage | None:
    return None if reply is None else DescribedMessage(kind=MessageKind.REPLY, schema=reply)


def _one_of(value: str) -> dict[str, Any]:
    return {"type": "string", "enum": [value]}


def _reply(answer: DescribedMessage) -> dict[str, Any]:
    return {
        "address": {
            "description": "The inbox of the saga that asks.",
            "location": f"$message.header#/{REPLY_TO}",
        },
        "channel": {"$ref": f"#/channels/{REPLIES}"},
        "messages": [{"$ref": f"#/channels/{REPLIES}/messages/{answer.name}"}],
    }
