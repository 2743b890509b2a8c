"""`penstock dev`: the whole system of a project, until Ctrl-C."""

import asyncio
import logging
import os
from pathlib import Path

from penstock.infra.cli.workplace import project_here
from penstock.infra.dev.common_log import CommonLog
from penstock.infra.dev.session import DevWishes, run_session
from penstock.infra.logs import configure_logs

__all__ = ["run_dev"]


def run_dev(*, reload: bool, port: int, data: Path | None) -> None:
    """Run the project's system; returns when it has ended in order after SIGINT or SIGTERM.

    Args:
        reload: whether processes start again when their files change.
        port: of the broker; 0 for any that is free.
        data: folder of the broker's records; None for memory.

    Raises:
        KeyboardInterrupt: a second signal came, and everything was killed.
        PenstockError: as for `run_session`.
    """
    # What is to be told stands in the common log; warnings of ours would say it a second time.
    configure_logs(level="error", client_level=logging.CRITICAL)
    wishes = DevWishes(reload=reload, port=port, data=None if data is None else data.absolute())
    log = CommonLog(chatter=os.environ.get("PENSTOCK_LOG_LEVEL", "").lower() == "debug")
    if not asyncio.run(run_session(project_here(), wishes, log)):
        raise KeyboardInterrupt
