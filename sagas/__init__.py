"""Sagas: what several services do together or not at all, written as YAML step lists.

The room is empty so far. What will stand here: the language and its checks, `decide` (pure), the
orchestrator over it, timers, scenario tests.

Laws:
1. Imports run one way: this room knows workers, events and schemas, never infra.
2. What decides is a core; the orchestrator stands on the partition life of workers.
"""
