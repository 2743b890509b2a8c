"""YAML 1.2 without what a saga has no use for, and an answer whatever the text."""

import pytest

from penstock.sagas.language.findings import Findings
from penstock.sagas.language.source_text import Mark
from penstock.sagas.language.yaml_nodes import (
    BrokenNode,
    ListNode,
    MappingNode,
    Node,
    ScalarKind,
    TextNode,
)
from penstock.sagas.language.yaml_tree import MAX_BYTES, MAX_DEPTH, MAX_VALUES, tree_of


def read(text: str) -> tuple[Node | None, list[str]]:
    """Return what a text holds, and `line:column word` of each problem."""
    findings = Findings(text, "a.yaml")
    node = tree_of(text, findings)
    return node, [f"{each.line}:{each.column} {each.code}" for each in findings.problems]


def value(text: str) -> Node:
    """Return the value behind the first key of a text that has no problem."""
    node, problems = read(text)
    assert not problems
    assert isinstance(node, MappingNode)
    return node.entries[0].value


# What is kept


def test_keys_and_values_have_their_places() -> None:
    """Line and column from 1, of the first character."""
    node, _ = read("a: 1\nb:\n  - {c: x}\n")
    assert isinstance(node, MappingNode)
    first, second = node.entries
    assert (first.key.mark, first.value.mark) == (Mark(line=1, column=1), Mark(line=1, column=4))
    assert isinstance(second.value, ListNode)
    inner = second.value.items[0]
    assert isinstance(inner, MappingNode)
    assert inner.entries[0].key.mark == Mark(line=3, column=6)


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("yes", ScalarKind.TEXT),
        ("NO", ScalarKind.TEXT),
        ("on", ScalarKind.TEXT),
        ("1:30", ScalarKind.TEXT),
        ("2026-01-31", ScalarKind.TEXT),
        ("'5'", ScalarKind.TEXT),
        ('"null"', ScalarKind.TEXT),
        ("1_000", ScalarKind.TEXT),
        ("true", ScalarKind.BOOLEAN),
        ("False", ScalarKind.BOOLEAN),
        ("~", ScalarKind.NULL),
        ("null", ScalarKind.NULL),
        ("-12", ScalarKind.INTEGER),
        ("0x1F", ScalarKind.INTEGER),
        ("1.10", ScalarKind.NUMBER),
        ("1e3", ScalarKind.NUMBER),
        (".inf", ScalarKind.NUMBER),
    ],
)
def test_scalars_are_what_yaml_1_2_says(written: str, kind: ScalarKind) -> None:
    """Its core schema, in which the traps of 1.1 are text."""
    node = value(f"a: {written}")
    assert isinstance(node, TextNode)
    assert node.kind is kind


def test_texts_keep_what_was_written() -> None:
    """A scalar is not converted before its type is known."""
    node = value("a: 010.50")
    assert isinstance(node, TextNode)
    assert node.text == "010.50"


def test_block_and_quoted_texts_are_texts() -> None:
    """However they look."""
    node = value("a: |\n  1\n")
    assert isinstance(node, TextNode)
    assert (node.text, node.kind) == ("1\n", ScalarKind.TEXT)


def test_a_value_that_is_not_there_stands_at_its_key() -> None:
    """And not on the line below, where YAML puts it."""
    node = value("a:\nb: 1\n")
    assert isinstance(node, TextNode)
    assert (node.kind, node.mark) == (ScalarKind.NOTHING, Mark(line=1, column=1))


def test_line_ends_of_every_system_count_the_same() -> None:
    """LF, CR LF, CR."""
    for end in ("\n", "\r\n", "\r"):
        node, problems = read(end.join(["a: 1", "b: 2", ""]))
        assert not problems
        assert isinstance(node, MappingNode)
        assert node.entries[1].key.mark == Mark(line=2, column=1)


# What is refused


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        pytest.param("a: &x 1\n", ["1:4 anchor"], id="anchor"),
        pytest.param("a: &x 1\nb: *x\n", ["1:4 anchor", "2:4 anchor"], id="alias"),
        pytest.param("a: &x\n  b: 1\n", ["1:4 anchor"], id="anchor of a mapping"),
        pytest.param("a: !!int '1'\n", ["1:4 tag"], id="tag"),
        pytest.param("a: !mine {b: 1}\n", ["1:4 tag"], id="own tag"),
        pytest.param("a: !!python/object:os.system x\n", ["1:4 tag"], id="python tag"),
        pytest.param("<<: {a: 1}\n", ["1:1 merge-key"], id="merge key"),
        pytest.param("a: 1\nb: 2\na: 3\n", ["3:1 duplicate-key"], id="duplicate"),
        pytest.param("'a': 1\n\"a\": 3\n", ["2:1 duplicate-key"], id="quoted duplicate"),
        pytest.param("1: x\n", ["1:1 key-not-text"], id="number as a key"),
        pytest.param("null: x\n", ["1:1 key-not-text"], id="null as a key"),
        pytest.param("true: x\n", ["1:1 key-not-text"], id="boolean as a key"),
        pytest.param(": x\n", ["1:1 key-not-text"], id="no key"),
        pytest.param("[a]: x\n", ["1:1 key-not-text"], id="list as a key"),
        pytest.param("? {a: 1}\n: x\n", ["1:3 key-not-text"], id="mapping as a key"),
        pytest.param("%YAML 1.1\n---\na: 1\n", ["2:1 directive"], id="version directive"),
        pytest.param("%TAG ! !x\n---\na: 1\n", ["2:1 directive"], id="tag directive"),
        pytest.param("a: 1\n---\nb: 2\n", ["2:1 several-documents"], id="two documents"),
        pytest.param("", ["1:1 wrong-shape"], id="empty"),
        pytest.param("# nothing\n", ["1:1 wrong-shape"], id="only a comment"),
        pytest.param("a: [1\n", ["2:1 syntax"], id="open list"),
        pytest.param("a: b: c\n", ["1:5 syntax"], id="two colons"),
        pytest.param("a:\n\tb: 1\n", ["2:1 syntax"], id="tab"),
        pytest.param("a: 'x\n", ["2:1 syntax"], id="open quote"),
        pytest.param('a: "\\q"\n', ["1:6 syntax"], id="unknown escape"),
        pytest.param('a: "\\U00110000"\n', ["1:1 syntax"], id="escape beyond Unicode"),
        pytest.param("a: @x\n", ["1:4 syntax"], id="reserved sign"),
    ],
)
def test_yaml_that_is_no_saga_is_refused(text: str, problems: list[str]) -> None:
    """Each with a word of its own, at its place."""
    assert read(text)[1] == problems


