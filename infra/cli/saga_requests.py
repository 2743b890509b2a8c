"""`penstock saga start`, `cancel` and the verbs of operators: asked of a saga, answered by it.

Law: the answer decides the exit code. What was accepted, or is so already, is 0; everything else is
an error that says why.
"""

import getpass
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import typer

from penstock.events.problems import Problems
from penstock.events.saga_messages import Cancel, InboxMessage, OperatorAct, Start, Verb
from penstock.infra.cli.datum_json import BadData, framed_from
from penstock.infra.cli.output import OutputFormat, print_object
from penstock.infra.cli.workplace import short_command
from penstock.infra.parts import open_parts
from penstock.infra.plain_text import excerpt
from penstock.infra.sagas.address import SagaAddress, UnknownSagaKey, address_of
from penstock.infra.sagas.operations import SagaAnswer, SagaDesk, SagaOutlets, outlets_of
from penstock.infra.sagas.reading import (
    SagaReader,
    look_for_sagas,
    open_saga_reader,
)
from penstock.sagas.definition import CallStep
from penstock.sagas.engine.notes import Note
from penstock.sagas.engine.state import Phase
from penstock.sagas.language.did_you_mean import did_you_mean
from penstock.schemas.errors import CallerError, ExitCode
from penstock.schemas.schema import AvroSchema

__all__ = [
    "Outcome",
    "RequestRefused",
    "cancel",
    "cancel_saga",
    "operate",
    "operate_saga",
    "start",
    "start_saga",
    "tell_outcome",
]

_DONE: Final = (Note.ACCEPTED, Note.ALREADY)
"""Answers to what has come about, or is on its way."""
_WHY: Final[Mapping[str, str]] = {
    Note.CONFLICT: "the key belongs to a saga that began with another input",
    Note.TOO_LATE: "there is no way back by now",
    Note.NOT_POSSIBLE: "the saga does not allow it",
    Note.FOREIGN: "the request cannot be taken; it is in the dead letters of the inbox",
    Note.UNSENT: "the broker refused what the saga wanted to send",
}
"""What is said where an answer says no more than its word."""
_UNTOLD: Final = "the saga's history says what happened instead"


