"""What AlterConfigs and IncrementalAlterConfigs make of a resource's settings, or why nothing.

The order of the checks and their words are Kafka's (ConfigAdminManager, then
ConfigurationControlManager).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.configs.broker_config import BrokerConfig
from penstock.infra.embedded.configs.broker_configs import BROKER_CONFIGS
from penstock.infra.embedded.configs.config_change import ConfigChange, ConfigOperation
from penstock.infra.embedded.configs.config_definition import ConfigDefinition
from penstock.infra.embedded.configs.config_refusal import ConfigRefusal, invalid_request
from penstock.infra.embedded.configs.config_type import ConfigType

__all__ = [
    "changed_configs",
    "refuse_broker_configs",
    "refuse_configs",
    "refuse_list_changes",
    "replaced_configs",
]

_KNOWN: Final = frozenset(ConfigOperation)
_LIST_OPERATIONS: Final[Mapping[int, str]] = {
    ConfigOperation.APPEND: "APPEND",
    ConfigOperation.SUBTRACT: "SUBTRACT",
}


def replaced_configs(settings: Sequence[tuple[str, str | None]]) -> dict[str, str] | ConfigRefusal:
    """Say what AlterConfigs, which replaces everything, makes of a resource's settings.

    Args:
        settings: name and text of all that is to be set.

    Returns:
        The new settings, not yet checked one by one, or the refusal.
    """
    refusal = _refuse_form((name, value, True) for name, value in settings)
    if refusal is not None:
        return refusal
    return {name: value for name, value in settings if value is not None}


def changed_configs(
    changes: Sequence[ConfigChange],
    current: Mapping[str, str],
    *,
    list_text: Callable[[str], str],
    unknown_operation: Callable[[int], ConfigRefusal],
) -> dict[str, str] | ConfigRefusal:
    """Say what IncrementalAlterConfigs makes of a resource's settings.

    Args:
        changes: what is to change.
        current: what is set now.
        list_text: the default of a list that is not set, as text.
        unknown_operation: makes the refusal of an operation that there is not.

    Returns:
        The new settings, not yet checked one by one, or the refusal.
    """
    refusal = _refuse_form(
        (change.name, change.value, change.operation != ConfigOperation.DELETE)
        for change in changes
    )
    if refusal is not None:
        return refusal
    unknown = [change.operation for change in changes if change.operation not in _KNOWN]
    if unknown:
        return unknown_operation(unknown[0])
    configs = dict(current)
    for name, operation, value in changes:
        match operation:
            case ConfigOperation.DELETE:
                configs.pop(name, None)
            case ConfigOperation.SET:
                configs[name] = value or ""
            case ConfigOperation.APPEND | ConfigOperation.SUBTRACT:
                parts = [part for part in (configs.get(name) or list_text(name)).split(",") if part]
                named = dict.fromkeys((value or "").split(","))
                if operation == ConfigOperation.SUBTRACT:
                    parts = [part for part in parts if part not in named]
                else:
                    there = frozenset(parts)
                    parts += [part for part in named if part not in there]
                configs[name] = ",".join(parts)
    return configs


def refuse_list_changes(
    changes: Sequence[ConfigChange], definitions: Mapping[str, ConfigDefinition], *, words: str
) -> ConfigRefusal | None:
    """Refuse to append to, or subtract from, what is no list.

    Args:
        changes: what is to change.
        definitions: the resource's configurations.
        words: Kafka's sentence, with {operation}, {lower} and {name}.

    Returns:
        None, or the refusal of the first such change.
    """
    for name, operation, _ in changes:
        word = _LIST_OPERATIONS.get(operation)
        definition = definitions.get(name)
        if word is not None and (
            definition is None or definition.config_type is not ConfigType.LIST
        ):
            reason = words.format(operation=word, lower=word.lower(), name=name)
            return ConfigRefusal(reason=reason)
    return None


def refuse_configs(
    configs: Mapping[str, str],
    definitions: Mapping[str, ConfigDefinition],
    *,
    unknown: Callable[[str], ConfigRefusal],
) -> ConfigRefusal | None:
    """Check names and texts of a resource that has nothing else to check.

    Args:
        configs: the settings as they would be.
        definitions: the resource's configurations.
        unknown: makes the refusal for a name that is not one of them.

    Returns:
        None, or the first thing that is wrong.
    """
    for name, text in configs.items():
        definition = definitions.get(name)
        if definition is None:
            return unknown(name)
        if isinstance(read := definition.parse(text), ConfigRefusal):
            return read
    return None


def refuse_broker_configs(config: BrokerConfig, changes: Mapping[str, str]) -> ConfigRefusal | None:
    """Check dynamic settings as Kafka's DynamicBrokerConfig does.

    Args:
        config: the configuration as it would be with the settings.
        changes: the settings themselves. A name that no configuration has is taken, as in Kafka,
            where it may belong to a plugin.

    Returns:
        None, or the first thing that is wrong.
    """
    known = {name: BROKER_CONFIGS[name] for name in changes if name in BROKER_CONFIGS}
    static = [name for name, definition in known.items() if not definition.is_dynamic]
    if static:
        reason = f"Cannot update these configs dynamically: Set({', '.join(static)})"
        return invalid_request(reason)
    for name, definition in known.items():
        if isinstance(read := definition.parse(changes[name]), ConfigRefusal):
            return ConfigRefusal(error=ErrorCode.invalid_request, reason=read.reason)
    for reason in config.contradictions():
        return invalid_request(reason)
    return None


def _refuse_form(settings: Iterable[tuple[str, str | None, bool]]) -> ConfigRefusal | None:
    rows = list(settings)
    counts = Counter(name for name, _, _ in rows)
    if len(counts) < len(rows):
        reason = "Error due to duplicate config keys"
        return invalid_request(reason)
    empty = [name for name, value, needs_value in rows if needs_value and value is None]
    if empty:
        reason = f"Null value not supported for : {', '.join(empty)}"
        return invalid_request(reason)
    return None
