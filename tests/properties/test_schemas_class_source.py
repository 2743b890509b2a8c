"""Source of classes: any schema that classes can say, and what is executed says it again."""

import ast
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from penstock.schemas.class_source import ClassWish, class_source, module_source
from penstock.schemas.codec import datum_encoder_of, decoder_of, encoder_of
from penstock.schemas.record import Record, declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.schemas.source_errors import IllegalSourceWish, NoFaithfulClass
from penstock.schemas.type_tree import RecordType
from tests.schemas.executed import fresh_module, imported, next_package
from tests.schemas.generated import records, values_of
from tests.schemas.sayable import sayable_records

ROOT = Path(__file__).parents[2]
CALLED = {
    *("Decimal", "Field", "UUID", "aliases", "branches", "enum_words", "fixed", "money"),
    *("written_as", "dt.date", "dt.datetime", "dt.datetime.fromisoformat", "dt.time"),
}


def schema_of(root: RecordType) -> AvroSchema:
    """Return the schema of a tree."""
    return AvroSchema.of(root, {})


def found_class(source: Any, modules: Any, full_name: str) -> type[Record]:
    """Return the class of a record."""
    module, name = source.homes[full_name]
    found: type[Record] = getattr(modules[module], name)
    return found


@given(sayable_records())
def test_a_package_says_the_schema_from_which_it_was_made(root: RecordType) -> None:
    """Types, order, docs, defaults, aliases and fingerprint: the whole text is the same."""
    schema = schema_of(root)
    package = next_package()
    source = class_source([ClassWish(schema=schema)], package=package)
    with (
        tempfile.TemporaryDirectory() as folder,
        imported(source.files, package, Path(folder)) as modules,
    ):
        again = declaration_of(found_class(source, modules, schema.full_name)).schema
    assert again.text == schema.text
    assert again.fingerprint == schema.fingerprint
    assert source.left_out == {}


@given(sayable_records())
def test_a_class_gives_its_own_source_again(root: RecordType) -> None:
    """Class, schema, source, class: nothing moves, whatever is in one module."""
    schema = schema_of(root)
    text = module_source([ClassWish(schema=schema)])
    with fresh_module(text) as module:
        classes = [each for each in vars(module).values() if _is_concrete(each)]
        schemas = {each.__penstock__.full_name: each.__penstock__.schema for each in classes}
    assert schemas[schema.full_name] == schema
    assert module_source([ClassWish(schema=schemas[schema.full_name])]) == text


def _is_concrete(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Record) and "__penstock__" in vars(value)


@given(st.data())
def test_its_objects_are_the_values_of_the_schema(data: st.DataObject) -> None:
    """What is written without a class is read as an object of it, which writes the same again."""
    root = data.draw(sayable_records())
    schema = schema_of(root)
    payload = datum_encoder_of(schema)(data.draw(values_of(root)))
    with fresh_module(module_source([ClassWish(schema=schema)])) as module:
        classes = [each for each in vars(module).values() if _is_concrete(each)]
        [kind] = [each for each in classes if each.__penstock__.full_name == schema.full_name]
        value = decoder_of(schema, kind)(payload)
        assert type(value) is kind
        assert encoder_of(kind)(value) == payload
        # Strict as the class is to its users, the value is one of theirs.
        assert kind(**vars(value)) == value


@given(st.lists(sayable_records(depth=2), min_size=2, max_size=3), st.randoms())
def test_the_order_of_the_schemas_changes_nothing(roots: list[RecordType], random: Any) -> None:
    """Nor does it matter in which order they are wished."""
    wishes = [ClassWish(schema=schema_of(root)) for root in roots]
    shuffled = random.sample(wishes, len(wishes))
    try:
        first = class_source(wishes, package="made")
    except (NoFaithfulClass, IllegalSourceWish) as refusal:
        with pytest.raises(type(refusal)):
            class_source(shuffled, package="made")
    else:
        assert class_source(shuffled, package="made") == first


@given(records())
def test_what_classes_cannot_say_is_refused_with_its_place(root: RecordType) -> None:
    """Any schema gives classes that say it, or the name of the type and the field that do not."""
    schema = schema_of(root)
    refusal = None
    try:
        text = module_source([ClassWish(schema=schema)])
    except NoFaithfulClass as error:
        refusal = error
    else:
        with fresh_module(text) as module:
            found = getattr(module, schema.full_name.rpartition(".")[2])
            assert declaration_of(found).schema == schema
    assert refusal is None or refusal.place.startswith(("shop.", "far.away."))


@given(sayable_records())
def test_executing_defines_classes_and_does_nothing_else(root: RecordType) -> None:
    """Whatever the texts are, the statements are imports, names for types, and classes."""
    text = module_source([ClassWish(schema=schema_of(root))])
    tree = ast.parse(text)
    classes = {each.name for each in tree.body if isinstance(each, ast.ClassDef)}
    assert isinstance(tree.body[0], ast.Expr)
    for statement in tree.body[1:]:
        assert isinstance(statement, ast.Import | ast.ImportFrom | ast.Assign | ast.ClassDef)
        if isinstance(statement, ast.ImportFrom):
            assert str(statement.module).split(".")[0] in {
                *("decimal", "enum", "penstock", "pydantic", "typing", "uuid")
            }
        if isinstance(statement, ast.ClassDef):
            for number, inner in enumerate(statement.body):
                docstring = number == 0 and isinstance(inner, ast.Expr)
                assert docstring or isinstance(inner, ast.AnnAssign | ast.Assign | ast.Pass)
                if isinstance(inner, ast.Expr):
                    assert isinstance(inner.value, ast.Constant)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) in CALLED | classes
        assert not isinstance(node, ast.Lambda | ast.FunctionDef | ast.JoinedStr | ast.NamedExpr)


def write_packages(folder: Path, count: int) -> None:
    """Write as many packages into a folder, each of a schema of its own."""

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(sayable_records(longest=40))
    def write(root: RecordType) -> None:
        package = next_package()
        source = class_source([ClassWish(schema=schema_of(root))], package=package)
        for path, text in source.files.items():
            file = folder / package / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")

    write()


def complaints(command: list[str], folder: Path, **environment: str) -> str:
    """Run a tool over a folder; return what it complains about."""
    done = subprocess.run(
        [sys.executable, "-m", *command, "."],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_ruff_has_nothing_to_change(tmp_path: Path) -> None:
    """Neither its formatter nor its rules as this house sets them, but those for docstrings."""
    write_packages(tmp_path, 150)
    house = ["--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    assert complaints(["ruff", "format", *house, "--diff"], tmp_path) == ""
    rules = ["--config", "lint.isort.known-first-party=['made_*']", "--extend-ignore", "D"]
    assert complaints(["ruff", "check", *house, *rules], tmp_path) == ""


def test_mypy_finds_nothing(tmp_path: Path) -> None:
    """Strictly, as a user would run it: the plugin of pydantic is his choice."""
    write_packages(tmp_path, 60)
    settings_file = tmp_path / "mypy.ini"
    settings_file.write_text("[mypy]\nstrict = true\nexplicit_package_bases = true\n")
    command = ["mypy", "--config-file", str(settings_file), "--cache-dir", str(tmp_path / ".cache")]
    assert complaints(command, tmp_path, MYPYPATH=str(ROOT / "typings")) == ""
