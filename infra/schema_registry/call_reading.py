"""Reading the calls of the REST API: what a client sent becomes one of api_call.py, or a refusal.

    method, path, query, media type, body   -->   a call, or Refused

A path is split before its parts are unquoted, so a subject may hold any character, slashes too.

Laws:
1. Any bytes give a call or a refusal in the API's own form; nothing else.
2. What we do not keep (references, rules, metadata, ids chosen by the caller) is refused where it
   is given: dropped silently, it would be believed to hold.
3. What changes something is taken only with a media type of JSON. A page in a browser cannot send
   one to a foreign server without being asked first, and we do not answer that question.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_to_bytes

from penstock.infra.plain_text import excerpt
from penstock.infra.schema_registry.api_call import (
    LATEST,
    ApiCall,
    CheckCompatibility,
    ListSchemas,
    ListSubjects,
    ListTypes,
    ListVersions,
    LookUp,
    Page,
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
from penstock.infra.schema_registry.refusal import ApiCode, Refusal
from penstock.infra.schema_registry.registry_json import NotJson, read_json
from penstock.schemas.compatibility_levels import Level
from penstock.schemas.confluent import MAX_ID
from penstock.schemas.errors import PenstockError
from penstock.schemas.schema import AvroSchema

__all__ = ["MAX_SCHEMA_BYTES", "MAX_SUBJECT", "ApiRequest", "Refused", "api_call", "refused"]

MAX_SCHEMA_BYTES: Final = 900_000
"""Bytes of a schema at most: one record of the schemas topic holds it, by Kafka's default limit."""
MAX_SUBJECT: Final = 512
"""Characters of a subject at most."""

