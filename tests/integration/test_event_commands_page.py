"""What docs/event-commands.md shows is what happens."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from penstock.infra.testing.kafka_server import KafkaServer
from tests.repository.tree import ROOT

FENCE: Final = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")
LIMIT_S: Final = 90.0


def test_the_page_for_users_runs(own_kafka: Callable[..., KafkaServer], tmp_path: Path) -> None:
    """Each block of shell, in its order, prints the block that follows it, times aside."""
    page = (ROOT / "docs" / "event-commands.md").read_text("utf-8")
    (_, module), *blocks = FENCE.findall(page)
    (tmp_path / "shop.py").write_text(module, "utf-8")
    (tmp_path / "pyproject.toml").write_text('[tool.penstock]\napp = "shop"\nmodules = ["shop"]\n')
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PENSTOCK_")}
    environment = {
        **kept,
        "PENSTOCK_KAFKA": own_kafka().bootstrap,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}",
    }
    _run("penstock topic apply", tmp_path, environment)
    pairs = list(zip(blocks[::2], blocks[1::2], strict=True))
    assert len(pairs) >= 7
    for (language, command), (answer_language, answer) in pairs:
        assert (language, answer_language) == ("sh", "text")
        printed = _run(command, tmp_path, environment)
        assert TIME.sub("TIME", printed) == TIME.sub("TIME", answer), command


def _run(command: str, folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, f"{command}{done.stderr}"
    return done.stdout
