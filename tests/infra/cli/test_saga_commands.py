"""The commands about sagas as processes: checks, and every input that no cluster is asked about."""

import json
from dataclasses import dataclass
from typing import Final

import pytest

from penstock.infra.cli.message_types import NoModules
from penstock.infra.kafka.connection import KafkaUnreachable
from penstock.infra.sagas.sources import NoSagas
from penstock.infra.schema_files.reading import NoSchemaFiles
from tests.infra.cli.shop import Shop

SAGA: Final = """\
saga: order
version: 1
input: shop.OrderPlaced
key: $.input.order_id
steps:
  - name: reserve_stock
    call: stock.ReserveStock
    with: {order_id: $.input.order_id}
    undo: none
"""
PROJECT: Final = (
    '[tool.penstock]\napp = "shop"\nmodules = ["users_shop.orders"]\nsagas = ["order.saga.yaml"]\n'
)


@pytest.fixture
def sagas(shop: Shop) -> Shop:
    """A project with a saga."""
    shop.write("order.saga.yaml", SAGA)
    shop.write("pyproject.toml", PROJECT)
    return shop


# --- saga check --------------------------------------------------------------------------------


def test_a_good_file_is_one_line_and_exit_0(sagas: Shop) -> None:
    """Of the project, by its name, and with schemas from files; without any settings."""
    assert sagas.run("schema", "export", "schemas").returncode == 0
    for arguments in ((), ("order.saga.yaml",), ("--schemas", "schemas", "order.saga.yaml")):
        done = sagas.run("saga", "check", *arguments, variables={"PENSTOCK_KAFKA": ""})
        assert done.returncode == 0, done.stderr
        assert done.stdout == "Checked 1 saga file: no problems.\n"


def test_every_problem_is_shown_at_its_place(sagas: Shop) -> None:
    """File, line, column, the line and a caret; all files; exit 4."""
    bad = SAGA.replace("$.input.order_id}", "$.input.ordr_id}")
    sagas.write("bad.saga.yaml", bad)
    sagas.write("worse.saga.yaml", bad.replace("version: 1", "version: one"))
    done = sagas.run("saga", "check", "bad.saga.yaml", "order.saga.yaml", "worse.saga.yaml")
    assert done.returncode == 4
    lines = done.stdout.splitlines()
    assert lines[0].startswith("bad.saga.yaml:8:22: error[")
    assert "Did you mean 'order_id'?" in lines[0]
    assert lines[1].strip() == "with: {order_id: $.input.ordr_id}"
    assert lines[2].index("^") == lines[1].index("$")
    assert any(line.startswith("worse.saga.yaml:2:10: error[") for line in lines)
    assert lines[-1].startswith("Checked 3 saga files: ")
    assert done.stderr == ""


def test_warnings_are_shown_and_change_nothing(sagas: Shop) -> None:
    """S25: an event before the pivot is allowed with a warning."""
    sagas.write(
        "order.saga.yaml",
        SAGA
        + "  - name: tell\n    emit: shop.Trap\n    with: {name: $.input.order_id}\n"
        + "  - name: reserve_more\n    call: stock.ReserveStock\n"
        + "    with: {order_id: $.input.order_id}\n    pivot: true\n",
    )
    done = sagas.run("saga", "check", "-o", "json")
    assert done.returncode == 0, done.stdout
    assert [found["severity"] for found in json.loads(done.stdout)] == ["warning"]
    assert "1 warning." in sagas.run("saga", "check").stdout


def test_json_has_each_problem_with_its_place(sagas: Shop) -> None:
    """For editors and for CI."""
    sagas.write("order.saga.yaml", SAGA.replace("undo: none", "undoo: none"))
    done = sagas.run("saga", "check", "-o", "json")
    assert done.returncode == 4
    first = json.loads(done.stdout)[0]
    assert set(first) == {"severity", "code", "message", "file", "line", "column"}
    assert first["severity"] == "error"


# --- check -------------------------------------------------------------------------------------


def test_a_whole_project_is_checked_from_anywhere(sagas: Shop) -> None:
    """Modules, types, workers, topics and sagas; without any settings."""
    done = sagas.run("check", variables={"PENSTOCK_KAFKA": "", "PENSTOCK_APP": ""})
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "Checked 1 module, 4 types, 1 worker, 1 saga file: no problems.\n"
    (sagas.folder / "docs").mkdir()
    assert sagas.run("check", "docs").stdout == done.stdout
    assert json.loads(sagas.run("check", "-o", "json").stdout) == []


