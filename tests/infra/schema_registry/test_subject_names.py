"""Under which name a schema is registered."""

import pytest

from penstock.infra.schema_registry.registry_errors import NoSubject
from penstock.infra.schema_registry.subject_names import SUBJECT_RULES, SubjectRule, subject_of
from penstock.schemas.schema import AvroSchema
from tests.infra.schema_registry.texts import schema


@pytest.mark.parametrize(
    ("rule", "subject"),
    [
        ("topic", "shop.orders-value"),
        ("record", "shop.Placed"),
        ("topic-record", "shop.orders-shop.Placed"),
    ],
)
def test_the_rules_are_those_of_other_clients(rule: SubjectRule, subject: str) -> None:
    """TopicNameStrategy, RecordNameStrategy, TopicRecordNameStrategy."""
    assert subject_of(schema(topic="shop.orders"), rule) == subject


@pytest.mark.parametrize("rule", [each for each in SUBJECT_RULES if each != "record"])
@pytest.mark.parametrize("topic", ["", '"topic": 7, ', '"topic": "", '])
def test_without_a_topic_there_is_none(rule: SubjectRule, topic: str) -> None:
    """A guess would register it where nobody looks."""
    given = AvroSchema.parse(
        f'{{{topic}"type": "record", "name": "shop.Placed", "fields": []}}',
    )
    with pytest.raises(NoSubject) as refused:
        subject_of(given, rule)
    assert refused.value.full_name == "shop.Placed"
    assert subject_of(given, "record") == "shop.Placed"
