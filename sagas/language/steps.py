"""The steps of a saga, one by one: what each may read, what it sends, how it is undone.

Laws:
1. A step may read the input and the replies of calls before it; its undo also what it itself was
   answered, if it is only undone when that is known (saga-rules S21).
2. A command and its undo share one topic, or the undo could overtake the command (formats F11).
"""

from typing import final

from penstock.sagas.definition import CallStep, CommandUse, EmitStep, Step, Undo
from penstock.sagas.language.findings import Findings
from penstock.sagas.language.message_types import CommandType, MessageTypes
from penstock.sagas.language.outline import SagaOutline, StepOutline, ValuesOutline
from penstock.sagas.language.paths import Scope, reads_reply_of
from penstock.sagas.language.problem_codes import ProblemCode
from penstock.sagas.language.source_text import Mark
from penstock.sagas.language.timing import STEP_ATTEMPTS, UNDO_ATTEMPTS, retry_of, timeout_ms_of
from penstock.sagas.language.value_templates import template_of
from penstock.schemas.type_tree import RecordType

__all__ = ["Steps"]


@final
class Steps:
    """The steps of one file, on their way to a definition."""

    def __init__(
        self,
        outline: SagaOutline,
        pivot: int,
        scope: Scope,
        types: MessageTypes,
        findings: Findings,
    ) -> None:
        """Begin before the first.

        Args:
            outline: the file.
            pivot: the place of the pivot; the number of steps where there is none.
            scope: what is known before the first step.
            types: the types that it may name.
            findings: is told what is wrong.
        """
        self._outline = outline
        self._pivot = pivot
        self._input = scope.input
        self._types = types
        self._findings = findings
        self._replies: dict[str, RecordType | None] = {}
        self._unknown: set[str] = set()
        self._events = frozenset(
            step.name for step in outline.steps if step.is_emit and step.name is not None
        )

    def all(self) -> list[Step | None]:
        """Return each step; None stands for one with an error."""
        steps = self._outline.steps
        names = [step.name for step in steps]
        made: list[Step | None] = []
        for place, step in enumerate(steps):
            later = frozenset(name for name in names[place:] if name) - self._replies.keys()
            scope = Scope(
                input=self._input,
                replies=dict(self._replies),
                unknown=frozenset(self._unknown),
                events=self._events,
                later=later - self._unknown,
                certain=None not in names,
                own=step.name,
            )
            if step.is_emit:
                made.append(self._emit(step, scope))
            else:
                made.append(self._call(step, place, scope))
        return made

    def _emit(self, step: StepOutline, scope: Scope) -> EmitStep | None:
        event = self._types.event(step.emit)
        if event is None:
            return None
        template = template_of(step.values, event.schema.root, scope, self._findings)
        if template is None or step.name is None:
            return None
        return EmitStep(
            name=step.name,
            event=event.schema,
            topic=event.topic,
            key=event.key,
            template=template,
        )

    def _call(self, step: StepOutline, place: int, scope: Scope) -> CallStep | None:
        forward = place >= self._pivot
        command = self._types.command(step.call)
        use = self._use(command, step.values, scope)
        undo = self._undo(step, command, scope, counts=not forward)
        self._remember(step, command)
        defaults = self._outline.defaults.step
        retry = retry_of(
            step.timing.retry,
            defaults.retry,
            self._findings,
            attempts=STEP_ATTEMPTS,
            forward=forward,
        )
        if command is None or use is None or step.name is None:
            return None
        return CallStep(
            name=step.name,
            command=use,
            reply=command.reply,
            undo=undo,
            undo_unknown=step.undo_unknown is None,
            timeout_ms=timeout_ms_of(step.timing, defaults),
            retry=retry,
            pivot=place == self._pivot,
            forward=forward,
        )

    def _remember(self, step: StepOutline, command: CommandType | None) -> None:
        """Let the steps behind this one read its reply."""
        if step.name is None or step.name in self._replies:
            return
        if command is None or not command.reply_known:
            self._unknown.add(step.name)
        else:
            self._replies[step.name] = None if command.reply is None else command.reply.root

    def _use(
        self, command: CommandType | None, values: ValuesOutline, scope: Scope
    ) -> CommandUse | None:
        if command is None:
            return None
        template = template_of(values, command.schema.root, scope, self._findings)
        if template is None:
            return None
        return CommandUse(schema=command.schema, topic=command.topic, template=template)

    def _undo(
        self, step: StepOutline, command: CommandType | None, scope: Scope, *, counts: bool
    ) -> Undo | None:
        """Make a step's undo.

        Args:
            step: the step.
            command: what it calls, where that is known.
            scope: what the step itself may read.
            counts: whether it stands before the pivot; else the undo is wrong as a whole.
        """
        if counts:
            self._judge_undo_unknown(step)
        undo = step.undo
        if undo is None or not counts:
            return None
        defaults = self._outline.defaults.undo
        retry = retry_of(undo.timing.retry, defaults.retry, self._findings, attempts=UNDO_ATTEMPTS)
        if undo.call is None:
            return None
        undoing = self._types.command(undo.call)
        if command and undoing and command.topic != undoing.topic:
            self._tell_topics(command, undoing, undo.call.mark)
        reply = command.reply.root if command and command.reply else None
        inner = scope.of_undo(
            reply,
            reads_own=step.undo_unknown is not None,
            known=command is not None and command.reply_known,
        )
        use = self._use(undoing, undo.values, inner)
        if use is None:
            return None
        return Undo(command=use, timeout_ms=timeout_ms_of(undo.timing, defaults), retry=retry)

    def _judge_undo_unknown(self, step: StepOutline) -> None:
        """Tell of a `skip` that leaves an effect behind which could be undone."""
        if step.undo_unknown is None or step.name is None:
            return
        values = step.undo.values if step.undo else None
        if step.undo and step.undo.call and not step.undo.values.readable:
            return  # the `with` is broken, which has been told
        if values is None or not reads_reply_of(values.node, step.name):
            message = (
                f"'undo_unknown: skip' leaves an unknown outcome of '{step.name}' as it is; that "
                "is only needed where 'undo' reads the step's own reply. Remove it."
            )
            self._findings.error(ProblemCode.UNDO_UNKNOWN_NEEDLESS, step.undo_unknown, message)

    def _tell_topics(self, command: CommandType, undoing: CommandType, mark: Mark) -> None:
        message = (
            f"{undoing.schema.full_name} travels on {undoing.topic}, and what it undoes on "
            f"{command.topic}; only on one topic can the undo never overtake the command."
        )
        self._findings.error(ProblemCode.TWO_TOPICS, mark, message)