def test_one_problem_hides_no_other(sagas: Shop) -> None:
    """A module that raises, one that is missing, and a saga that is wrong; exit 4."""
    sagas.write("users_shop/broken.py", "1 / 0\n")
    sagas.write(
        "pyproject.toml",
        PROJECT.replace('"users_shop.orders"', '"users_shop.orders", "users_shop.broken", "gone"'),
    )
    sagas.write("order.saga.yaml", SAGA.replace("shop.OrderPlaced", "shop.OrderPlacd"))
    done = sagas.run("check")
    assert done.returncode == 4
    assert "error[PEN-I5]: The module users_shop.broken cannot be imported" in done.stdout
    assert "error[PEN-I4]: There is no module gone." in done.stdout
    assert "order.saga.yaml:3:8: error[" in done.stdout
    assert done.stdout.endswith("3 errors.\n")
    assert "Traceback" not in done.stdout + done.stderr


def test_a_schema_file_that_its_class_has_outgrown_is_a_problem(sagas: Shop) -> None:
    """Orchestrators believe the files."""
    assert sagas.run("schema", "export", "schemas").returncode == 0
    sagas.write("pyproject.toml", PROJECT + 'schemas = ["schemas"]\n')
    assert sagas.run("check").returncode == 0
    path = sagas.folder / "schemas" / "stock.ReserveStock.avsc"
    path.write_text(path.read_text("utf-8").replace("order_id", "order_no"), "utf-8")
    done = sagas.run("check")
    assert done.returncode == 4
    assert "error[stale-schema]: The schema file of stock.ReserveStock" in done.stdout


def test_without_schemas_a_saga_is_said_to_be_unchecked(sagas: Shop) -> None:
    """Never passed over."""
    sagas.write("pyproject.toml", PROJECT.replace('"users_shop.orders"', '"gone"'))
    done = sagas.run("check")
    assert done.returncode == 4
    assert "order.saga.yaml was not checked" in done.stdout


# --- bad input ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Case:
    """One bad input."""

    arguments: tuple[str, ...]
    """Behind `penstock`."""
    code: int
    """The exit code."""
    parts: tuple[str, ...]
    """What stands in stderr."""


CASES = {
    "no command": Case(arguments=("saga", "shw"), code=2, parts=("No such command 'shw'",)),
    "no id": Case(arguments=("saga", "show"), code=2, parts=("Missing argument 'ID'",)),
    "no reason": Case(arguments=("saga", "cancel", "o-1"), code=2, parts=("--reason",)),
    "an empty reason": Case(
        arguments=("saga", "cancel", "o-1", "--reason", " "), code=2, parts=("--reason", "history")
    ),
    "a reason of two lines": Case(
        arguments=("saga", "retry", "o-1", "ship", "--reason", "a\nb"), code=2, parts=("--reason",)
    ),
    "an empty actor": Case(
        arguments=("saga", "skip", "o-1", "ship", "--reason", "why", "--actor", ""),
        code=2,
        parts=("--actor",),
    ),
    "no step": Case(
        arguments=("saga", "mark-done", "o-1", "--reason", "why"),
        code=2,
        parts=("Missing argument 'STEP'",),
    ),
    "no time": Case(
        arguments=("saga", "cancel", "o-1", "--reason", "why", "--timeout", "0"),
        code=2,
        parts=("--timeout",),
    ),
    "no phase": Case(
        arguments=("saga", "list", "--phase", "lost"), code=2, parts=("lost", "PARKED")
    ),
    "no input": Case(arguments=("saga", "start", "order"), code=2, parts=("Missing argument",)),
    "no folder": Case(arguments=("check", "none"), code=2, parts=("none is no folder",)),
    "no file": Case(arguments=("saga", "check", "none.saga.yaml"), code=4, parts=()),
    "no schemas": Case(
        arguments=("saga", "check", "order.saga.yaml", "--schemas", "none"),
        code=3,
        parts=(NoSchemaFiles.code, "none"),
    ),
    "nobody to show": Case(
        arguments=("saga", "show", "o-1"), code=5, parts=(KafkaUnreachable.code,)
    ),
    "nobody to list": Case(arguments=("saga", "list"), code=5, parts=(KafkaUnreachable.code,)),
    "nobody to start": Case(
        arguments=("saga", "start", "order", "{}"), code=5, parts=(KafkaUnreachable.code,)
    ),
    "nobody to ask": Case(
        arguments=("saga", "mark-undone", "o-1", "ship", "--reason", "why"),
        code=5,
        parts=(KafkaUnreachable.code,),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_bad_input_is_told_in_a_line(sagas: Shop, case: Case) -> None:
    """Its exit code, what is wrong, and no traceback."""
    done = sagas.run(*case.arguments)
    assert done.returncode == case.code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for part in case.parts:
        assert part in done.stderr


def test_where_there_is_nothing_to_check_that_is_said(shop: Shop) -> None:
    """A folder without a project, a project without sagas."""
    done = shop.run("saga", "check")
    assert done.returncode == 3
    assert NoSagas.code in done.stderr
    shop.write("pyproject.toml", "")
    done = shop.run("check")
    assert done.returncode == 3
    assert NoModules.code in done.stderr
