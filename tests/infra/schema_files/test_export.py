"""Exported schemas are the classes' own, file by file, and a folder holds no others."""

from pathlib import Path

import pytest

from penstock.events.event import Command, Event, Reply
from penstock.infra.schema_files.export import (
    ExportRefused,
    export_faults,
    export_schemas,
    file_text,
    holds_export,
)
from penstock.schemas.record import Record, declaration_of
from penstock.schemas.schema import AvroSchema


class OrderPlaced(Event, topic="shop.orders", key="order_id"):
    """A customer placed an order, größer than 漢字."""

    order_id: str
    count: int = 1


class StockReserved(Reply, namespace="stock"):
    """The shelf was taken from."""

    shelf: str


class ReserveStock(Command, topic="stock.commands", key="order_id", reply=StockReserved):
    """Take from the shelf."""

    order_id: str


TYPES: tuple[type[Record], ...] = (OrderPlaced, ReserveStock, StockReserved)


def test_each_type_has_a_file_that_reads_back_as_its_schema(tmp_path: Path) -> None:
    """Equal to the last character, with topic, key and reply (formats.md F5)."""
    exported = export_schemas(TYPES, tmp_path / "new" / "folder")
    assert [each.full_name for each in exported] == [
        "shop.OrderPlaced",
        "stock.ReserveStock",
        "stock.StockReserved",
    ]
    for each, kind in zip(exported, TYPES, strict=True):
        assert each.path.name == f"{each.full_name}.avsc"
        schema = AvroSchema.parse(each.path.read_text("utf-8"))
        assert schema.text == declaration_of(kind).schema.text
        assert schema.fingerprint == declaration_of(kind).schema.fingerprint
    command = AvroSchema.parse(exported[1].path.read_text("utf-8")).document
    assert (command["topic"], command["key"]) == ("stock.commands", "order_id")
    assert command["reply"] == "stock.StockReserved"


def test_a_second_export_touches_nothing(tmp_path: Path) -> None:
    """The same types give the same bytes."""
    export_schemas(TYPES, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert not any(each.changed for each in export_schemas(reversed(TYPES), tmp_path))
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}


def test_a_changed_file_is_written_again(tmp_path: Path) -> None:
    """Whatever stood in it."""
    (tmp_path / "shop.OrderPlaced.avsc").write_text("{}", "utf-8")
    (exported,) = export_schemas([OrderPlaced], tmp_path)
    assert exported.changed
    assert exported.path.read_text("utf-8") == file_text(declaration_of(OrderPlaced).schema)


def test_files_are_for_people(tmp_path: Path) -> None:
    """One attribute per line, letters as they are, a line end at the end."""
    export_schemas([OrderPlaced], tmp_path)
    text = (tmp_path / "shop.OrderPlaced.avsc").read_text("utf-8")
    assert text.startswith('{\n  "type": "record",\n')
    assert "größer than 漢字" in text
    assert text.endswith("}\n")


def test_a_schema_that_no_type_has_is_refused(tmp_path: Path) -> None:
    """It would be believed for ever; nothing is written and nothing removed."""
    for number in range(7):
        (tmp_path / f"shop.Old{number}.avsc").write_text("{}", "utf-8")
    (tmp_path / "README.md").write_text("ours", "utf-8")
    with pytest.raises(ExportRefused) as caught:
        export_schemas([OrderPlaced], tmp_path)
    assert "shop.Old0.avsc" in str(caught.value)
    assert "and 2 more" in str(caught.value)
    assert caught.value.exit_code == 3
    assert len(list(tmp_path.iterdir())) == 8


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    """A README beside the schemas does no harm."""
    (tmp_path / "README.md").write_text("ours", "utf-8")
    export_schemas([OrderPlaced], tmp_path)
    assert (tmp_path / "README.md").read_text("utf-8") == "ours"


def test_a_folder_that_is_none_says_why(tmp_path: Path) -> None:
    """The reason is the operating system's."""
    (tmp_path / "file").touch()
    with pytest.raises(ExportRefused, match="The operating system says"):
        export_schemas([OrderPlaced], tmp_path / "file")


def test_what_an_export_would_change_is_told_without_one(tmp_path: Path) -> None:
    """File by file; and after an export nothing is left to tell."""
    assert not holds_export(TYPES, tmp_path / "schemas")
    export_schemas(TYPES, tmp_path)
    assert holds_export(TYPES, tmp_path)
    assert export_faults(TYPES, tmp_path) == ()
    (tmp_path / "shop.OrderPlaced.avsc").write_text("{}", "utf-8")
    (tmp_path / "stock.ReserveStock.avsc").unlink()
    (tmp_path / "shop.Old.avsc").write_text("{}", "utf-8")
    before = sorted(path.name for path in tmp_path.iterdir())
    found = [(each.path.name, each.kind.value) for each in export_faults(TYPES, tmp_path)]
    assert found == [
        ("shop.Old.avsc", "left-over"),
        ("shop.OrderPlaced.avsc", "stale"),
        ("stock.ReserveStock.avsc", "missing"),
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    (tmp_path / "shop.Old.avsc").unlink()
    export_schemas(TYPES, tmp_path)
    assert export_faults(TYPES, tmp_path) == ()