def test_what_is_refused_is_left_out() -> None:
    """So that the checks behind find less, and never something false."""
    node, _ = read("a: *x\nb: &y 2\nb: 3\n1: 4\n")
    assert isinstance(node, MappingNode)
    assert [entry.key.text for entry in node.entries] == ["a", "b"]
    assert isinstance(node.entries[0].value, BrokenNode)
    second = node.entries[1].value
    assert isinstance(second, TextNode)
    assert second.text == "2"


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\x7f", "\x85", "\u200b", "\u200e"])
@pytest.mark.parametrize("place", ["a: x{}y\n", "# {}\na: 1\n"])
def test_a_hidden_character_is_refused_everywhere(character: str, place: str) -> None:
    """In a comment too: what a reader sees is what the file is."""
    text = place.format(character)
    findings = Findings(text, "a.yaml")
    assert tree_of(text, findings) is None
    (problem,) = findings.problems
    assert problem.code == "hidden-character"
    assert f"U+{ord(character):04X}" in problem.message
    assert character not in str(problem) + problem.source


@pytest.mark.parametrize(
    "character", ["\u202e", "\u2066", "\u2028", "\u2029", "\u2060", "\ufeff", "\u00ad", "\ud800"]
)
def test_direction_marks_separators_and_halves_are_hidden_too(character: str) -> None:
    """The byte order mark as well: whoever reads the file takes it off."""
    assert read(f"{character}a: 1\n")[1] == ["1:1 hidden-character"]


def test_letters_of_all_scripts_are_welcome() -> None:
    """And combined accents, and pictures."""
    node = value("a: größer 漢字 e\u0301 🚚\n")
    assert isinstance(node, TextNode)
    assert node.text == "größer 漢字 e\u0301 🚚"


# Limits


def test_a_file_has_256_kib_at_most() -> None:
    """Counted in bytes; the limit is in the message."""
    assert read("#" * MAX_BYTES)[1] == ["1:1 wrong-shape"]
    for text in ("#" * (MAX_BYTES + 1), "#" + "ö" * (MAX_BYTES // 2)):
        findings = Findings(text, "a.yaml")
        assert tree_of(text, findings) is None
        (problem,) = findings.problems
        assert problem.code == "too-large"
        assert "256 KiB" in problem.message


def test_a_file_nests_32_levels_at_most() -> None:
    """The last level that is legal, and the first that is not."""
    assert not read("[" * MAX_DEPTH + "]" * MAX_DEPTH)[1]
    text = "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)
    assert read(text)[1] == [f"1:{MAX_DEPTH + 1} too-deep"]


def test_a_file_holds_20_000_values_at_most() -> None:
    """A list of small things is as much work as a large file."""
    text = "a: [" + "1," * MAX_VALUES + "]"
    node, problems = read(text)
    assert node is None
    assert [each.partition(" ")[2] for each in problems] == ["too-many-values"]


BOMB = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [*{before}, *{before}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(BOMB, id="billion laughs"),
        pytest.param("[" * 200_000, id="open lists"),
        pytest.param("{" * 200_000, id="open mappings"),
        pytest.param("- " * 100_000, id="lists in lists"),
        pytest.param("? " * 100_000, id="keys in keys"),
        pytest.param("a: " * 80_000, id="values in values"),
        pytest.param("a: " + "9" * 250_000, id="a number of 250 000 digits"),
        pytest.param("'" * 250_000, id="quotes"),
        pytest.param('"' + "\\" * 250_000, id="backslashes"),
        pytest.param("\n" * 250_000, id="empty lines"),
        pytest.param("#\n" * 125_000, id="comments"),
        pytest.param("---\n" * 60_000, id="documents"),
        pytest.param("&a " * 80_000, id="anchors"),
        pytest.param("!a " * 80_000, id="tags"),
        pytest.param("a\n" * 125_000, id="a text of many lines"),
        pytest.param("".join(" " * depth + "a:\n" for depth in range(700)), id="stairs"),
        pytest.param("{" + '"a":' * 60_000, id="keys of nothing"),
        pytest.param("\x00" * 250_000, id="zeros"),
        pytest.param("\U0010ffff" * 1_000, id="no characters"),
    ],
)
def test_hostile_texts_end_in_problems_or_nodes(text: str) -> None:
    """Never in another exception, a full stack, or a wait without end (pytest's own limit)."""
    node, problems = read(text)
    assert problems or node is not None
    assert len(problems) < 400
