"""The words of the language, and where each may stand.

    saga      := saga version input key [deadline] [retention] [defaults] steps [compensated]
    defaults  := [timeout] [retry] [undo: [timeout] [retry]]
    step      := name call [with] [undo] [undo_unknown] [timeout] [retry] [pivot]
               | name emit [with]
    undo      := call [with] [timeout] [retry] | none
    retry     := [attempts] [delay] [backoff] [max_delay] [give_up]
    compensated := emit [with]

Laws:
1. A key that is no word of its place is an error: a slip of the pen must not switch a rule off.
2. The words of later versions are known and refused by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from penstock.sagas.language.findings import Findings
from penstock.sagas.language.problem_codes import ProblemCode
from penstock.sagas.language.source_text import Mark, quoted
from penstock.sagas.language.yaml_nodes import BrokenNode, Entry, MappingNode, Node

__all__ = [
    "CALL",
    "COMPENSATED",
    "DEFAULTS",
    "EMIT",
    "LATER_KINDS",
    "RETRY",
    "SAGA",
    "STEP",
    "TIMING",
    "UNDO",
    "Words",
    "entries_of",
    "refuse_misplaced",
]

_LATER: Final = "is a word of a later version of the language; this version does not support it"
_ONE_AFTER_THE_OTHER: Final = f"{_LATER}: steps run one after the other, and each calls or emits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What may stand in one kind of mapping."""

    what: str
    """The kind, with its article, as messages name it."""
    known: tuple[str, ...]
    """The words, in the order in which people write them."""
    required: tuple[str, ...] = ()
    """Those without which it means nothing."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Words that do not belong here, and what is wrong about each."""


LATER_KINDS: Final = ("parallel", "choose", "run", "await", "wait")
"""Words that will once be kinds of steps."""

SAGA: Final = Words(
    what="a saga",
    known=(
        *("saga", "version", "input", "key", "deadline", "retention", "defaults", "steps"),
        "compensated",
    ),
    required=("saga", "version", "input", "key", "steps"),
    elsewhere={
        "output": _LATER,
        "timeout": "stands on a step, or in 'defaults' for all of them",
        "retry": "stands on a step, or in 'defaults' for all of them",
        "undo": "stands on a step",
    },
)

_SAID_ONCE: Final = "does not stand here: the event is said once, and nobody answers it"
COMPENSATED: Final = Words(
    what="the event of 'compensated'",
    known=("emit", "with"),
    required=("emit",),
    elsewhere={
        "call": "does not stand here: a saga that has turned round asks for nothing more; it emits",
        "name": "does not stand here: it is no step, and nothing reads it",
        **dict.fromkeys(("undo", "undo_unknown", "timeout", "retry", "pivot"), _SAID_ONCE),
    },
)

_AT_THE_TOP: Final = "stands at the top of the saga: it is said once, when everything is undone"
STEP: Final = Words(
    what="a step",
    known=(*("name", "call", "emit", "with", "undo", "undo_unknown", "timeout", "retry", "pivot"),),
    required=("name",),
    elsewhere={
        **dict.fromkeys((*LATER_KINDS, "if", "optional", "else", "match"), _ONE_AFTER_THE_OTHER),
        "deadline": "counts for the whole saga and stands at its top; a step has a 'timeout'",
        "compensated": _AT_THE_TOP,
    },
)

CALL: Final = Words(
    what="a call step",
    known=("name", "call", "with", "undo", "undo_unknown", "timeout", "retry", "pivot"),
)

_ON_CALLS: Final = "stands on call steps only: an event that is published waits for no answer"
EMIT: Final = Words(
    what="an emit step",
    known=("name", "emit", "with"),
    elsewhere=dict.fromkeys(("undo", "undo_unknown", "timeout", "retry", "pivot"), _ON_CALLS),
)

UNDO: Final = Words(
    what="an undo",
    known=("call", "with", "timeout", "retry"),
    required=("call",),
    elsewhere={
        "undo_unknown": "stands on the step, beside 'undo'",
        "emit": "cannot undo anything; an undo calls a command",
        "compensated": _AT_THE_TOP,
    },
)

TIMING: Final = Words(what="defaults.undo", known=("timeout", "retry"))

DEFAULTS: Final = Words(
    what="defaults",
    known=("timeout", "retry", "undo"),
    elsewhere={
        "deadline": "stands at the top of the saga",
        "retention": "stands at the top of the saga",
        "compensated": _AT_THE_TOP,
    },
)

RETRY: Final = Words(
    what="a retry",
    known=("attempts", "delay", "backoff", "max_delay", "give_up"),
    elsewhere={"timeout": "stands beside 'retry'"},
)


def entries_of(
    node: Node, words: Words, findings: Findings, *, mark: Mark | None = None
) -> dict[str, Entry] | None:
    """Return what stands in a mapping, by word.

    Args:
        node: what should be the mapping.
        words: what may stand in it.
        findings: is told of words that may not, and of those that lack.
        mark: the place to tell for what lacks; the mapping's own if not given.

    Returns:
        The entries of known words; None where it is no mapping.
    """
    if not isinstance(node, MappingNode):
        if not isinstance(node, BrokenNode):
            message = f"Here {words.what} should stand: a mapping with {_listed(words.known)}."
            findings.error(ProblemCode.WRONG_SHAPE, node.mark, message)
        return None
    found = {}
    for entry in node.entries:
        if entry.key.text in words.known:
            found[entry.key.text] = entry
        else:
            _refuse(entry, words, findings)
    for word in words.required:
        # Of a key that was told as broken or doubled too; whoever mends that mends this.
        if word not in found:
            message = f"{words.what.capitalize()} needs '{word}'."
            findings.error(ProblemCode.MISSING_WORD, mark or node.mark, message)
    return found


def refuse_misplaced(entries: Mapping[str, Entry], words: Words, findings: Findings) -> None:
    """Tell of each entry that is a word of its mapping, but not of this kind of it."""
    for word, entry in entries.items():
        if word not in words.known:
            _refuse(entry, words, findings)


def _refuse(entry: Entry, words: Words, findings: Findings) -> None:
    word = entry.key.text
    if reason := words.elsewhere.get(word):
        later = reason.startswith(_LATER)
        code = ProblemCode.NOT_SUPPORTED if later else ProblemCode.MISPLACED_WORD
        findings.error(code, entry.key.mark, f"'{word}' {reason}.")
        return
    message = f"{words.what.capitalize()} knows no {quoted(word)}; it knows {_listed(words.known)}."
    findings.error(ProblemCode.UNKNOWN_WORD, entry.key.mark, message, name=word, among=words.known)


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(words[:-1]) + f" and {words[-1]}"
