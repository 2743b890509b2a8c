"""`penstock broker`: this process checks what it was told, and becomes the broker's process.

It becomes another program instead of running the broker itself, so that the broker carries nothing
of the command line along: its memory is that of `python -m penstock.infra.embedded`.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Never

from penstock.infra.embedded.configs.broker_config import BrokerConfig
from penstock.infra.embedded.server.broker_options import BrokerOptions
from penstock.infra.embedded.server.process_options import read_arguments
from penstock.infra.embedded_process import broker_command

__all__ = ["become_broker"]


def become_broker(
    *,
    host: str,
    port: int,
    advertise: str | None,
    memory: int | None,
    data: Path | None,
    fsync: bool,
    config: Sequence[str],
) -> Never:
    """Check the options, and become the broker.

    Args:
        host: the address to listen on. One that other machines reach is meant where it is given.
        port: 0 for any.
        advertise: `host:port` that clients are told.
        memory: how many mebibytes of records are kept in memory; None for the broker's default.
        data: the folder of records; None for memory.
        fsync: whether what is acknowledged is on the disk.
        config: `KEY=VALUE`, by Kafka's own names.

    Raises:
        OptionRefused: an option cannot be.
        BrokerOptionUnknown: a configuration has no such name.
        BrokerOptionRefused: values are not allowed.
    """
    arguments = [f"--host={host}", f"--port={port}"]
    if host != BrokerOptions().host:
        arguments.append("--remote")
    if advertise is not None:
        arguments.append(f"--advertise={advertise}")
    arguments += [f"--config={each}" for each in config]
    if memory is not None:
        arguments.append(f"--memory={memory}")
    if data is not None:
        arguments.append(f"--data={data}")
    if fsync:
        arguments.append("--fsync")
    options = read_arguments(arguments).broker
    options.check()
    BrokerConfig.parse(options.config)
    sys.stdout.flush()
    program, *rest = broker_command(arguments)
    os.execv(program, [program, *rest])  # noqa: S606 - no shell is the point
