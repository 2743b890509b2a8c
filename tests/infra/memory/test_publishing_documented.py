"""What docs/publishing.md shows is run as it stands there."""

import re
import sys
from types import ModuleType
from typing import Any

import pytest

from penstock.infra import Settings, connect
from penstock.infra.memory import MemoryCluster, make_topics, play
from tests.repository.tree import ROOT

SETTINGS = Settings(app="shop")
COUNT = 50


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The blocks, as one module."""
    text = (ROOT / "docs" / "publishing.md").read_text("utf-8")
    module = ModuleType("documented_publishing")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    code = "\n\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    exec(compile(code, "docs/publishing.md", "exec"), vars(module))  # noqa: S102 - our own page
    return module


def test_the_page_does_what_it_says(page: Any) -> None:
    """Each of its functions, in one program."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=[page.Measured])
        async with connect(SETTINGS, cluster=cluster) as bus:
            outcomes = page.watch(bus)
            events = [page.Measured(sensor=f"s-{n % 7}", value=n / 2) for n in range(COUNT)]
            assert await page.measure(bus, events) == 0
            assert outcomes.records == {"acknowledged": COUNT}
            assert bus.publisher.statistics().acknowledged == COUNT
            published = await page.first_place(bus, events[0])
            assert published.topic == "publishing.readings"

    play(scenario)
