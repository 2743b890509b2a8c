"""From a command to its effects: remembered, refused, or carried out; and answered.

The commands of a topic take this way, its events that of pipeline.py. What is remembered and what
is therefore answered is decided by participant.py; here it is carried out:

    headers -> inbox -> memory -> (handler) -> answer + memory, in one transaction with the offset

Laws:
1. A command is never repeated here: an exception is an answer, and the saga's own schedule decides
   (formats.md F16). Where no saga asks, nobody is there to be told, and the record is parked.
2. Whatever an undo comes to, a tombstone is left: also where its handler failed, where it came too
   late, and where it was parked (participant.py, law 3).
3. From a handler's return to its effects nothing is awaited, so what must be asked is asked before
   (state.py, law 1).
4. What a handler wants to count is counted if its reply is the answer: not where it failed or
   refused, and not once more where the answer is remembered.
5. A command is dead-lettered beside its answer where it could not be read, or where nobody handles
   its type and the worker parks such records: the saga learns of it, and somebody can look at it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, final

from penstock.events.alarm import RaiseAlarm
from penstock.events.clock import Clock
from penstock.events.dead_letter import failure_message
from penstock.events.envelope import FurtherHeaders
from penstock.events.event import Command
from penstock.events.headers import (
    HeadersOverLimit,
    IllegalHeader,
    UnreadableHeader,
    parse_headers,
)
from penstock.events.log import LogRecord, Partition, RecordTooLarge, TopicMissing
from penstock.events.saga_headers import CommandHeaders, Direction, NotASagaCommand
from penstock.events.saga_messages import Outcome
from penstock.schemas.codec_errors import DecodeError, SchemaUnknown
from penstock.schemas.errors import WorldError
from penstock.schemas.record import Record
from penstock.workers.answers import Answers, answer_id, asked_of
from penstock.workers.attempt import Attempt, begun
from penstock.workers.counters import CounterOverflow
from penstock.workers.delivery import Delivery
from penstock.workers.emission import further_of
from penstock.workers.group_commit import Effects
from penstock.workers.handler import CommandHandler
from penstock.workers.handler_call import call_in_time
from penstock.workers.inboxes import Inboxes
from penstock.workers.parking import Parking, alarm_about
from penstock.workers.participant import (
    Answer,
    answer_of,
    answered_already,
    forget_ms_of,
    remembering,
)
from penstock.workers.participant_memory import Memories, memory_key
from penstock.workers.refused import Refused
from penstock.workers.replies import BadReply, Replies
from penstock.workers.state import PartitionState
from penstock.workers.state_table import StateUnreadable, TableMaker
from penstock.workers.tally import Tally
from penstock.workers.type_rules import UnknownTypeParked

__all__ = ["CommandContext", "CommandPipeline"]

_UNUSABLE: Final = (NotASagaCommand, UnreadableHeader, HeadersOverLimit, IllegalHeader)
"""Headers of which one of these is said cannot be answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandContext:
    """What the commands of a topic need from outside."""

    parking: Parking
    """Makes dead letters."""
    answers: Answers
    """Makes records of answers."""
    memories: Memories
    """What is remembered of steps."""
    remembers_ms: int
    """For how long."""
    inboxes: Inboxes
    """Where answers go."""
    tables: Mapping[type[Record], TableMaker]
    """Typed tables by record type."""
    clock: Clock
    """The time."""
    alarm: RaiseAlarm
    """Told of each handler that failed."""
    tally: Tally | None = None
    """Counts; given where a handler declares counters."""
    names: Mapping[str, type[Record]]
    """The class that each full name of a command leads to, also names of former times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ask:
    """One command of a saga, on its way."""

    record: LogRecord
    asked: CommandHeaders
    key: bytes
    """The saga's."""
    memory_key: bytes
    state: PartitionState
    handler: str
    event_id: str
    """The command's."""
    further: FurtherHeaders
    """What ties an answer to it."""


