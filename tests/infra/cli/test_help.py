"""Help is there at once: it waits for none of the libraries that commands need."""

import json
import subprocess
import sys

import pytest

COMMANDS = [
    (),
    ("run",),
    ("run", "worker"),
    ("run", "saga"),
    ("publish",),
    ("event",),
    ("event", "types"),
    ("event", "show"),
    ("event", "publish"),
    ("event", "tail"),
    ("event", "asyncapi"),
    ("topic",),
    ("topic", "plan"),
    ("topic", "apply"),
    ("schema",),
    ("schema", "list"),
    ("schema", "show"),
    ("schema", "diff"),
    ("schema", "check"),
    ("schema", "export"),
    ("schema", "generate"),
    ("saga",),
    ("saga", "check"),
    ("saga", "list"),
    ("saga", "show"),
    ("saga", "start"),
    ("saga", "cancel"),
    ("saga", "retry"),
    ("saga", "skip"),
    ("saga", "mark-done"),
    ("saga", "mark-undone"),
    ("check",),
    ("crdt",),
    ("crdt", "show"),
    ("crdt", "watch"),
    ("registry",),
    ("registry", "list"),
    ("registry", "watch"),
    ("registry", "serve"),
    ("health",),
    ("demo",),
    ("dev",),
    ("version",),
]
HEAVY = {
    "rich",
    "pydantic",
    "pydantic_settings",
    "fastavro",
    "aiokafka",
    "redis",
    "structlog",
    "asyncio",
}
CODE = """
import json, sys
from penstock.infra.cli import main
sys.argv = ["penstock", *json.loads(sys.argv[1]), "--help"]
try:
    main()
except SystemExit as ended:
    print(json.dumps([ended.code, sorted(sys.modules)]), file=sys.stderr)
"""


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_imports_nothing_heavy(command: tuple[str, ...]) -> None:
    """F31: for every command, by what is loaded when its help has been printed."""
    run = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(command)],
        capture_output=True,
        text=True,
        check=True,
    )
    code, modules = json.loads(run.stderr)
    assert code == 0
    assert run.stdout.startswith(f"Usage: {' '.join(('penstock', *command))}")
    assert HEAVY & {name.partition(".")[0] for name in modules} == set()
