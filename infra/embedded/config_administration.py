"""Describing and changing configurations: of topics, the broker, the cluster, groups, metrics.

Laws:
1. A change is checked as a whole, kept in the journal, and only then counts.
2. The broker's settings live here; who needs them reads `config` each time.
3. Everything is bounded: names for one resource, the length of a text, resources of other kinds.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar, final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.configs.broker_config import BrokerConfig
from penstock.infra.embedded.configs.broker_configs import BROKER_CONFIGS
from penstock.infra.embedded.configs.config_answer import ConfigsAltered, ConfigsDescribed
from penstock.infra.embedded.configs.config_change import ConfigChange, ConfigOperation
from penstock.infra.embedded.configs.config_changes import (
    changed_configs,
    refuse_broker_configs,
    refuse_configs,
    refuse_list_changes,
    replaced_configs,
)
from penstock.infra.embedded.configs.config_definition import ConfigDefinition
from penstock.infra.embedded.configs.config_description import (
    described_broker,
    described_cluster,
    described_others,
    described_topic,
)
from penstock.infra.embedded.configs.config_entry import ConfigSource
from penstock.infra.embedded.configs.config_limits import refuse_size
from penstock.infra.embedded.configs.config_query import ConfigQuery
from penstock.infra.embedded.configs.config_refusal import ConfigRefusal, invalid_request
from penstock.infra.embedded.configs.config_resource import ConfigResource, ResourceKind
from penstock.infra.embedded.configs.config_type import ConfigValue, shown_config
from penstock.infra.embedded.configs.configs_kept import ConfigsKept
from penstock.infra.embedded.configs.resource_configs import CLIENT_METRICS_CONFIGS, GROUP_CONFIGS
from penstock.infra.embedded.configs.topic_configs import TOPIC_CONFIGS
from penstock.infra.embedded.only_broker import ONLY_BROKER
from penstock.infra.embedded.partition_logs import PartitionLogs
from penstock.infra.embedded.resource_naming import unalterable, undescribable, unknown_kind
from penstock.infra.embedded.topics.topic import Topic
from penstock.infra.embedded.topics.topic_entry import TopicKept
from penstock.infra.embedded.topics.topic_table import TopicTable

__all__ = ["ConfigAdministration", "topic_entry"]

Wish = TypeVar("Wish")

_NOT_A_LIST: Final = "Can't {operation} to key {name} because its type is not LIST."
_NOT_A_BROKER_LIST: Final = "Config value {lower} is not allowed for config key: {name}"
_BROKER: Final = ConfigResource(ResourceKind.BROKER, str(ONLY_BROKER))
_CLUSTER: Final = ConfigResource(ResourceKind.BROKER, "")

_MOST_RESOURCES: Final = 1_000
"""Groups and subscriptions with settings."""

_OTHERS: Final[Mapping[int, tuple[Mapping[str, ConfigDefinition], ConfigSource]]] = {
    ResourceKind.GROUP: (GROUP_CONFIGS, ConfigSource.GROUP_CONFIG),
    ResourceKind.CLIENT_METRICS: (CLIENT_METRICS_CONFIGS, ConfigSource.CLIENT_METRICS_CONFIG),
}


def topic_entry(topic: Topic) -> TopicKept:
    """Make the journal's entry of a topic."""
    return TopicKept(
        topic_id=topic.topic_id,
        name=topic.name,
        partition_count=topic.partition_count,
        configs=topic.configs,
    )


