"""What DescribeConfigs shows of a resource's settings, and where each value comes from.

The rules are those of Kafka's ConfigHelper: a value's source is that of its first synonym; the
synonyms are looked for in all places, the strongest first, and those before the configuration's own
name are dropped. That is why a topic's retention.ms shows no synonym while only log.retention.hours
has a value.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import dropwhile
from typing import Final

from penstock.infra.embedded.configs.broker_config import BrokerConfig
from penstock.infra.embedded.configs.broker_configs import BROKER_CONFIGS, TIME_SYNONYMS
from penstock.infra.embedded.configs.config_definition import ConfigDefinition
from penstock.infra.embedded.configs.config_entry import ConfigEntry, ConfigSource, ConfigSynonym
from penstock.infra.embedded.configs.config_query import ConfigQuery
from penstock.infra.embedded.configs.config_type import ConfigType, ConfigValue, shown_config
from penstock.infra.embedded.configs.topic_configs import TOPIC_CONFIGS

__all__ = ["described_broker", "described_cluster", "described_others", "described_topic"]

_SYNONYMS: Final = {name: names for names in TIME_SYNONYMS for name in names}
_DEFAULT: Final = ConfigSource.DEFAULT_CONFIG
_CLUSTER: Final = ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG

_Found = tuple[ConfigSynonym, ...]
_Place = tuple[Callable[[str], str | None], ConfigSource]


def described_topic(
    config: BrokerConfig, configs: Mapping[str, str], query: ConfigQuery
) -> tuple[ConfigEntry, ...]:
    """Show a topic's settings.

    Args:
        config: the broker's settings, which the topic inherits.
        configs: what is set for the topic.
        query: what is asked for.

    Returns:
        The entries, by name.
    """
    entries = []
    for name, definition in TOPIC_CONFIGS.items():
        is_set = name in configs
        if not query.wants(name) or (definition.is_hidden and not is_set):
            continue
        value = config.topic_value(name, configs)
        found: _Found = ()
        if definition.inherited:
            found = _broker_synonyms(config, definition.inherited[0].name)
        if is_set:
            source = ConfigSource.DYNAMIC_TOPIC_CONFIG
            found = (ConfigSynonym(name=name, value=_text(value), source=source), *found)
        entries.append(_entry(definition, value, found, query))
    return tuple(entries)


def described_broker(config: BrokerConfig, query: ConfigQuery) -> tuple[ConfigEntry, ...]:
    """Show the broker's settings.

    Args:
        config: the settings.
        query: what is asked for.

    Returns:
        The entries, by name; then what was set under names that no configuration has.
    """
    changed = config.for_cluster.keys() | config.for_broker.keys()
    is_set = config.given.keys() | changed
    entries = [
        _entry(
            definition,
            config.value(name),
            _broker_synonyms(config, name),
            query,
            read_only=not definition.is_dynamic,
        )
        for name, definition in BROKER_CONFIGS.items()
        if query.wants(name) and (not definition.is_hidden or name in is_set)
    ]
    foreign = sorted(changed - BROKER_CONFIGS.keys())
    entries += [_foreign(config, name, query) for name in foreign if query.wants(name)]
    return tuple(entries)


def described_cluster(config: BrokerConfig, query: ConfigQuery) -> tuple[ConfigEntry, ...]:
    """Show what was set for all brokers of the cluster.

    Args:
        config: the broker's settings.
        query: what is asked for.

    Returns:
        The entries, by name.
    """
    entries = []
    for name, text in sorted(config.for_cluster.items()):
        if not query.wants(name):
            continue
        definition = BROKER_CONFIGS.get(name)
        if definition is None:
            only_here = config.with_changes(for_broker={})
            entries.append(_foreign(only_here, name, query))
            continue
        shown = None if definition.is_sensitive else text
        found = (ConfigSynonym(name=name, value=shown, source=_CLUSTER),)
        value = definition.value_of(text)
        entries.append(_entry(definition, value, found, query, read_only=not definition.is_dynamic))
    return tuple(entries)


def described_others(
    definitions: Mapping[str, ConfigDefinition],
    configs: Mapping[str, str],
    source: ConfigSource,
    query: ConfigQuery,
) -> tuple[ConfigEntry, ...]:
    """Show the settings of a group, or of a subscription to client metrics.

    Args:
        definitions: the resource's configurations.
        configs: what is set, checked.
        source: where what is set comes from.
        query: what is asked for.

    Returns:
        The entries, by name.
    """
    entries = []
    for name, definition in definitions.items():
        if not query.wants(name):
            continue
        text = configs.get(name)
        value = definition.value_of(text)
        found: _Found = ()
        if text is not None:
            found = (ConfigSynonym(name=name, value=_text(value), source=source),)
        elif source is ConfigSource.GROUP_CONFIG:
            found = (ConfigSynonym(name=name, value=_text(value), source=_DEFAULT),)
        entries.append(_entry(definition, value, found, query))
    return tuple(entries)


def _entry(
    definition: ConfigDefinition,
    value: ConfigValue | None,
    found: _Found,
    query: ConfigQuery,
    *,
    read_only: bool = False,
) -> ConfigEntry:
    return ConfigEntry(
        name=definition.name,
        value=None if definition.is_sensitive else _text(value),
        read_only=read_only,
        is_sensitive=definition.is_sensitive,
        source=found[0].source if found else _DEFAULT,
        config_type=definition.config_type,
        synonyms=found if query.synonyms else (),
        documentation=definition.documentation if query.documentation else None,
    )


def _foreign(config: BrokerConfig, name: str, query: ConfigQuery) -> ConfigEntry:
    """Show what was set under a name that no configuration has: it might be a secret."""
    found = tuple(
        ConfigSynonym(name=name, value=None, source=source)
        for settings, source in _places(config)[:2]
        if settings(name) is not None
    )
    return ConfigEntry(
        name=name,
        value=None,
        read_only=True,
        is_sensitive=True,
        source=found[0].source,
        config_type=ConfigType.UNKNOWN,
        synonyms=found if query.synonyms else (),
    )


def _broker_synonyms(config: BrokerConfig, name: str) -> _Found:
    def everywhere() -> Iterator[ConfigSynonym]:
        names = _SYNONYMS.get(name, (name,))
        for settings, source in _places(config):
            for each in names:
                text = settings(each)
                if text is not None:
                    yield ConfigSynonym(name=each, value=text, source=source)

    return tuple(dropwhile(lambda synonym: synonym.name != name, everywhere()))


def _places(config: BrokerConfig) -> tuple[_Place, ...]:
    return (
        (config.for_broker.get, ConfigSource.DYNAMIC_BROKER_CONFIG),
        (config.for_cluster.get, _CLUSTER),
        (config.given.get, ConfigSource.STATIC_BROKER_CONFIG),
        (_default_text, _DEFAULT),
    )


def _default_text(name: str) -> str | None:
    return _text(BROKER_CONFIGS[name].default)


def _text(value: ConfigValue | None) -> str | None:
    return None if value is None else shown_config(value)
