"""Documents that lie are worse than none: links resolve, and what is shown as code is code."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tests.repository.tree import ROOT, documents

FENCE: Final = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)(?:\s[^)]*)?\)")
HEADING: Final = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
TARGET: Final = re.compile(r"`make ([a-z-]+)`|^make ([a-z-]+)", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block of a document."""

    path: Path
    line: int
    """Of its first line of code, from 1."""
    text: str


def blocks(*languages: str) -> Iterator[Block]:
    """Yield the fenced blocks in some languages, from all documents."""
    for path in documents():
        text = path.read_text("utf-8")
        for found in FENCE.finditer(text):
            if found[2] in languages:
                line = text.count("\n", 0, found.start(3)) + 1
                indent = re.compile(rf"^{found[1]}", re.MULTILINE)
                yield Block(path, line, indent.sub("", found[3]))


def anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub makes of a document's headings."""
    titles = HEADING.findall(FENCE.sub("", path.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def is_broken(path: Path, link: str) -> bool:
    """Return whether a relative link leads nowhere, its anchor included."""
    target, _, anchor = link.partition("#")
    file = (path.parent / target).resolve() if target else path
    if not file.is_relative_to(ROOT) or not file.exists():
        return True
    return bool(anchor) and file.suffix == ".md" and anchor not in anchors(file)


def test_relative_links_resolve() -> None:
    """Every link inside the repository leads to a file, and to a heading where it names one."""
    found = [
        f"{path}: {link}"
        for path in documents()
        for link in LINK.findall(FENCE.sub("", path.read_text("utf-8")))
        if not re.match(r"[a-z]+:", link) and is_broken(path, link)
    ]
    assert not found, "\n".join(found)


def test_python_blocks_parse() -> None:
    """A Python block is Python; awaiting outside of a function is allowed, as in a notebook."""
    found = []
    for block in blocks("python", "py"):
        try:
            ast.parse(block.text)
        except SyntaxError as error:
            found.append(f"{block.path}:{block.line}: {error}")
    assert not found, "\n".join(found)


def test_yaml_blocks_parse() -> None:
    """A YAML block is YAML, without doubled keys."""
    found = []
    for block in blocks("yaml", "yml"):
        try:
            YAML(typ="safe").load(block.text)
        except YAMLError as error:
            found.append(f"{block.path}:{block.line}: {error}")
    assert not found, "\n".join(found)


def test_shell_blocks_parse() -> None:
    """A shell block can be pasted: no prompts, no broken quotes."""
    found = []
    for block in blocks("sh", "bash", "shell"):
        run = subprocess.run(
            ["bash", "-n"],
            input=block.text,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        if run.returncode or re.search(r"^\s*\$ ", block.text, re.MULTILINE):
            found.append(f"{block.path}:{block.line}: {run.stderr or 'a prompt'}")
    assert not found, "\n".join(found)


def test_make_targets_in_documents_exist() -> None:
    """A document that says `make something` speaks of a target of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    found = [
        f"{path}: make {name}"
        for path in documents()
        for groups in TARGET.findall(path.read_text("utf-8"))
        for name in groups
        if name and name not in targets
    ]
    assert not found, "\n".join(found)
