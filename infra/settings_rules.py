"""What can be wrong with settings, beyond one field at a time.

Raw values go in, sentences come out. Each check looks at the raw values, whatever the others found,
so that whoever mends an environment does it once.

Laws:
1. A sentence names the variable and the rule. No value is put into one here: it may be a secret.
2. The environment is an argument; settings.py reads it.
"""

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from pydantic import SecretStr, ValidationError

from penstock.infra.addresses import EMBEDDED, parse_addresses
from penstock.infra.plain_text import excerpt

__all__ = [
    "KAFKA_NOT_SET",
    "PREFIX",
    "on_loopback",
    "registry_problems",
    "security_problems",
    "sentences_of",
    "unclean_fields",
    "unknown_variables",
]

PREFIX: Final = "PENSTOCK_"
"""What the name of each variable begins with."""
KAFKA_NOT_SET: Final = "PENSTOCK_KAFKA is not set: give the host:port of a broker, or of several."
"""What is said to programs that need a Kafka."""
_TESTS_PREFIX: Final = "PENSTOCK_TEST_"
_TLS: Final = frozenset({"kafka_ca_file", "kafka_certificate_file", "kafka_key_file"})
_PASSWORDS: Final = frozenset({"kafka_sasl_password", "kafka_sasl_password_file"})
_SASL: Final = _PASSWORDS | {"kafka_sasl_mechanism", "kafka_sasl_username"}
_REGISTRY: Final = "schema_registry"
_REGISTRY_PASSWORDS: Final = frozenset(
    {"schema_registry_password", "schema_registry_password_file"}
)
_OF_REGISTRY: Final = _REGISTRY_PASSWORDS | {
    "schema_registry_username",
    "schema_registry_ca_file",
    "subject_names",
}
_NOT_SET: Final[Mapping[str, str]] = {
    "app": "PENSTOCK_APP is not set, and no pyproject.toml says it in [tool.penstock] app.",
}


def _variable(field: str) -> str:
    return f"{PREFIX}{field.upper()}"


def on_loopback(kafka: str) -> bool:
    """Return whether all addresses that can be read are of this machine.

    The embedded broker is, too.
    """
    return kafka == EMBEDDED or all(address.is_loopback for address in parse_addresses(kafka).good)


def unclean_fields(raw: Mapping[str, Any]) -> dict[str, str]:
    """Find values with something invisible around or in them: nobody means that.

    Returns:
        A sentence by field.
    """
    return {
        field: f"{_variable(field)} begins or ends with white space, or holds a line end or "
        "another invisible character."
        for field, value in raw.items()
        if _is_unclean(value.get_secret_value() if isinstance(value, SecretStr) else value)
    }


def _is_unclean(value: object) -> bool:
    return isinstance(value, str) and (value != value.strip() or not value.isprintable())


def unknown_variables(environment: Mapping[str, str], fields: Collection[str]) -> Iterator[str]:
    """Find variables that look like ours and are none; those for tests are passed over."""
    known = [_variable(field) for field in fields]
    for name in sorted(environment):
        capitals = name.upper()
        if not capitals.startswith(PREFIX) or capitals.startswith(_TESTS_PREFIX):
            continue
        if capitals not in known:
            close = get_close_matches(capitals, known, n=1)
            yield f"{excerpt(name)} is no setting" + (
                f"; did you mean {close[0]}?" if close else "."
            )


def sentences_of(error: ValidationError, *, untold: Collection[str]) -> Iterator[str]:
    """Tell what pydantic found.

    Args:
        error: of a whole object of settings.
        untold: fields that have been told of already.
    """
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        field = str(detail["loc"][0]) if detail["loc"] else ""
        if field not in untold:
            yield _sentence(field, detail["type"], detail["msg"])