@final
class ConfigAdministration:
    """The settings of everything, and their changes."""

    def __init__(
        self,
        *,
        config: BrokerConfig,
        topics: TopicTable,
        kept: Iterable[ConfigsKept],
        keep: Callable[[ConfigsKept | TopicKept], None],
    ) -> None:
        """Take over what was set before.

        Args:
            config: what the broker is started with.
            topics: the topics, which hold their own settings.
            kept: what was kept before a restart, in order.
            keep: appends to the journal.
        """
        last = {ConfigResource(entry.kind, entry.name): entry.configs for entry in kept}
        self.config = config.with_changes(
            for_broker=last.pop(_BROKER, None), for_cluster=last.pop(_CLUSTER, None)
        )
        self._others = {resource: configs for resource, configs in last.items() if configs}
        self._topics = topics
        self._keep = keep
        self._logs: PartitionLogs | None = None

    def attach(self, logs: PartitionLogs) -> None:
        """Name the logs that follow changes; they are opened with the settings that are here."""
        self._logs = logs

    def entries(self) -> Iterable[ConfigsKept]:
        """Give all that a journal has to say that is written anew."""
        everything = {
            _BROKER: self.config.for_broker,
            _CLUSTER: self.config.for_cluster,
            **self._others,
        }
        for (kind, name), configs in everything.items():
            if configs:
                yield ConfigsKept(kind=int(kind), name=name, configs=configs)

    def describe(self, resource: ConfigResource, query: ConfigQuery) -> ConfigsDescribed:
        """Show the settings of a resource.

        Args:
            resource: whose.
            query: which, and how much of each.

        Returns:
            The settings, or why they cannot be told.
        """
        refusal = undescribable(resource, self._topics)
        if refusal is not None:
            return ConfigsDescribed(resource=resource, error=refusal.error, reason=refusal.reason)
        match resource.kind:
            case ResourceKind.TOPIC:
                topic = self._topics.get(resource.name)
                assert topic is not None
                entries = described_topic(self.config, topic.configs, query)
            case ResourceKind.BROKER if resource.name:
                entries = described_broker(self.config, query)
            case ResourceKind.BROKER:
                entries = described_cluster(self.config, query)
            case ResourceKind.GROUP | ResourceKind.CLIENT_METRICS as kind:
                definitions, source = _OTHERS[kind]
                configs = self._others.get(resource, {})
                entries = described_others(definitions, configs, source, query)
            case _:  # a broker's loggers: it has none that can be set from outside
                entries = ()
        return ConfigsDescribed(resource=resource, entries=entries)

    def alter(
        self,
        wishes: Sequence[tuple[ConfigResource, Sequence[tuple[str, str | None]]]],
        *,
        validate_only: bool,
    ) -> tuple[ConfigsAltered, ...]:
        """Replace all settings of resources.

        Args:
            wishes: resources and what is to be set for each.
            validate_only: change nothing.

        Returns:
            What became of each wish, in their order.
        """

        def wanted(
            resource: ConfigResource, settings: Sequence[tuple[str, str | None]]
        ) -> Mapping[str, str] | ConfigRefusal:
            if resource.kind == ResourceKind.BROKER_LOGGER:
                return unknown_kind(resource)
            return replaced_configs(settings)

        return self._each(wishes, wanted, validate_only=validate_only)

    def incremental_alter(
        self,
        wishes: Sequence[tuple[ConfigResource, Sequence[ConfigChange]]],
        *,
        validate_only: bool,
    ) -> tuple[ConfigsAltered, ...]:
        """Change single settings of resources.

        Args:
            wishes: resources and what is to change of each.
            validate_only: change nothing.

        Returns:
            What became of each wish, in their order.
        """

        def wanted(
            resource: ConfigResource, changes: Sequence[ConfigChange]
        ) -> Mapping[str, str] | ConfigRefusal:
            if resource.kind == ResourceKind.BROKER_LOGGER:
                return _logger_refusal(changes) or {}
            definitions, words = _lists(resource.kind)
            changed = changed_configs(
                changes,
                self._current(resource),
                list_text=self._list_text(resource.kind),
                unknown_operation=partial(_unknown_operation, resource.kind),
            )
            if isinstance(changed, ConfigRefusal):
                return changed
            return refuse_list_changes(changes, definitions, words=words) or changed

        return self._each(wishes, wanted, validate_only=validate_only)

    # --- changing ---

    def _each(
        self,
        wishes: Sequence[tuple[ConfigResource, Wish]],
        wanted: Callable[[ConfigResource, Wish], Mapping[str, str] | ConfigRefusal],
        *,
        validate_only: bool,
    ) -> tuple[ConfigsAltered, ...]:
        counts = Counter(resource for resource, _ in wishes)
        answers = []
        for resource, wish in wishes:
            refusal: ConfigRefusal | None
            if counts[resource] > 1:
                refusal = invalid_request("Each resource must appear at most once.")
            else:
                refusal = unalterable(resource, self._topics)
            if refusal is None:
                configs = wanted(resource, wish)
                refusal = (
                    configs
                    if isinstance(configs, ConfigRefusal)
                    else self._set(resource, configs, validate_only=validate_only)
                )
            answers.append(
                ConfigsAltered(resource=resource)
                if refusal is None
                else ConfigsAltered(resource=resource, error=refusal.error, reason=refusal.reason)
            )
        return tuple(answers)

    def _set(
        self, resource: ConfigResource, configs: Mapping[str, str], *, validate_only: bool
    ) -> ConfigRefusal | None:
        refusal = refuse_size(configs)
        if refusal is not None:
            return refusal
        match resource.kind:
            case ResourceKind.TOPIC:
                return self._set_topic(resource.name, configs, validate_only=validate_only)
            case ResourceKind.BROKER:
                return self._set_broker(resource, configs, validate_only=validate_only)
            case ResourceKind.BROKER_LOGGER:
                return None
            case _:
                return self._set_other(resource, configs, validate_only=validate_only)

    def _set_topic(
        self, name: str, configs: Mapping[str, str], *, validate_only: bool
    ) -> ConfigRefusal | None:
        refusal = self.config.refuse_topic_configs(configs)
        topic = self._topics.get(name)
        if refusal is not None or topic is None or validate_only:
            return refusal
        changed = replace(topic, configs=configs)
        self._keep(topic_entry(changed))
        self._topics.put(changed)
        self._follow([changed])
        return None

    def _set_broker(
        self, resource: ConfigResource, configs: Mapping[str, str], *, validate_only: bool
    ) -> ConfigRefusal | None:
        if resource.name:
            config = self.config.with_changes(for_broker=configs)
        else:
            config = self.config.with_changes(for_cluster=configs)
        refusal = refuse_broker_configs(config, configs)
        if refusal is not None or validate_only:
            return refusal
        name = _BROKER.name if resource.name else ""
        self._keep(ConfigsKept(kind=int(resource.kind), name=name, configs=configs))
        self.config = config
        self._follow(self._topics)
        return None

    def _set_other(
        self, resource: ConfigResource, configs: Mapping[str, str], *, validate_only: bool
    ) -> ConfigRefusal | None:
        definitions, _ = _OTHERS[resource.kind]
        refusal = refuse_configs(
            configs,
            definitions,
            unknown=_unknown_group if resource.kind == ResourceKind.GROUP else _unknown_metrics,
        )
        if refusal is not None or validate_only:
            return refusal
        if resource not in self._others:
            if not configs:
                return None
            if len(self._others) >= _MOST_RESOURCES:
                reason = f"This broker keeps settings of {_MOST_RESOURCES} groups and metrics."
                return ConfigRefusal(error=ErrorCode.policy_violation, reason=reason)
        self._keep(ConfigsKept(kind=int(resource.kind), name=resource.name, configs=configs))
        self._others[resource] = configs
        if not configs:
            del self._others[resource]
        return None

    def _follow(self, topics: Iterable[Topic]) -> None:
        if self._logs is not None:
            self._logs.configure(self.config, topics)

    # --- what there is ---

    def _current(self, resource: ConfigResource) -> Mapping[str, str]:
        match resource.kind:
            case ResourceKind.TOPIC:
                topic = self._topics.get(resource.name)
                return {} if topic is None else topic.configs
            case ResourceKind.BROKER:
                return self.config.for_broker if resource.name else self.config.for_cluster
            case _:
                return self._others.get(resource, {})

    def _list_text(self, kind: int) -> Callable[[str], str]:
        started = BrokerConfig(given=self.config.given)

        def text(name: str) -> str:
            value: ConfigValue | None = None
            if kind == ResourceKind.TOPIC and name in TOPIC_CONFIGS:
                value = started.topic_value(name, {})
            elif kind == ResourceKind.BROKER and name in BROKER_CONFIGS:
                value = started.value(name)
            return "" if value is None else shown_config(value)

        return text


