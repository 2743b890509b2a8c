"""A user's project whose broker does not answer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.infra.processes.loopback_port import LoopbackPort
from tests.infra.cli.shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A project; at its broker's address nobody listens, and nobody else can."""
    with LoopbackPort() as port:
        yield Shop.made_in(tmp_path, port.address)
