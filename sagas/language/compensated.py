"""What a saga says when it has turned round and everything is undone.

Laws:
1. It may read the input, the saga and the failure. Which steps were answered nobody can know
   before, so it reads no reply.
2. It is checked as what an emit step publishes is; no rule between steps looks at it.
"""

from penstock.sagas.definition import EventUse
from penstock.sagas.language.findings import Findings
from penstock.sagas.language.message_types import MessageTypes
from penstock.sagas.language.outline import CompensatedOutline
from penstock.sagas.language.paths import Scope
from penstock.sagas.language.value_templates import template_of
from penstock.schemas.type_tree import RecordType

__all__ = ["compensated_of"]


def compensated_of(
    outline: CompensatedOutline | None,
    given: RecordType | None,
    types: MessageTypes,
    findings: Findings,
) -> EventUse | None:
    """Return the event of `compensated`.

    Args:
        outline: what the file says; None where it says nothing.
        given: the saga's input; None where it is not known.
        types: the types that may be named.
        findings: is told what is wrong.

    Returns:
        The event, or None where there is none or something is wrong with it.
    """
    event = None if outline is None else types.event(outline.emit)
    if outline is None or event is None:
        return None
    scope = Scope(input=given, at_the_end=True)
    template = template_of(outline.values, event.schema.root, scope, findings)
    if template is None:
        return None
    return EventUse(schema=event.schema, topic=event.topic, key=event.key, template=template)
