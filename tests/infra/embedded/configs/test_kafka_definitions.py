"""Topic and broker configurations are defined exactly as Apache Kafka 4.1 defines them."""

import pytest

from penstock.infra.embedded.configs.broker_configs import BROKER_CONFIGS, TIME_SYNONYMS
from penstock.infra.embedded.configs.config_definition import ConfigDefinition
from penstock.infra.embedded.configs.config_type import shown_config
from penstock.infra.embedded.configs.resource_configs import CLIENT_METRICS_CONFIGS, GROUP_CONFIGS
from penstock.infra.embedded.configs.topic_configs import TOPIC_CONFIGS
from tests.infra.embedded.configs.apache_kafka import KafkaRow, kafka_rows, limits_text

_TOPIC_ROWS, _BROKER_ROWS = kafka_rows("topic"), kafka_rows("broker")


def test_every_topic_configuration_of_kafka_is_there_and_no_other() -> None:
    """Thirty-four, one of them internal."""
    assert list(TOPIC_CONFIGS) == sorted(_TOPIC_ROWS)
    assert len(TOPIC_CONFIGS) == 34


@pytest.mark.parametrize("row", _TOPIC_ROWS.values(), ids=lambda row: row.name)
def test_a_topic_configuration_is_kafkas(row: KafkaRow) -> None:
    """Type, default, limits, whether it is shown, and the broker's names for it."""
    definition = TOPIC_CONFIGS[row.name]
    _same(definition, row)
    assert tuple(name for name, _ in definition.inherited) == row.broker_names


@pytest.mark.parametrize("name", BROKER_CONFIGS)
def test_a_broker_configuration_is_kafkas(name: str) -> None:
    """Type, default, limits, whether it is shown, and whether it may be changed at run time."""
    definition, row = BROKER_CONFIGS[name], _BROKER_ROWS[name]
    _same(definition, row)
    assert definition.is_dynamic == row.dynamic


def test_every_name_that_a_topic_inherits_is_one_of_the_brokers() -> None:
    """So that each can be set at the start."""
    inherited = {name for topic in TOPIC_CONFIGS.values() for name, _ in topic.inherited}
    assert inherited <= BROKER_CONFIGS.keys()
    assert {name for names in TIME_SYNONYMS for name in names} <= inherited


def test_each_definition_says_what_it_is_for() -> None:
    """In a sentence."""
    for definitions in (TOPIC_CONFIGS, BROKER_CONFIGS, GROUP_CONFIGS, CLIENT_METRICS_CONFIGS):
        for definition in definitions.values():
            assert definition.documentation.endswith("."), definition.name


def _same(definition: ConfigDefinition, row: KafkaRow) -> None:
    default = None if definition.default is None else shown_config(definition.default)
    assert (definition.config_type.name, default) == (row.type_name, row.default)
    assert limits_text(definition.check) == row.limits
    assert definition.is_hidden == row.internal
