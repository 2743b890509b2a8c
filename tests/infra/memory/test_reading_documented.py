"""What docs/reading.md shows is run as it stands there."""

import re
import sys
from types import ModuleType
from typing import Any

import pytest

from penstock.infra import Settings, connect
from penstock.infra.memory import MemoryCluster, make_topics, play
from tests.repository.tree import ROOT

SETTINGS = Settings(app="shop")
COUNT = 10


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The blocks, as one module."""
    text = (ROOT / "docs" / "reading.md").read_text("utf-8")
    module = ModuleType("documented_reading")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    code = "\n\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    exec(compile(code, "docs/reading.md", "exec"), vars(module))  # noqa: S102 - our own page
    return module


def test_the_page_does_what_it_says(page: Any) -> None:
    """Each of its functions, in one program."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=[page.OrderPlaced])
        async with connect(SETTINGS, cluster=cluster) as bus:
            for number in range(COUNT):
                await bus.publish(page.OrderPlaced(order_id=f"o-{number}", total=number))
            assert await page.total(bus) == sum(range(COUNT))
            assert await page.of_the_last_hour(bus) == []  # the events are of a day long ago
            counts = await page.count(bus)
            assert sum(counts.values()) == COUNT
            assert await page.replay(bus, 1, 3) == [1, 2]
            lines: list[str] = []
            await page.report(bus, lines)
            assert len(lines) == 3
            rest: list[str] = []
            await page.report(bus, rest)
            assert not set(lines) & set(rest)

    play(scenario)
