"""Every bad input of every command: its exit code, one line that says what to do, no traceback."""

from dataclasses import dataclass, field

import pytest

from tests.infra.cli.shop import Shop


@dataclass(frozen=True, kw_only=True)
class Case:
    """One bad input."""

    arguments: tuple[str, ...]
    """Behind `penstock`."""
    code: int
    """The exit code."""
    parts: tuple[str, ...]
    """What stands in stderr."""
    files: dict[str, str | bytes] = field(default_factory=dict)
    """Files that are written first."""
    variables: dict[str, str] = field(default_factory=dict)
    """Of the environment."""
    stdin: bytes = b""
    """What is piped in."""


ORDER = '{"order_id": "o-1", "total": 19.99}'
PUBLISH = ("publish", "shop.OrderPlaced")
RUN = ("run", "worker")
TAIL = ("event", "tail", "shop.OrderPlaced")
NO_PROJECT: dict[str, str | bytes] = {"pyproject.toml": ""}

USAGE = {
    "no such command": Case(arguments=("ronn",), code=2, parts=("No such command 'ronn'",)),
    "no such option": Case(arguments=("topic", "plan", "--x"), code=2, parts=("No such option",)),
    "no type": Case(arguments=("publish",), code=2, parts=("Missing argument 'TYPE'",)),
    "no event": Case(arguments=PUBLISH, code=2, parts=("JSON", "--from", "not both")),
    "two events": Case(
        arguments=(*PUBLISH, ORDER, "--from", "x"), code=2, parts=("JSON", "--from", "not both")
    ),
    "an event and a pipe": Case(
        arguments=(*PUBLISH, "-", "--from", "x"), code=2, parts=("JSON", "--from", "not both")
    ),
    "a key for a file": Case(
        arguments=(*PUBLISH, "-", "--key", "x"), code=2, parts=("--key and --event-id",)
    ),
    "an id for a file": Case(
        arguments=(*PUBLISH, "--from", "x", "--event-id", "x"), code=2, parts=("--event-id",)
    ),
    "a header without a value": Case(
        arguments=(*PUBLISH, ORDER, "--header", "x"), code=2, parts=("NAME=VALUE",)
    ),
    "a header twice": Case(
        arguments=(*PUBLISH, ORDER, "--header", "x=1", "--header", "x=2"),
        code=2,
        parts=("given twice",),
    ),
    "nothing to tail": Case(
        arguments=("event", "tail"),
        code=2,
        parts=("name a type, or a topic with --topic",),
        files={"pyproject.toml": '[tool.penstock]\napp = "shop"\n'},
    ),
    "an end for who follows": Case(
        arguments=(*TAIL, "--follow", "--until", "end"), code=2, parts=("leave out --until",)
    ),
    "no place to begin": Case(
        arguments=(*TAIL, "--from", "yesterday"), code=2, parts=("--from", "none of beginning")
    ),
    "no place to end": Case(
        arguments=(*TAIL, "--until", "2026-01-31"), code=2, parts=("--until", "needs its zone")
    ),
    "an end at the beginning": Case(
        arguments=(*TAIL, "--until", "beginning"), code=2, parts=("nothing ends",)
    ),
    "no record to show": Case(arguments=(*TAIL, "-n", "0"), code=2, parts=("--count",)),
    "no such form": Case(arguments=(*TAIL, "-o", "table"), code=2, parts=("'table'", "raw")),
    "no such version": Case(
        arguments=("event", "asyncapi", "--version", "2.6.0"),
        code=2,
        parts=("--version", "3.0.0 and 3.1.0"),
    ),
    "no server": Case(
        arguments=("event", "asyncapi", "--server", "kafka:9092"),
        code=2,
        parts=("--server", "NAME=HOST:PORT"),
    ),
    "no address of a server": Case(
        arguments=("event", "asyncapi", "--server", "local=https://kafka"),
        code=2,
        parts=("--server", "scheme"),
    ),
    "two servers of one name": Case(
        arguments=("event", "asyncapi", "--server", "a=a:1", "--server", "a=b:1"),
        code=2,
        parts=("--server", "one name"),
    ),
    "no such format": Case(
        arguments=("topic", "plan", "-o", "xml"), code=2, parts=("'xml'", "table")
    ),
    "no such level": Case(
        arguments=(*RUN, "users_shop.orders:worker", "--log-level", "chatty"),
        code=2,
        parts=("debug, info, warning, error",),
    ),
    "no orders": Case(arguments=("demo", "--orders", "0"), code=2, parts=("--orders",)),
    "no number": Case(arguments=("demo", "--orders", "x"), code=2, parts=("--orders",)),
    "no port": Case(arguments=("broker", "--port", "65536"), code=2, parts=("--port",)),
    "no value": Case(
        arguments=("broker", "--config", "num.partitions"),
        code=2,
        parts=("PEN-I129", "NAME=VALUE"),
    ),
    "no memory": Case(arguments=("broker", "--memory", "0"), code=2, parts=("--memory",)),
    "memory on a disk": Case(
        arguments=("broker", "--memory", "64", "--data", "records"),
        code=2,
        parts=("PEN-I129", "--memory 64", "--data"),
    ),
    "nothing to tell clients": Case(
        arguments=("broker", "--host", "::"), code=2, parts=("PEN-I129", "cannot be told")
    ),
    "reset of nothing": Case(
        arguments=(*RUN, "users_shop.orders:worker", "--accept-reset", "shop.orders"),
        code=2,
        parts=("TOPIC/PARTITION",),
    ),
    "reset of another topic": Case(
        arguments=(*RUN, "users_shop.orders:worker", "--accept-reset", "shop.other/0"),
        code=2,
        parts=("none of the partitions read here: shop.orders/0 to shop.orders/3",),
    ),
    "reset of a partition too many": Case(
        arguments=(*RUN, "users_shop.orders:worker", "--accept-reset", "shop.orders/4"),
        code=2,
        parts=("none of the partitions read here",),
    ),
    "no such file": Case(
        arguments=(*PUBLISH, "--from", "none.jsonl"),
        code=2,
        parts=("PEN-I16", "none.jsonl", "No such file"),
    ),
    "a folder": Case(
        arguments=(*PUBLISH, "--from", "users_shop"), code=2, parts=("PEN-I16", "directory")
    ),
    "an empty file": Case(
        arguments=(*PUBLISH, "--from", "empty.jsonl"),
        code=2,
        parts=("PEN-I16", "it is empty"),
        files={"empty.jsonl": b"\xef\xbb\xbf\r\n\r\n"},
    ),
    "a device": Case(
        arguments=(*PUBLISH, "--from", "/dev/zero"),
        code=2,
        parts=("PEN-I16", "neither a file nor a pipe"),
    ),
}

