"""Apache Kafka's jars, server and console tools, fetched by Maven once per user and list.

The folder is complete or absent: jars are gathered in a temporary folder beside it and renamed
into place in one step, so two processes may do this at once and a third never sees half of it.
Maven finds its own repositories, mirrors and proxies; nothing about them is known here.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from penstock.infra.processes.owned_process import OwnedProcess
from penstock.schemas.errors import WorldError

__all__ = ["KAFKA_VERSION", "KafkaJarsMissing", "ToolMissing", "cache_folder", "fetch", "tool"]

KAFKA_VERSION = "4.1.0"
"""The version that tests run against, as a JVM and as a container alike."""

_SCALA_VERSION = "2.13"
"""The only one that Kafka 4 is built for."""

_SLF4J_VERSION = "1.7.36"
"""The slf4j-api that Kafka 4.1.0 brings. Its jars bring no writer for it: without slf4j-simple
of the same version a server that fails to start says nothing at all."""

_MAVEN_LIMIT_S = 600.0
"""A first fetch is 53 MB in 92 jars and took 7 s from a near mirror; this is for a far one."""

_REPORTED_LINES = 15
"""How much of Maven's output an error repeats."""

_POM = f"""\
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>penstock</groupId>
  <artifactId>kafka-for-tests</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_{_SCALA_VERSION}</artifactId>
      <version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka-tools</artifactId>
      <version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>{_SLF4J_VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Say where the jars of this version are kept, present or not.

    Args:
        environment: XDG_CACHE_HOME is honoured, as the XDG base directory specification says.

    Returns:
        A folder whose name changes with all that its contents depend on: what Maven is asked for.
    """
    home = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    asked = hashlib.sha256(_POM.encode()).hexdigest()[:12]
    return Path(home) / "penstock" / f"kafka-{KAFKA_VERSION}-{asked}"


def fetch(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the jars, fetching them where they are not yet there.

    Args:
        environment: see `cache_folder`.

    Returns:
        A folder that holds all jars and nothing else.

    Raises:
        ToolMissing: the jars are not there and neither is Maven.
        KafkaJarsMissing: Maven failed, or took longer than ten minutes.
    """
    folder = cache_folder(environment)
    if folder.is_dir():
        return folder
    maven = tool("mvn", "fetches Kafka's jars")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".incoming-") as incoming:
        _gather(maven, Path(incoming))
        _place(Path(incoming) / "jars", folder)
    return folder


def tool(name: str, purpose: str) -> str:
    """Find a program.

    Args:
        name: as it is called in a shell.
        purpose: what it does for the caller, in the third person, for the error.

    Returns:
        Its path.

    Raises:
        ToolMissing: PATH does not have it.
    """
    path = shutil.which(name)
    if path is None:
        raise ToolMissing(tool=name, purpose=purpose)
    return path


def _gather(maven: str, incoming: Path) -> None:
    pom, log = incoming / "pom.xml", incoming / "maven.log"
    pom.write_text(_POM, encoding="utf-8")
    command = [maven, "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
    command.append(f"-DoutputDirectory={incoming / 'jars'}")
    exit_code = OwnedProcess(command, output=log).wait(timeout_s=_MAVEN_LIMIT_S)
    if exit_code == 0:
        return
    end = f"no end after {_MAVEN_LIMIT_S:.0f} s" if exit_code is None else f"exit code {exit_code}"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_REPORTED_LINES:]
    raise KafkaJarsMissing(reason="\n".join([end, *lines]))


def _place(jars: Path, folder: Path) -> None:
    try:
        jars.rename(folder)
    except OSError:
        # Another process was first: a folder is never renamed over one that is not empty.
        if not folder.is_dir():
            raise


@dataclass(eq=False, kw_only=True)
class ToolMissing(WorldError):
    """A program that is needed is not installed."""

    tool: str
    """Its name in a shell."""
    purpose: str
    """What it does for us."""

    code: ClassVar[str] = "PEN-I40"
    what: ClassVar[str] = "There is no program {tool} in PATH."
    why: ClassVar[str] = "It {purpose}."
    remedy: ClassVar[str] = (
        "Install it, or set PENSTOCK_TEST_KAFKA to the address of a Kafka that tests may use."
    )


@dataclass(eq=False, kw_only=True)
class KafkaJarsMissing(WorldError):
    """Maven could not fetch Kafka's jars."""

    reason: str
    """How it ended, with its last lines."""

    code: ClassVar[str] = "PEN-I41"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "Maven could not fetch the jars of Apache Kafka: {reason}."
    why: ClassVar[str] = "Without them there is no Kafka as a plain JVM."
    remedy: ClassVar[str] = (
        "See that Maven reaches a repository (its settings.xml), "
        "or set PENSTOCK_TEST_KAFKA to the address of a Kafka that tests may use."
    )
