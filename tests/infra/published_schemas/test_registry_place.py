"""A registry as a place: subjects by rule, versions by type, levels beside those of the types."""

import asyncio
import json
from dataclasses import dataclass, field

import pytest

from penstock.infra.published_schemas.registry_place import published_in_registry, subjects_of
from penstock.infra.schema_files.roles import roles_of
from penstock.infra.schema_registry.client import RegistryVersion
from penstock.infra.schema_registry.registry_errors import SchemaUnsupported
from penstock.schemas.compatibility_levels import Level
from penstock.schemas.schema import AvroSchema
from tests.infra import avro_texts
from tests.infra.avro_texts import ORDER, schema

PAID = schema("shop.Paid", avro_texts.field("n", "int"), topic="shop.orders")
TOLD = schema("shop.Told")
NEWER = schema("shop.OrderPlaced", *ORDER.document["fields"], avro_texts.field("note", default=""))


def version(subject: str, number: int, of: AvroSchema) -> RegistryVersion:
    """Return a version; its id is its number and ten."""
    return RegistryVersion(subject=subject, version=number, id=10 + number, schema=of)


@dataclass
class Registry:
    """A registry that is a dictionary; None stands for a subject with another kind of schema."""

    kept: dict[str, list[RegistryVersion] | None]
    asked: list[str] = field(default_factory=list)
    levels: dict[str, Level] = field(default_factory=dict)

    async def subjects(self) -> list[str]:
        """Return them."""
        return sorted(self.kept)

    async def versions(self, subject: str) -> list[RegistryVersion]:
        """Return them."""
        self.asked.append(subject)
        found = self.kept.get(subject, [])
        if found is None:
            raise SchemaUnsupported(place=subject, problem="it is a JSON schema.")
        return found

    async def level_of(self, subject: str) -> Level:
        """Return it."""
        self.asked.append(f"level of {subject}")
        return self.levels.get(subject, Level.FULL)


def kept() -> Registry:
    """Return a registry with two types under one subject, one of them under another, too."""
    return Registry(
        kept={
            "shop.orders-value": [
                version("shop.orders-value", 1, ORDER),
                version("shop.orders-value", 2, PAID),
                version("shop.orders-value", 3, NEWER),
            ],
            "shop.OrderPlaced": [version("shop.OrderPlaced", 1, ORDER)],
            "web.clicks-value": None,
        }
    )


def test_a_check_asks_for_the_subjects_of_its_types_alone() -> None:
    """Other teams have thousands. What the registry demands stands beside what types declare."""
    registry = kept()
    published = asyncio.run(
        published_in_registry(registry, ["shop.orders-value", "shop.new-value"])
    )
    assert registry.asked == ["shop.orders-value", "level of shop.orders-value", "shop.new-value"]
    numbers = {name: [each.number for each in found] for name, found in published.versions.items()}
    assert numbers == {"shop.OrderPlaced": [1, 3], "shop.Paid": [2]}
    assert published.levels == {"shop.OrderPlaced": Level.FULL, "shop.Paid": Level.FULL}
    assert not published.levels_come_first


def test_a_list_takes_all_and_says_what_it_passed_over() -> None:
    """What is registered under two subjects is one version."""
    published = asyncio.run(published_in_registry(kept(), None))
    assert {name: len(found) for name, found in published.versions.items()} == {
        "shop.OrderPlaced": 2,
        "shop.Paid": 1,
    }
    assert published.notes == ("Passed over 1 subjects of other kinds than Avro records.",)


def test_one_version_under_two_subjects_is_one_in_whatever_order_they_tell_it() -> None:
    """Karapace sorts the attributes of what it is given; another doc is another version."""
    told = AvroSchema.parse(json.dumps(json.loads(ORDER.text), sort_keys=True))
    documented = AvroSchema.parse(json.dumps(json.loads(ORDER.text) | {"doc": "Words."}))
    assert told.text != ORDER.text
    registry = Registry(
        kept={
            "a": [version("a", 1, ORDER)],
            "b": [version("b", 1, told)],
            "c": [version("c", 1, documented)],
        }
    )
    published = asyncio.run(published_in_registry(registry, None))
    found = published.versions["shop.OrderPlaced"]
    assert [each.subject for each in found] == ["a", "c"]


def test_a_type_is_held_against_its_own_subject_alone() -> None:
    """Its level and its versions, and not those of a topic on which the type was before."""
    moved = schema("shop.OrderPlaced", *ORDER.document["fields"], topic="shop.moved")
    registry = Registry(
        kept={
            "shop.moved-value": [version("shop.moved-value", 1, moved)],
            "shop.orders-value": [
                version("shop.orders-value", 1, ORDER),
                version("shop.orders-value", 2, moved),
                version("shop.orders-value", 3, schema("shop.OrderPlaced")),
                version("shop.orders-value", 4, PAID),
            ],
        },
        levels={"shop.orders-value": Level.NONE},
    )
    subjects = subjects_of([PAID, moved], "topic")
    published = asyncio.run(published_in_registry(registry, subjects))
    assert [(each.subject, each.number) for each in published.before(moved)] == [
        ("shop.moved-value", 1)
    ]
    (role,) = roles_of({"shop.OrderPlaced": moved}).values()
    assert published.demanded(moved, role) == (Level.BACKWARD_TRANSITIVE, Level.FULL)


def test_a_check_of_a_subject_with_another_kind_of_schema_is_refused() -> None:
    """Nothing of it could be held against a type."""
    with pytest.raises(SchemaUnsupported):
        asyncio.run(published_in_registry(kept(), ["web.clicks-value"]))


@pytest.mark.parametrize(
    ("rule", "subjects"),
    [
        ("topic", ("shop.orders-value",)),
        ("record", ("shop.OrderPlaced", "shop.Paid", "shop.Told")),
        ("topic-record", ("shop.orders-shop.OrderPlaced", "shop.orders-shop.Paid")),
    ],
)
def test_subjects(rule: str, subjects: tuple[str, ...]) -> None:
    """Each once; what travels on no topic has none where the rule needs one."""
    assert subjects_of([ORDER, PAID, TOLD], rule) == subjects  # type: ignore[arg-type] # parametrize loses the literal
