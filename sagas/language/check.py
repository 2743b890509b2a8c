"""The way from a text to a `Definition`, with everything told that is wrong on it.

    text -> nodes         yaml_tree.py: is it YAML that a saga may be
         -> outline       outline_reader.py: words, names, numbers, durations
         -> rules         pivot.py, timing.py, time_budget.py: what the steps mean to each other
         -> types         paths.py, value_templates.py: does every path lead somewhere, does all fit
         -> Definition

Laws:
1. Only what has no error becomes a definition; warnings come beside it.
2. Whatever the text, the answer is problems or a definition, never another exception.
3. The same text and schemas give an equal definition, from a file as from the definitions topic.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from penstock.sagas.definition import Definition, Path, Root
from penstock.sagas.language.bad_saga import BadSaga
from penstock.sagas.language.compensated import compensated_of
from penstock.sagas.language.digest import digest_of
from penstock.sagas.language.findings import Findings
from penstock.sagas.language.message_types import MessageTypes, names_something
from penstock.sagas.language.outline import SagaOutline
from penstock.sagas.language.outline_reader import outline_of
from penstock.sagas.language.paths import Scope, is_path, resolve
from penstock.sagas.language.pivot import check_undo_words, pivot_position, warn_of_early_events
from penstock.sagas.language.problem import ProblemList
from penstock.sagas.language.problem_codes import ProblemCode
from penstock.sagas.language.source_text import harmless, quoted
from penstock.sagas.language.steps import Steps
from penstock.sagas.language.time_budget import check_time_budget
from penstock.sagas.language.timing import check_defaults
from penstock.sagas.language.value_types import is_nullable, shown, without_null
from penstock.sagas.language.yaml_tree import tree_of
from penstock.schemas.schema import AvroSchema

__all__ = ["Checked", "check", "definition_from", "load"]

_RETENTION_MS = 7 * 86_400_000
"""How long an ended saga is remembered where nobody says otherwise (saga-rules S15)."""
_PINNED = "(pinned definition)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came of a check."""

    definition: Definition | None
    """None where there is an error among the problems."""
    problems: ProblemList
    """Errors and warnings, in the order of the file."""


def check(text: str, *, file: str, schemas: Mapping[str, AvroSchema]) -> Checked:
    """Check a saga.

    Args:
        text: the file's content.
        file: its name, as it is shown to people.
        schemas: every schema that it may name, by full name.
    """
    findings = Findings(text, file)
    root = tree_of(text, findings)
    outline = None if root is None else outline_of(root, findings)
    definition = None if outline is None else _defined(text, outline, schemas, findings)
    return Checked(definition=None if findings.failed else definition, problems=findings.problems)


def load(text: str, *, file: str, schemas: Mapping[str, AvroSchema]) -> Definition:
    """Return the definition of a saga that is to be run.

    Args:
        text: the file's content.
        file: its name, as it is shown to people.
        schemas: every schema that it may name, by full name.

    Raises:
        BadSaga: there is an error in it; warnings alone raise nothing.
    """
    checked = check(text, file=file, schemas=schemas)
    if checked.definition is None:
        raise BadSaga(file=harmless(file), problems=checked.problems)
    return checked.definition


def definition_from(text: str, schemas: Iterable[str]) -> Definition:
    """Return a definition as it was pinned when its version was deployed.

    Args:
        text: the YAML, as `Definition.text` holds it.
        schemas: full JSON of its schemas, as `Definition.schemas` holds them.

    Raises:
        SchemaError: a text is no schema.
        BadSaga: it does not pass the checks of this version of penstock.
    """
    parsed = [AvroSchema.parse(each) for each in schemas]
    return load(text, file=_PINNED, schemas={each.full_name: each for each in parsed})


def _defined(
    text: str, outline: SagaOutline, schemas: Mapping[str, AvroSchema], findings: Findings
) -> Definition | None:
    types = MessageTypes(schemas, findings)
    given = types.named(outline.input)
    input_topic = None
    if given is not None and outline.input is not None:
        input_topic = types.input_topic(given, outline.input.mark)
    scope = Scope(input=None if given is None else given.root)
    key = _key(outline, scope, findings)
    pivot = pivot_position(outline.steps, findings)
    check_defaults(outline.defaults, findings)
    check_undo_words(outline.steps, pivot, findings)
    warn_of_early_events(outline.steps, pivot, findings)
    steps = Steps(outline, pivot, scope, types, findings).all()
    compensated = compensated_of(outline.compensated, scope.input, types, findings)
    check_time_budget(outline, steps, findings)
    if findings.failed or key is None or given is None:
        return None
    assert outline.name is not None
    assert outline.version is not None
    whole = tuple(step for step in steps if step is not None)
    assert len(whole) == len(steps)  # what could not be made has been told
    definition = Definition(
        saga=outline.name.value,
        version=outline.version.value,
        digest="",
        input=given,
        input_topic=input_topic,
        key=key,
        deadline_ms=None if outline.deadline_ms is None else outline.deadline_ms.value,
        retention_ms=_RETENTION_MS if outline.retention_ms is None else outline.retention_ms.value,
        steps=whole,
        compensated=compensated,
        text=text,
        schemas=types.used,
    )
    return replace(definition, digest=digest_of(definition.text, definition.schemas))


def _key(outline: SagaOutline, scope: Scope, findings: Findings) -> Path | None:
    node = outline.key
    if node is None:
        return None
    if not is_path(node):
        message = f"The key is a path into the input, such as $.input.id, not {quoted(node.text)}."
        findings.error(ProblemCode.ILLEGAL_KEY, node.mark, message)
        return None
    if not node.text.startswith(f"$.{Root.INPUT}."):
        message = "The key of a saga is known when it starts: it leads into $.input."
        findings.error(ProblemCode.ILLEGAL_KEY, node.mark, message)
        return None
    found = resolve(node, scope, findings)
    if found is None:
        return None
    if names_something(found.type):
        return found.path
    if is_nullable(found.type) and names_something(without_null(found.type)):
        message = f"{node.text} may be null, and null names no saga."
    else:
        message = (
            f"{node.text} is {shown(found.type)}; the key of a saga is a string, an int, a long or "
            "a uuid."
        )
    findings.error(ProblemCode.ILLEGAL_KEY, node.mark, message)
    return None
