"""What a configuration's value must fulfil beyond its type, in the words of Kafka's ConfigDef."""

import re
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, final

from penstock.infra.embedded.configs.config_refusal import ConfigRefusal
from penstock.infra.embedded.configs.config_type import ConfigValue, invalid_value

__all__ = ["ConfigCheck", "EachOf", "OneOf", "RangeOr", "Ranged", "ThrottledReplicas"]

_REPLICA: Final = re.compile(r"[0-9]+:[0-9]+")


class ConfigCheck(Protocol):
    """A check of one value."""

    def __call__(self, name: str, value: ConfigValue) -> ConfigRefusal | None:
        """Return None, or why the value is refused."""
        ...


@final
class Ranged(NamedTuple):
    """A number between two limits, both allowed (ConfigDef.Range)."""

    least: float | None = None
    most: float | None = None

    def __call__(self, name: str, value: ConfigValue) -> ConfigRefusal | None:
        """Return None, or why the value is refused."""
        assert isinstance(value, int | float)
        if self.least is not None and value < self.least:
            return invalid_value(name, value, f"Value must be at least {self.least}")
        if self.most is not None and value > self.most:
            return invalid_value(name, value, f"Value must be no more than {self.most}")
        return None


@final
class RangeOr(NamedTuple):
    """A number between two limits, or one other (Kafka's GzipCompression.LevelValidator)."""

    least: int
    most: int
    other: int

    def __call__(self, name: str, value: ConfigValue) -> ConfigRefusal | None:
        """Return None, or why the value is refused."""
        assert isinstance(value, int)
        if self.least <= value <= self.most or value == self.other:
            return None
        message = f"Value must be between {self.least} and {self.most} or equal to {self.other}"
        return invalid_value(name, value, message)


@final
class OneOf(NamedTuple):
    """One of several texts (ConfigDef.ValidString)."""

    texts: tuple[str, ...]

    def __call__(self, name: str, value: ConfigValue) -> ConfigRefusal | None:
        """Return None, or why the value is refused."""
        if value in self.texts:
            return None
        return invalid_value(name, value, f"String must be one of: {', '.join(self.texts)}")


@final
class EachOf(NamedTuple):
    """A list each of whose texts is one of several (ConfigDef.ValidList)."""

    texts: tuple[str, ...]

    def __call__(self, name: str, value: ConfigValue) -> ConfigRefusal | None:
        """Return None, or why the first wrong text is refused."""
        assert isinstance(value, tuple)
        one = OneOf(self.texts)
        return next(filter(None, (one(name, text) for text in value)), None)


@final
@dataclass(frozen=True, slots=True)
class ThrottledReplicas:
    """A list of `partition:broker`, or `*` (ThrottledReplicaListValidator)."""

    def __call__(self, name: str, value: ConfigValue) -> ConfigRefusal | None:
        """Return None, or why the value is refused."""
        assert isinstance(value, tuple)
        if value == ("*",) or all(map(_REPLICA.fullmatch, value)):
            return None
        message = (
            f"{name} must be the literal '*' or a list of replicas in the following format: "
            "[partitionId]:[brokerId],[partitionId]:[brokerId],..."
        )
        return invalid_value(name, f"[{', '.join(value)}]", message)
