"""What a process says of itself."""

import os
import socket
from importlib.metadata import version

import pytest

from penstock.infra.clock import SeededEntropy, SystemEntropy
from penstock.infra.registry.instance import Instance, Status
from penstock.infra.registry.instance_codec import encode_instance
from penstock.infra.registry.this_process import this_process
from penstock.infra.virtual_clock import VirtualClock


def describe(seed: int = 1) -> Instance:
    """Describe this process."""
    return this_process(
        "orders", clock=VirtualClock(), entropy=SeededEntropy(seed), metadata={"app": "shop"}
    )


def test_it_says_who_and_where_it_is() -> None:
    """And can be written."""
    instance = describe()
    assert (instance.service, instance.pid, instance.status) == ("orders", os.getpid(), Status.UP)
    assert instance.version == version("penstock")
    assert instance.started_ms == VirtualClock().wall_ms()
    assert instance.metadata == {"app": "shop"}
    assert instance.id.startswith(f"{instance.host[:64]}-{os.getpid()}-")
    assert encode_instance(instance)


def test_no_two_have_the_same_id() -> None:
    """A process that starts again in a container has the host and the number of the one before."""
    entropy = SystemEntropy()
    made = {this_process("a", clock=VirtualClock(), entropy=entropy).id for _ in range(100)}
    assert len(made) == 100


@pytest.mark.parametrize("name", ["", "...", "h\u00f6st name\n", "a" * 300, "-x-", "under_score"])
def test_any_name_of_a_machine_will_do(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An administrator may have chosen it."""
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    assert encode_instance(describe())
