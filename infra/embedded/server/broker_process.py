"""The life of the broker's process: start, say so, run until told to end.

Standard output gets one line for programs, `penstock-broker ready HOST:PORT`; all that is for
people goes to standard error, and what it is before that line: whoever has read it finds the other
in the log of both.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from penstock.infra.embedded.lean_start import stand
from penstock.infra.embedded.server.embedded_broker import EmbeddedBroker
from penstock.infra.embedded.server.process_options import ProcessOptions, read_arguments
from penstock.infra.embedded.server.storage_port import MemoryStorage, Storage
from penstock.schemas.errors import ExitCode, PenstockError

__all__ = ["READY", "main", "run"]

READY: Final = "penstock-broker ready"
"""How the line for programs begins."""

_WHAT_IT_IS: Final = (
    "penstock's embedded Kafka broker: one node, for development and tests, not a production "
    "store; records are kept {where}"
)


def _storage(options: ProcessOptions) -> Callable[[], Storage]:
    if options.data is None:
        return MemoryStorage
    from penstock.infra.embedded.storage.disk_storage import DiskStorage  # noqa: PLC0415 - rare

    return partial(DiskStorage, Path(options.data), fsync=options.fsync)


def main(arguments: list[str]) -> int:
    """Run the broker until it is told to end.

    Args:
        arguments: of the command line, without the program's name.

    Returns:
        The process's exit code.
    """
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO, stream=sys.stderr)
    try:
        options = read_arguments(arguments)
        asyncio.run(run(options))
    except PenstockError as refusal:
        sys.stderr.write(f"{refusal}\n")
        return refusal.exit_code
    return ExitCode.OK


async def run(options: ProcessOptions) -> None:
    """Run the broker until SIGTERM, SIGINT or the end of the leash.

    Args:
        options: of the process.
    """
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if options.leash is not None:
        _end_with(options.leash, ended)
    async with EmbeddedBroker(options.broker, open_storage=_storage(options)) as broker:
        where = "in memory" if options.data is None else f"in {options.data}"
        sys.stderr.write(_WHAT_IT_IS.format(where=where) + "\n")
        sys.stdout.write(f"{READY} {broker.bootstrap}\n")
        sys.stdout.flush()
        stand()
        await ended.wait()


def _end_with(leash: int, ended: asyncio.Event) -> None:
    # The parent holds the other end and writes nothing: when it dies, however it does, the kernel
    # closes it, and the pipe can be read.
    loop = asyncio.get_running_loop()
    os.set_blocking(leash, False)

    def look() -> None:
        if not os.read(leash, 4096):
            loop.remove_reader(leash)
            ended.set()

    loop.add_reader(leash, look)
