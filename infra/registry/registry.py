"""The registry as programs use it: register, discover, watch.

What is done with an answer is decided by standing.py, view.py and changes.py.

Laws:
1. A reader that had a list once is never left without one, and is told when it is stale.
2. While the registry is silent it is asked once a second by all readers of a service together, not
   once by each, and only the one who asks waits; as long as there is a list to serve.
3. What is remembered for readers is bounded: the thousand services that were asked for last.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final, final

from penstock.events.alarm import RaiseAlarm
from penstock.events.clock import Clock
from penstock.events.identity import Entropy
from penstock.infra.registry.directory import Directory, RegistryDamaged
from penstock.infra.registry.instance import Instance, Status, check_service
from penstock.infra.registry.instance_codec import encode_instance
from penstock.infra.registry.lookout import Lookout, LookoutStatistics
from penstock.infra.registry.registration import Registration, RegistrationStatistics
from penstock.infra.registry.view import Discovery, View
from penstock.infra.registry.watch import Watch
from penstock.schemas.errors import WorldError

__all__ = ["Registry", "RegistryStatistics", "Survey"]

_VIEWS_LIMIT: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """All services at once, as far as they are known."""

    found: tuple[Discovery, ...]
    """By the services' names."""
    damaged: tuple[RegistryDamaged, ...]
    """One for each service of which nothing can be known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryStatistics:
    """A registry in numbers, as seen from this process; watches have numbers of their own."""

    registrations: tuple[RegistrationStatistics, ...]
    """Those of this process whose blocks have not ended."""
    looks: LookoutStatistics
    """Questions for `discover`."""
    stale: int
    """Lists served that were stale."""
    services: int
    """Services whose last list is remembered."""


@final
class Registry:
    """The registry of one app."""

    def __init__(
        self, directory: Directory, *, clock: Clock, entropy: Entropy, alarm: RaiseAlarm
    ) -> None:
        """Ask nothing yet: the registry may be away.

        Args:
            directory: where entries are kept.
            clock: the time.
            entropy: keeps processes apart.
            alarm: told of loss, silence and what cannot be read, each once when it begins.
        """
        self._directory = directory
        self._clock = clock
        self._entropy = entropy
        self._alarm = alarm
        self._lookout = Lookout(directory, clock=clock, alarm=alarm)
        self._views: dict[str, View] = {}
        self._registrations: list[Registration] = []
        self._stale = 0

    @asynccontextmanager
    async def register(self, instance: Instance) -> AsyncIterator[Registration]:
        """Keep an entry for as long as a block lasts.

        The block begins at once: registering goes on beside it, and again whenever the entry is
        lost, however long the registry is away.

        Args:
            instance: what to say of this process.

        Yields:
            The registration; its `drain` is for the beginning of the end.

        Raises:
            BadInstance: what it says is too long altogether.
        """
        for status in Status:
            encode_instance(replace(instance, status=status))
        registration = Registration(
            self._directory,
            instance,
            clock=self._clock,
            entropy=self._entropy,
            alarm=self._alarm,
        )
        registration.start()
        self._registrations.append(registration)
        try:
            yield registration
        finally:
            self._registrations.remove(registration)
            await registration.leave()

    async def discover(self, service: str) -> Discovery:
        """Return the instances of a service.

        Args:
            service: its name.

        Returns:
            Those that are there now; or, while the registry is away, the last good list, `stale`
            and with its age.

        Raises:
            BadInstance: no service has such a name.
            RedisUnreachable: the registry did not answer, and there is no list from before.
            RedisRefused: it answered with an error, likewise.
            RegistryDamaged: it holds what cannot be understood, likewise.
        """
        check_service(service)
        now_s = self._clock.monotonic()
        if (known := self._view(service)).asks(now_s):
            if known.silent_since_s is not None:
                self._remember(service, known.asking(now_s))
            answer = await self._lookout.look(service)
            known = self._view(service)
            if isinstance(answer.found, WorldError) and known.answered_s is None:
                raise answer.found
            self._remember(service, self._lookout.taken(service, known, answer))
        found = self._view(service).discovery(service, self._clock.monotonic())
        self._stale += found.stale
        return found

    async def survey(self) -> Survey:
        """Return the instances of every service; one question for each.

        Raises:
            RedisUnreachable: the registry did not answer, and there is no list from before.
            RedisRefused: it answered with an error, likewise.
            RegistryDamaged: its list of services cannot be understood.
        """
        found, damaged = list[Discovery](), list[RegistryDamaged]()
        for service in await self.services():
            try:
                found.append(await self.discover(service))
            except RegistryDamaged as error:
                damaged.append(error)  # it hides none of the others
        return Survey(found=tuple(found), damaged=tuple(damaged))

    async def services(self) -> tuple[str, ...]:
        """Return the services of which an instance has said something lately, by name.

        Raises:
            RedisUnreachable: the registry did not answer.
            RedisRefused: it answered with an error.
            RegistryDamaged: it holds what cannot be understood.
        """
        return await self._directory.services()

    def watch(self, service: str) -> Watch:
        """Return an endless iterator over a service's changes; see watch.py.

        Args:
            service: its name.

        Raises:
            BadInstance: no service has such a name.
        """
        return Watch(
            self._directory,
            check_service(service),
            clock=self._clock,
            entropy=self._entropy,
            alarm=self._alarm,
        )

    def statistics(self) -> RegistryStatistics:
        """Return where it stands."""
        return RegistryStatistics(
            registrations=tuple(each.statistics() for each in self._registrations),
            looks=self._lookout.statistics(),
            stale=self._stale,
            services=len(self._views),
        )

    def _view(self, service: str) -> View:
        return self._views.get(service, View())

    def _remember(self, service: str, view: View) -> None:
        self._views.pop(service, None)
        self._views[service] = view
        while len(self._views) > _VIEWS_LIMIT:
            del self._views[next(iter(self._views))]
