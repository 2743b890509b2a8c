"""The calls that we make, as values: a method, a path below the base path, a body.

Law: a part of a path is quoted whole, so that no subject can name another call.
"""

from dataclasses import dataclass
from urllib.parse import quote

from penstock.infra.plain_text import excerpt
from penstock.infra.schema_registry.registry_json import write_json

__all__ = [
    "RegistryRequest",
    "global_level",
    "level_of_subject",
    "look_up",
    "register",
    "schema_by_id",
    "schema_by_version",
    "subject_names",
    "version_numbers",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryRequest:
    """One call."""

    method: str
    """GET or POST."""
    path: str
    """Quoted, with the query, from the slash on."""
    body: bytes | None = None
    """JSON, with POST."""
    purpose: str
    """What is asked for, in words, as part of a sentence."""


def schema_by_id(schema_id: int, *, resolved: bool = False) -> RegistryRequest:
    """Ask for the schema with this id.

    Args:
        schema_id: from a frame.
        resolved: with what it refers to written into it; Confluent's registry can do that.
    """
    query = "?format=resolved" if resolved else ""
    return RegistryRequest(
        method="GET",
        path=f"/schemas/ids/{schema_id}{query}",
        purpose=f"the schema with id {schema_id}",
    )


def look_up(subject: str, schema: str) -> RegistryRequest:
    """Ask whether this schema is registered under this subject; changes nothing."""
    return _post(f"/subjects/{_part(subject)}", schema, "look up a schema", subject)


def register(subject: str, schema: str) -> RegistryRequest:
    """Register a schema; the same once more gives the same id."""
    return _post(f"/subjects/{_part(subject)}/versions", schema, "register a schema", subject)


def subject_names() -> RegistryRequest:
    """Ask for all subjects."""
    return RegistryRequest(method="GET", path="/subjects", purpose="the list of subjects")


def version_numbers(subject: str) -> RegistryRequest:
    """Ask for the numbers of the versions of a subject."""
    return RegistryRequest(
        method="GET",
        path=f"/subjects/{_part(subject)}/versions",
        purpose=f"the versions of {excerpt(subject, 200)}",
    )


def schema_by_version(subject: str, version: int) -> RegistryRequest:
    """Ask for one version of a subject."""
    return RegistryRequest(
        method="GET",
        path=f"/subjects/{_part(subject)}/versions/{version}",
        purpose=f"version {version} of {excerpt(subject, 200)}",
    )


def level_of_subject(subject: str) -> RegistryRequest:
    """Ask for the level of a subject, or the one that holds where it has none of its own."""
    return RegistryRequest(
        method="GET",
        path=f"/config/{_part(subject)}?defaultToGlobal=true",
        purpose=f"the level of compatibility of {excerpt(subject, 200)}",
    )


def global_level() -> RegistryRequest:
    """Ask for the level of subjects that have none of their own."""
    return RegistryRequest(method="GET", path="/config", purpose="the level of compatibility")


def _post(path: str, schema: str, verb: str, subject: str) -> RegistryRequest:
    return RegistryRequest(
        method="POST",
        path=path,
        body=write_json({"schemaType": "AVRO", "schema": schema}),
        purpose=f"{verb} under {excerpt(subject, 200)}",
    )


def _part(text: str) -> str:
    return quote(text, safe="")
