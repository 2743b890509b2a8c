"""What can go wrong between us and a schema registry. Codes PEN-I160 to PEN-I179.

Laws:
1. No password gets into an error, and no credentials out of a URL.
2. What a registry says is quoted shortened and on one line: it is text of somebody else.
"""

from dataclasses import dataclass
from typing import ClassVar

from penstock.events.problems import Problems
from penstock.schemas.codec_errors import DecodeError
from penstock.schemas.errors import CallerError, ExitCode, WorldError

__all__ = [
    "BadRegistrySettings",
    "NoSubject",
    "RegistryAnswerUnusable",
    "RegistryClosed",
    "RegistryCredentialsRefused",
    "RegistryNotServed",
    "RegistryRefused",
    "RegistryUnreachable",
    "SchemaIncompatible",
    "SchemaUnsupported",
]


@dataclass(eq=False, kw_only=True)
class RegistryUnreachable(WorldError):
    """No schema registry gave an answer, or none but that it cannot answer now."""

    urls: str
    """The addresses that were tried."""
    attempts: int
    """How often one was asked."""
    reason: str
    """How the last attempt ended."""

    code: ClassVar[str] = "PEN-I160"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "The schema registry at {urls} gave no answer in {attempts} attempts."
    why: ClassVar[str] = "The last one ended so: {reason}."
    remedy: ClassVar[str] = "See that it runs, and that PENSTOCK_SCHEMA_REGISTRY names it."


@dataclass(eq=False, kw_only=True)
class RegistryCredentialsRefused(WorldError):
    """The registry does not let us do this."""

    url: str
    """Its address."""
    status: int
    """401 or 403."""
    who: str
    """As whom we asked: a user's name, or that we named none."""
    call: str
    """What was asked for."""

    code: ClassVar[str] = "PEN-I161"
    exit_code: ClassVar[ExitCode] = ExitCode.PERMISSION
    what: ClassVar[str] = "The schema registry at {url} refused {call} to {who} (HTTP {status})."
    why: ClassVar[str] = "It knows this user and password not, or does not allow them this."
    remedy: ClassVar[str] = (
        "See PENSTOCK_SCHEMA_REGISTRY_USERNAME and PENSTOCK_SCHEMA_REGISTRY_PASSWORD, and what the "
        "registry allows that user."
    )


@dataclass(eq=False, kw_only=True)
class SchemaIncompatible(CallerError):
    """The registry refuses a schema because of those before it."""

    subject: str
    """Under which it was to be registered."""
    full_name: str
    """The type's full name."""
    reasons: str
    """The registry's own words."""

    code: ClassVar[str] = "PEN-I162"
    exit_code: ClassVar[ExitCode] = ExitCode.SCHEMA
    what: ClassVar[str] = "The schema registry refuses {full_name} under the subject {subject}."
    why: ClassVar[str] = "It does not fit to the versions before it: {reasons}"
    remedy: ClassVar[str] = (
        "Change the type so that it fits, or the subject's level of compatibility. Where a topic "
        "has several types, set PENSTOCK_SUBJECT_NAMES=topic-record: each then has its own subject."
    )


@dataclass(eq=False, kw_only=True)
class RegistryAnswerUnusable(WorldError):
    """What answered is no schema registry, or not one that we understand."""

    url: str
    """Its address."""
    call: str
    """What was asked for."""
    problem: str
    """What is wrong with the answer."""

    code: ClassVar[str] = "PEN-I163"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "The answer of {url} to {call} cannot be used: {problem}."
    why: ClassVar[str] = "A schema registry answers otherwise, and to guess would misread events."
    remedy: ClassVar[str] = (
        "See that PENSTOCK_SCHEMA_REGISTRY has the whole base path, as in "
        "https://host/apis/ccompat/v7."
    )


@dataclass(eq=False, kw_only=True)
class RegistryRefused(CallerError):
    """The registry refuses a call for a reason that will not pass."""

    url: str
    """Its address."""
    call: str
    """What was asked for."""
    status: int
    """The HTTP status, 4xx."""
    api_code: int
    """The API's own error code, such as 42201."""
    reasons: str
    """The registry's own words."""

    code: ClassVar[str] = "PEN-I164"
    exit_code: ClassVar[ExitCode] = ExitCode.SCHEMA
    what: ClassVar[str] = (
        "The schema registry at {url} refused {call} (HTTP {status}, code {api_code})."
    )
    why: ClassVar[str] = "It says: {reasons}"
    remedy: ClassVar[str] = "Mend what it names; the same call would be refused again."


@dataclass(eq=False, kw_only=True)
class SchemaUnsupported(DecodeError):
    """The registry has a schema that cannot be worked with here.

    Of the records that name it, as a `DecodeError`: one of another team must stop nobody.
    """

    place: str
    """The id, or the subject and the version."""
    problem: str
    """Why not."""

    code: ClassVar[str] = "PEN-I165"
    exit_code: ClassVar[ExitCode] = ExitCode.SCHEMA
    what: ClassVar[str] = "The schema registry's schema {place} cannot be used: {problem}"
    why: ClassVar[str] = "Records written with it cannot be read here."
    remedy: ClassVar[str] = "Write such records with an Avro schema of a record that is complete."


@dataclass(eq=False, kw_only=True)
class NoSubject(CallerError):
    """A schema has no name to be registered under."""

    full_name: str
    """The type's full name."""
    rule: str
    """The rule for subjects: topic or topic-record."""

    code: ClassVar[str] = "PEN-I166"
    what: ClassVar[str] = "{full_name} cannot be registered with the schema registry."
    why: ClassVar[str] = "Subjects are named by the rule '{rule}', and this type has no topic."
    remedy: ClassVar[str] = "Declare its topic, or set PENSTOCK_SUBJECT_NAMES=record."


@dataclass(eq=False, kw_only=True)
class BadRegistrySettings(CallerError):
    """The settings of the schema registry cannot be used."""

    problems: Problems
    """One sentence for each problem; it names the variable."""

    code: ClassVar[str] = "PEN-I167"
    what: ClassVar[str] = "The schema registry cannot be reached as it is set."
    why: ClassVar[str] = "{problems}"
    remedy: ClassVar[str] = "Set the environment variables named here as their rules say."


@dataclass(eq=False, kw_only=True)
class RegistryClosed(CallerError):
    """The client of the schema registry was used after its end."""

    code: ClassVar[str] = "PEN-I168"
    what: ClassVar[str] = "The client of the schema registry is closed."
    why: ClassVar[str] = "The program that held it has ended, or is about to."
    remedy: ClassVar[str] = "Publish and read only while the program is open."


@dataclass(eq=False, kw_only=True)
class RegistryNotServed(CallerError):
    """`penstock registry serve` cannot listen."""

    address: str
    """Where."""
    reason: str
    """What the operating system says."""

    code: ClassVar[str] = "PEN-I169"
    what: ClassVar[str] = "The schema registry cannot listen on {address}."
    why: ClassVar[str] = "The operating system says: {reason}."
    remedy: ClassVar[str] = "Give another --host or --port; --port 0 takes any that is free."
