"""A client of a schema registry of others: Confluent's, Karapace, Apicurio, Redpanda, or our own.

    lookup_id(7) ──▶ memory ──▶ a call under way? ──▶ GET /schemas/ids/7, with repeats
    ids_for([…]) ──▶ memory ──▶ a call under way? ──▶ look up, and register where it is not there

Looking up comes first, so that a service whose credentials only read starts where its schemas have
been registered by others. Fulfils events.schema_ids.SchemaIds.

Laws:
1. An id is asked for once, however many wait for it, and not again while it is known to be missing.
2. What an answer means is judged before anything is kept.
3. After `close` nothing is asked any more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, final

from penstock.events.clock import Clock
from penstock.events.identity import Entropy
from penstock.infra.plain_text import excerpt
from penstock.infra.schema_registry.asking import Asking
from penstock.infra.schema_registry.client_settings import RegistryClientSettings
from penstock.infra.schema_registry.exchange import Exchange
from penstock.infra.schema_registry.refusal import NOT_THERE, ApiCode
from penstock.infra.schema_registry.registry_answer import (
    HIGHEST_ID,
    FoundSchema,
    UnusableAnswer,
    id_in,
    level_in,
    names_in,
    numbers_in,
    schema_in,
    version_in,
)
from penstock.infra.schema_registry.registry_errors import SchemaIncompatible, SchemaUnsupported
from penstock.infra.schema_registry.registry_request import (
    global_level,
    level_of_subject,
    look_up,
    register,
    schema_by_id,
    schema_by_version,
    subject_names,
    version_numbers,
)
from penstock.infra.schema_registry.schema_memory import SchemaMemory
from penstock.infra.schema_registry.shared_calls import SharedCalls
from penstock.infra.schema_registry.subject_names import SubjectRule, subject_of
from penstock.schemas.compatibility_levels import Level
from penstock.schemas.errors import PenstockError
from penstock.schemas.identity import logical_conflict
from penstock.schemas.schema import AvroSchema

__all__ = ["RegistryClientStatistics", "RegistryVersion", "SchemaRegistryClient"]

_MOST_VERSIONS: Final = 1_000
"""Versions of one subject that are read at most, the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryClientStatistics:
    """Counts since the start."""

    known: int
    """Schemas remembered now."""
    missing: int
    """Ids remembered as missing now."""
    under_way: int
    """Calls that have not ended."""
    joined: int
    """Callers who waited for a call of another."""
    attempts: int
    """Requests that were sent."""
    repeats: int
    """Those of them that followed one without a usable answer."""
    failures: int
    """Calls that ended in an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryVersion:
    """One version of a subject, as the registry has it."""

    subject: str
    """The subject."""
    version: int
    """Its number, from 1."""
    id: int
    """The id of its schema."""
    schema: AvroSchema
    """The schema."""


@final
class SchemaRegistryClient:
    """A client of one registry, at one or several addresses."""

    def __init__(
        self,
        urls: Sequence[str],
        exchange: Exchange,
        clock: Clock,
        entropy: Entropy,
        *,
        rule: SubjectRule = "topic",
        who: str = "nobody in particular: no user is set",
        settings: RegistryClientSettings | None = None,
    ) -> None:
        """Stand ready; nothing is asked yet.

        Args:
            urls: addresses with their base paths, at least one, without a slash at the end.
            exchange: carries requests; it is closed with the client.
            clock: time.
            entropy: for jitter.
            rule: how subjects are named.
            who: as whom we ask, for errors; never a password.
            settings: limits.
        """
        settings = settings or RegistryClientSettings()
        self._clock = clock
        self._rule: SubjectRule = rule
        self._asking = Asking(urls, exchange, clock, entropy, who=who, settings=settings)
        self._memory = SchemaMemory(
            schemas=settings.schemas, missing=settings.missing, missing_s=settings.missing_s
        )
        self._by_id = SharedCalls[AvroSchema | None]()
        self._by_text = SharedCalls[int]()

    # --- ids, for frames -------------------------------------------------------------------------

    def find_id(self, schema_id: int) -> AvroSchema | None:
        """Return the schema with this id if it has been seen."""
        return self._memory.schema(schema_id)

    async def lookup_id(self, schema_id: int) -> AvroSchema | None:
        """Return the schema with this id, after one call to the registry if need be.

        Args:
            schema_id: from a frame; any number, as the frame may be garbage.

        Returns:
            None where the registry has no such id; it is not asked for that id again for a while.

        Raises:
            RegistryUnreachable: no answer in the time for a call.
            RegistryCredentialsRefused: it does not let us.
            RegistryAnswerUnusable: what answered is no registry that we understand.
            SchemaUnsupported: the schema is of another kind, or cannot be worked with.
        """
        found = self._memory.schema(schema_id)
        if found is not None or not 1 <= schema_id <= HIGHEST_ID:
            return found
        if self._memory.is_missing(schema_id, self._clock.monotonic()):
            return None
        if (problem := self._memory.problem_of(schema_id)) is not None:
            raise SchemaUnsupported(place=_place(schema_id), problem=problem)
        return await self._by_id.share(schema_id, lambda: self._load(schema_id))

    async def ids_for(self, schemas: Sequence[AvroSchema]) -> Mapping[bytes, int]:
        """Register schemas under the subjects that the rule names, and return their ids.

        Args:
            schemas: of events and commands.

        Returns:
            Ids by fingerprint.

        Raises:
            NoSubject: the rule needs a topic, and a schema names none.
            SchemaIncompatible: the registry refuses one because of the versions before it.
            RegistryRefused: the registry refuses one for another reason that will not pass.
            RegistryUnreachable: no answer in the time for a call.
            RegistryCredentialsRefused: it does not let us.
            RegistryAnswerUnusable: what answered is no registry that we understand.
        """
        named = [(subject_of(schema, self._rule), schema) for schema in schemas]
        return {
            schema.fingerprint: await self.register(subject, schema) for subject, schema in named
        }

    async def register(self, subject: str, schema: AvroSchema) -> int:
        """Register one schema under a subject, unless it is there; return its id.

        Raises:
            PenstockError: as for `ids_for`.
        """
        known = self._memory.id_of(subject, schema)
        if known is not None:
            return known
        key = subject, schema.text
        return await self._by_text.share(key, lambda: self._register(subject, schema))

    # --- reading, for tools ----------------------------------------------------------------------

    async def subjects(self) -> tuple[str, ...]:
        """Return all subjects, in order.

        Raises:
            PenstockError: as for `lookup_id`; RegistryRefused, too.
        """
        return tuple(sorted(await self._asking.ask(subject_names(), names_in) or ()))

    async def versions(self, subject: str) -> tuple[RegistryVersion, ...]:
        """Return the versions of a subject, the oldest first; none where there is no such subject.

        Raises:
            PenstockError: as for `lookup_id`; RegistryRefused, too.
        """
        numbers = await self._asking.ask(version_numbers(subject), numbers_in) or ()
        found = [await self._version(subject, number) for number in numbers[-_MOST_VERSIONS:]]
        return tuple(each for each in found if each is not None)

    async def level_of(self, subject: str) -> Level:
        """Return what the registry demands of a new version of a subject.

        Raises:
            PenstockError: as for `lookup_id`; RegistryRefused, too.
        """
        own = await self._asking.ask(
            level_of_subject(subject),
            level_in,
            absent={*NOT_THERE, ApiCode.SUBJECT_LEVEL_NOT_CONFIGURED},
        )
        level = own or await self._asking.ask(global_level(), level_in, absent=())
        assert level is not None, "only what may be absent comes back as None"
        return level

    # --- its life --------------------------------------------------------------------------------

    async def close(self) -> None:
        """End what is under way, and close the connections."""
        await self._by_id.close()
        await self._by_text.close()
        await self._asking.close()

    def statistics(self) -> RegistryClientStatistics:
        """Return the counts."""
        asked = self._asking.statistics()
        return RegistryClientStatistics(
            known=self._memory.known,
            missing=self._memory.missing,
            under_way=self._by_id.under_way + self._by_text.under_way,
            joined=self._by_id.joined + self._by_text.joined,
            attempts=asked.attempts,
            repeats=asked.repeats,
            failures=asked.failures,
        )

    # --- calls -----------------------------------------------------------------------------------

    async def _load(self, schema_id: int) -> AvroSchema | None:
        found = await self._asking.ask(schema_by_id(schema_id), schema_in)
        if found is None:
            self._memory.not_found(schema_id, self._clock.monotonic())
            return None
        if found.references:
            # Confluent's registry writes what is referred to into the text, if asked for that.
            found = (
                await self._asking.ask(schema_by_id(schema_id, resolved=True), schema_in) or found
            )
        try:
            schema = _our_form(found, _place(schema_id))
        except SchemaUnsupported as error:
            self._memory.unusable(schema_id, error.problem)
            raise
        self._memory.found(schema_id, schema)
        return schema

    async def _version(self, subject: str, number: int) -> RegistryVersion | None:
        answer = await self._asking.ask(schema_by_version(subject, number), version_in)
        if answer is None:  # deleted meanwhile
            return None
        schema_id, found = answer
        schema = await self.lookup_id(schema_id) if found.references else None
        if schema is None:
            schema = _our_form(found, f"{excerpt(subject, 200)}, version {number}")
            self._memory.found(schema_id, schema)
        return RegistryVersion(subject=subject, version=number, id=schema_id, schema=schema)

    async def _register(self, subject: str, schema: AvroSchema) -> int:
        read = partial(self._own_id_in, schema)
        schema_id = await self._asking.ask(look_up(subject, schema.text), read)
        if schema_id is None:
            schema_id = await self._asking.ask(
                register(subject, schema.text),
                read,
                absent=(),
                conflict=lambda refusal: SchemaIncompatible(
                    subject=excerpt(subject, 200),
                    full_name=schema.full_name,
                    reasons=refusal.message,
                ),
            )
        assert schema_id is not None, "only what may be absent comes back as None"
        self._memory.registered(subject, schema, schema_id)
        return schema_id

    def _own_id_in(self, schema: AvroSchema, body: bytes) -> int:
        """Read the id of a schema; one that means another here would have its records misread."""
        schema_id = id_in(body)
        known = self._memory.schema(schema_id) or schema
        if known.fingerprint != schema.fingerprint or logical_conflict(known, schema) is not None:
            message = (
                f"its id {schema_id} stands for another schema of {known.full_name} already; where "
                "the registry was made anew, start every process again"
            )
            raise UnusableAnswer(message)
        return schema_id


def _place(schema_id: int) -> str:
    return f"with id {schema_id}"


def _our_form(found: FoundSchema, place: str) -> AvroSchema:
    """Take a schema into our own form.

    Raises:
        SchemaUnsupported: it cannot be worked with.
    """
    if found.kind != "AVRO":
        raise SchemaUnsupported(place=place, problem=f"it is of the type {excerpt(found.kind)}.")
    try:
        return AvroSchema.parse(found.text)
    except PenstockError as error:
        problem = error.message
        if found.references:
            names = excerpt(", ".join(found.references), 200)
            problem = f"it refers to types of other subjects ({names}): {problem}"
        raise SchemaUnsupported(place=place, problem=problem) from error
