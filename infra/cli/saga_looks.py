"""`penstock saga list` and `penstock saga show`: what the topics of sagas say.

The records say where a saga stands, the histories how it came there; nothing else is asked, so a
saga is shown whether its orchestrator runs or not.
"""

import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

import typer

from penstock.infra.cli.output import OutputFormat, print_list
from penstock.infra.cli.saga_views import (
    LIST_COLUMNS,
    STEP_COLUMNS,
    TIMELINE_COLUMNS,
    SagaView,
    list_row,
    phase_named,
    present_life,
    time_text,
)
from penstock.infra.cli.workplace import short_command
from penstock.infra.parts import open_parts
from penstock.infra.plain_text import escaped, excerpt
from penstock.infra.sagas.address import UnknownSagaKey, address_of, known_saga
from penstock.infra.sagas.reading import (
    SagaSources,
    look_for_sagas,
    open_saga_reader,
    sources_of,
)
from penstock.sagas.engine.facts import FactKind
from penstock.sagas.engine.state import Phase
from penstock.sagas.records import Transition

__all__ = ["list_sagas", "read_rows", "read_view", "show_saga"]

_ResultT = TypeVar("_ResultT")


def list_sagas(saga: str | None, phase: str | None, form: OutputFormat) -> None:
    """Print a line for each saga that is remembered.

    Args:
        saga: only those of this name.
        phase: only those that stand there.
        form: a table, or one JSON array.

    Raises:
        UnknownSaga: there is none of that name.
    """
    wanted = None if phase is None else _phase(phase)
    rows = _looked(lambda sources: read_rows(sources, saga, wanted))
    if rows or form is OutputFormat.JSON:
        print_list(rows, LIST_COLUMNS, form)
    else:
        print("No saga is remembered." if wanted is None else f"No saga is {wanted}.")


def show_saga(text: str, form: OutputFormat) -> None:
    """Print all about one saga.

    Args:
        text: `SAGA/KEY`, or a bare key.
        form: text, or one JSON object.

    Raises:
        UnknownSagaKey: there is none.
    """
    view = _looked(lambda sources: read_view(sources, text))
    if form is OutputFormat.JSON:
        print(json.dumps(view.document(), indent=2))
    else:
        _print_view(view)


def _phase(text: str) -> Phase:
    found = phase_named(text)
    if found is None:
        message = f"{excerpt(text)} is no phase; there are {', '.join(Phase)}"
        raise typer.BadParameter(message)
    return found


def _looked(look: Callable[[SagaSources], Awaitable[_ResultT]]) -> _ResultT:
    """Look at the cluster that the settings name."""
    place = short_command()

    async def looked() -> _ResultT:
        async with open_parts(place.settings, source=place.settings.app) as parts:
            return await look(sources_of(parts))

    return place.run(looked())


async def read_rows(
    sources: SagaSources, saga: str | None, phase: Phase | None
) -> list[dict[str, str | int | None]]:
    """Read the rows of a list, the latest saga last; see `list_sagas`."""
    sagas = await look_for_sagas(sources)
    chosen = sagas if saga is None else (known_saga(saga, sources.app, sagas),)
    rows = []
    for name in chosen:
        reader = await open_saga_reader(sources, name)
        states = (await reader.sagas()).values()
        programs = await reader.programs()
        rows += [
            list_row(name, state, programs.of(state.version))
            for state in states
            if phase in (None, state.phase)
        ]
    return sorted(rows, key=lambda row: (str(row["started"]), str(row["id"])))


async def read_view(sources: SagaSources, text: str) -> SagaView:
    """Read all about one saga.

    Raises:
        UnknownSaga: there is none of that name.
        UnknownSagaKey: there is none of that key.
    """
    address = address_of(text, sources.app, await look_for_sagas(sources))
    reader = await open_saga_reader(sources, address.saga)
    # The history first: what is written in between is then in the record, as its count shows.
    history = await reader.history(address.key)
    state = await reader.one(address.key)
    if state is None:
        raise UnknownSagaKey(address=excerpt(str(address), 200), hint=_hint(history))
    programs = await reader.programs()
    return SagaView(
        saga=address.saga,
        state=state,
        program=programs.of(state.version),
        history=present_life(history),
    )


def _hint(history: list[Transition]) -> str:
    """Return what the history of a key without a saga says about it."""
    for transition in reversed(history):
        if any(fact.kind is FactKind.REMOVED for fact in transition.facts):
            return f"It had ended, and was forgotten at {time_text(transition.at_ms)}."
    return "Nothing of that key has begun, as far as records are kept."


def _print_view(view: SagaView) -> None:
    print(escaped(f"{view.id} is {view.state.phase}"))
    for word, text in view.head():
        print(escaped(f"  {word:10}  {text}"))
    print()
    print_list(view.steps(), STEP_COLUMNS, OutputFormat.TABLE)
    print()
    if view.is_cut:
        print("The beginning of its history is no longer kept.")
    print_list(view.happenings(), TIMELINE_COLUMNS, OutputFormat.TABLE)
