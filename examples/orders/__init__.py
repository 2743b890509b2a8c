"""A shop's orders: a saga from stock over payment to the parcel, and a worker that keeps totals.

Read it in this order:

    events.py        what the shop says on its topics
    commands.py      what its services can be asked, and what they answer
    order.saga.yaml  what becomes of an order, step by step, and how each step is undone
    stock.py, payments.py, shipping.py   the services: a worker each
    ledger.py        what a service has done to the world, each effect once
    outcomes.py      how an order may end, and by which of its data
    balance.py       whether the ledgers agree with how the sagas ended
    totals.py        a worker that keeps each customer's running total; no saga needed
    schemas/         the types as Avro files: all that the saga needs to know of the services
    orders.jsonl     a thousand orders, one per line; generate.py made them

Run it with `penstock demo`, or step by step as README.md shows.
"""