CONFIGURATION = {
    "no settings": Case(
        arguments=("topic", "plan"),
        code=3,
        parts=("PEN-I1", "PENSTOCK_APP is not set", "PENSTOCK_KAFKA is not set"),
        files=NO_PROJECT,
        variables={"PENSTOCK_KAFKA": ""},
    ),
    "bad settings": Case(
        arguments=(*PUBLISH, ORDER),
        code=3,
        parts=("PEN-I1", "PENSTOCK_DRAIN_S", "did you mean PENSTOCK_REDIS?"),
        variables={"PENSTOCK_DRAIN_S": "long", "PENSTOCK_REDI": "s3cret"},
    ),
    "bad address": Case(
        arguments=(*RUN, "users_shop.orders:worker"),
        code=3,
        parts=("PEN-I1", "has a scheme"),
        variables={"PENSTOCK_KAFKA": "http://169.254.169.254"},
    ),
    "no protocol": Case(
        arguments=("topic", "apply"),
        code=3,
        parts=("PEN-I1", "PENSTOCK_KAFKA_SECURITY_PROTOCOL is not set", "SASL_SSL"),
        variables={"PENSTOCK_KAFKA": "kafka:9092"},
    ),
    "no certificate": Case(
        arguments=("topic", "plan"),
        code=3,
        parts=("PEN-I1", "PENSTOCK_KAFKA_CA_FILE", "No such file"),
        variables={
            "PENSTOCK_KAFKA_SECURITY_PROTOCOL": "SSL",
            "PENSTOCK_KAFKA_CA_FILE": "none.pem",
        },
    ),
    "embedded": Case(
        arguments=("topic", "plan"),
        code=3,
        parts=("PEN-I1", "speaks nothing else"),
        variables={"PENSTOCK_KAFKA": "embedded", "PENSTOCK_KAFKA_SECURITY_PROTOCOL": "SSL"},
    ),
    "no place to meet": Case(
        arguments=("topic", "plan"),
        code=3,
        parts=("PEN-I140", "No embedded broker can be found or started"),
        files={"penstock": "a file where the run-time folder should be"},
        variables={"PENSTOCK_KAFKA": "embedded"},
    ),
    "no such option of the broker": Case(
        arguments=("broker", "--config", "num.partition=3"),
        code=3,
        parts=("PEN-I122", "num.partitions"),
    ),
    "a bad value of the broker": Case(
        arguments=("broker", "--config", "num.partitions=none"),
        code=3,
        parts=("PEN-I123", "num.partitions"),
    ),
    "a broken project": Case(
        arguments=("schema", "export", "out"),
        code=3,
        parts=("PEN-I3", "did you mean modules?"),
        files={"pyproject.toml": '[tool.penstock]\nmodule = ["x"]\n'},
    ),
    "no project": Case(
        arguments=("schema", "export", "out"), code=3, parts=("PEN-I15",), files=NO_PROJECT
    ),
    "no name of a topic": Case(
        arguments=("event", "tail", "--topic", "shop orders"),
        code=3,
        parts=("PEN-E10", "shop orders"),
    ),
    "no modules to show types of": Case(
        arguments=("event", "types"), code=3, parts=("PEN-I15",), files=NO_PROJECT
    ),
    "no modules to publish from": Case(
        arguments=(*PUBLISH, ORDER),
        code=3,
        parts=("PEN-I15", "modules ="),
        files={"pyproject.toml": '[tool.penstock]\napp = "shop"\n'},
    ),
    "no modules to plan for": Case(
        arguments=("topic", "plan"),
        code=3,
        parts=("PEN-I15",),
        files={"pyproject.toml": '[tool.penstock]\napp = "shop"\n'},
    ),
    "no such module": Case(
        arguments=(*RUN, "users_shop.order:worker"),
        code=3,
        parts=("PEN-I4", "Did you mean users_shop.orders?"),
    ),
    "a file for a module": Case(
        arguments=(*RUN, "users_shop/orders.py"), code=3, parts=("PEN-I4", "not by its file")
    ),
    "no worker's name": Case(
        arguments=(*RUN, "users_shop.orders"),
        code=3,
        parts=("PEN-I6", "Say users_shop.orders:worker."),
    ),
    "no worker": Case(
        arguments=(*RUN, "users_shop.orders:number"), code=3, parts=("PEN-I6", "is a int")
    ),
    "a module that raises": Case(
        arguments=(*RUN, "users_shop.broken:worker"),
        code=3,
        parts=("PEN-I5", "ZeroDivisionError", "broken.py:2"),
        files={"users_shop/broken.py": "\n1 / 0\n"},
    ),
    "a module that exits": Case(
        arguments=(*RUN, "users_shop.broken:worker"),
        code=3,
        parts=("PEN-I5", "SystemExit"),
        files={"users_shop/broken.py": "raise SystemExit(0)\n"},
    ),
    "foreign schemas": Case(
        arguments=("schema", "export", "."),
        code=3,
        parts=("PEN-I12", "old.Name.avsc"),
        files={"old.Name.avsc": "{}"},
    ),
    "a file for a folder": Case(
        arguments=("schema", "export", "pyproject.toml"), code=3, parts=("PEN-I12",)
    ),
}

