"""What Apache Kafka 4.1.0 says of its own configurations.

`apache_kafka_4_1.tsv` was written by a program that went through LogConfig.configDefCopy(),
KafkaConfig.configDef(), ServerTopicConfigSynonyms and DynamicBrokerConfig.AllDynamicConfigs of
Kafka's own jars; of the broker's configurations it holds those that the embedded broker has.
"""

from dataclasses import dataclass
from pathlib import Path

from penstock.infra.embedded.configs.config_check import (
    EachOf,
    OneOf,
    Ranged,
    RangeOr,
    ThrottledReplicas,
)

_FILE = Path(__file__).with_name("apache_kafka_4_1.tsv")


@dataclass(frozen=True, slots=True)
class KafkaRow:
    """One configuration in Kafka's own words."""

    kind: str
    name: str
    type_name: str
    default: str | None
    limits: str | None
    internal: bool
    dynamic: bool
    broker_names: tuple[str, ...]


def kafka_rows(kind: str) -> dict[str, KafkaRow]:
    """Return the configurations of topics or of brokers by name."""
    rows = {}
    for line in _FILE.read_text().splitlines()[1:]:
        row_kind, name, type_name, default, limits, internal, dynamic, broker_names = line.split(
            "\t"
        )
        if row_kind == kind:
            rows[name] = KafkaRow(
                kind=kind,
                name=name,
                type_name=type_name,
                default=None if default == "-" else default.strip('"'),
                limits=None if limits == "-" else limits,
                internal=internal == "true",
                dynamic=dynamic == "true",
                broker_names=() if broker_names == "-" else tuple(broker_names.split()),
            )
    return rows


def limits_text(check: object) -> str | None:
    """Say a check's limits as Kafka's validators print themselves."""
    match check:
        case None:
            return None
        case Ranged(least=least, most=None):
            return f"[{least},...]"
        case Ranged(least=least, most=most):
            return f"[{least},...,{most}]"
        case RangeOr(least=least, most=most, other=other):
            return f"[{least},...,{most}] or {other}"
        case OneOf(texts=texts) | EachOf(texts=texts):
            return f"[{', '.join(texts)}]"
        case ThrottledReplicas():
            return "[partitionId]:[brokerId],[partitionId]:[brokerId],..."
        case _:
            raise AssertionError(check)
