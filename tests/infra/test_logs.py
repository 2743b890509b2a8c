"""Log lines are one line each, hold no secrets of the Kafka client, and say the same everywhere."""

import asyncio
import io
import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from penstock.events.alarm import Alarm
from penstock.infra import logs
from penstock.infra.logs import configure_logs, log_alarm, quieten_client
from penstock.infra.virtual_clock import VirtualClock

SECRET = "s3cret-canary"  # noqa: S105 - it is looked for in all lines


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    """Logging is global: what a test sets up is taken down."""
    root, client = logging.getLogger(), logging.getLogger("aiokafka")
    before = list(root.handlers), root.level, client.level
    chosen = dict(logs._chosen)
    shown = warnings.showwarning
    yield
    root.handlers[:], root.level = before[0], before[1]
    client.setLevel(before[2])
    logs._chosen.clear()
    logs._chosen.update(chosen)
    logging.captureWarnings(capture=False)
    warnings.showwarning = shown
    structlog.reset_defaults()


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say yes."""
        return True


def set_up(level: str = "info", **options: Any) -> io.StringIO:
    """Configure logs and return where they go."""
    stream = io.StringIO()
    configure_logs(level=level, stream=stream, **options)
    return stream


def rows(stream: io.StringIO) -> list[dict[str, Any]]:
    """Return the lines of JSON."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_structlog_and_the_standard_library_write_alike() -> None:
    """The same keys, whoever logs; extra fields become keys."""
    stream = set_up(form="json")
    structlog.get_logger("penstock.x").warning("hello", topic="shop.orders", partition=3)
    logging.getLogger("penstock.x").warning("hello", extra={"topic": "shop.orders", "partition": 3})
    first, second = rows(stream)
    assert list(first)[:4] == ["time", "level", "logger", "event"]
    assert {**first, "time": ""} == {**second, "time": ""}
    assert first["level"] == "warning"
    assert first["time"].endswith("Z")


def test_what_is_bound_to_the_context_is_in_every_line() -> None:
    """Whoever handles a record binds its coordinates once."""
    stream = set_up(form="json")
    with structlog.contextvars.bound_contextvars(correlation_id="c-1", offset=7):
        logging.getLogger("users.module").info("inside")
    logging.getLogger("users.module").info("outside")
    inside, outside = rows(stream)
    assert (inside["correlation_id"], inside["offset"]) == ("c-1", 7)
    assert "offset" not in outside


def test_a_terminal_gets_text_and_a_pipe_gets_json() -> None:
    """Unless the form is said."""
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        configure_logs(level="info", stream=stream)
        logging.getLogger("penstock").info("hello", extra={"topic": "a b", "offset": 3})
    assert terminal.getvalue().endswith('info    penstock hello topic="a b" offset=3\n')
    assert rows(pipe)[0]["event"] == "hello"
    assert "\x1b" not in terminal.getvalue()


def test_levels_hold() -> None:
    """What is less serious is not logged."""
    stream = set_up("warning", form="json")
    structlog.get_logger("penstock").info("no")
    logging.getLogger("penstock").info("no")
    structlog.get_logger("penstock").error("yes")
    assert [row["event"] for row in rows(stream)] == ["yes"]


@pytest.mark.parametrize("form", ["json", "text"])
@given(text=st.text(st.characters(codec=None)))
def test_no_value_leaves_its_line(form: str, text: str) -> None:
    """Q12: keys, values, nested values and the message itself; one message, one line."""
    stream = set_up(form=form)
    structlog.get_logger("penstock").warning(text, key=text, nested={"a": [text, {text: text}]})
    logging.getLogger("penstock").warning("%s", text, extra={"key": text})
    lines = stream.getvalue().split("\n")
    assert len(lines) == 3
    assert lines[-1] == ""
    assert all(len(line.splitlines()) == 1 for line in lines[:-1])


def test_a_forged_line_stays_inside_its_own() -> None:
    """The example of CWE-117."""
    stream = set_up(form="json")
    logging.getLogger("x").warning('name \r\n{"level":"ERROR"}\u202e')
    (row,) = rows(stream)
    assert row["event"] == r'name \r\n{"level":"ERROR"}\u202e'


@pytest.mark.parametrize("form", ["json", "text"])
def test_tracebacks_cannot_forge_lines_either(form: str) -> None:
    """In JSON the traceback is one value; as text each of its lines is marked."""
    stream = set_up(form=form)
    try:
        raise ValueError("a\n2026-01-01 error penstock forged")  # noqa: TRY301 - to be logged
    except ValueError:
        logging.getLogger("x").exception("failed")
    head, *rest = stream.getvalue().splitlines()
    if form == "json":
        assert "forged" in json.loads(head)["exception"]
        assert rest == []
    else:
        assert rest
        assert all(line.startswith("    | ") for line in rest)


def test_values_of_any_kind_are_logged() -> None:
    """What JSON does not have is shown by its repr; what has no end is cut."""
    stream = set_up(form="json")
    endless: list[Any] = []
    endless.append(endless)
    structlog.get_logger("x").info(
        "values", a=float("nan"), b={1}, c=b"\n", d=endless, e=10**100, f=None, g=True, h=1.5
    )
    (row,) = rows(stream)
    assert (row["a"], row["b"], row["c"]) == ("nan", [1], r"b'\n'")
    assert (row["e"], row["f"], row["g"], row["h"]) == (repr(10**100), None, True, 1.5)


