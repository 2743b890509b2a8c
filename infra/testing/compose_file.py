"""A compose file, read: services in the order in which they can be started.

    file = read_compose(text, {"ORDERS_KAFKA_PORT": "19092"})

Tests start what stands in the file that users start, so it is the only truth about how the parts
of an example are put together. Only as much of compose is understood as our own files use.

Laws:
1. A word that is not known is an error, never passed over: a test of half a file shows nothing.
2. All problems are told at once, each with its place.
3. Every service stands behind all that it waits for.

Pure: text and variables go in, values come out. compose_stack.py starts them.
"""

import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, ClassVar, Final, TypeVar, final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from penstock.events.problems import Problems
from penstock.infra.plain_text import excerpt
from penstock.infra.testing.compose_service import Condition, HealthCheck, Service
from penstock.infra.testing.compose_values import (
    NotUnderstood,
    duration_s,
    mount_of,
    published_port,
    substituted,
)
from penstock.schemas.errors import CallerError

__all__ = ["BadComposeFile", "ComposeFile", "read_compose"]

_FILE_WORDS: Final = ("name", "services", "volumes")
_SERVICE_WORDS: Final = (
    "build",
    "command",
    "depends_on",
    "deploy",
    "environment",
    "healthcheck",
    "image",
    "ports",
    "restart",
    "stop_grace_period",
    "volumes",
)
_BUILD_WORDS: Final = ("args", "context", "dockerfile")
_HEALTH_WORDS: Final = ("interval", "retries", "start_period", "test", "timeout")
_RESTARTS: Final = ("no", "on-failure", "always", "unless-stopped")
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
_GRACE_S: Final = 10.0
"""Compose's own default."""
_MOST_REPLICAS: Final = 20

_ValueT = TypeVar("_ValueT")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeFile:
    """All that a compose file says."""

    services: tuple[Service, ...]
    """Each behind all that it waits for; otherwise in the order of the file."""
    volumes: tuple[str, ...]
    """The names of the volumes that the services share."""


@dataclass(eq=False, kw_only=True)
class BadComposeFile(CallerError):
    """A compose file says something that is wrong, or that tests cannot start."""

    problems: Problems
    """One sentence for each problem."""

    code: ClassVar[str] = "PEN-I115"
    what: ClassVar[str] = "The compose file cannot be used."
    why: ClassVar[str] = "{problems}"
    remedy: ClassVar[str] = "Mend what is named, or teach compose_file.py the word."


def read_compose(text: str, variables: Mapping[str, str]) -> ComposeFile:
    """Read a compose file.

    Args:
        text: its content.
        variables: what `${NAME}` stands for.

    Returns:
        What it says.

    Raises:
        BadComposeFile: with all problems at once.
    """
    try:
        document = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError, RecursionError) as error:
        sentence = f"It is no YAML: {excerpt(str(error), 300)}"
        raise BadComposeFile(problems=Problems([sentence])) from None
    reading = _Reading(variables)
    file = reading.file(document)
    if reading.problems:
        raise BadComposeFile(problems=Problems(reading.problems))
    return file


