"""The reporting service: counts how orders end, by how much they were worth.

    penstock run worker penstock.examples.orders.reporting:worker   # as many as you like
    penstock crdt show orders                                       # what they counted together

Its processes share nothing. Each counts what it is given in the transaction that also says what it
has read, so whatever is killed, an order counts once; and every reader of the counters' topic adds
the same parts up to the same sum.
"""

from penstock.examples.orders.bands import counter_of
from penstock.examples.orders.events import OrderConfirmed, OrderTurnedBack
from penstock.examples.orders.outcomes import End
from penstock.workers import Counters, Delivery, Worker

__all__ = ["compensated", "completed", "counted", "worker"]

worker = Worker("reporting")
counted = Counters("orders")


@worker.on(OrderConfirmed, counters=counted)
async def completed(order: OrderConfirmed, delivery: Delivery) -> None:
    """Count an order that has come to its good end."""
    delivery.counters(counted).increment(counter_of(End.COMPLETED, order.total))


@worker.on(OrderTurnedBack, counters=counted)
async def compensated(order: OrderTurnedBack, delivery: Delivery) -> None:
    """Count an order of which everything was undone."""
    delivery.counters(counted).increment(counter_of(End.COMPENSATED, order.total))
