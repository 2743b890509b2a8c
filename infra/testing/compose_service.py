"""One service of a compose file, what its containers report, and when others may begin behind it.

Pure values, and the two questions about them that decide the start of a stack: is a condition met,
and can it still be.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from penstock.infra.testing.compose_values import Mount, PublishedPort

__all__ = [
    "Condition",
    "ContainerState",
    "Health",
    "HealthCheck",
    "Service",
    "is_lost",
    "is_met",
]


class Condition(StrEnum):
    """What a service may wait for; compose's own words."""

    STARTED = "service_started"
    """It runs, or has run."""
    HEALTHY = "service_healthy"
    """Its health check has succeeded."""
    COMPLETED = "service_completed_successfully"
    """It has ended with 0."""


class Health(StrEnum):
    """What the engine says of a container's health; its own words."""

    NONE = "none"
    """Nobody asks: it has no health check."""
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """A command that says whether a container is well. None leaves a time to the engine."""

    test: tuple[str, ...]
    """`CMD` and a program with its arguments, or `CMD-SHELL` and a line for the shell."""
    interval_s: float | None
    """Seconds between two checks."""
    timeout_s: float | None
    """Seconds after which one has failed."""
    start_period_s: float | None
    """Seconds from the start in which failures do not count."""
    retries: int | None
    """Failures in a row that make it unhealthy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service."""

    name: str
    """Under which the others find it in their network."""
    image: str
    """Name and tag."""
    command: tuple[str, ...] | None
    """Arguments for the image's entry point; None takes the image's own."""
    environment: Mapping[str, str]
    """Variables of its processes."""
    waits_for: Mapping[str, Condition]
    """Other services, by name, and what has to be true of each before it is started."""
    health: HealthCheck | None
    """None takes the image's own, if it has one."""
    ports: tuple[PublishedPort, ...]
    mounts: tuple[Mount, ...]
    grace_s: float
    """Seconds between the request to end and the kill."""
    restart: str | None
    """When the engine starts it again by itself; the engine's own words; None for never."""
    replicas: int
    """Containers of it, 1 or more."""

    @property
    def containers(self) -> tuple[str, ...]:
        """The names of its containers: its own where there is one, else with a number behind it."""
        if self.replicas == 1:
            return (self.name,)
        return tuple(f"{self.name}-{number}" for number in range(1, self.replicas + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerState:
    """What the engine says of one container."""

    running: bool
    """Whether its process lives, paused or not."""
    exit_code: int | None
    """How it ended last; None before that."""
    health: Health
    restarts: int
    """How often the engine has started it again by itself."""


def is_met(condition: Condition, state: ContainerState) -> bool:
    """Say whether a service behind this container may be started, as far as it is concerned."""
    match condition:
        case Condition.STARTED:
            return state.running or state.exit_code is not None
        case Condition.HEALTHY:
            return state.running and state.health is Health.HEALTHY
        case Condition.COMPLETED:
            return not state.running and state.exit_code == 0
    assert_never(condition)


def is_lost(condition: Condition, state: ContainerState) -> bool:
    """Say whether a condition that is not met will not be met by waiting either.

    A container that the engine may start again by itself is judged as it stands.
    """
    match condition:
        case Condition.STARTED:
            return False
        case Condition.HEALTHY:
            ended = not state.running and state.exit_code is not None
            return ended or state.health in {Health.UNHEALTHY, Health.NONE}
        case Condition.COMPLETED:
            return not state.running and state.exit_code not in {None, 0}
    assert_never(condition)
