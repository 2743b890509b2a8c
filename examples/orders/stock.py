"""The stock service: sets items aside, and puts them back.

    penstock run worker penstock.examples.orders.stock:worker

It knows its own commands and no saga. Every handler may be called twice for one command, and the
undo also where nothing was done, or where nobody knows: the ledger makes all of that harmless.
"""

from penstock.examples.orders.commands import ReleaseStock, ReserveStock, StockReserved
from penstock.examples.orders.ledger import Ledger
from penstock.examples.orders.outcomes import is_obtainable
from penstock.workers import Delivery, Refused, Worker

__all__ = ["release", "reserve", "worker"]

worker = Worker("stock")
ledger = Ledger("stock")


@worker.command(ReserveStock)
async def reserve(command: ReserveStock, delivery: Delivery) -> StockReserved:
    """Set the items aside, or refuse.

    `Refused` is a promise that nothing happened and nothing will: the saga turns round and does not
    undo this step. Whoever is not sure raises anything else, and is asked again, or undone.
    """
    if not is_obtainable(command.items):
        raise Refused("out_of_stock", "an item is not to be had")
    aside = ", ".join(f"{item.quantity} x {item.sku}" for item in command.items)
    entry = await ledger.do(delivery.idempotency_key, f"set aside {aside}")
    return StockReserved(reservation=entry.reference)


@worker.command(ReleaseStock, undoes=ReserveStock)
async def release(command: ReleaseStock, delivery: Delivery) -> None:
    """Put the items back."""
    await ledger.undo(
        delivery.idempotency_key, delivery.undoes_key, f"put back the items of {command.order_id}"
    )
