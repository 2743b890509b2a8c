"""The shipping service: hands parcels to the carrier.

    penstock run worker penstock.examples.orders.shipping:worker

A parcel cannot be called back, so there is no undo. The saga sends this command when all that can
be undone is done, and asks again until it is answered.
"""

from penstock.examples.orders.commands import CreateShipment, ShipmentCreated
from penstock.examples.orders.ledger import Ledger
from penstock.examples.orders.outcomes import CARRIER_FAILURES, is_flaky, is_served
from penstock.workers import Delivery, Failed, Refused, Worker

__all__ = ["create", "worker"]

worker = Worker("shipping")
ledger = Ledger("shipping")


@worker.command(CreateShipment)
async def create(command: CreateShipment, delivery: Delivery) -> ShipmentCreated:
    """Hand the parcel over, or refuse.

    Even the pivot may refuse: as long as nothing happened, everything before it can be undone.
    `delivery.attempt` counts the saga's attempts, whichever process gets them.
    """
    if not is_served(command.address):
        raise Refused("not_served", f"no carrier goes to {command.address.country}")
    if is_flaky(command.address) and delivery.attempt <= CARRIER_FAILURES:
        raise Failed("carrier_down", "the carrier's computer does not answer")
    entry = await ledger.do(delivery.idempotency_key, f"sent a parcel to {command.address.city}")
    return ShipmentCreated(tracking_no=f"track-{entry.reference.hex[:12]}")
