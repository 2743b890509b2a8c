"""A shop's orders: typed events, and a worker that keeps each customer's running total.

    events.py    what is said on the topics
    totals.py    the worker
    orders.jsonl a thousand orders, one per line; generate.py made them

Run it with `penstock demo`, or step by step as README.md shows.
"""
