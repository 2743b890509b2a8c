"""The services of the measured saga: one worker, three handlers that do nothing and answer.

penstock run worker benchmarks.saga_bench.participants:worker
"""

from benchmarks.saga_bench.messages import (
    CardCharged,
    ChargeCard,
    ReserveStock,
    Ship,
    Shipped,
    StockReserved,
)
from penstock.workers import Delivery, Worker

__all__ = ["worker"]

worker = Worker("participants")


@worker.command(ReserveStock)
async def reserve(command: ReserveStock, _delivery: Delivery) -> StockReserved:
    """Answer."""
    return StockReserved(reservation=command.order_id)


@worker.command(ChargeCard)
async def charge(command: ChargeCard, _delivery: Delivery) -> CardCharged:
    """Answer."""
    return CardCharged(charge=command.order_id)


@worker.command(Ship)
async def ship(command: Ship, _delivery: Delivery) -> Shipped:
    """Answer."""
    return Shipped(tracking=command.order_id)
