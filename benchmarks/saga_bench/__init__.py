"""The saga that benchmarks/sagas.py measures: three steps that do nothing, and an event at the end.

messages.py        its input, its commands and their replies, its last event
participants.py    the worker that answers
bench.saga.yaml    the steps
"""