_PARTS: Final = 8
_DIGITS: Final = 18
_MEDIA_TYPES: Final = frozenset(
    {
        "application/vnd.schemaregistry.v1+json",
        "application/vnd.schemaregistry+json",
        "application/json",
        "application/octet-stream",  # what Confluent's own clients say where nothing else is set
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """What a client sent, as it came."""

    method: str
    """In capitals; HEAD counts as GET."""
    path: bytes
    """Quoted, without the query."""
    query: bytes = b""
    """Quoted, without the question mark."""
    media_type: str = ""
    """The Content-Type, with its parameters."""
    body: bytes = b""
    """Bounded by whoever read it."""


class Refused(Exception):
    """A call ends in a refusal. Never leaves this package."""

    def __init__(self, refusal: Refusal) -> None:
        """Carry the refusal."""
        super().__init__(refusal.message)
        self.refusal = refusal


def refused(code: ApiCode, message: str) -> Refused:
    """Return a refusal to be raised."""
    return Refused(Refusal(code=code, message=message))


def api_call(request: ApiRequest) -> ApiCall:
    """Read a call.

    Args:
        request: what came.

    Raises:
        Refused: it is none that is answered.
    """
    method = "GET" if request.method == "HEAD" else request.method
    parts = _parts(request.path)
    query = _query(request.query)
    match method, parts:
        case "GET", []:
            return Root()
        case _, ["schemas", *rest]:
            return _schemas_call(method, rest, query)
        case _, ["subjects", *rest]:
            return _subjects_call(method, rest, query, request)
        case _, ["compatibility", "subjects", subject, "versions", *rest] if len(rest) <= 1:
            _only(method, "POST")
            return CheckCompatibility(
                subject=_subject(subject),
                version=_version(rest[0]) if rest else None,
                schema=_schema(request),
                verbose=_flag(query, "verbose"),
            )
        case _, ["config", *rest] if len(rest) <= 1:
            return _config_call(method, rest, query, request)
        case _, ["mode", *rest] if len(rest) <= 1:
            return _mode_call(method, rest, query)
        case _:
            raise refused(ApiCode.UNSUPPORTED_PATH, "HTTP 404 Not Found")


def _schemas_call(method: str, rest: list[str], query: Mapping[str, str]) -> ApiCall:
    _only(method, "GET")
    match rest:
        case []:
            return ListSchemas(
                prefix=_prefix(query), latest_only=_flag(query, "latestOnly"), page=_page(query)
            )
        case ["types"]:
            return ListTypes()
        case ["ids", number]:
            return ReadSchema(id=_id(number), raw=False)
        case ["ids", number, "schema"]:
            return ReadSchema(id=_id(number), raw=True)
        case ["ids", number, "subjects"]:
            return SubjectsOfId(id=_id(number), page=_page(query))
        case ["ids", number, "versions"]:
            return VersionsOfId(id=_id(number), page=_page(query))
        case _:
            raise refused(ApiCode.UNSUPPORTED_PATH, "HTTP 404 Not Found")


def _subjects_call(
    method: str, rest: list[str], query: Mapping[str, str], request: ApiRequest
) -> ApiCall:
    if method == "DELETE" and rest:
        raise refused(ApiCode.OPERATION_NOT_PERMITTED, _NEVER_DELETED)
    match method, rest:
        case "GET", []:
            return ListSubjects(prefix=_prefix(query), page=_page(query))
        case "POST", [subject]:
            return LookUp(subject=_subject(subject), schema=_schema(request))
        case "GET", [subject, "versions"]:
            return ListVersions(subject=_subject(subject), page=_page(query))
        case "POST", [subject, "versions"]:
            return Register(subject=_subject(subject), schema=_schema(request))
        case "GET", [subject, "versions", version]:
            return ReadVersion(subject=_subject(subject), version=_version(version), part="")
        case "GET", [subject, "versions", version, ("schema" | "referencedby") as part]:
            return ReadVersion(subject=_subject(subject), version=_version(version), part=part)
        case _, [] | [_] | [_, "versions"] | [_, "versions", _]:
            raise refused(ApiCode.METHOD_NOT_ALLOWED, "HTTP 405 Method Not Allowed")
        case _:
            raise refused(ApiCode.UNSUPPORTED_PATH, "HTTP 404 Not Found")


_NEVER_DELETED: Final = (
    "Nothing is deleted here: events that are written already cannot be read without their schemas"
)


def _config_call(
    method: str, rest: list[str], query: Mapping[str, str], request: ApiRequest
) -> ApiCall:
    subject = _subject(rest[0]) if rest else None
    if method == "GET":
        return ReadLevel(subject=subject, or_default=_flag(query, "defaultToGlobal"))
    if method == "DELETE":
        raise refused(
            ApiCode.OPERATION_NOT_PERMITTED,
            "A level is not deleted here: PUT the one that is to hold",
        )
    _only(method, "PUT")
    found = _fields(request).get("compatibility")
    if not isinstance(found, str) or found.upper() not in Level.__members__:
        levels = ", ".join(Level.__members__)
        raise refused(
            ApiCode.INVALID_COMPATIBILITY_LEVEL,
            f"Invalid compatibility level. Valid values are {levels}",
        )
    return SetLevel(subject=subject, level=Level[found.upper()])


def _mode_call(method: str, rest: list[str], query: Mapping[str, str]) -> ApiCall:
    subject = _subject(rest[0]) if rest else None
    if method in {"PUT", "DELETE"}:
        raise refused(
            ApiCode.OPERATION_NOT_PERMITTED,
            "The mode is always READWRITE here: services register schemas when they start",
        )
    _only(method, "GET")
    return ReadMode(subject=subject, or_default=_flag(query, "defaultToGlobal"))


def _only(method: str, wanted: str) -> None:
    if method != wanted:
        raise refused(ApiCode.METHOD_NOT_ALLOWED, "HTTP 405 Method Not Allowed")


# Parts of a path, and the query


def _parts(path: bytes) -> list[str]:
    parts = path.strip(b"/").split(b"/") if path.strip(b"/") else []
    if len(parts) > _PARTS:
        raise refused(ApiCode.UNSUPPORTED_PATH, "HTTP 404 Not Found")
    try:
        return [unquote_to_bytes(part).decode() for part in parts]
    except UnicodeDecodeError:
        raise refused(ApiCode.BAD_REQUEST, "The path is not written in UTF-8") from None


def _query(query: bytes) -> Mapping[str, str]:
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, max_num_fields=32)
    except ValueError:
        raise refused(ApiCode.BAD_REQUEST, "The query cannot be read") from None
    return dict(pairs)


def _flag(query: Mapping[str, str], name: str) -> bool:
    # Clients in Python say True.
    return query.get(name, "").lower() == "true"


def _prefix(query: Mapping[str, str]) -> str:
    prefix = query.get("subjectPrefix", "")
    # Confluent's registry has contexts, and `:*:` stands for all of them.
    return "" if prefix == ":*:" else prefix


def _page(query: Mapping[str, str]) -> Page:
    offset, limit = _count(query, "offset"), _count(query, "limit")
    if _flag(query, "deletedOnly"):
        return Page(limit=0)  # nothing is ever deleted here
    # As with Confluent's registry, what is no limit is none.
    return Page(offset=max(offset, 0), limit=limit if limit > 0 else None)


def _count(query: Mapping[str, str], name: str) -> int:
    text = query.get(name) or "0"
    number = text.removeprefix("-")
    if not number.isascii() or not number.isdecimal() or len(number) > _DIGITS:
        raise refused(ApiCode.BAD_REQUEST, f"The {name} '{excerpt(text)}' is no whole number")
    return int(text)


def _subject(text: str) -> str:
    if not 1 <= len(text) <= MAX_SUBJECT or not text.isprintable():
        raise refused(
            ApiCode.INVALID_SUBJECT,
            f"The specified subject '{excerpt(text)}' is not valid: it has 1 to {MAX_SUBJECT} "
            "printable characters",
        )
    return text


def _version(text: str) -> int:
    if text in {"latest", "-1"}:
        return LATEST
    if not _is_number(text):
        raise refused(
            ApiCode.INVALID_VERSION,
            f"The specified version '{excerpt(text)}' is not a valid version id. Allowed values "
            'are between [1, 2^31-1] and the string "latest"',
        )
    return int(text)


def _id(text: str) -> int:
    if not _is_number(text):
        raise refused(ApiCode.SCHEMA_NOT_FOUND, f"Schema {excerpt(text)} not found")
    return int(text)


def _is_number(text: str) -> bool:
    digits = text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_ID))
    return digits and 1 <= int(text) <= MAX_ID