@final
class _Reading:
    """One reading of a document; collects what is wrong with it."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.problems: list[str] = []

    def file(self, document: Any) -> ComposeFile:
        words = self._words("the file", document, _FILE_WORDS)
        volumes = tuple(self._mapping("volumes", words.get("volumes") or {}))
        services = {
            name: self._service(name, content)
            for name, content in self._mapping("services", words.get("services")).items()
        }
        for service in services.values():
            self._check_references(service, services, volumes)
        self._check_names(services.values())
        return ComposeFile(services=self._in_order(services), volumes=volumes)

    def _service(self, name: str, content: Any) -> Service:
        if not _NAME.fullmatch(name):
            self.problems.append(f"'{excerpt(name)}' is no name: use a-z, 0-9 and dashes.")
        words = self._words(name, content, _SERVICE_WORDS)
        self._words(f"{name}: build", words.get("build") or {}, _BUILD_WORDS)
        grace = words.get("stop_grace_period")
        return Service(
            name=name,
            image=self._text(f"{name}: image", words.get("image")),
            command=self._command(f"{name}: command", words.get("command")),
            environment=self._environment(f"{name}: environment", words.get("environment")),
            waits_for=self._waits_for(f"{name}: depends_on", words.get("depends_on")),
            health=self._health(f"{name}: healthcheck", words.get("healthcheck")),
            ports=self._each(f"{name}: ports", words.get("ports"), published_port),
            mounts=self._each(f"{name}: volumes", words.get("volumes"), mount_of),
            grace_s=self._duration(f"{name}: stop_grace_period", grace) or _GRACE_S,
            restart=self._restart(f"{name}: restart", words.get("restart")),
            replicas=self._replicas(f"{name}: deploy", words.get("deploy")),
        )

    # --- the words of a service ------------------------------------------------------------------

    def _command(self, place: str, value: Any) -> tuple[str, ...] | None:
        if value is None:
            return None
        if isinstance(value, list):
            return self._each(place, value, str)
        text = self._text(place, value)
        try:
            return tuple(shlex.split(text))
        except ValueError:
            self.problems.append(f"{place} has a quote that is not closed.")
            return None

    def _environment(self, place: str, value: Any) -> Mapping[str, str]:
        if isinstance(value, list):
            pairs = (text.partition("=") for text in self._each(place, value, str))
            return MappingProxyType({name: text for name, _, text in pairs})
        given = self._mapping(place, value or {})
        return MappingProxyType(
            {name: self._text(f"{place}: {name}", text) for name, text in given.items()}
        )

    def _waits_for(self, place: str, value: Any) -> Mapping[str, Condition]:
        if isinstance(value, list):
            return MappingProxyType(dict.fromkeys(self._each(place, value, str), Condition.STARTED))
        waits = {}
        for name, content in self._mapping(place, value or {}).items():
            words = self._words(f"{place}: {name}", content, ("condition",))
            condition = self._text(f"{place}: {name}: condition", words.get("condition"))
            if condition in set(Condition):
                waits[name] = Condition(condition)
            else:
                known = ", ".join(Condition)
                self.problems.append(f"{place}: {name} has a condition that is none of {known}.")
        return MappingProxyType(waits)

    def _health(self, place: str, value: Any) -> HealthCheck | None:
        if value is None:
            return None
        words = self._words(place, value, _HEALTH_WORDS)
        test = words.get("test")
        if isinstance(test, str):
            parts: tuple[str, ...] = ("CMD-SHELL", self._text(f"{place}: test", test))
        else:
            parts = self._each(f"{place}: test", test, str)
        if len(parts) < 2 or parts[0] not in {"CMD", "CMD-SHELL"}:  # noqa: PLR2004 - CMD and something
            self.problems.append(f"{place}: test begins with neither CMD nor CMD-SHELL.")
        return HealthCheck(
            test=parts,
            interval_s=self._duration(f"{place}: interval", words.get("interval")),
            timeout_s=self._duration(f"{place}: timeout", words.get("timeout")),
            start_period_s=self._duration(f"{place}: start_period", words.get("start_period")),
            retries=self._count(f"{place}: retries", words.get("retries")),
        )

    def _restart(self, place: str, value: Any) -> str | None:
        if value is None:
            return None
        text = self._text(place, value)
        if text not in _RESTARTS:
            self.problems.append(f"{place} is none of {', '.join(_RESTARTS)}.")
        return None if text == "no" else text

    def _replicas(self, place: str, value: Any) -> int:
        words = self._words(place, value or {}, ("replicas",))
        count = self._count(f"{place}: replicas", words.get("replicas"))
        if count is not None and count > _MOST_REPLICAS:
            self.problems.append(f"{place}: replicas is above {_MOST_REPLICAS}.")
        return count or 1

    # --- the forms of values ---------------------------------------------------------------------

    def _words(self, place: str, value: Any, known: Iterable[str]) -> Mapping[str, Any]:
        """A mapping whose keys are known; those that begin with x- are nobody's business."""
        words = self._mapping(place, value)
        known = tuple(known)
        for word in words:
            if word not in known and not word.startswith("x-"):
                close = get_close_matches(word, known, n=1)
                hint = f"; did you mean {close[0]}?" if close else "."
                self.problems.append(f"{place} has '{excerpt(word)}', which is not known{hint}")
        return words

    def _mapping(self, place: str, value: Any) -> Mapping[str, Any]:
        if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
            return value
        self.problems.append(f"{place} is no mapping.")
        return {}

    def _text(self, place: str, value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            self.problems.append(f"{place} is no text; true, false and yes need quotes.")
            return ""
        return self._understood(place, str(value), str) or ""

    def _each(self, place: str, value: Any, read: Callable[[str], _ValueT]) -> tuple[_ValueT, ...]:
        if value is None:
            return ()
        if not isinstance(value, list) or not all(type(text) in {str, int} for text in value):
            self.problems.append(f"{place} is no list of texts.")
            return ()
        found = (self._understood(place, str(text), read) for text in value)
        return tuple(one for one in found if one is not None)

    def _duration(self, place: str, value: Any) -> float | None:
        return None if value is None else self._understood(place, str(value), duration_s)

    def _count(self, place: str, value: Any) -> int | None:
        if value is None or (type(value) is int and value > 0):
            return value
        self.problems.append(f"{place} is no whole number above 0.")
        return None

    def _understood(self, place: str, text: str, read: Callable[[str], _ValueT]) -> _ValueT | None:
        try:
            return read(substituted(text, self._variables))
        except NotUnderstood as reason:
            self.problems.append(f"{place}: '{excerpt(text)}' {reason}.")
            return None

    # --- the whole -------------------------------------------------------------------------------

    def _check_references(
        self, service: Service, services: Mapping[str, Service], volumes: tuple[str, ...]
    ) -> None:
        for name in service.waits_for:
            if name not in services:
                self.problems.append(f"{service.name} waits for {excerpt(name)}, which is none.")
        for mount in service.mounts:
            if not mount.is_path and mount.source not in volumes:
                self.problems.append(
                    f"{service.name} mounts {excerpt(mount.source)}, which volumes does not name."
                )

    def _check_names(self, services: Iterable[Service]) -> None:
        names = Counter(name for service in services for name in service.containers)
        for name in (name for name, count in names.items() if count > 1):
            self.problems.append(f"Two containers would be called {name}.")

    def _in_order(self, services: Mapping[str, Service]) -> tuple[Service, ...]:
        ordered: dict[str, Service] = {}
        waiting = dict(services)
        while waiting:
            free = next(
                (
                    service
                    for service in waiting.values()
                    if not (service.waits_for.keys() & waiting.keys())
                ),
                None,
            )
            if free is None:
                circle = ", ".join(waiting)
                self.problems.append(f"These wait for each other in a circle: {circle}.")
                break
            ordered[free.name] = waiting.pop(free.name)
        return tuple(ordered.values())
