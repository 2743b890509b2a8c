"""What the explorer takes from the product: the only place that knows where it lies.

The decision, the participant's memory and the words of both are the real ones; nothing is copied.
"""

from penstock.events.saga_headers import CommandHeaders, Direction, idempotency_key
from penstock.events.saga_messages import Outcome, Verb
from penstock.sagas.definition import CallStep, Definition, Step
from penstock.sagas.engine.decide import Decision, decide
from penstock.sagas.engine.effects import DeadLetter, PublishEvent, SendCommand
from penstock.sagas.engine.facts import Fact, FactKind, fold
from penstock.sagas.engine.inputs import (
    Cancelled,
    Erred,
    Input,
    Operated,
    Refused,
    Replied,
    Started,
    Succeeded,
    TimersDue,
)
from penstock.sagas.engine.leftovers import leftovers
from penstock.sagas.engine.notes import ParkingCode
from penstock.sagas.engine.program import Program
from penstock.sagas.engine.state import (
    Parking,
    Phase,
    SagaState,
    StepState,
    StepStatus,
    Timer,
    Wait,
)
from penstock.schemas.codec import datum_encoder_of
from penstock.workers.participant import BLANK, Answer, Memory, answered_already, remembering

__all__ = [
    "BLANK",
    "Answer",
    "CallStep",
    "Cancelled",
    "CommandHeaders",
    "DeadLetter",
    "Decision",
    "Definition",
    "Direction",
    "Erred",
    "Fact",
    "FactKind",
    "Input",
    "Memory",
    "Operated",
    "Outcome",
    "Parking",
    "ParkingCode",
    "Phase",
    "Program",
    "PublishEvent",
    "Refused",
    "Replied",
    "SagaState",
    "SendCommand",
    "Started",
    "Step",
    "StepState",
    "StepStatus",
    "Succeeded",
    "Timer",
    "TimersDue",
    "Verb",
    "Wait",
    "answered_already",
    "datum_encoder_of",
    "decide",
    "fold",
    "idempotency_key",
    "leftovers",
    "remembering",
]
