"""What the broker is set to: what it was started with, what was changed since, and the defaults.

From the strongest: what was changed for this broker, what was changed for the cluster, what the
broker was started with, Kafka's default. A topic's own settings are stronger than all of these.

Laws:
1. A value, never changed: `with_changes` makes the next one.
2. Whatever stands in it has been checked; only `parse` raises, for what the broker's owner wrote.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Self, final

from penstock.infra.embedded.configs.broker_configs import BROKER_CONFIGS
from penstock.infra.embedded.configs.config_errors import BrokerOptionRefused, BrokerOptionUnknown
from penstock.infra.embedded.configs.config_refusal import ConfigRefusal
from penstock.infra.embedded.configs.config_type import ConfigValue
from penstock.infra.embedded.configs.topic_configs import TOPIC_CONFIGS
from penstock.infra.embedded.log.log_config import LogConfig
from penstock.infra.embedded.only_broker import ONLY_BROKER

if TYPE_CHECKING:
    from penstock.infra.embedded.groups.group_config import GroupConfig
    from penstock.infra.embedded.transactions.transaction_config import TransactionConfig

__all__ = ["BrokerConfig"]

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_NUMBERS: Final = ("broker.id", "node.id")
"""Kafka's two names for a broker's number; it is shown as one of the options at the start."""
_NO_LIMIT: Final = "retention.ms"
"""Here every negative number means that there is no limit, and Kafka shows -1."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerConfig:
    """All settings of the broker as they are now."""

    given: Mapping[str, str] = field(default_factory=dict)
    """What it was started with, as text."""
    for_cluster: Mapping[str, str] = field(default_factory=dict)
    """What was changed since for all brokers of the cluster, as text."""
    for_broker: Mapping[str, str] = field(default_factory=dict)
    """What was changed since for this broker, as text."""
    _values: Mapping[str, ConfigValue | None] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Work out what counts."""
        texts = {**self.given, **self.for_cluster, **self.for_broker}
        values = {
            name: definition.value_of(texts.get(name))
            for name, definition in BROKER_CONFIGS.items()
        }
        object.__setattr__(self, "_values", values)

    @classmethod
    def parse(cls, options: Mapping[str, str]) -> Self:
        """Read the options that a broker is started with.

        Args:
            options: values by Kafka's names, as text.

        Returns:
            The configuration.

        Raises:
            BrokerOptionUnknown: a name is not known.
            BrokerOptionRefused: values are not allowed; all of them are named.
        """
        for name in options:
            if name not in BROKER_CONFIGS:
                raise BrokerOptionUnknown(option=name, nearest=_nearest(name))
        reasons = [
            read.reason
            for name, text in options.items()
            if isinstance(read := BROKER_CONFIGS[name].parse(text), ConfigRefusal)
        ]
        if not reasons:
            config = cls(given={**dict.fromkeys(_NUMBERS, str(ONLY_BROKER)), **options})
            reasons = list(config.contradictions())
            if not reasons:
                return config
        raise BrokerOptionRefused(reasons="; ".join(filter(None, reasons)))

    def with_changes(
        self,
        *,
        for_cluster: Mapping[str, str] | None = None,
        for_broker: Mapping[str, str] | None = None,
    ) -> Self:
        """Make the configuration with other dynamic settings; None leaves them as they are."""
        return replace(
            self,
            for_cluster=self.for_cluster if for_cluster is None else for_cluster,
            for_broker=self.for_broker if for_broker is None else for_broker,
        )

    def value(self, name: str) -> ConfigValue | None:
        """Return what counts for a configuration of the broker; None where it is not set."""
        return self._values[name]

    def integer(self, name: str) -> int:
        """Return what counts for a configuration that is a whole number and always set."""
        value = self._values[name]
        assert isinstance(value, int)
        return value

    def flag(self, name: str) -> bool:
        """Return what counts for a configuration that is true or false."""
        return self._values[name] is True

    def contradictions(self) -> Iterable[str]:
        """Find settings that exclude each other.

        Yields:
            A sentence for each.
        """
        for name in _NUMBERS:
            if name in self.given and self.value(name) != ONLY_BROKER:
                yield f"{name} is {self.value(name)}, and the only broker here is {ONLY_BROKER}"
        refusal = self.refuse_topic_configs(_NOTHING)
        if refusal is not None and refusal.reason is not None:
            yield refusal.reason
        least, most = "group.min.session.timeout.ms", "group.max.session.timeout.ms"
        if self.integer(least) > self.integer(most):
            yield f"{least} ({self.integer(least)}) > {most} ({self.integer(most)})"

    def topic_value(self, name: str, configs: Mapping[str, str]) -> ConfigValue | None:
        """Return what counts for a topic.

        Args:
            name: a topic configuration.
            configs: what is set for the topic, checked.

        Returns:
            The topic's value, else the broker's, else Kafka's default.
        """
        definition = TOPIC_CONFIGS[name]
        text = configs.get(name)
        if text is not None:
            return definition.value_of(text)
        for broker_name, factor in definition.inherited:
            value = self._values[broker_name]
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int):
                return value
            return max(-1, value * factor) if name == _NO_LIMIT else value * factor
        return definition.default

    def refuse_topic_configs(self, configs: Mapping[str, str]) -> ConfigRefusal | None:
        """Check a topic's settings as Kafka's LogConfig does.

        Args:
            configs: all that is or would be set for the topic, as text.

        Returns:
            None, or the first thing that is wrong.
        """
        for name in configs:
            if name not in TOPIC_CONFIGS:
                return ConfigRefusal(reason=f"Unknown topic config name: {name}")
        for name, definition in TOPIC_CONFIGS.items():
            text = configs.get(name)
            if text is not None and isinstance(read := definition.parse(text), ConfigRefusal):
                return read
        least, most = "min.compaction.lag.ms", "max.compaction.lag.ms"
        low, high = self._topic_integer(least, configs), self._topic_integer(most, configs)
        if low > high:
            reason = f"conflict topic config setting {least} ({low}) > {most} ({high})"
            return ConfigRefusal(reason=reason)
        if self.topic_value("remote.storage.enable", configs):
            reason = (
                "Tiered Storage functionality is disabled in the broker. "
                "Topic cannot be configured with remote log storage."
            )
            return ConfigRefusal(reason=reason)
        return None

    def log_config(self, configs: Mapping[str, str]) -> LogConfig:
        """Make the settings of a topic's logs.

        Args:
            configs: what is set for the topic, checked.

        Returns:
            The settings.
        """

        def integer(name: str) -> int:
            return self._topic_integer(name, configs)

        policies = self.topic_value("cleanup.policy", configs)
        assert isinstance(policies, tuple)
        ratio = self.topic_value("min.cleanable.dirty.ratio", configs)
        assert isinstance(ratio, float | int)
        segment_bytes = self.topic_value("internal.segment.bytes", configs)
        return LogConfig(
            cleanup_delete="delete" in policies,
            cleanup_compact="compact" in policies,
            retention_ms=integer("retention.ms"),
            retention_bytes=integer("retention.bytes"),
            segment_bytes=(
                segment_bytes if isinstance(segment_bytes, int) else integer("segment.bytes")
            ),
            segment_ms=integer("segment.ms"),
            max_message_bytes=integer("max.message.bytes"),
            log_append_time=self.topic_value("message.timestamp.type", configs) == "LogAppendTime",
            timestamp_before_max_ms=integer("message.timestamp.before.max.ms"),
            timestamp_after_max_ms=integer("message.timestamp.after.max.ms"),
            min_cleanable_dirty_ratio=float(ratio),
            delete_retention_ms=integer("delete.retention.ms"),
            min_compaction_lag_ms=integer("min.compaction.lag.ms"),
            max_compaction_lag_ms=integer("max.compaction.lag.ms"),
            compression_type=str(self.topic_value("compression.type", configs)),
        )

    def group_config(self) -> "GroupConfig":
        """Make the group coordinator's settings."""
        from penstock.infra.embedded.groups.group_config import (  # noqa: PLC0415 - see broker.py
            GroupConfig,
        )

        return GroupConfig(
            initial_rebalance_delay_ms=self.integer("group.initial.rebalance.delay.ms"),
            min_session_timeout_ms=self.integer("group.min.session.timeout.ms"),
            max_session_timeout_ms=self.integer("group.max.session.timeout.ms"),
            max_size=self.integer("group.max.size"),
            offsets_retention_minutes=self.integer("offsets.retention.minutes"),
            offsets_retention_check_interval_ms=self.integer("offsets.retention.check.interval.ms"),
            offset_metadata_max_bytes=self.integer("offset.metadata.max.bytes"),
        )

    def transaction_config(self) -> "TransactionConfig":
        """Make the transaction coordinator's settings."""
        from penstock.infra.embedded.transactions.transaction_config import (  # noqa: PLC0415 - as above
            TransactionConfig,
        )

        return TransactionConfig(
            max_timeout_ms=self.integer("transaction.max.timeout.ms"),
            id_expiration_ms=self.integer("transactional.id.expiration.ms"),
            offsets_topic_partitions=self.integer("offsets.topic.num.partitions"),
        )

    def _topic_integer(self, name: str, configs: Mapping[str, str]) -> int:
        value = self.topic_value(name, configs)
        assert isinstance(value, int)
        return value


def _nearest(name: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only for this error: 3 ms

    topic = TOPIC_CONFIGS.get(name)
    if topic is not None and topic.inherited:
        found = [topic.inherited[0].name]
    else:
        found = get_close_matches(name, BROKER_CONFIGS, n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""
