"""`penstock registry serve`: the catalogue of schemas for tools that speak to schema registries.

It stands over the schemas topic and keeps nothing of its own: several may run side by side, and
each may be stopped at any time.
"""

import asyncio
import logging
import signal
import sys
from typing import Final, final

from penstock.infra.cli.workplace import worker_process
from penstock.infra.parts import open_parts
from penstock.infra.schema_registry.registry_app import RegistryApp
from penstock.infra.schema_registry.registry_server import RegistryServer, is_loopback, listening
from penstock.infra.schema_registry.registry_service import RegistryService
from penstock.infra.settings import Settings

__all__ = ["serve_registry"]

READY: Final = "penstock-schema-registry ready"
"""How the line on stdout begins that says where it listens; for programs."""

_log = logging.getLogger("penstock.schema_registry")


def serve_registry(*, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        host: where to listen.
        port: 0 for any that is free.

    Raises:
        RegistryNotServed: the address cannot be listened on.
        TopicsNotAsDeclared: the topic of schemas is missing.
        KafkaUnreachable: no broker answered.
    """
    place = worker_process(None)
    asyncio.run(_until_signal(_Serving(place.settings, host, port)))


async def _until_signal(serving: "_Serving") -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(serving.run())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.stop, task)
    try:
        await asyncio.wait({task})
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
    if not task.cancelled():
        task.result()


@final
class _Serving:
    """One run of the command."""

    def __init__(self, settings: Settings, host: str, port: int) -> None:
        self._settings, self._host, self._port = settings, host, port
        self._server: RegistryServer | None = None
        self._stopping = False

    def stop(self, task: "asyncio.Task[None]") -> None:
        """Take a signal."""
        self._stopping = True
        if self._server is not None:
            self._server.stop()
        else:
            task.cancel()

    async def run(self) -> None:
        """Open, serve, close."""
        with listening(self._host, self._port) as opened:
            address, port = opened.getsockname()[:2]
            local = is_loopback(address)
            async with open_parts(self._settings, source=self._settings.app) as parts:
                if self._stopping:  # somebody on the way has swallowed the cancellation
                    return
                service = RegistryService(parts.catalogue, parts.clock)
                app = RegistryApp(service, parts.clock, local=local)
                self._server = RegistryServer(app, opened)
                _announce(address, port, local=local)
                try:
                    await self._server.serve()
                finally:
                    await service.close()
                _log.info("stopped", extra={"statistics": service.statistics()})


def _announce(address: str, port: int, *, local: bool) -> None:
    shown = f"[{address}]" if ":" in address else address
    if not local:
        print(
            f"penstock: whoever reaches {shown} can read and register schemas: nothing protects "
            "what is served here. Put it behind a proxy that asks for a password.",
            file=sys.stderr,
            flush=True,
        )
    print(f"{READY} http://{shown}:{port}", flush=True)