@dataclass(eq=False, kw_only=True)
class RequestRefused(CallerError):
    """What was asked of a saga does not come about."""

    request: str
    """What was asked."""
    address: str
    """Of which saga."""
    answer: str
    """The word that answers it."""
    reason: str
    """Why, as a sentence without its end."""

    code: ClassVar[str] = "PEN-I59"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "The request '{request}' to {address} was answered {answer}."
    why: ClassVar[str] = "The reason: {reason}."
    remedy: ClassVar[str] = "'penstock saga show' tells where it stands and what is possible."


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a request."""

    address: SagaAddress
    """The saga."""
    answer: SagaAnswer
    """What its orchestrator said."""
    phase: Phase | None
    """Where it stands afterwards; None where it is not remembered."""


def start_saga(text: str, data: str, *, timeout_s: float, form: OutputFormat) -> None:
    """Start a saga, and print that it was accepted.

    Args:
        text: the saga's name, or `SAGA/KEY`.
        data: its input, JSON.
        timeout_s: seconds to wait for the answer.
        form: a sentence, or a JSON object.

    Raises:
        UnknownSaga: there is none of that name.
        BadData: the input does not fit.
        RequestRefused: the key belongs to a saga with another input.
        NoAnswer: nobody answered in time.
    """
    outcome = _asked_there(lambda outlets: start(outlets, text, data, timeout_s=timeout_s))
    tell_outcome(outcome, "start", form)


def cancel_saga(
    text: str, *, reason: str, actor: str | None, timeout_s: float, form: OutputFormat
) -> None:
    """Turn a saga round, and print that it turns.

    Args:
        text: `SAGA/KEY`, or a bare key.
        reason: why.
        actor: who says so; None takes the user of this process.
        timeout_s: seconds to wait for the answer.
        form: a sentence, or a JSON object.

    Raises:
        UnknownSagaKey: there is no such saga.
        RequestRefused: there is no way back by now.
        NoAnswer: nobody answered in time.
    """
    wish = Cancel(actor=_actor(actor), reason=_reason(reason))
    outcome = _asked_there(lambda outlets: cancel(outlets, text, wish, timeout_s=timeout_s))
    tell_outcome(outcome, "cancel", form)


def operate_saga(
    text: str,
    verb_name: str,
    step: str,
    *,
    reason: str,
    actor: str | None,
    data: str | None,
    timeout_s: float,
    form: OutputFormat,
) -> None:
    """Decide about a parked saga, and print that it goes on.

    Args:
        text: `SAGA/KEY`, or a bare key.
        verb_name: retry, skip, mark-done or mark-undone.
        step: the step that has parked it.
        reason: why.
        actor: who says so; None takes the user of this process.
        data: for mark-done, what the step is taken to have answered, JSON.
        timeout_s: seconds to wait for the answer.
        form: a sentence, or a JSON object.

    Raises:
        UnknownSagaKey: there is no such saga.
        BadData: the data do not fit the step's answer.
        RequestRefused: that is not possible.
        NoAnswer: nobody answered in time.
    """
    act = OperatorAct(verb=Verb(verb_name), step=step, actor=_actor(actor), reason=_reason(reason))
    outcome = _asked_there(lambda outlets: operate(outlets, text, act, data, timeout_s=timeout_s))
    tell_outcome(outcome, f"{verb_name} {excerpt(step)}", form)


def _actor(actor: str | None) -> str:
    try:
        return _said(actor if actor is not None else getpass.getuser(), "--actor")
    except (ImportError, KeyError, OSError):  # whichever this Python raises for a nameless user
        message = "the user of this process has no name: say --actor NAME"
        raise typer.BadParameter(message) from None


def _reason(reason: str) -> str:
    return _said(reason, "--reason")


def _said(text: str, option: str) -> str:
    if not text.strip() or not text.isprintable():
        message = f"{option} is one line of text: it stays in the saga's history"
        raise typer.BadParameter(message)
    return text


def _asked_there(ask: Callable[[SagaOutlets], Awaitable[Outcome]]) -> Outcome:
    """Ask on the cluster that the settings name."""
    place = short_command()

    async def asked() -> Outcome:
        async with open_parts(place.settings, source=place.settings.app) as parts:
            return await ask(outlets_of(parts))

    return place.run(asked())


async def start(outlets: SagaOutlets, text: str, data: str, *, timeout_s: float) -> Outcome:
    """Start a saga in its latest version; see `start_saga`."""
    name, slash, wanted = text.partition("/")
    reader = await open_saga_reader(outlets.sources, name)
    program = (await reader.programs()).latest
    schema = program.definition.input
    framed = framed_from(data, schema, place="The JSON")
    key = program.key_of(framed)
    if slash and key != wanted:
        problems = Problems([f"its key is {excerpt(key)}, not {excerpt(wanted)}."])
        raise BadData(type_name=schema.full_name, place="The JSON", problems=problems)
    message = InboxMessage(start=Start(input=framed))
    return await _asked(SagaDesk(outlets, reader), key, message, schema, timeout_s=timeout_s)


async def cancel(outlets: SagaOutlets, text: str, wish: Cancel, *, timeout_s: float) -> Outcome:
    """Turn a saga round; see `cancel_saga`."""
    desk, key = await _found(outlets, text)
    return await _asked(desk, key, InboxMessage(cancel=wish), timeout_s=timeout_s)


async def operate(
    outlets: SagaOutlets, text: str, act: OperatorAct, data: str | None, *, timeout_s: float
) -> Outcome:
    """Decide about a parked saga; see `operate_saga`."""
    desk, key = await _found(outlets, text)
    schemas: list[AvroSchema] = []
    if data is not None:
        schemas.append(await _reply_schema(desk.reader, key, act.step))
        framed = framed_from(data, schemas[0], place="The data")
        act = act.model_copy(update={"data": framed})
    return await _asked(desk, key, InboxMessage(operator=act), *schemas, timeout_s=timeout_s)


async def _found(outlets: SagaOutlets, text: str) -> tuple[SagaDesk, str]:
    """Return the desk of the saga that a person names, and its key."""
    sources = outlets.sources
    address = address_of(text, sources.app, await look_for_sagas(sources))
    reader = await open_saga_reader(sources, address.saga)
    if not reader.may_be(address.key):
        raise _unknown(address)
    return SagaDesk(outlets, reader), address.key


async def _asked(
    desk: SagaDesk,
    key: str,
    message: InboxMessage,
    *schemas: AvroSchema,
    timeout_s: float,
) -> Outcome:
    answer = await desk.ask(key, message, schemas=schemas, timeout_s=timeout_s)
    state = await desk.reader.one(key)
    return Outcome(
        address=SagaAddress(saga=desk.reader.saga, key=key),
        answer=answer,
        phase=None if state is None else state.phase,
    )


async def _reply_schema(reader: SagaReader, key: str, name: str) -> AvroSchema:
    """Return what a step answers, by the version that its saga began with."""
    address = SagaAddress(saga=reader.saga, key=key)
    state = await reader.one(key)
    if state is None:
        raise _unknown(address)
    program = (await reader.programs()).of(state.version)
    step = program.step(name)
    if step is None:
        meant = did_you_mean(name, program.names)
        hint = f"did you mean {meant}?" if meant else f"it has {', '.join(program.names)}"
        problem = f"the saga has no such step; {hint}"
    elif not isinstance(step, CallStep) or step.reply is None:
        problem = "nothing is answered to that step, so give no --data"
    else:
        return step.reply
    raise RequestRefused(
        request=f"mark-done {excerpt(name)}",
        address=excerpt(str(address), 200),
        answer=Note.NOT_POSSIBLE,
        reason=problem,
    )


def _unknown(address: SagaAddress) -> UnknownSagaKey:
    hint = "Nothing of that key is remembered."
    return UnknownSagaKey(address=excerpt(str(address), 200), hint=hint)


def tell_outcome(outcome: Outcome, request: str, form: OutputFormat) -> None:
    """Print what was accepted, or raise what was not.

    Args:
        outcome: of the request.
        request: its name.
        form: a sentence, or a JSON object.

    Raises:
        UnknownSagaKey: there is no such saga.
        RequestRefused: it does not come about.
    """
    answer, address = outcome.answer, outcome.address
    if answer.note == Note.NOT_FOUND:
        raise _unknown(address)
    if answer.note not in _DONE:
        text = excerpt(answer.text, 500).rstrip(".") or _WHY.get(answer.note, _UNTOLD)
        raise RequestRefused(
            request=request,
            address=excerpt(str(address), 200),
            answer=answer.note or "without a word",
            reason=text,
        )
    phase = "forgotten" if outcome.phase is None else str(outcome.phase)
    sentence = f"{address}: {request} {answer.note.lower()}; it is {phase}."
    fields = {
        "id": str(address),
        "answer": answer.note,
        "phase": None if outcome.phase is None else str(outcome.phase),
    }
    print_object(fields, sentence, form)