@final
class CommandPipeline:
    """The way of one topic's commands."""

    def __init__(
        self, handlers: Mapping[type[Command], CommandHandler], context: CommandContext
    ) -> None:
        """Make the pipeline of one topic's commands.

        Args:
            handlers: By command type.
            context: What it needs from outside.
        """
        self._handlers = handlers
        self._context = context
        self._by_name = {
            name: handler
            for name, each in context.names.items()
            for command_type, handler in handlers.items()
            if each is command_type
        }
        self._tables = {
            command_type: {table: context.tables[table] for table in handler.tables}
            for command_type, handler in handlers.items()
        }
        self._replies = Replies(handlers.values())

    async def process(self, command: Command, record: LogRecord, state: PartitionState) -> Effects:
        """Compute what a command does."""
        handler = self._handlers[type(command)]
        try:
            asked = asked_of(record)
            attempt = self._attempt(record, state, handler, asked)
            ask = None if asked is None else _ask(asked, attempt.delivery, record, state)
        except _UNUSABLE as error:
            letter = self._park(record, error, "bad-headers", handler.name)
            self.leave_tombstone(record, state, letter)
            return letter
        if ask is None:
            return await self._carry_out(command, handler, attempt)
        try:
            inbox = await self._inbox_of(ask)
        except TopicMissing as missing:
            return self._park_ask(ask, missing, "no-inbox")
        known = self._known(ask)
        if known is not None:
            return self._answered(ask, known, inbox, Effects())
        answer = await self._answer(command, ask, handler, attempt)
        # No await from here to the lane, which makes the state changes count.
        if answer.outcome is Outcome.OK:
            answer = self._counted(ask, answer, attempt)
        # What it wrote on its way to nothing is forgotten.
        effects = attempt.effects if answer.outcome is Outcome.OK else Effects()
        return self._answered(ask, answer, inbox, effects)

    async def undecodable(
        self, record: LogRecord, error: DecodeError, state: PartitionState
    ) -> Effects:
        """Park a record that cannot be decoded; where it is a command for here, answer it too."""
        letter = self._park(record, error, "undecodable")
        try:
            asked = asked_of(record)
            handler = self._by_name.get(parse_headers(record.headers).type or "")
            if asked is None or handler is None:
                return letter  # where it is another worker's, that one answers it
            ask = _ask(asked, self._attempt(record, state, handler, asked).delivery, record, state)
        except _UNUSABLE:
            return letter  # one letter says enough
        # Its schema may be known in a while; bytes that are wrong stay wrong.
        retryable = isinstance(error, SchemaUnknown)
        return await self._answered_beside(letter, ask, error, retryable=retryable)

    async def unknown(
        self, record: LogRecord, error: UnknownTypeParked, state: PartitionState
    ) -> Effects:
        """Park a record of a type that nobody handles here; if a saga asks, answer it too."""
        letter = self._park(record, error, "unknown-type")
        try:
            asked = asked_of(record)
            if asked is None:
                return letter
            delivery = Delivery(
                record,
                handler="",
                attempt=asked.attempt,
                state=state,
                effects=Effects(),
                tables={},
                asked=asked,
            )
            ask = _ask(asked, delivery, record, state)
        except _UNUSABLE:
            return letter  # one letter says enough
        # A newer version of this worker may handle it in a while, as a schema may be known then.
        return await self._answered_beside(letter, ask, error, retryable=True)

    async def _answered_beside(
        self, letter: Effects, ask: _Ask, error: WorldError, *, retryable: bool
    ) -> Effects:
        """Add to a dead letter the answer to the saga that asked."""
        try:
            inbox = await self._inbox_of(ask)
        except TopicMissing:
            self.leave_tombstone(ask.record, ask.state, letter)
            return letter
        answer = self._known(ask) or replace(answer_of(error), retryable=retryable)
        answered = self._answered(ask, answer, inbox, Effects())
        for partition, new in letter.outputs:
            answered.emit(partition, new)
        return answered

    def leave_tombstone(self, record: LogRecord, state: PartitionState, letter: Effects) -> None:
        """Add to a parked record's dead letter the tombstone of its step, if it is an undo.

        Its saga learns by a timeout that there is no answer.
        """
        try:
            asked = asked_of(record)
        except _UNUSABLE:
            return  # it is parked already, and names no step
        if asked is not None and asked.direction is Direction.UNDO:
            key = memory_key(asked, record.key or b"")
            self._remember(asked, key, state, _NO_ANSWER, letter)

    # --- before the handler ----------------------------------------------------------------------

    def _attempt(
        self,
        record: LogRecord,
        state: PartitionState,
        handler: CommandHandler,
        asked: CommandHeaders | None,
    ) -> Attempt:
        number = 1 if asked is None else asked.attempt
        tables = self._tables[handler.command_type]
        return begun(record, state, handler, tables, number=number, asked=asked)

    async def _inbox_of(self, ask: _Ask) -> Partition:
        return await self._context.inboxes.partition(ask.asked.reply_to, ask.key)

    def _known(self, ask: _Ask) -> Answer | None:
        memory = self._context.memories.recall(ask.memory_key, ask.state)
        return answered_already(memory, ask.asked, self._context.clock.wall_ms())

    # --- the handler -----------------------------------------------------------------------------

    async def _answer(
        self, command: Command, ask: _Ask, handler: CommandHandler, attempt: Attempt
    ) -> Answer:
        left_s = (ask.asked.deadline_ms - self._context.clock.wall_ms()) / 1000
        try:
            data = await self._call(command, handler, attempt, min(handler.timeout_s, left_s))
        except StateUnreadable:
            raise
        except Exception as failure:  # noqa: BLE001 - a handler may raise anything; see law 1
            self._tell(ask, failure)
            return answer_of(failure)
        return Answer(outcome=Outcome.OK, data=data)

    def _counted(self, ask: _Ask, answer: Answer, attempt: Attempt) -> Answer:
        """Count what a handler wants to count; return its answer, or an error instead."""
        try:
            self._count(attempt)
        except CounterOverflow as error:
            self._tell(ask, error)
            return answer_of(error)
        return answer

    async def _carry_out(
        self, command: Command, handler: CommandHandler, attempt: Attempt
    ) -> Effects:
        """Run the handler of a command that no saga asks for."""
        record = attempt.record
        try:
            await self._call(command, handler, attempt, handler.timeout_s)
            # No await from here to the lane, which makes the state changes count.
            self._count(attempt)
        except StateUnreadable:
            raise
        except Refused as refusal:
            return self._park(record, refusal, "refused", handler.name, 1)
        except (BadReply, CounterOverflow) as error:
            return self._park(record, error, "bad-output", handler.name, 1)
        except Exception as failure:  # noqa: BLE001 - a handler may raise anything; see law 1
            return self._park(record, failure, "failed", handler.name, 1)
        return attempt.effects

    async def _call(
        self, command: Command, handler: CommandHandler, attempt: Attempt, limit_s: float
    ) -> bytes | None:
        """Run a handler and encode what it returns.

        Raises:
            HandlerTimeout: it did not end in time.
            BadReply: it returned something else than the command's reply.
            EncodeError: the reply cannot be written.
        """
        work = handler.function(command, attempt.delivery)
        return self._replies.encoded(await call_in_time(handler.name, limit_s, work), handler)

    def _count(self, attempt: Attempt) -> None:
        attempt.count_with(self._context.tally, self._context.clock.wall_ms())

    def _tell(self, ask: _Ask, failure: Exception) -> None:
        """Raise an alarm about a handler that failed; a refusal is no failure."""
        if isinstance(failure, Refused):
            return
        self._context.alarm(
            alarm_about(
                ask.record,
                failure,
                name="command-failed",
                text=(
                    f"Attempt {ask.asked.attempt} to {ask.asked.direction} the step "
                    f"{ask.asked.step} of the saga {ask.asked.saga} was answered with an error: "
                    f"{failure_message(failure)}"
                ),
                handler=ask.handler,
            )
        )

    # --- after it --------------------------------------------------------------------------------

    def _answered(self, ask: _Ask, answer: Answer, inbox: Partition, effects: Effects) -> Effects:
        """Add answer and memory to a command's effects."""
        try:
            self._remember(ask.asked, ask.memory_key, ask.state, answer, effects)
            self._context.answers.emit(
                answer,
                ask.asked,
                to=inbox,
                key=ask.key,
                event_id=answer_id(ask.event_id, ask.handler),
                further=ask.further,
                now_ms=self._context.clock.wall_ms(),
                effects=effects,
            )
        except RecordTooLarge as error:
            if not answer.certain:
                # Not even an error fits: the saga learns by its timeout.
                return self._park_ask(ask, error, "bad-output")
            self._tell(ask, error)
            return self._answered(ask, answer_of(error), inbox, Effects())
        return effects

    def _remember(
        self,
        asked: CommandHeaders,
        key: bytes,
        state: PartitionState,
        answer: Answer,
        effects: Effects,
    ) -> None:
        memories, context = self._context.memories, self._context
        before = memories.recall(key, state)
        until_ms = forget_ms_of(asked, context.clock.wall_ms(), context.remembers_ms)
        after = remembering(before, asked, answer, until_ms)
        if after is not before:
            memories.keep(key, after, effects)

    # --- parking ---------------------------------------------------------------------------------

    def _park_ask(self, ask: _Ask, failure: Exception, reason: str) -> Effects:
        letter = self._park(ask.record, failure, reason, ask.handler)
        self.leave_tombstone(ask.record, ask.state, letter)
        return letter

    def _park(
        self,
        record: LogRecord,
        failure: Exception,
        reason: str,
        handler: str = "",
        attempts: int = 0,
    ) -> Effects:
        now_ms = self._context.clock.wall_ms()
        return self._context.parking.park(record, failure, reason, handler, attempts, now_ms=now_ms)


_NO_ANSWER: Final = Answer(outcome=Outcome.ERROR)


def _ask(
    asked: CommandHeaders, delivery: Delivery, record: LogRecord, state: PartitionState
) -> _Ask:
    """Gather what an answer takes, before anything runs.

    Raises:
        UnreadableHeader: the command's id or flow cannot be read,
        HeadersOverLimit: its headers are too many,
        IllegalHeader: or what they say cannot be carried on.
    """
    key = record.key or b""
    return _Ask(
        record=record,
        asked=asked,
        key=key,
        memory_key=memory_key(asked, key),
        state=state,
        handler=delivery.handler,
        event_id=delivery.event_id,
        further=further_of(delivery),
    )
