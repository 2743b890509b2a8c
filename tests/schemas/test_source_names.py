"""Names for Python: what can stay stays."""

from enum import Enum
from typing import Any

from penstock.schemas.record import Record
from penstock.schemas.source_names import (
    OF_PYDANTIC,
    attributes_for,
    class_names_for,
    is_member,
    segments_for,
)


def new_enum(members: dict[str, str]) -> Any:
    """Return an enum with these members."""
    make: Any = Enum
    return make("Made", members)


def test_no_attribute_hides_what_every_record_has() -> None:
    """Pydantic warns of it; a newer pydantic with more of its own is noticed here."""
    own = {each for each in {*dir(Record), *dir(type(Record))} if not each.startswith("_")}
    protected = {each for each in own if each.startswith(("model_validate", "model_dump"))}
    assert own - protected <= OF_PYDANTIC


def test_attributes_change_only_where_they_must() -> None:
    """Keywords, pydantic's own, what the class mentions, and underscores before a name."""
    fields = ["class", "json", "str", "_id", "id", "_", "__1", "model_dump_x", "order_id", "class_"]
    assert attributes_for(fields, {"str"}) == {
        "class": "class__",
        "json": "json_",
        "str": "str_",
        "_id": "id_",
        "id": "id",
        "_": "field",
        "__1": "field_1",
        "model_dump_x": "field_model_dump_x",
        "order_id": "order_id",
        "class_": "class_",
    }


def test_who_keeps_a_name_does_not_depend_on_the_order() -> None:
    """The first full name does."""
    names = {"b.Card": "Card", "a.Card": "Card", "a.Field": "Field", "a.__X": "__X"}
    found = {"a.Card": "Card", "b.Card": "Card_", "a.Field": "Field_", "a.__X": "X"}
    assert class_names_for(names, {"Field"}) == found
    assert class_names_for(dict(reversed(names.items())), {"Field"}) == found


def test_modules_differ_in_more_than_the_case_of_letters() -> None:
    """Some file systems see no other difference."""
    assert segments_for(["shop", "Shop", "in"]) == {"Shop": "Shop", "in": "in_", "shop": "shop_"}


def test_members_are_what_an_enum_takes() -> None:
    """Each symbol that passes makes a member of that name."""
    for symbol in ("A", "a_b", "names", "values", "class", "None", "mro", "_x", "__x__", "name"):
        if is_member(symbol):
            made: type[Enum] = new_enum({symbol: symbol})
            assert list(made.__members__) == [symbol]
    assert not any(map(is_member, ("class", "None", "mro", "_x", "__x__", "name")))
