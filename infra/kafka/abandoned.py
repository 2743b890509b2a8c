"""How to drop an aiokafka client: sockets first, never a flush, never a wait.

`stop()` flushes, and with brokers gone it may never return. Dropping closes every socket at once,
which ends all requests with an error, then cancels the background tasks. What is left to await is
awaited in a task of its own, bounded, so that no exception goes unseen and no socket stays open.
"""

import asyncio
import logging
from typing import Any, Final

__all__ = ["abandon", "see", "stop_or_abandon"]

REAP_LIMIT_S: Final = 10.0
"""So long an abandoned client's tasks may take to notice."""

_log = logging.getLogger("penstock.kafka")
_reaping: set[asyncio.Task[None]] = set()


async def stop_or_abandon(client_owner: Any, limit_s: float) -> None:
    """Stop a producer or consumer in an orderly way; abandon it where that fails.

    In a task of its own, because aiokafka lets the cancellation of a consumer's own fetches out of
    `stop` when no broker answers: whoever awaited it would believe to be cancelled itself.

    Args:
        client_owner: An AIOKafkaProducer or AIOKafkaConsumer; it is not usable any more.
        limit_s: Longest wait for the orderly way.
    """
    stopping = asyncio.ensure_future(client_owner.stop())
    stopping.add_done_callback(see)
    try:
        await asyncio.wait({stopping}, timeout=limit_s)
    finally:
        if not stopping.done() or stopping.cancelled() or stopping.exception() is not None:
            stopping.cancel()
            abandon(client_owner)


def see(future: asyncio.Future[Any]) -> None:
    """Look at how a future has ended; whoever dropped the client knows the reason."""
    if not future.cancelled():
        future.exception()


def abandon(client_owner: Any) -> None:
    """Drop a producer or consumer of aiokafka.

    Args:
        client_owner: An AIOKafkaProducer or AIOKafkaConsumer; it is not usable any more.
    """
    client_owner._closed = True  # noqa: SLF001 - silences its complaint about not being stopped
    client = getattr(client_owner, "client", None) or client_owner._client  # noqa: SLF001 - consumer
    for connection in list(client._conns.values()):  # noqa: SLF001 - no public way to close now
        connection.close()
    task = asyncio.ensure_future(_reap(client_owner, client))
    _reaping.add(task)
    task.add_done_callback(_reaping.discard)


async def _reap(client_owner: Any, client: Any) -> None:
    tasks = [task for task in _background_tasks(client_owner) if task is not None]
    for task in tasks:
        task.cancel()
    if tasks:
        _, pending = await asyncio.wait(tasks, timeout=REAP_LIMIT_S)
        if pending:
            _log.warning("%d tasks of an abandoned client still run", len(pending))
    for future in (*tasks, *_unawaited(client_owner)):
        if future.done():
            see(future)
    try:
        async with asyncio.timeout(REAP_LIMIT_S):
            await client.close()
    except (TimeoutError, OSError) as error:
        _log.warning("an abandoned client did not close: %r", error)


def _background_tasks(client_owner: Any) -> list[asyncio.Task[Any] | None]:
    sender = getattr(client_owner, "_sender", None)
    coordinator = getattr(client_owner, "_coordinator", None)
    fetcher = getattr(client_owner, "_fetcher", None)
    return [
        getattr(sender, "_sender_task", None),
        *getattr(sender, "requests_under_way", ()),
        getattr(coordinator, "_coordination_task", None),
        getattr(coordinator, "_heartbeat_task", None),
        getattr(coordinator, "_commit_refresh_task", None),
        getattr(coordinator, "_reset_committed_task", None),  # of a consumer without a group
        getattr(fetcher, "_fetch_task", None),
    ]


def _unawaited(client_owner: Any) -> list[asyncio.Future[Any]]:
    """Futures that a dropped producer fails, and nobody awaits any more."""
    waiter = getattr(getattr(client_owner, "_txn_manager", None), "_transaction_waiter", None)
    accumulator = getattr(client_owner, "_message_accumulator", None)
    queued = () if accumulator is None else accumulator._batches.values()  # noqa: SLF001 - its own
    drains = [batch._drain_waiter for batches in queued for batch in batches]  # noqa: SLF001 - too
    return drains if waiter is None else [waiter, *drains]
