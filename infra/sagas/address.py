"""How a person names one saga: `order/o-1`, or just `o-1` where there is one saga only.

`order/o-1` is what `$.saga.id` says and what a saga's records are correlated by. The name of a saga
has no slash, so the first one ends it; a key may hold further ones.

Laws:
1. A name that is not there is told with what is, and with what was perhaps meant.
2. Nothing is guessed: a bare key among several sagas is refused.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from penstock.events.names import IllegalName, check_saga, saga_state_topic
from penstock.infra.plain_text import excerpt
from penstock.sagas.language.did_you_mean import did_you_mean
from penstock.schemas.errors import CallerError, ExitCode

__all__ = [
    "SagaAddress",
    "SagaNotNamed",
    "UnknownSaga",
    "UnknownSagaKey",
    "address_of",
    "known_saga",
    "sagas_among",
]

_SHOWN: Final = 10
"""Names in a message at most."""


@dataclass(eq=False, kw_only=True)
class UnknownSaga(CallerError):
    """The cluster has no saga of that name."""

    saga: str
    """The name as given."""
    app: str
    """The application."""
    hint: str
    """What was perhaps meant, or what there is."""

    code: ClassVar[str] = "PEN-I69"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "There is no saga named {saga} of the app {app}."
    why: ClassVar[str] = "{hint}"
    remedy: ClassVar[str] = (
        "Mend the name; topics of a new saga are made by 'penstock topic apply'."
    )


@dataclass(eq=False, kw_only=True)
class UnknownSagaKey(CallerError):
    """No saga has that key."""

    address: str
    """Name and key."""
    hint: str
    """What is known of the key, as a whole sentence."""

    code: ClassVar[str] = "PEN-I52"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "There is no saga {address}."
    why: ClassVar[str] = "{hint}"
    remedy: ClassVar[str] = "'penstock saga list' shows all sagas that are remembered."


@dataclass(eq=False, kw_only=True)
class SagaNotNamed(CallerError):
    """A bare key could belong to one of several sagas, or a key is missing."""

    given: str
    """What was given."""
    problem: str
    """Why that names no saga, as a whole sentence."""
    example: str
    """How it is said."""

    code: ClassVar[str] = "PEN-I53"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE
    what: ClassVar[str] = "{given} does not name one saga."
    why: ClassVar[str] = "{problem}"
    remedy: ClassVar[str] = "Say SAGA/KEY, as in {example}."


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaAddress:
    """One saga."""

    saga: str
    """The name of its definition."""
    key: str
    """Its key."""

    def __str__(self) -> str:
        """As people write it."""
        return f"{self.saga}/{self.key}"


def sagas_among(app: str, topics: Iterable[str]) -> tuple[str, ...]:
    """Return the sagas of an app, by the topics of a cluster.

    Args:
        app: the application.
        topics: names of topics.
    """
    return tuple(sorted(saga for topic in topics if (saga := _saga_of(app, topic)) is not None))


def _saga_of(app: str, topic: str) -> str | None:
    """Return the saga whose records a topic holds: `_penstock.<app>.saga.<saga>.state`."""
    parts = topic.split(".")
    if len(parts) != 5:  # noqa: PLR2004 - no part has a dot, and so many are joined
        return None
    try:
        saga = check_saga(parts[3])
    except IllegalName:
        return None
    return saga if topic == saga_state_topic(app, saga) else None


def known_saga(saga: str, app: str, sagas: Sequence[str]) -> str:
    """Return the name of a saga that is there.

    Args:
        saga: the name as given.
        app: the application.
        sagas: those that there are.

    Raises:
        UnknownSaga: it is none of them.
    """
    if saga in sagas:
        return saga
    meant = did_you_mean(saga, sagas)
    shown = ", ".join(sagas[:_SHOWN]) + (" and more" if len(sagas) > _SHOWN else "")
    hint = f"There are {shown}." if sagas else "The cluster has none."
    if meant is not None:
        hint = f"Did you mean {meant}?"
    raise UnknownSaga(saga=excerpt(saga), app=app, hint=hint)


def address_of(text: str, app: str, sagas: Sequence[str]) -> SagaAddress:
    """Read what a person wrote.

    Args:
        text: `SAGA/KEY`, or a bare key.
        app: the application.
        sagas: those that there are.

    Raises:
        UnknownSaga: there is none of that name, or none at all.
        SagaNotNamed: it is a bare key and there are several sagas, or there is no key.
    """
    saga, slash, key = text.partition("/")
    if not slash:
        saga, key = _only_saga(text, app, sagas), text
    if not key:
        example = f"{saga or (sagas or ['order'])[0]}/o-1"
        raise SagaNotNamed(given=f"'{excerpt(text)}'", problem="No key is said.", example=example)
    return SagaAddress(saga=known_saga(saga, app, sagas), key=key)


def _only_saga(key: str, app: str, sagas: Sequence[str]) -> str:
    if not sagas:
        raise UnknownSaga(saga="any name", app=app, hint="The cluster has none.")
    if len(sagas) > 1:
        shown = ", ".join(sagas[:_SHOWN])
        problem = f"There are several sagas: {shown}."
        example = f"{sagas[0]}/{excerpt(key)}"
        raise SagaNotNamed(given=f"'{excerpt(key)}'", problem=problem, example=example)
    return sagas[0]