SCHEMA = {
    "a refused declaration": Case(
        arguments=(*RUN, "users_shop.broken:worker"),
        code=4,
        parts=("PEN-A20", "broken.py:"),
        files={
            "users_shop/broken.py": (
                "from typing import Any\n"
                "from penstock.events import Event\n"
                "class Bad(Event, topic='shop.bad'):\n    anything: Any\n"
            )
        },
    ),
}

UNREACHABLE = {
    "no broker to tail": Case(arguments=TAIL, code=5, parts=("PEN-I20",)),
    "publish": Case(arguments=(*PUBLISH, ORDER), code=5, parts=("PEN-I20", "PENSTOCK_KAFKA")),
    "publish a file": Case(
        arguments=(*PUBLISH, "--from", "a.jsonl"),
        code=5,
        parts=("PEN-I20",),
        files={"a.jsonl": f"{ORDER}\n"},
    ),
    "publish a pipe": Case(
        arguments=(*PUBLISH, "--from", "-"), code=5, parts=("PEN-I20",), stdin=ORDER.encode()
    ),
    "topic plan": Case(arguments=("topic", "plan"), code=5, parts=("PEN-I20",)),
    "topic apply": Case(arguments=("topic", "apply", "--yes"), code=5, parts=("PEN-I20",)),
    "run worker": Case(arguments=(*RUN, "users_shop.orders:worker"), code=5, parts=("PEN-I20",)),
    "health of nobody": Case(arguments=("health",), code=5, parts=("PEN-I13",)),
    "health of no such worker": Case(
        arguments=("health", "--worker", "totals"), code=5, parts=("PEN-I13", "totals")
    ),
    "health in no file": Case(
        arguments=("health", "--file", "none.json"), code=5, parts=("PEN-I13",)
    ),
}

