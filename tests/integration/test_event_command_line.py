"""`penstock event publish` and `penstock event tail` on a real Kafka, as their users type them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

PENSTOCK = str(Path(sys.executable).parent / "penstock")
LIMIT_S = 90.0

MODULE = """
from decimal import Decimal
from typing import Annotated

from penstock.events import Event, Topic, money

ORDERS = Topic("{orders}", partitions=2)


class Placed(Event, topic=ORDERS, key="order_id", namespace="shop"):
    order_id: str
    total: Annotated[Decimal, money(12, 2)]


class Cancelled(Event, topic=ORDERS, key="order_id", namespace="shop"):
    order_id: str
    reason: str
"""

LATE = '{"order_id": "o-2", "reason": "too late"}'


class Shop:
    """A user's folder with two types on one topic, and the command line run in it."""

    def __init__(self, folder: Path, kafka: str, unique: Callable[[str], str]) -> None:
        """Write the folder and make its topics."""
        self.folder = folder
        self.kafka = kafka
        self.orders = f"shop.{unique('orders')}"
        self.module = f"shop_{unique('events').replace('-', '_')}"
        self.write(MODULE.format(orders=self.orders), app=unique("app"))
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PENSTOCK_")}
        self.environment = {**kept, "PENSTOCK_KAFKA": kafka, "PYTHONDONTWRITEBYTECODE": "1"}
        self.good("topic", "apply")

    def write(self, text: str, *, app: str | None = None) -> None:
        """Write the module, and the project at first."""
        (self.folder / f"{self.module}.py").write_text(text)
        if app is not None:
            project = f'[tool.penstock]\napp = "{app}"\nmodules = ["{self.module}"]\n'
            (self.folder / "pyproject.toml").write_text(project)

    def run(
        self, *words: str, given: bytes = b"", folder: Path | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """One command to its end."""
        done = subprocess.run(
            [PENSTOCK, *words],
            cwd=folder or self.folder,
            env=self.environment,
            input=given,
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    def good(self, *words: str, given: bytes = b"", folder: Path | None = None) -> str:
        """What a command prints that ends well."""
        done = self.run(*words, given=given, folder=folder)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def place(self, *numbers: int) -> None:
        """Publish an order for each number, through a pipe."""
        lines = "".join(f'{{"order_id": "o-{n}", "total": "{n}.50"}}\n' for n in numbers)
        self.good("event", "publish", "shop.Placed", "-", given=lines.encode())

    def tail(self, *words: str, folder: Path | None = None) -> list[dict[str, Any]]:
        """What there is, as JSON."""
        text = self.good("event", "tail", *words, "--no-follow", "-o", "json", folder=folder)
        return [json.loads(line) for line in text.splitlines()]

    def put(
        self,
        *records: tuple[bytes | None, bytes | None, list[tuple[str, str | bytes | None]]],
    ) -> None:
        """Write keys, values and headers to partition 0 by a client that knows nothing of ours."""
        producer = Producer({"bootstrap.servers": self.kafka})
        for key, value, headers in records:
            producer.produce(self.orders, key=key, value=value, headers=headers, partition=0)
        assert producer.flush(30.0) == 0

    @contextmanager
    def tailing(self, *words: str) -> Iterator["subprocess.Popen[str]"]:
        """`penstock event tail` in the background; it is ended if the test does not."""
        process = subprocess.Popen(
            [PENSTOCK, "event", "tail", *words],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=LIMIT_S)


@pytest.fixture
def shop(kafka: str, tmp_path: Path, unique: Callable[[str], str]) -> Shop:
    """A project of its own, on the shared Kafka."""
    folder = tmp_path / "shop"
    folder.mkdir()
    return Shop(folder, kafka, unique)


def orders(shown: Sequence[dict[str, Any]]) -> list[str]:
    """The keys of what is shown, sorted: between partitions there is no order."""
    return sorted(each["key"] for each in shown)


def test_what_is_published_is_shown_decoded(shop: Shop) -> None:
    """With its type, key, value and headers, and chosen by its type."""
    shop.place(1, 2, 3)
    told = shop.good(
        *("event", "publish", "shop.Cancelled", LATE, "--event-id", "e-1"),
        *("--correlation-id", "flow-1", "--header", "who=me", "-o", "json"),
    )
    place = json.loads(told)
    everything = shop.tail()
    assert orders(everything) == ["o-1", "o-2", "o-2", "o-3"]
    assert {each["topic"] for each in everything} == {shop.orders}
    (cancelled,) = shop.tail("Cancelled", "--headers")
    assert cancelled["value"] == {"order_id": "o-2", "reason": "too late"}
    assert (cancelled["partition"], cancelled["offset"]) == (place["partition"], place["offset"])
    headers = {each["name"]: each["value"] for each in cancelled["headers"]}
    assert headers["ce_id"] == "e-1"
    assert headers["ce_correlationid"] == "flow-1"
    assert headers["who"] == "me"
    text = shop.good("event", "tail", "Cancelled", "--no-follow")
    assert text.endswith('o-2  shop.Cancelled  {"order_id": "o-2", "reason": "too late"}\n')


def test_a_part_of_a_topic_is_shown(shop: Shop) -> None:
    """By key, by time, by offset and by type."""
    shop.place(1, 2, 3)
    place = json.loads(shop.good("publish", "shop.Cancelled", LATE, "-o", "json"))
    by_key = shop.tail("--key", "o-2", "--from", "-10m")
    assert [each["type"] for each in by_key] == ["shop.Placed", "shop.Cancelled"]
    assert shop.tail("--until", "2020-01-01T00:00:00Z") == []
    exactly = f"{place['partition']}:{place['offset']}"
    (shown,) = shop.tail("--topic", shop.orders, "--type", "Cancelled", "--from", exactly)
    assert shown["type"] == "shop.Cancelled"
    before = shop.tail("--until", exactly)
    assert {each["partition"] for each in before} == {place["partition"]}
    assert [each["offset"] for each in before] == list(range(place["offset"]))


def test_a_key_of_the_callers_choice(shop: Shop) -> None:
    """`penstock publish` and `penstock event publish` are one command."""
    event = '{"order_id": "o-1", "total": "1.00"}'
    shop.good("publish", "shop.Placed", event, "--key", "elsewhere")
    (shown,) = shop.tail("--key", "elsewhere")
    assert shown["value"]["order_id"] == "o-1"


def test_nothing_in_a_topic_ends_a_tail_or_commands_a_terminal(shop: Shop) -> None:
    """Garbage, tombstones, lies in headers and control sequences are shown as what they are."""
    evil = json.dumps({"order_id": "o-1", "reason": "\x1b]0;owned\x07\u202e\x9b31m\nnext"})
    shop.good("event", "publish", "shop.Cancelled", evil)
    shop.put(
        (b"\x1b[2J\xff", b"{}", []),
        (b"k", b"\xc3\x01" + b"12345678" + b"x", [("ce_type", b"shop.Placed\x1b[31m")]),
        (b"k", b"\x00\x7f\xff\xff\xff", []),
        (b"k", None, [("\x1b[1m", b"\x1b[0m")]),
        (None, b"", []),
    )
    shown = shop.tail("--headers")
    assert len(shown) == 6
    assert sum("problem" in each for each in shown) == 4
    assert [each["tombstone"] for each in shown].count(True) == 1
    problems = {each["problem"].split()[0] for each in shown if "problem" in each}
    assert all(problem.startswith("PEN-A") for problem in problems)
    text = shop.good("event", "tail", "--no-follow", "--headers")
    assert text.replace("\n", "").isprintable()
    raw = shop.good("event", "tail", "--no-follow", "-o", "raw", "--from", "0:0", "-n", "100")
    assert raw.isascii()
    assert len(raw.splitlines()) >= 5


def test_a_tail_follows_until_ctrl_c(shop: Shop) -> None:
    """What comes is shown as it comes; the exit code is 130, and nothing is said."""
    shop.place(1)
    with shop.tailing("Placed", "--from", "beginning", "-o", "json") as tail:
        assert tail.stdout is not None
        assert json.loads(tail.stdout.readline())["key"] == "o-1"
        shop.place(2)
        assert json.loads(tail.stdout.readline())["key"] == "o-2"
        tail.send_signal(signal.SIGINT)
        rest, told = tail.communicate(timeout=LIMIT_S)
    assert (tail.returncode, rest, told) == (130, "", "")


def test_a_tail_ends_with_the_pipe(shop: Shop) -> None:
    """`penstock event tail | head -n 1` is no error of anybody."""
    shop.place(*range(5_000))
    with shop.tailing("--no-follow") as tail:
        assert tail.stdout is not None
        assert tail.stdout.readline()
        tail.stdout.close()
        assert tail.stderr is not None
        told = tail.stderr.read()
        tail.wait(LIMIT_S)
    assert (tail.returncode, told) == (141, "")


def test_a_tail_ends_after_its_count(shop: Shop) -> None:
    """Also where it would have followed."""
    shop.place(1, 2, 3)
    text = shop.good("event", "tail", "--from", "beginning", "-n", "3", "-o", "json")
    assert len(text.splitlines()) == 3


def test_types_of_other_services_are_decoded_without_their_classes(
    shop: Shop, tmp_path: Path, unique: Callable[[str], str]
) -> None:
    """By their full names and by short ones, as the cluster's catalogue knows them."""
    name = f"Rare{unique('').replace('-', '')}"
    text = (shop.folder / f"{shop.module}.py").read_text()
    shop.write(text.replace("class Placed(", f"class {name}("))
    shop.good("publish", f"shop.{name}", '{"order_id": "o-1", "total": "1.50"}')
    other = tmp_path / "other"
    other.mkdir()
    (other / "pyproject.toml").write_text(f'[tool.penstock]\napp = "{unique("app")}"\n')
    for words in (("--topic", shop.orders), (f"shop.{name}",), (name,)):
        (shown,) = shop.tail(*words, folder=other)
        assert shown["type"] == f"shop.{name}"
        assert shown["value"] == {"order_id": "o-1", "total": "1.50"}
    done = shop.run("event", "tail", f"shop.{name[:-1]}", folder=other)
    assert done.returncode == 7
    assert f"Did you mean shop.{name}?" in done.stderr


def test_old_records_are_shown_as_they_were_written(shop: Shop) -> None:
    """By their writer's schema, whatever has become of the class."""
    shop.place(1)
    text = (shop.folder / f"{shop.module}.py").read_text()
    shop.write(text.replace("    total: Annotated", '    note: str = "none"\n    total: Annotated'))
    shop.place(2)
    shown = {each["key"]: each["value"] for each in shop.tail("Placed")}
    assert shown == {
        "o-1": {"order_id": "o-1", "total": "1.50"},
        "o-2": {"order_id": "o-2", "note": "none", "total": "2.50"},
    }


def test_what_is_not_there_is_told_with_a_way_out(shop: Shop) -> None:
    """Topics, partitions, offsets and types, each with an exit code of its own kind."""
    for words, code, part in (
        (("--topic", shop.orders[:-1]), 5, f"Did you mean {shop.orders}?"),
        (("--topic", shop.orders, "--from", "7:0"), 2, f"{shop.orders}/1"),
        (("--topic", shop.orders, "--from", "0:99"), 7, "goes from 0 to 0"),
        (("Plased",), 7, "Did you mean shop.Placed?"),
    ):
        done = shop.run("event", "tail", *words)
        assert done.returncode == code, done.stderr
        assert part in done.stderr
        assert "Traceback" not in done.stderr


def test_a_bad_line_is_named_and_what_was_before_it_is_published(shop: Shop) -> None:
    """Of a pipe, whose end is not known; the error says where to go on."""
    lines = b'{"order_id": "o-1", "total": "1.00"}\n{"order_id": 2}\n'
    done = shop.run("event", "publish", "shop.Placed", "-", given=lines)
    assert done.returncode == 7
    assert "Line 2" in done.stderr
    assert orders(shop.tail()) in ([], ["o-1"])
