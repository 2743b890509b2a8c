"""The errors of the room: each says what, why and what to do, and crosses process borders."""

import importlib
import pickle
import pkgutil
from dataclasses import fields
from typing import Any

import pytest

import penstock.events as room
from penstock.events.log import Partition
from penstock.events.problems import Problems
from penstock.schemas.errors import CallerError, InternalError, PenstockError, WorldError

SAMPLES: dict[Any, Any] = {
    str: "text",
    int: 3,
    bool: True,
    float: 1.5,
    Partition: Partition("shop.orders", 1),
    Problems: Problems(["One.", "Two."]),
}


def leaves() -> list[type[PenstockError]]:
    """All errors that modules of this room define."""
    found = set()
    for module in pkgutil.iter_modules(room.__path__, "penstock.events."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, PenstockError) and value.code:
                found.add(value)
    return sorted(
        (leaf for leaf in found if leaf.__module__.startswith("penstock.events.")),
        key=lambda leaf: int(leaf.code.removeprefix("PEN-E")),
    )


def test_every_code_is_given_once() -> None:
    """The code is the interface."""
    codes = [leaf.code for leaf in leaves()]
    assert len(codes) == len(set(codes)) >= 25


@pytest.mark.parametrize("leaf", leaves())
def test_an_error_is_made_of_facts_and_survives_pickling(leaf: type[PenstockError]) -> None:
    """Its sentences are complete whatever the facts, and stay the same."""
    assert issubclass(leaf, CallerError | WorldError | InternalError)
    error = leaf(**{field.name: SAMPLES[field.type] for field in fields(leaf)})
    assert "{" not in str(error)
    assert str(error).startswith(leaf.code + " ")
    assert str(error).endswith(".")
    assert leaf.what
    assert leaf.why
    assert leaf.remedy
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(again) is leaf
    assert (str(again), again.facts) == (str(error), error.facts)
