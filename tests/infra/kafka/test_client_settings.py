"""Every client is made in infra/kafka, with settings that are spelled out."""

import ast
from collections.abc import Iterator
from pathlib import Path

import penstock.infra.kafka

FOLDER = Path(penstock.infra.kafka.__file__).parent
SAFE = {
    "AIOKafkaConsumer": {
        "enable_auto_commit": False,
        "auto_offset_reset": "none",
        "isolation_level": "read_committed",
    },
    "AIOKafkaProducer": {},
}
PLACES = {
    ("group.py", "join_group"),
    ("group_start.py", "begin_at"),
    ("log_ends.py", "open_log_ends"),
    ("reader.py", "open_reader"),
    ("slot_log.py", "log_ends"),
    ("transactions.py", "_strict_producer"),
    ("writer.py", "idempotent_producer"),
}


ASKS_FOR_ENDS = "slot_log.py"
"""It reads no record, and wants the ends of all of them."""


def clients() -> Iterator[tuple[str, str, ast.Call]]:
    """Each making of a client: file, function and call."""
    for path in sorted(FOLDER.glob("*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from (
                    (path.name, function.name, call)
                    for call in ast.walk(function)
                    if isinstance(call, ast.Call)
                    and isinstance(call.func, ast.Name)
                    and call.func.id in SAFE
                )


def test_clients_are_made_in_these_places_only() -> None:
    """A new place is looked at here, and in the test of trap T10."""
    assert {(file, function) for file, function, _ in clients()} == PLACES


def test_no_setting_that_can_lose_records_is_left_to_the_client() -> None:
    """The client's defaults are acks=1, auto-commit, read_uncommitted and "latest"."""
    for file, _, call in clients():
        assert isinstance(call.func, ast.Name)
        given = {
            keyword.arg: keyword.value.value
            for keyword in call.keywords
            if keyword.arg is not None and isinstance(keyword.value, ast.Constant)
        }
        wanted = dict(SAFE[call.func.id])
        if file == ASKS_FOR_ENDS:
            wanted["isolation_level"] = "read_uncommitted"
        assert {name: given.get(name) for name in wanted} == wanted, file
        if call.func.id == "AIOKafkaProducer":
            names = {keyword.arg for keyword in call.keywords}
            assert "transactional_id" in names or given["enable_idempotence"] is True
            assert given.get("acks", "all") == "all"
            assert given["linger_ms"] == 0


def test_no_member_is_static() -> None:
    """With an instance id of a static member, two processes of one name would fight for ever."""
    for file, _, call in clients():
        names = {keyword.arg for keyword in call.keywords}
        assert "group_instance_id" not in names, file


def test_values_are_not_decoded_by_the_client() -> None:
    """A deserializer that raises would give the same record for ever."""
    for file, _, call in clients():
        names = {keyword.arg or "" for keyword in call.keywords}
        assert not any(name.endswith("serializer") for name in names), file
