import subprocess
import sys
from pathlib import Path

import pytest

from penstock.infra.testing import kafka_jars

GOOD_MAVEN = """#!/bin/sh
for argument; do case $argument in
    -DoutputDirectory=*) folder=${argument#-DoutputDirectory=} ;;
    *.xml) grep -q 'kafka_2.13' "$argument" || exit 9 ;;
esac; done
mkdir "$folder"
sleep 0.2
echo jar > "$folder/kafka.jar"
echo fetched >> "$LOG"
"""
BAD_MAVEN = """#!/bin/sh
mkdir -p half
echo 'Could not resolve artifact'
exit 1
"""
FETCH = "from penstock.infra.testing import kafka_jars; print(kafka_jars.fetch())"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an empty cache, whose Maven is the program `mvn` in this folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    return tmp_path


def install(machine: Path, maven: str) -> None:
    """Put a Maven there."""
    program = machine / "mvn"
    program.write_text(maven)
    program.chmod(0o755)


def test_jars_are_fetched_once(machine: Path) -> None:
    """The second call finds the folder and asks nobody."""
    install(machine, GOOD_MAVEN)
    folder = kafka_jars.fetch()
    assert folder.is_relative_to(machine / "cache" / "penstock")
    assert [path.name for path in folder.iterdir()] == ["kafka.jar"]
    install(machine, BAD_MAVEN)
    assert kafka_jars.fetch() == folder


def test_two_processes_may_fetch_at_once(machine: Path) -> None:
    """Both get the same whole folder, and nothing temporary is left."""
    install(machine, GOOD_MAVEN)
    fetching = [
        subprocess.Popen([sys.executable, "-c", FETCH], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    answers = {process.communicate(timeout=20)[0].strip() for process in fetching}
    (folder,) = (Path(answer) for answer in answers)
    assert [path.name for path in folder.iterdir()] == ["kafka.jar"]
    assert list(folder.parent.iterdir()) == [folder]


def test_a_failed_fetch_leaves_nothing(machine: Path) -> None:
    """What Maven said last is in the error, and the next call tries again."""
    install(machine, BAD_MAVEN)
    with pytest.raises(kafka_jars.KafkaJarsMissing, match="Could not resolve artifact"):
        kafka_jars.fetch()
    assert list((machine / "cache" / "penstock").iterdir()) == []
    install(machine, GOOD_MAVEN)
    assert kafka_jars.fetch().is_dir()


def test_without_maven(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without jars and without Maven the error names the program."""
    monkeypatch.setenv("PATH", str(machine))
    with pytest.raises(kafka_jars.ToolMissing, match="mvn"):
        kafka_jars.fetch()


def test_the_folder_is_of_this_version() -> None:
    """Jars of another version are never mistaken for these; XDG_CACHE_HOME is honoured."""
    folder = kafka_jars.cache_folder({"XDG_CACHE_HOME": "/somewhere"})
    assert folder.parent == Path("/somewhere/penstock")
    assert kafka_jars.KAFKA_VERSION in folder.name
    assert kafka_jars.cache_folder({}).parent == Path.home() / ".cache" / "penstock"


def test_another_list_has_another_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has the jars of a shorter list fetches again, and finds the tools."""
    before = kafka_jars.cache_folder({})
    monkeypatch.setattr(kafka_jars, "_POM", kafka_jars._POM.replace("kafka-tools", "kafka-other"))
    assert kafka_jars.cache_folder({}) != before
