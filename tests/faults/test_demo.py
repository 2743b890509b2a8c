"""The demo as a newcomer runs it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.infra.testing.kafka_server import KafkaServer


@pytest.mark.timeout(180)
def test_the_demo_ends_with_exact_totals(own_kafka: Callable[..., KafkaServer]) -> None:
    """It starts its own Kafka, kills the worker once, and says how it went in its last line."""
    own_kafka().close()  # where no server can be had, this says so and the test is skipped
    penstock = Path(sys.executable).parent / "penstock"
    done = subprocess.run(
        [penstock, "demo", "--orders", "300"], capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert lines[-1] == "demo: 300 orders, 58 customers, totals exact"
    assert any("kill -9" in line for line in lines)