def _sentence(field: str, kind: str, text: str) -> str:
    if kind == "missing":
        return _NOT_SET[field]
    if kind == "extra_forbidden":
        return f"{excerpt(_variable(field))} is no setting."
    if kind == "value_error":
        return f"{_variable(field)}: {text.removeprefix('Value error, ')}."
    return f"{_variable(field)}: {text[:1].lower()}{text[1:]}."


def security_problems(raw: Mapping[str, Any], *, untold: Collection[str]) -> Iterator[str]:
    """Find settings for Kafka's security that are missing or do not fit together.

    Args:
        raw: values by field, as given.
        untold: fields whose values are not to be looked at.
    """
    protocol, kafka = raw.get("kafka_security_protocol"), raw.get("kafka")
    if kafka == EMBEDDED and protocol is not None and str(protocol).upper() != "PLAINTEXT":
        yield (
            "PENSTOCK_KAFKA_SECURITY_PROTOCOL is set to something else than PLAINTEXT, and "
            "PENSTOCK_KAFKA to the embedded broker, which speaks nothing else."
        )
        return
    if protocol is None:
        if not isinstance(kafka, str) or "kafka" in untold:
            return
        if not on_loopback(kafka):
            yield (
                "PENSTOCK_KAFKA_SECURITY_PROTOCOL is not set, and PENSTOCK_KAFKA is not on this "
                "machine: say SASL_SSL or SSL, or PLAINTEXT or SASL_PLAINTEXT if nobody else can "
                "listen on that network."
            )
            return
        protocol = "PLAINTEXT"
    given = frozenset(field for field, value in raw.items() if value is not None)
    yield from _misfits(str(protocol).upper(), given)


def registry_problems(raw: Mapping[str, Any]) -> Iterator[str]:
    """Find settings for the schema registry that do not fit together.

    Args:
        raw: values by field, as given.
    """
    given = frozenset(field for field, value in raw.items() if value is not None)
    if _REGISTRY not in given:
        yield from _useless(_OF_REGISTRY & given, "is set without PENSTOCK_SCHEMA_REGISTRY")
        return
    passwords = len(_REGISTRY_PASSWORDS & given)
    if "schema_registry_username" not in given:
        why = "is set without PENSTOCK_SCHEMA_REGISTRY_USERNAME"
        yield from _useless(_REGISTRY_PASSWORDS & given, why)
    elif passwords != 1:
        yield (
            "Of PENSTOCK_SCHEMA_REGISTRY_PASSWORD and PENSTOCK_SCHEMA_REGISTRY_PASSWORD_FILE "
            f"{'both are' if passwords else 'none is'} set, and a user needs one."
        )


def _misfits(protocol: str, given: frozenset[str]) -> Iterator[str]:
    if protocol in {"PLAINTEXT", "SASL_PLAINTEXT"}:
        yield from _useless(_TLS & given, f"is set, but {protocol} has no TLS")
    elif "kafka_key_file" in given and "kafka_certificate_file" not in given:
        yield "PENSTOCK_KAFKA_KEY_FILE is set without PENSTOCK_KAFKA_CERTIFICATE_FILE."
    if protocol in {"PLAINTEXT", "SSL"}:
        yield from _useless(_SASL & given, f"is set, but {protocol} has no SASL")
    elif protocol in {"SASL_PLAINTEXT", "SASL_SSL"}:
        yield from _incomplete_login(protocol, given)


def _incomplete_login(protocol: str, given: frozenset[str]) -> Iterator[str]:
    if "kafka_sasl_username" not in given:
        yield f"PENSTOCK_KAFKA_SASL_USERNAME is not set, and {protocol} needs it."
    passwords = len(_PASSWORDS & given)
    if passwords != 1:
        yield (
            "Of PENSTOCK_KAFKA_SASL_PASSWORD and PENSTOCK_KAFKA_SASL_PASSWORD_FILE "
            f"{'both are' if passwords else 'none is'} set, and {protocol} needs one."
        )


def _useless(fields: frozenset[str], why: str) -> Iterator[str]:
    return (f"{_variable(field)} {why}." for field in sorted(fields))
