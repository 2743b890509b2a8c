"""The registry that we serve: each call answered out of the catalogue.

What is not known after a fresh look is refused as not there; where the topic cannot be read just
now, what is known is still given, because schemas never change, and what is not known is refused as
an error of ours (50001), so that no client believes a schema to be missing that is there.

Laws:
1. A request, whatever it is, gets an answer of the API; only what nobody foresaw is raised.
2. What others write to the topic is seen after `fresh_s` at the latest; who asks for what is not
   known has the topic read for it, from that moment on, at most every `miss_s`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from penstock.events.clock import Clock
from penstock.infra.schema_registry.api_call import (
    LATEST,
    ApiCall,
    CheckCompatibility,
    ListSchemas,
    ListSubjects,
    ListTypes,
    ListVersions,
    LookUp,
    ReadLevel,
    ReadMode,
    ReadSchema,
    ReadVersion,
    Register,
    Root,
    SetLevel,
    SubjectsOfId,
    VersionsOfId,
)
from penstock.infra.schema_registry.call_reading import ApiRequest, Refused, api_call, refused
from penstock.infra.schema_registry.compatibility_question import reasons_against
from penstock.infra.schema_registry.freshness import Freshness
from penstock.infra.schema_registry.refusal import ApiCode, Refusal
from penstock.infra.schema_registry.registered_schemas import RegisteredSchemas, RegisteredVersion
from penstock.schemas.errors import CallerError, ExitCode, PenstockError
from penstock.schemas.identity import logical_conflict
from penstock.schemas.schema import AvroSchema

__all__ = ["ApiAnswer", "RegistryService", "ServiceSettings", "ServiceStatistics"]

_DEFAULT: Final = ""
"""Names the level of all subjects that have none of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """How often the topic is looked at."""

    fresh_s: float = 0.5
    """Seconds for which a reading serves all questions: UIs ask for dozens of things at once."""
    miss_s: float = 0.1
    """Seconds between two readings for things that are not known."""
    wait_s: float = 5.0
    """Seconds that a request waits for a reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatistics:
    """Counts since the start."""

    answers: int
    """Calls that were answered."""
    refusals: int
    """Calls that were refused because of what they ask."""
    failures: int
    """Calls that could not be answered because of the cluster."""
    readings: int
    """Readings of the topic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAnswer:
    """What goes back to the client."""

    status: int
    """Of HTTP."""
    body: Any
    """As JSON."""


