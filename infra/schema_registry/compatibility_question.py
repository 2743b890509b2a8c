"""Whether a schema could be registered under a subject, as a client asks before it tries.

Law: the answer is that of a registration. Versions of other types are not compared: a topic may
carry several types, and each has a history of its own.
"""

from collections.abc import Sequence
from dataclasses import replace

from penstock.infra.schema_registry.api_call import LATEST
from penstock.infra.schema_registry.registered_schemas import RegisteredVersion
from penstock.schemas.compatibility_levels import Level, check, render
from penstock.schemas.identity import logical_conflict
from penstock.schemas.schema import AvroSchema

__all__ = ["reasons_against"]


def reasons_against(
    candidate: AvroSchema,
    versions: Sequence[RegisteredVersion],
    level: Level,
    version: int | None,
    *,
    known: AvroSchema | None = None,
) -> tuple[str, ...]:
    """Tell why a schema cannot be the next version.

    Args:
        candidate: the schema.
        versions: those of the subject, the oldest first.
        level: what the candidate has to meet.
        version: the only one to compare with; LATEST for the latest of the candidate's type; None
            for those that the level names, as a registration compares.
        known: the schema with the candidate's fingerprint, under whatever subject; None where there
            is none.

    Returns:
        Lines for people; none where it can.
    """
    if known is not None and (conflict := logical_conflict(known, candidate)) is not None:
        return (f"It has the fingerprint of a known schema and another meaning: {conflict}.",)
    if version is None and any(
        each.schema.fingerprint == candidate.fingerprint for each in versions
    ):
        return ()  # it is registered, and stays so
    earlier = [each for each in versions if each.schema.full_name == candidate.full_name]
    if version == LATEST:
        earlier = earlier[-1:]
    elif version is not None:
        earlier = [each for each in earlier if each.version == version]
    failures = check(candidate.root, [each.schema.root for each in earlier], level)
    named = [replace(each, version=earlier[each.version - 1].version) for each in failures]
    return tuple(render(named).splitlines())
