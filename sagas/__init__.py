"""Sagas: what several services do together or not at all, written as YAML step lists.

    language/          from a text to a checked Definition, or to all its problems
    definition.py      what the language makes and the engine runs
    engine/            state and input in, facts and effects out; pure and total
    orchestrator.py    the shell over the life of a partition: inbox in, commands out
    starter.py         from an event to the start of a saga
    scenario.py        sagas in tests, with virtual time

Laws:
1. Imports run one way: this room knows workers, events and schemas, never infra.
2. What decides is a core; the orchestrator stands on the partition life of workers.
3. No services' code is needed here: schemas say all there is to know about messages.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.sagas.scenario import SagaScenario

__all__ = ["SagaScenario"]


def __getattr__(name: str) -> Any:
    """Import the engine when it is asked for: many commands need a word of the language only."""
    if name != "SagaScenario":
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from penstock.sagas.scenario import SagaScenario  # noqa: PLC0415 - see above

    return SagaScenario
