"""docs/embedded.md does what it says: its programs run, and its tour is taken as it stands."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from penstock.infra.testing import kafka_jars
from penstock.infra.testing.local_kafka import QUICK_START
from tests.repository.tree import ROOT

_PAGE: Final = ROOT / "docs" / "embedded.md"
_BLOCK: Final = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_TOUR: Final = "## The tour"
_ADDRESS: Final = "127.0.0.1:9092"
_PORT: Final = "--port 9092"
_READY: Final = "penstock-broker ready "
_LIMIT_S: Final = 120.0

_TOOLS: Final[Mapping[str, str]] = {
    "kafka-configs": "kafka.admin.ConfigCommand",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-metadata-quorum": "org.apache.kafka.tools.MetadataQuorumCommand",
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-transactions": "org.apache.kafka.tools.TransactionsCommand",
}
"""What Kafka's shell scripts of these names run."""
_QUIET: Final = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"


class _Block(NamedTuple):
    """A fenced block of the page, without its indentation."""

    language: str
    text: str


def _blocks(text: str) -> list[_Block]:
    return [
        _Block(language, re.sub(rf"^{indent}", "", inside, flags=re.MULTILINE))
        for indent, language, inside in _BLOCK.findall(text)
    ]


def _page() -> tuple[list[_Block], list[_Block]]:
    """The blocks before the tour, and those of the tour."""
    before, _, tour = _PAGE.read_text("utf-8").partition(_TOUR)
    return _blocks(before), _blocks(tour)


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Kafka's console tools, and with the Python of this test as `python`."""
    try:
        java = kafka_jars.tool("java", "runs Kafka's console tools")
        jars = kafka_jars.fetch()
    except (kafka_jars.ToolMissing, kafka_jars.KafkaJarsMissing) as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(" ".join(str(missing).split()))
    folder = tmp_path_factory.mktemp("tools")
    commands = {
        f"{name}.sh": [java, *QUICK_START, _QUIET, "-cp", f"{jars}/*", main]
        for name, main in _TOOLS.items()
    }
    for name, command in {**commands, "python": [sys.executable]}.items():
        (folder / name).write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
        (folder / name).chmod(0o755)
    return folder


@contextmanager
def _broker(command: str, tools: Path) -> Iterator[str]:
    """Run the broker as the page has it, on any port; gives its address."""
    assert _PORT in command
    process = subprocess.Popen(
        ["bash", "-c", "exec " + command.replace(_PORT, "--port 0")],
        env=_environment(tools),
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith(_READY)
            yield line.removeprefix(_READY).strip()
        finally:
            process.kill()


def _environment(tools: Path) -> dict[str, str]:
    return {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}


def _run(script: str, folder: Path, tools: Path) -> str:
    run = subprocess.run(
        ["bash", "-eu", "-c", script],
        cwd=folder,
        env=_environment(tools),
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        check=False,
    )
    assert run.returncode == 0, f"{script}\n{run.stdout}\n{run.stderr}"
    return run.stdout


def _lines(text: str) -> list[str]:
    """Lines with something on them; tools align their columns with tabs and spaces."""
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def _is_shown(shown: str, printed: str) -> bool:
    pattern = ".+".join(re.escape(part) for part in shown.split("…"))
    return re.fullmatch(pattern, printed) is not None


@pytest.mark.timeout(300)
def test_the_tour_is_taken_as_it_stands_on_the_page(tools: Path, tmp_path: Path) -> None:
    """Every command succeeds, in one sitting, and prints what the page shows and nothing else."""
    _, tour = _page()
    start, *steps = tour
    assert start.language == "console"
    commands = [line for step in steps if step.language == "sh" for line in _lines(step.text)]
    used = {name for name in _TOOLS if any(f"{name}.sh" in line for line in commands)}
    assert used == _TOOLS.keys()
    with _broker(start.text, tools) as address:
        output: list[str] = []
        shown: list[str] = []
        for language, text in steps:
            here = text.replace(_ADDRESS, address)
            if language == "sh":
                assert output == [], "what was printed before is not shown on the page"
                output = _lines(_run(here, tmp_path, tools))
            elif language == "python":
                (tmp_path / _name(text)).write_text(here)
            else:
                assert language == "text"
                shown, printed, output = _lines(here), output, []
                assert len(shown) == len(printed), f"{shown}\n{printed}"
                wrong = [pair for pair in zip(shown, printed, strict=True) if not _is_shown(*pair)]
                assert not wrong
        assert output == []
        assert shown


def test_the_other_programs_of_the_page_run(tmp_path: Path) -> None:
    """They hold what they say by themselves."""
    before, _ = _page()
    programs = [block.text for block in before if block.language == "python"]
    assert programs
    for text in programs:
        program = tmp_path / _name(text)
        program.write_text(text)
        subprocess.run([sys.executable, program], cwd=tmp_path, timeout=_LIMIT_S, check=True)


def test_what_differs_from_run_to_run_is_all_that_may_differ() -> None:
    """The comparison itself: `…` stands for something, everything else for itself."""
    assert _is_shown("id: … of 3", "id: ab12 of 3")
    assert not _is_shown("id: … of 3", "id: ab12 of 4")
    assert not _is_shown("1.5", "125")


def _name(program: str) -> str:
    """The name of a program, from its first line."""
    first = program.splitlines()[0]
    assert first.startswith("# ")
    assert first.endswith(".py")
    return first.removeprefix("# ")
