"""Kafka's configuration names: types, defaults, checks, and what they mean here."""
