"""README's Python runs as it stands there."""

import re
import sys
from types import ModuleType

from tests.repository.tree import ROOT


def test_the_code_of_the_readme_runs() -> None:
    """All blocks one after the other, in one module, as a reader would type them."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert len(blocks) >= 3
    module = ModuleType("readme")
    sys.modules["readme"] = module
    try:
        for block in blocks:
            exec(compile(block, "README.md", "exec"), vars(module))  # noqa: S102 - our own text
    finally:
        del sys.modules["readme"]
    assert callable(vars(module)["place"])
