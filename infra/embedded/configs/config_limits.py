"""How many settings one resource may have, and how long each may be: ours, not Kafka's.

The broker takes names that it does not know, as Kafka does, and lists of any length; not without
end. Looked at before a text is read.
"""

from collections.abc import Mapping
from typing import Final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.configs.config_refusal import ConfigRefusal

__all__ = ["refuse_size"]

_MOST_NAMES: Final = 500
"""Settings of one resource."""
_LONGEST_TEXT: Final = 32_767
"""Characters of one setting: what a string of Kafka's older messages can hold."""


def refuse_size(configs: Mapping[str, str]) -> ConfigRefusal | None:
    """Refuse settings that are too many or too long.

    Args:
        configs: all that is or would be set for one resource, as text.

    Returns:
        None, or the first thing that is wrong.
    """
    if len(configs) > _MOST_NAMES:
        reason = f"One resource can have {_MOST_NAMES} settings."
        return ConfigRefusal(error=ErrorCode.policy_violation, reason=reason)
    for name, text in configs.items():
        if len(name) + len(text) > _LONGEST_TEXT:
            reason = f"A setting can have {_LONGEST_TEXT} characters."
            return ConfigRefusal(error=ErrorCode.policy_violation, reason=reason)
    return None