DATA = {
    "no such type": Case(
        arguments=("publish", "shop.OrderPlacd", ORDER),
        code=7,
        parts=("PEN-I8", "Did you mean shop.OrderPlaced?"),
    ),
    "a type of nothing like it": Case(
        arguments=("publish", "x", ORDER), code=7, parts=("PEN-I8", "It is none of shop.Order")
    ),
    "a reply": Case(
        arguments=("publish", "stock.StockReserved", "{}"), code=7, parts=("PEN-I8", "reply")
    ),
    "no JSON": Case(
        arguments=(*PUBLISH, "order_id=1"), code=7, parts=("PEN-I14", "invalid JSON", "column 1")
    ),
    "no object": Case(arguments=(*PUBLISH, "[]"), code=7, parts=("PEN-I14", "an object")),
    "wrong fields": Case(
        arguments=(*PUBLISH, '{"order_id": 1, "totl": "s3cret"}'),
        code=7,
        parts=(
            "PEN-I14",
            "order_id: input should be a valid string",
            "total: field required",
            "totl: extra inputs are not permitted",
        ),
    ),
    "too many digits": Case(
        arguments=(*PUBLISH, '{"order_id": "a", "total": 19.999}'),
        code=7,
        parts=("PEN-I14", "total: has more than 2 digits after the point"),
    ),
    "no type to show": Case(
        arguments=("event", "show", "OrderPlace"),
        code=7,
        parts=("PEN-I8", "Did you mean shop.OrderPlaced?"),
    ),
    "bad lines": Case(
        arguments=(*PUBLISH, "--from", "a.jsonl"),
        code=7,
        parts=("PEN-I14", "Line 2: ", "Line 4: it is not written in UTF-8"),
        files={"a.jsonl": f"{ORDER}\r\n{{}}\r\n\r\n".encode() + b"\xff\n"},
    ),
    "a foreign progress file": Case(
        arguments=("health", "--file", "pyproject.toml"), code=7, parts=("PEN-I11",)
    ),
}

BUG = {
    "an event class with a mistake": Case(
        arguments=("publish", "shop.Trap", '{"name": ""}'),
        code=8,
        parts=("PEN-I9", "ZeroDivisionError", "orders.py:", "--debug"),
    ),
}

ALL: dict[str, Case] = {
    f"{code} {name}": case
    for cases in (USAGE, CONFIGURATION, SCHEMA, UNREACHABLE, DATA, BUG)
    for name, case in cases.items()
    for code in (case.code,)
}


@pytest.mark.parametrize("case", ALL.values(), ids=ALL)
def test_bad_input_ends_with_its_code_and_one_line(shop: Shop, case: Case) -> None:
    """A script reads the code, a person the line."""
    for name, content in case.files.items():
        shop.write(name, content)
    done = shop.run(*case.arguments, stdin=case.stdin, variables=case.variables)
    told = done.stderr
    assert done.returncode == case.code, told
    assert not [part for part in case.parts if part not in told], told
    assert "Traceback" not in told
    assert "s3cret" not in told
    assert done.stdout == ""
    if "PEN-" in told:
        last = told.splitlines()[-1]
        assert last.startswith("penstock: PEN-")
        assert last == told.strip() or case.arguments[0] == "run"


@pytest.mark.parametrize("switches", [("-O",), ("-OO",)])
def test_an_optimised_python_is_refused_before_anything_else(
    shop: Shop, switches: tuple[str, ...]
) -> None:
    """T13; also where the environment says it, and whatever the command is."""
    for done in (
        shop.run("version", python=switches),
        shop.run("run", "worker", "x:y", variables={"PYTHONOPTIMIZE": "1"}),
    ):
        assert done.returncode == 3
        assert done.stderr.startswith("penstock: PEN-I2 ")
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("is_first", [True, False])
def test_debug_prints_the_traceback_wherever_it_stands(shop: Shop, is_first: bool) -> None:
    """The line with the code is still the last one."""
    words = ("publish", "shop.Trap", '{"name": ""}')
    done = shop.run(*(("--debug", *words) if is_first else (*words, "--debug")))
    assert done.returncode == 8
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("penstock: PEN-I9 ")
