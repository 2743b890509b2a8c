"""The client of the schema registry that the settings name, if they name one.

Law: a program without a registry pays nothing for it; one with wrong settings is told all problems
at once.
"""

import ssl
from pathlib import Path
from typing import Final, Protocol

from pydantic import SecretStr

from penstock.events.clock import Clock
from penstock.events.identity import Entropy
from penstock.events.problems import Problems
from penstock.infra.plain_text import excerpt
from penstock.infra.schema_registry.client import SchemaRegistryClient
from penstock.infra.schema_registry.client_settings import RegistryClientSettings
from penstock.infra.schema_registry.registry_address import parse_registry_urls
from penstock.infra.schema_registry.registry_errors import BadRegistrySettings
from penstock.infra.schema_registry.subject_names import SubjectRule
from penstock.infra.secret_file import secret_in

__all__ = ["RegistryPlace", "open_schema_registry"]

_VARIABLE: Final = "PENSTOCK_SCHEMA_REGISTRY"


class RegistryPlace(Protocol):
    """What the settings of a process say about its schema registry."""

    @property
    def schema_registry(self) -> str | None:
        """URLs with commas between; None for none."""
        ...

    @property
    def schema_registry_username(self) -> str | None:
        """For basic authentication; None sends none."""
        ...

    @property
    def schema_registry_password(self) -> SecretStr | None:
        """Its password."""
        ...

    @property
    def schema_registry_password_file(self) -> Path | None:
        """A file with the password, in place of it."""
        ...

    @property
    def schema_registry_ca_file(self) -> Path | None:
        """PEM file of the authorities to trust; None for those of the system."""
        ...

    @property
    def subject_names(self) -> SubjectRule:
        """How subjects are named."""
        ...


def open_schema_registry(
    place: RegistryPlace,
    clock: Clock,
    entropy: Entropy,
    *,
    settings: RegistryClientSettings | None = None,
) -> SchemaRegistryClient | None:
    """Make the client of the registry that is set; nothing is asked yet. To be closed.

    Args:
        place: the settings of the process.
        clock: time.
        entropy: for jitter.
        settings: limits.

    Returns:
        None where no registry is set.

    Raises:
        BadRegistrySettings: the settings cannot be used.
    """
    if place.schema_registry is None:
        return None
    # A program without a registry does not wait for the HTTP library.
    from penstock.infra.schema_registry.http_exchange import (  # noqa: PLC0415 - see above
        HttpExchange,
    )

    settings = settings or RegistryClientSettings()
    parsed = parse_registry_urls(place.schema_registry)
    problems = [f"{_VARIABLE}: {problem}." for problem in parsed.problems]
    password = _password(place, problems)
    tls = _tls(place, parsed.good, problems)
    if problems:
        raise BadRegistrySettings(problems=Problems(problems))
    username = place.schema_registry_username
    exchange = HttpExchange(
        username=username,
        password=password,
        tls=tls,
        timeout_s=settings.attempt_s,
        connections=settings.connections,
        answer_bytes=settings.answer_bytes,
    )
    who = "no user (none is set)" if username is None else f"the user '{excerpt(username)}'"
    return SchemaRegistryClient(
        parsed.good,
        exchange,
        clock,
        entropy,
        rule=place.subject_names,
        who=who,
        settings=settings,
    )


def _password(place: RegistryPlace, problems: list[str]) -> str | None:
    given, file = place.schema_registry_password, place.schema_registry_password_file
    if place.schema_registry_username is None:
        if given is not None or file is not None:
            problems.append(f"{_VARIABLE}_PASSWORD is set without {_VARIABLE}_USERNAME.")
        return None
    if (given is None) == (file is None):
        both = "none is" if given is None else "both are"
        problems.append(f"Of {_VARIABLE}_PASSWORD and {_VARIABLE}_PASSWORD_FILE {both} set.")
        return None
    if given is not None:
        return given.get_secret_value()
    assert file is not None
    password, problem = secret_in(file)
    if problem is not None:
        problems.append(f"{_VARIABLE}_PASSWORD_FILE: {problem}.")
    return password


def _tls(place: RegistryPlace, urls: tuple[str, ...], problems: list[str]) -> ssl.SSLContext:
    ca = place.schema_registry_ca_file
    if not any(url.startswith("https:") for url in urls):
        if ca is not None and urls:
            problems.append(f"{_VARIABLE}_CA_FILE is set, but no URL begins with https://.")
        # It trusts nobody: the authorities of the system are many, and reading them takes time.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca is None:
        return ssl.create_default_context()
    shown = f"{_VARIABLE}_CA_FILE: '{excerpt(str(ca), 200)}'"
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(cafile=ca)
    except ssl.SSLError:
        problems.append(f"{shown} holds no certificates in PEM.")
    except OSError as error:
        problems.append(f"{shown} cannot be read ({error.strerror}).")
    return context