# --- the Kafka client ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["aiokafka", "aiokafka.conn", "aiokafka.producer.sender"])
def test_the_client_s_debug_messages_never_pass(name: str) -> None:
    """T26: they hold payloads and passwords. Neither our level nor somebody else's lets them by."""
    stream = set_up("debug", form="json")
    logger = logging.getLogger(name)
    assert not logger.isEnabledFor(logging.DEBUG)
    logger.debug("sasl_auth_bytes=%s", SECRET)
    logger.setLevel(logging.DEBUG)
    logger.debug("sasl_auth_bytes=%s", SECRET)
    logger.setLevel(logging.NOTSET if name != "aiokafka" else logging.INFO)
    logger.info("connected")
    logging.getLogger("aiokafkaesque").debug("somebody else's debug messages pass")
    assert SECRET not in stream.getvalue()
    assert [row["event"][:9] for row in rows(stream)] == ["connected", "somebody "]


def test_a_higher_level_holds_for_the_client_too() -> None:
    """Held at info means not below it. The level may be chosen again, and the client's own wins."""
    client, part = logging.getLogger("aiokafka"), logging.getLogger("aiokafka.conn")
    streams = [set_up(level, form="json") for level in ("error", "warning")]
    for logger in (client, part):
        logger.info("not asked for")
        logger.warning("of %s", logger.name)
    streams.append(set_up("info", form="json"))
    part.info("asked for")
    client.setLevel(logging.ERROR)
    quieten_client()
    part.warning("the client's own level")
    told = [[row["event"] for row in rows(stream)] for stream in streams]
    assert told == [[], ["of aiokafka", "of aiokafka.conn"], ["asked for"]]


def test_the_client_s_repetitions_are_held_back() -> None:
    """The same warning passes once a minute, another one at once; ours are never held back."""
    stream = set_up(form="json")
    client = logging.getLogger("aiokafka.cluster")
    for _ in range(5):
        client.warning("Topic %s not found", "shop.orders")
        logging.getLogger("penstock").warning("ours")
    client.warning("Topic %s not found", "shop.other")
    events = [row["event"] for row in rows(stream)]
    assert events.count("Topic shop.orders not found") == 1
    assert events.count("Topic shop.other not found") == 1
    assert events.count("ours") == 5


def test_after_a_minute_the_number_held_back_is_told() -> None:
    """So nobody takes a flood for a single event."""

    async def scenario() -> io.StringIO:
        clock = VirtualClock()
        stream = set_up(form="json", clock=clock)
        for wait_s in (0.0, 10.0, 49.0, 2.0):
            await clock.advance(wait_s)
            logging.getLogger("aiokafka").warning("again")
        return stream

    stream = asyncio.run(scenario())
    assert [row.get("repeats_held_back") for row in rows(stream)] == [None, 2]


def test_a_message_that_cannot_be_formatted_harms_nobody(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Logging never raises into whoever logs, the client included."""
    stream = set_up(form="json")
    too_few = ("one",)
    logging.getLogger("aiokafka").warning("%s %s", *too_few)
    assert stream.getvalue() == ""
    assert "Logging error" in capsys.readouterr().err


def test_short_commands_hold_the_client_back_and_know_its_last_error() -> None:
    """Its error lines would repeat what the command's own error says, but for the reason."""
    stream = io.StringIO()
    client = configure_logs(level="warning", stream=stream, client_level=logging.CRITICAL)
    assert client.last_error is None
    logging.getLogger("aiokafka").error("Unable connect to %s: %s", "kafka:9092", "wrong version")
    logging.getLogger("aiokafka").warning("and so on")
    assert stream.getvalue() == ""
    assert client.last_error == "Unable connect to kafka:9092: wrong version"


# --- alarms ----------------------------------------------------------------------------------


def test_an_alarm_is_a_warning_with_its_facts() -> None:
    """Its name is a key of its own, for whoever builds alerts."""
    stream = set_up(form="json")
    log_alarm(Alarm(name="partition-doubt", text="In doubt.", facts={"topic": "t", "partition": 1}))
    (row,) = rows(stream)
    assert row["level"] == "warning"
    assert (row["alarm"], row["topic"], row["partition"]) == ("partition-doubt", "t", 1)


def test_an_alarm_never_raises() -> None:
    """Not even where a fact bears a name that logging uses for itself."""
    stream = set_up(form="json")
    log_alarm(Alarm(name="x", text="100% wrong", facts={"name": 1, "message": 2, "args": 3}))
    (row,) = rows(stream)
    assert row["event"] == "100% wrong"
    assert (row["fact_name"], row["fact_message"], row["fact_args"]) == (1, 2, 3)


def test_a_library_leaves_logging_alone() -> None:
    """Importing us and raising an alarm in a program without set-up prints nothing on stdout."""
    code = (
        "from penstock.events.alarm import Alarm\n"
        "from penstock.infra.logs import log_alarm\n"
        "import logging\n"
        "assert not logging.getLogger().handlers\n"
        "log_alarm(Alarm(name='x', text='told', facts={}))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == ""
    assert run.stderr == "told\n"