# Bodies


def _fields(request: ApiRequest) -> dict[str, Any]:
    media_type = request.media_type.partition(";")[0].strip().lower()
    if media_type not in _MEDIA_TYPES:
        raise refused(
            ApiCode.MEDIA_TYPE,
            "HTTP 415 Unsupported Media Type: say Content-Type: "
            "application/vnd.schemaregistry.v1+json",
        )
    try:
        found = read_json(request.body)
    except NotJson as problem:
        raise refused(ApiCode.BAD_REQUEST, f"The body cannot be read: {problem}") from None
    if not isinstance(found, dict):
        raise refused(ApiCode.BAD_REQUEST, "The body is no JSON object")
    return found


def _schema(request: ApiRequest) -> AvroSchema:
    fields = _fields(request)
    _check_kept(fields)
    text = fields.get("schema")
    if not isinstance(text, str) or not text.strip():
        raise refused(ApiCode.INVALID_SCHEMA, "Empty schema")
    try:
        schema = AvroSchema.parse(text)
    except PenstockError as error:
        raise refused(ApiCode.INVALID_SCHEMA, f"Invalid schema: {error.message}") from None
    if len(schema.text.encode()) > MAX_SCHEMA_BYTES:
        raise refused(
            ApiCode.SCHEMA_TOO_LARGE, f"The schema has more than {MAX_SCHEMA_BYTES} bytes"
        )
    return schema


def _check_kept(fields: Mapping[str, Any]) -> None:
    kind = fields.get("schemaType")
    if kind is not None and (not isinstance(kind, str) or kind.upper() not in {"AVRO", ""}):
        raise refused(
            ApiCode.INVALID_SCHEMA,
            f"Invalid schema type {excerpt(str(kind))}: only AVRO is kept here",
        )
    if fields.get("references"):
        raise refused(
            ApiCode.INVALID_SCHEMA,
            "Invalid schema: references are not kept here; write the types into the schema",
        )
    for name in ("metadata", "ruleSet"):
        if fields.get(name):
            raise refused(ApiCode.INVALID_SCHEMA, f"Invalid schema: {name} is not kept here")
    for name in ("id", "version"):
        if fields.get(name) not in (None, 0, -1):
            raise refused(
                ApiCode.OPERATION_NOT_PERMITTED,
                f"The {name} cannot be chosen: the registry is not in import mode",
            )