def _unknown_group(name: str) -> ConfigRefusal:
    return ConfigRefusal(reason=f"Unknown group config name: {name}")


def _unknown_metrics(name: str) -> ConfigRefusal:
    return invalid_request(f"Unknown client metrics configuration: {name}")


def _logger_refusal(changes: Sequence[ConfigChange]) -> ConfigRefusal | None:
    """Refuse to set a logger, for there is none of Kafka's names."""
    for name, operation, _ in changes:
        if operation not in frozenset(ConfigOperation):
            return _unknown_operation(ResourceKind.BROKER_LOGGER, operation)
        return ConfigRefusal(reason=f"Logger {name} does not exist!")
    return None


def _unknown_operation(kind: int, operation: int) -> ConfigRefusal:
    """Refuse it as Kafka does, which has words for it only where a broker is to change."""
    if kind == ResourceKind.BROKER:
        return invalid_request(f"Unknown operations type {operation}")
    return ConfigRefusal(error=ErrorCode.unknown_server_error, reason=None)


def _lists(kind: int) -> tuple[Mapping[str, ConfigDefinition], str]:
    """Say which configurations of a kind may be lists, and how Kafka refuses the others."""
    if kind == ResourceKind.BROKER:
        return BROKER_CONFIGS, _NOT_A_BROKER_LIST
    # Kafka knows the types of topics and brokers here, not those of groups and metrics.
    return (TOPIC_CONFIGS if kind == ResourceKind.TOPIC else {}), _NOT_A_LIST
