"""What a check of schemas says of each type: whether it may follow what was published before.

    unchanged       the same text has been published
    new             nothing of that name has been published
    compatible      it differs, and fits as its level demands
    incompatible    it does not fit, or says something that nobody may register
    gone            it was published, and nobody declares it any more

Who has to read whom is decided by compatibility_levels.py, and what a fingerprint does not see by
identity.py; here types meet their versions.

Laws:
1. Only `incompatible` fails. A type that is gone breaks nobody's schema: what was written stays
   readable, if by others.
2. A type is judged as registering it would be (events/schema_judgement.py): by the same level,
   against the versions of its own subject where the place has subjects, and another text of a
   published version against those before that one only.
3. A type that was renamed, and says so by an alias, has to read what was written under its former
   name, wherever it has to read earlier versions. Registering does not look there; readers do.
4. Reasons are told for the author of the candidate: what is published does not change.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from penstock.infra.published_schemas.versions import PublishedSchemas, PublishedVersion
from penstock.infra.schema_files.roles import SchemaRole
from penstock.schemas.compatibility_levels import Failure, Level, check, render
from penstock.schemas.identity import logical_conflict, says_the_same
from penstock.schemas.schema import AvroSchema

__all__ = ["FormerName", "State", "Verdict", "gone", "verdict_text", "verdicts"]


class State(StrEnum):
    """How a type stands to what was published. The words are stable; programs may compare them."""

    UNCHANGED = "unchanged"
    NEW = "new"
    COMPATIBLE = "compatible"
    INCOMPATIBLE = "incompatible"
    GONE = "gone"


_BACKWARD: Final[Mapping[Level, Level]] = {
    Level.BACKWARD: Level.BACKWARD,
    Level.FULL: Level.BACKWARD,
    Level.BACKWARD_TRANSITIVE: Level.BACKWARD_TRANSITIVE,
    Level.FULL_TRANSITIVE: Level.BACKWARD_TRANSITIVE,
}
"""What is demanded of a former name: who knows it only never takes the new one for its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerName:
    """A name that a type had, under which something was written that it cannot read."""

    full_name: str
    """The name, an alias now."""
    failures: tuple[Failure, ...]
    """With which versions of that name it does not agree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is said of one type."""

    full_name: str
    """The type."""
    role: SchemaRole
    """Where it travels; of a type that is gone, as it was published."""
    levels: tuple[Level, ...]
    """What it has to meet, all of it."""
    state: State
    """The verdict."""
    versions: int
    """How many versions of it were published."""
    failures: tuple[Failure, ...] = ()
    """With which versions it does not agree; their numbers are the place's own where it has any."""
    former: tuple[FormerName, ...] = ()
    """Its former names under which there is something that it cannot read."""
    problems: tuple[str, ...] = ()
    """What else is wrong with it, a sentence each."""


def verdicts(
    candidates: Mapping[str, AvroSchema],
    roles: Mapping[str, SchemaRole],
    published: PublishedSchemas,
) -> tuple[Verdict, ...]:
    """Judge types.

    Args:
        candidates: the schemas as they are now, by full name.
        roles: what they say, by full name.
        published: what was published before.

    Returns:
        A verdict for each, in the order of the names.
    """
    return tuple(_verdict(candidates[name], roles[name], published) for name in sorted(candidates))


def gone(
    names: Iterable[str], roles: Mapping[str, SchemaRole], published: PublishedSchemas
) -> tuple[Verdict, ...]:
    """Return verdicts for types that were published and are not there any more.

    Args:
        names: full names of the types that are there.
        roles: what the published schemas say.
        published: what was published before, by this project alone.
    """
    left = sorted(published.versions.keys() - set(names))
    return tuple(
        Verdict(
            full_name=name,
            role=roles[name],
            levels=published.demanded(published.of(name)[-1].schema, roles[name]),
            state=State.GONE,
            versions=len(published.of(name)),
        )
        for name in left
    )


def _verdict(candidate: AvroSchema, role: SchemaRole, published: PublishedSchemas) -> Verdict:
    name = candidate.full_name
    versions, levels = published.before(candidate), published.demanded(candidate, role)
    failures: tuple[Failure, ...] = ()
    problems = list(role.problems)
    if not versions:
        state = State.NEW
    elif any(says_the_same(version.schema, candidate) for version in versions):
        state = State.UNCHANGED
    else:
        state = State.COMPATIBLE
        failures = _failures(candidate, _before(candidate, versions), levels)
    if state is not State.UNCHANGED and not failures:
        problems += _conflicts(candidate, published.of(name))
    former = () if state is State.UNCHANGED else _former(candidate, published, levels)
    if failures or former or problems:
        state = State.INCOMPATIBLE
    return Verdict(
        full_name=name,
        role=role,
        levels=levels,
        state=state,
        versions=len(versions),
        failures=failures,
        former=former,
        problems=tuple(problems),
    )


def _former(
    candidate: AvroSchema, published: PublishedSchemas, levels: tuple[Level, ...]
) -> tuple[FormerName, ...]:
    backward = tuple(_BACKWARD[level] for level in levels if level in _BACKWARD)
    found = (
        FormerName(
            full_name=alias,
            failures=_failures(candidate, published.before(candidate, alias), backward),
        )
        for alias in candidate.root.aliases
    )
    return tuple(each for each in found if each.failures)


def _before(
    candidate: AvroSchema, versions: tuple[PublishedVersion, ...]
) -> tuple[PublishedVersion, ...]:
    """Return the versions that a candidate follows; where it is a text of one, those before."""
    own = [
        place
        for place, version in enumerate(versions)
        if version.schema.fingerprint == candidate.fingerprint
        and logical_conflict(version.schema, candidate) is None
    ]
    return versions[: own[0]] if own else versions


def _failures(
    candidate: AvroSchema, earlier: tuple[PublishedVersion, ...], levels: tuple[Level, ...]
) -> tuple[Failure, ...]:
    schemas = [each.schema.root for each in earlier]
    found = [failure for level in levels for failure in check(candidate.root, schemas, level)]
    return tuple(_numbered(each, earlier) for each in dict.fromkeys(found))


def _numbered(failure: Failure, earlier: tuple[PublishedVersion, ...]) -> Failure:
    number = earlier[failure.version - 1].number
    return failure if number is None else replace(failure, version=number)


def _conflicts(candidate: AvroSchema, earlier: tuple[PublishedVersion, ...]) -> list[str]:
    """Tell what no level allows: two meanings under one fingerprint (formats.md F6)."""
    found = {logical_conflict(version.schema, candidate) for version in earlier}
    return [
        f"It has the fingerprint of a published schema and another meaning: {conflict}. Give the "
        "changed field a new name."
        for conflict in sorted(filter(None, found))
    ]


def verdict_text(verdict: Verdict, place: str, *, keeps_versions: bool) -> str:
    """Return why a type may not follow what was published, in lines with an end each.

    Args:
        verdict: of a type that is incompatible.
        place: what people call the place where it was published.
        keeps_versions: whether that place numbers versions; else there is one, and the place's name
            says which.
    """
    earlier = None if keeps_versions else place
    levels = " and ".join(verdict.levels)
    lines = [f"{verdict.full_name} may not follow {place}, where {levels} is demanded."]
    lines += [f"  {problem}" for problem in verdict.problems]
    texts = [render(verdict.failures, earlier=earlier)]
    texts += [render(each.failures, earlier=each.full_name) for each in verdict.former]
    lines += [f"  {line}" for text in texts for line in text.splitlines()]
    return "".join(f"{line}\n" for line in lines)
