"""Nodes become an outline: the words of the language are found, and what stands behind them read.

Laws:
1. Every key of the file is looked at once, and every problem told where it stands.
2. Nothing is decided here that takes two steps or a schema; outline.py says what is handed on.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from penstock.sagas.language.findings import Findings
from penstock.sagas.language.grammar import (
    CALL,
    COMPENSATED,
    DEFAULTS,
    EMIT,
    LATER_KINDS,
    RETRY,
    SAGA,
    STEP,
    TIMING,
    UNDO,
    entries_of,
    refuse_misplaced,
)
from penstock.sagas.language.outline import (
    CompensatedOutline,
    DefaultsOutline,
    RetryOutline,
    SagaOutline,
    StepOutline,
    TimingOutline,
    UndoOutline,
    ValuesOutline,
)
from penstock.sagas.language.problem_codes import ProblemCode
from penstock.sagas.language.source_text import Mark, quoted
from penstock.sagas.language.word_values import (
    duration_in,
    flag_in,
    name_in,
    number_in,
    ratio_in,
    shape_of,
    text_in,
)
from penstock.sagas.language.yaml_nodes import (
    BrokenNode,
    Entry,
    ListNode,
    MappingNode,
    Node,
    ScalarKind,
    TextNode,
)

__all__ = ["MAX_STEPS", "outline_of"]

MAX_STEPS: Final = 200
"""Steps of a saga (saga-rules S35). Its record holds the state of each."""
_HIGHEST_VERSION: Final = 2**31 - 1
"""A version is a key in a topic and a number on the wire; this fits everywhere."""
_MOST_ATTEMPTS: Final = 1_000
_STRONGEST_BACKOFF: Final = 10


def outline_of(root: Node, findings: Findings) -> SagaOutline | None:
    """Read the words of a file.

    Args:
        root: what the file holds.
        findings: is told what is wrong.

    Returns:
        What could be read; None where it is no mapping at all.
    """
    found = entries_of(root, SAGA, findings)
    if found is None:
        return None
    return SagaOutline(
        mark=root.mark,
        name=name_in(found.get("saga"), findings, "the saga's name"),
        version=number_in(found.get("version"), findings, 1, _HIGHEST_VERSION),
        input=text_in(found.get("input"), findings, "the full name of a record"),
        key=text_in(found.get("key"), findings, "a path, such as $.input.order_id"),
        deadline_ms=duration_in(found.get("deadline"), findings),
        retention_ms=duration_in(found.get("retention"), findings),
        defaults=_defaults(found.get("defaults"), findings),
        steps=tuple(_steps(found.get("steps"), findings)),
        compensated=_compensated(found.get("compensated"), findings),
    )


def _defaults(entry: Entry | None, findings: Findings) -> DefaultsOutline:
    found = None if entry is None else entries_of(entry.value, DEFAULTS, findings)
    if not found:
        return DefaultsOutline()
    undo = found.get("undo")
    undo_found = None if undo is None else entries_of(undo.value, TIMING, findings)
    return DefaultsOutline(step=_timing(found, findings), undo=_timing(undo_found or {}, findings))


def _timing(found: Mapping[str, Entry], findings: Findings) -> TimingOutline:
    timeout_ms = duration_in(found.get("timeout"), findings)
    retry = _retry(found.get("retry"), findings)
    whole = retry.whole and ("timeout" in found) == (timeout_ms is not None)
    return TimingOutline(timeout_ms=timeout_ms, retry=retry, whole=whole)


def _retry(entry: Entry | None, findings: Findings) -> RetryOutline:
    if entry is None:
        return RetryOutline()
    found = entries_of(entry.value, RETRY, findings)
    if found is None:
        return RetryOutline(whole=False)
    retry = RetryOutline(
        attempts=number_in(found.get("attempts"), findings, 1, _MOST_ATTEMPTS),
        delay_ms=duration_in(found.get("delay"), findings),
        backoff=ratio_in(found.get("backoff"), findings, 1, _STRONGEST_BACKOFF),
        max_delay_ms=duration_in(found.get("max_delay"), findings),
        give_up_ms=duration_in(found.get("give_up"), findings),
    )
    read = (retry.attempts, retry.delay_ms, retry.backoff, retry.max_delay_ms, retry.give_up_ms)
    # A word that is not known is perhaps one of these, misspelt.
    keys = len(entry.value.entries) if isinstance(entry.value, MappingNode) else 0
    return replace(retry, whole=keys == sum(told is not None for told in read))


def _steps(entry: Entry | None, findings: Findings) -> Iterator[StepOutline]:
    if entry is None or isinstance(entry.value, BrokenNode):
        return
    node = entry.value
    if not isinstance(node, ListNode):
        message = f"'steps' takes a list of steps, not {shape_of(node)}."
        findings.error(ProblemCode.WRONG_SHAPE, node.mark, message)
        return
    if not node.items:
        message = "A saga has at least one step."
        findings.error(ProblemCode.EMPTY_VALUE, node.mark, message)
    if len(node.items) > MAX_STEPS:
        message = f"The saga has {len(node.items)} steps; it may have {MAX_STEPS}."
        findings.error(ProblemCode.TOO_MANY_STEPS, node.items[MAX_STEPS].mark, message)
    names: dict[str, Mark] = {}
    for item in node.items[:MAX_STEPS]:
        step = _step(item, findings)
        if step.name and (first := names.setdefault(step.name, step.mark)) is not step.mark:
            message = f"There is a step '{step.name}' already, in line {first.line}."
            findings.error(ProblemCode.DUPLICATE_STEP, step.mark, message)
        yield step


def _step(node: Node, findings: Findings) -> StepOutline:
    # What is no mapping keeps its place: a step of which nothing is known.
    found = entries_of(node, STEP, findings) or {}
    is_emit = "emit" in found and "call" not in found
    if isinstance(node, MappingNode):
        _judge_kind(node, found, findings)
    if is_emit:
        refuse_misplaced(found, EMIT, findings)
        found = {word: entry for word, entry in found.items() if word in EMIT.known}
    elif "call" in found and "emit" not in found:
        refuse_misplaced(found, CALL, findings)
    name = name_in(found.get("name"), findings, "the step's name")
    mark = name.mark if name else node.mark
    return StepOutline(
        mark=mark,
        name=name.value if name else None,
        call=text_in(found.get("call"), findings, "the full name of a command"),
        emit=text_in(found.get("emit"), findings, "the full name of an event"),
        is_emit=is_emit,
        values=_values(found.get("with"), findings, mark),
        undo=_undo(found.get("undo"), findings),
        undo_unknown=_undo_unknown(found.get("undo_unknown"), findings),
        timing=_timing(found, findings),
        pivot=found["pivot"].key.mark if flag_in(found.get("pivot"), findings) else None,
    )


def _judge_kind(node: MappingNode, found: Mapping[str, Entry], findings: Findings) -> None:
    if "call" in found and "emit" in found:
        message = "A step either calls or emits; make two steps of it."
        findings.error(ProblemCode.CALL_OR_EMIT, found["emit"].key.mark, message)
    elif not any(entry.key.text in ("call", "emit", *LATER_KINDS) for entry in node.entries):
        message = "A step needs 'call' with a command, or 'emit' with an event."
        findings.error(ProblemCode.CALL_OR_EMIT, node.mark, message)


def _values(entry: Entry | None, findings: Findings, mark: Mark) -> ValuesOutline:
    if entry is None:
        return ValuesOutline(node=None, mark=mark)
    node = entry.value
    if isinstance(node, MappingNode):
        return ValuesOutline(node=node, mark=entry.key.mark)
    if not isinstance(node, BrokenNode):
        message = f"'with' takes a mapping of fields to values, not {shape_of(node)}."
        findings.error(ProblemCode.WRONG_SHAPE, node.mark, message)
    return ValuesOutline(node=None, mark=entry.key.mark, readable=False)


def _compensated(entry: Entry | None, findings: Findings) -> CompensatedOutline | None:
    mark = None if entry is None else entry.key.mark
    found = None if entry is None else entries_of(entry.value, COMPENSATED, findings, mark=mark)
    if found is None or mark is None:
        return None
    return CompensatedOutline(
        emit=text_in(found.get("emit"), findings, "the full name of an event"),
        values=_values(found.get("with"), findings, mark),
    )


def _undo(entry: Entry | None, findings: Findings) -> UndoOutline | None:
    if entry is None:
        return None
    mark, node = entry.key.mark, entry.value
    nothing = ValuesOutline(node=None, mark=mark, readable=False)
    if isinstance(node, TextNode):
        if node.text != "none":
            message = (
                "'undo' takes a mapping with the command to call, or the word none"
                f"{'' if node.kind is ScalarKind.NOTHING else ', not ' + quoted(node.text)}."
            )
            findings.error(ProblemCode.WRONG_SHAPE, node.mark, message)
        return UndoOutline(mark=mark, values=nothing)
    found = entries_of(node, UNDO, findings, mark=mark)
    if found is None:
        return UndoOutline(mark=mark, values=nothing)
    return UndoOutline(
        mark=mark,
        call=text_in(found.get("call"), findings, "the full name of a command"),
        values=_values(found.get("with"), findings, mark),
        timing=_timing(found, findings),
    )


def _undo_unknown(entry: Entry | None, findings: Findings) -> Mark | None:
    node = text_in(entry, findings, "the word skip")
    if node is None or entry is None:
        return None
    if node.text != "skip":
        message = "'undo_unknown' takes the word skip; without it an unknown outcome is undone."
        findings.error(ProblemCode.WRONG_SHAPE, node.mark, message)
        return None
    return entry.key.mark
