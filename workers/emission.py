"""What a handler returns, made into the effects of its record.

Each output gets an id that is derived from its input's id, the handler and its place, so that an
input that is handled again gives the same ids; it names its cause, and carries the flow's
correlation and trace on.

Laws:
1. What is certain to be refused is refused here, before any transaction: it is that input's
   failure, not a doubt (formats.md F18).
2. Pure: types whose schemas are not known to be published are noted in the effects, and prepared
   before the commit; where that gives a schema its id, the record is finished with it. Waiting for
   that here would let other records in between a handler's reading of shared state and the moment
   its changes count.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, final

from penstock.events.envelope import Envelope, FurtherHeaders, further_headers, stamp_of
from penstock.events.event import Command, Event
from penstock.events.headers import cause_headers
from penstock.events.identity import derived_id
from penstock.events.writer_frames import WriterFrames
from penstock.schemas.errors import CallerError, ExitCode
from penstock.workers.delivery import Delivery
from penstock.workers.group_commit import Effects
from penstock.workers.state_table import StateUnreadable

__all__ = ["BadOutput", "Emission", "further_of"]

OUTPUTS_LIMIT = 1_000
"""Outputs of one input at the most."""


@dataclass(eq=False, kw_only=True)
class BadOutput(CallerError):
    """A handler returned something that is no event."""

    handler: str
    """The handler."""
    problem: str
    """What it returned, as a sentence without its end."""

    code: ClassVar[str] = "PEN-W7"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "{problem}."
    why: ClassVar[str] = "A handler returns nothing, an event, or a list of events."
    remedy: ClassVar[str] = "Change what {handler} returns."


@final
class Emission:
    """Makes records of the outputs of one worker."""

    def __init__(
        self, *, source: str, limit_bytes: int, frames: WriterFrames | None = None
    ) -> None:
        """Begin with no types.

        Args:
            source: Who publishes: app and worker.
            limit_bytes: Size of a record at the most.
            frames: How events are framed; as single objects if not given.
        """
        self._frames = frames or WriterFrames()
        self._source = source
        self._limit_bytes = limit_bytes
        self._envelopes: dict[type[Event], Envelope] = {}
        self._prepared: set[type[Event]] = set()

    def outputs_of(self, returned: object, handler: str) -> list[Event]:
        """What a handler returned, as a list.

        Raises:
            BadOutput: it is no event and no collection of events.
            StateUnreadable: a generator met state that cannot be read.
        """
        if returned is None:
            return []
        if isinstance(returned, Event):
            return [returned]
        if not isinstance(returned, Iterable) or isinstance(returned, str | bytes | dict):
            raise BadOutput(handler=handler, problem=f"It returned a {type(returned).__name__}")
        try:
            # A generator runs only here: it may raise whatever a handler may, or never end.
            outputs = list(islice(returned, OUTPUTS_LIMIT + 1))
        except StateUnreadable:
            raise
        except Exception as error:
            problem = f"What it returned raised {type(error).__name__} when it was gone through"
            raise BadOutput(handler=handler, problem=problem) from error
        if len(outputs) > OUTPUTS_LIMIT:
            problem = f"It returned more than {OUTPUTS_LIMIT} events"
            raise BadOutput(handler=handler, problem=problem)
        for output in outputs:
            if not isinstance(output, Event):
                kind = "a command" if isinstance(output, Command) else f"a {type(output).__name__}"
                raise BadOutput(handler=handler, problem=f"It returned {kind} among its events")
        return outputs

    def prepared(self, types: Iterable[type[Event]]) -> None:
        """Take note that the schemas of these types are published, and have their frames."""
        types = tuple(types)
        for each in types:
            self._envelope(each).learn_frame()
        self._prepared.update(types)

    def emit(
        self,
        outputs: Sequence[Event],
        *,
        delivery: Delivery,
        handler: str,
        now_ms: int,
        effects: Effects,
    ) -> None:
        """Add outputs to a record's effects.

        Raises:
            CallerError: an output has no key it needs, or is too large.
        """
        cause = delivery.event_id
        further, stamp = further_of(delivery), stamp_of(now_ms)
        for index, output in enumerate(outputs):
            envelope = self._envelope(type(output))
            outgoing = envelope.seal(
                output,
                event_id=str(derived_id(cause, handler, index)),
                stamp=stamp,
                further=further,
            )
            if envelope.is_framed:
                effects.emit(outgoing.partition, outgoing.record)
            else:
                effects.emit_unfinished(outgoing.partition, outgoing.record, envelope.finished)
        if unprepared := {type(output) for output in outputs} - self._prepared:
            effects.prepare_before(unprepared)

    def _envelope(self, message_type: type[Event]) -> Envelope:
        envelope = self._envelopes.get(message_type)
        if envelope is None:
            envelope = self._envelopes[message_type] = Envelope(
                message_type,
                source=self._source,
                limit_bytes=self._limit_bytes,
                frames=self._frames,
            )
        return envelope


def further_of(delivery: Delivery) -> FurtherHeaders:
    """Return the headers that tie an output to its input: cause, flow and trace.

    Raises:
        UnreadableHeader: a header of the input is not what its name promises.
        IllegalHeader: what the input carries is too long to be carried on.
    """
    headers = delivery.headers
    return further_headers(
        cause_headers(
            headers.correlation_id or delivery.event_id, delivery.event_id, headers.traceparent
        )
    )
