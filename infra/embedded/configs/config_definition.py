"""One configuration by Kafka's name: its type, its default, what is allowed, what it means."""

from typing import NamedTuple

from penstock.infra.embedded.configs.config_check import ConfigCheck
from penstock.infra.embedded.configs.config_refusal import ConfigRefusal
from penstock.infra.embedded.configs.config_type import ConfigType, ConfigValue, parse_config

__all__ = ["ConfigDefinition", "Inherited"]


class Inherited(NamedTuple):
    """A broker configuration that gives a topic configuration its default."""

    name: str
    factor: int = 1
    """What its value is multiplied with: hours and minutes become milliseconds."""


class ConfigDefinition(NamedTuple):
    """One configuration."""

    name: str
    config_type: ConfigType
    default: ConfigValue | None
    """None: not set, and that means something of its own."""
    documentation: str
    """What it is for, in a sentence or two."""
    check: ConfigCheck | None = None
    inherited: tuple[Inherited, ...] = ()
    """For a topic's: the broker's, the first that is set counts."""
    is_dynamic: bool = False
    """For a broker's: may be changed while it runs, for the broker and for the cluster."""
    is_hidden: bool = False
    """Shown only where it is set (Kafka's internal configurations)."""

    @property
    def is_sensitive(self) -> bool:
        """True where the value is never shown."""
        return self.config_type is ConfigType.PASSWORD

    def parse(self, text: str) -> ConfigValue | ConfigRefusal:
        """Read and check a text.

        Args:
            text: as somebody wrote it.

        Returns:
            The value, or the refusal in Kafka's words.
        """
        value = parse_config(self.name, self.config_type, text)
        if isinstance(value, ConfigRefusal) or self.check is None:
            return value
        return self.check(self.name, value) or value

    def value_of(self, text: str | None) -> ConfigValue | None:
        """Return what counts where this is set.

        Args:
            text: what is set; None: nothing.

        Returns:
            The value; the default where nothing is set. A text that is refused counts for nothing.
        """
        read = self.default if text is None else self.parse(text)
        return self.default if isinstance(read, ConfigRefusal) else read