@final
class RegistryService:
    """Answers the calls of the REST API."""

    def __init__(
        self, schemas: RegisteredSchemas, clock: Clock, *, settings: ServiceSettings | None = None
    ) -> None:
        """Stand over a catalogue.

        Args:
            schemas: what is served.
            clock: time.
            settings: how often the topic is looked at.
        """
        self._schemas = schemas
        self._settings = settings or ServiceSettings()
        self._freshness = Freshness(schemas.refresh, clock, wait_s=self._settings.wait_s)
        self._answers = self._refusals = self._failures = 0

    async def answer(self, request: ApiRequest) -> ApiAnswer:
        """Answer a request.

        Args:
            request: as it came.
        """
        try:
            body = await self._result(api_call(request))
        except Refused as no:
            return self.refuse(no.refusal)
        except PenstockError as error:
            return self.refuse(_refusal_of(error))
        self._answers += 1
        return ApiAnswer(status=200, body=body)

    def refuse(self, refusal: Refusal) -> ApiAnswer:
        """Return a refusal as an answer, and count it."""
        if refusal.code == ApiCode.STORE_ERROR:
            self._failures += 1
        else:
            self._refusals += 1
        return ApiAnswer(status=refusal.status, body=refusal.body())

    async def close(self) -> None:
        """End the reading that is under way."""
        await self._freshness.close()

    def statistics(self) -> ServiceStatistics:
        """Return the counts."""
        return ServiceStatistics(
            answers=self._answers,
            refusals=self._refusals,
            failures=self._failures,
            readings=self._freshness.statistics().readings,
        )

    async def _result(self, call: ApiCall) -> Any:
        match call:
            case Root():
                return {}
            case ListTypes():
                return ["AVRO"]
            case ReadMode():
                return self._mode(call)
            case Register():
                found = await self._schemas.register(call.subject, call.schema)
                return {"id": found.id}
            case SetLevel():
                await self._schemas.set_level(call.subject or _DEFAULT, call.level)
                return {"compatibility": call.level.value}
            case _:
                return await self._read(call)

    async def _read(self, call: ApiCall) -> Any:
        """Answer out of what is known, and look again where it does not know."""
        begun = self._freshness.begun
        problem = await self._freshness.renew(self._settings.fresh_s)
        try:
            return self._known(call, problem)
        except Refused as no:
            if no.refusal.status != 404 or problem is not None:  # noqa: PLR2004 - HTTP's own
                raise
        return self._known(call, await self._freshness.renew_since(begun, self._settings.miss_s))

    def _known(self, call: ApiCall, problem: str | None) -> Any:
        """Answer out of what is known.

        Args:
            call: one that reads.
            problem: why what is known may be out of date.

        Raises:
            Refused: it is not there, or whether it is there cannot be said.
        """
        try:
            match call:
                case ReadSchema():
                    schema = self._schema(call.id)
                    return schema.document if call.raw else {"schema": schema.text}
                case ReadVersion() if call.version != LATEST:
                    return _version_part(self._version(call.subject, call.version), call.part)
        except Refused as no:
            raise (_unread(problem) if problem is not None else no) from None
        # What grows is an answer only where all of it is known.
        if problem is not None:
            raise _unread(problem)
        return self._listed(call)

    def _listed(self, call: ApiCall) -> Any:
        match call:
            case ReadVersion():
                answer: Any = _version_part(self._version(call.subject, call.version), call.part)
            case ListSubjects():
                answer = call.page.of(self._subjects(call.prefix))
            case ListVersions():
                answer = call.page.of([each.version for each in self._versions(call.subject)])
            case ListSchemas():
                answer = self._all(call)
            case SubjectsOfId():
                uses = dict.fromkeys(each.subject for each in self._uses(call.id))
                answer = call.page.of(list(uses))
            case VersionsOfId():
                answer = [
                    {"subject": each.subject, "version": each.version}
                    for each in call.page.of(self._uses(call.id))
                ]
            case LookUp():
                answer = self._looked_up(call)
            case CheckCompatibility():
                answer = self._compatibility(call)
            case ReadLevel():
                answer = {"compatibilityLevel": self._level(call)}
            case _:
                raise AssertionError(call)
        return answer

    def _mode(self, call: ReadMode) -> Any:
        if call.subject is not None and not call.or_default:
            message = f"Subject '{call.subject}' does not have subject-level mode configured"
            raise refused(ApiCode.SUBJECT_MODE_NOT_CONFIGURED, message)
        return {"mode": "READWRITE"}

    def _schema(self, schema_id: int) -> AvroSchema:
        found = self._schemas.find_id(schema_id)
        if found is None:
            raise refused(ApiCode.SCHEMA_NOT_FOUND, f"Schema {schema_id} not found")
        return found

    def _subjects(self, prefix: str) -> Sequence[str]:
        return [each for each in self._schemas.subjects() if each.startswith(prefix)]

    def _versions(self, subject: str) -> Sequence[RegisteredVersion]:
        found = self._schemas.versions(subject)
        if not found:
            raise refused(ApiCode.SUBJECT_NOT_FOUND, f"Subject '{subject}' not found.")
        return found

    def _version(self, subject: str, number: int) -> RegisteredVersion:
        versions = self._versions(subject)
        if number == LATEST:
            return versions[-1]
        for each in versions:
            if each.version == number:
                return each
        raise refused(ApiCode.VERSION_NOT_FOUND, f"Version {number} not found.")

    def _uses(self, schema_id: int) -> Sequence[RegisteredVersion]:
        self._schema(schema_id)
        return [
            each
            for subject in self._schemas.subjects()
            for each in self._schemas.versions(subject)
            if each.id == schema_id
        ]

    def _all(self, call: ListSchemas) -> Any:
        found = [
            each
            for subject in self._subjects(call.prefix)
            for each in self._schemas.versions(subject)[-1 if call.latest_only else 0 :]
        ]
        return [_version_object(each) for each in call.page.of(found)]

    def _looked_up(self, call: LookUp) -> Any:
        for each in reversed(self._versions(call.subject)):
            same = each.schema.fingerprint == call.schema.fingerprint
            if same and logical_conflict(each.schema, call.schema) is None:
                return _version_object(each)
        raise refused(ApiCode.SCHEMA_NOT_FOUND, "Schema not found")

    def _compatibility(self, call: CheckCompatibility) -> Any:
        versions = self._schemas.versions(call.subject)
        if call.version not in {None, LATEST}:
            assert call.version is not None
            self._version(call.subject, call.version)
        level = self._schemas.level_for(call.subject, call.schema)
        known = self._schemas.find(call.schema.fingerprint)
        reasons = reasons_against(call.schema, versions, level, call.version, known=known)
        answer: dict[str, Any] = {"is_compatible": not reasons}
        if call.verbose:
            answer["messages"] = list(reasons)
        return answer

    def _level(self, call: ReadLevel) -> str:
        if call.subject is None:
            return self._schemas.level_of(_DEFAULT).value
        if not call.or_default and not self._schemas.versions(call.subject):
            message = (
                f"Subject '{call.subject}' does not have subject-level compatibility configured"
            )
            raise refused(ApiCode.SUBJECT_LEVEL_NOT_CONFIGURED, message)
        return self._schemas.level_of(call.subject).value


def _version_part(found: RegisteredVersion, part: str) -> Any:
    match part:
        case "schema":
            return found.schema.document
        case "referencedby":
            return []
        case _:
            return _version_object(found)


def _version_object(found: RegisteredVersion) -> Mapping[str, Any]:
    return {
        "subject": found.subject,
        "version": found.version,
        "id": found.id,
        "schema": found.schema.text,
    }


def _unread(problem: str) -> Refused:
    message = f"Error in the backend data store: {problem}"
    return refused(ApiCode.STORE_ERROR, message)


def _refusal_of(error: PenstockError) -> Refusal:
    """Whose fault an error of the catalogue is, in the words of the API."""
    if isinstance(error, CallerError):
        schema = error.exit_code is ExitCode.SCHEMA
        code = ApiCode.INCOMPATIBLE_SCHEMA if schema else ApiCode.INVALID_SUBJECT
        return Refusal(code=code, message=" ".join(error.message.split()))
    return Refusal(code=ApiCode.STORE_ERROR, message=f"Error in the backend data store: {error}")
