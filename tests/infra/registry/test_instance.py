"""What may be said of an instance, and that it cannot be changed afterwards."""

from typing import Any

import pytest

from penstock.infra.registry.instance import BadInstance, Status, check_service
from tests.infra.registry.instances import an_instance

TOO_MANY = {f"name-{number}": "" for number in range(33)}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("service", ""),
        ("service", "Orders"),
        ("service", "a" * 69),
        ("service", "a}b"),
        ("service", "orders\n"),
        ("id", ""),
        ("id", "-a"),
        ("id", "a b"),
        ("id", "a" * 129),
        ("host", ""),
        ("host", "a b"),
        ("host", "h\u00f6st"),
        ("host", "a\nb"),
        ("host", "a" * 256),
        ("pid", -1),
        ("pid", 2**31),
        ("started_ms", -1),
        ("started_ms", 253_402_300_800_000),
        ("version", "1\n2"),
        ("version", "1" * 65),
        ("metadata", TOO_MANY),
        ("metadata", {"Name": ""}),
        ("metadata", {"": ""}),
        ("metadata", {"name": "a" * 257}),
        ("metadata", {"name": "\ud800"}),
    ],
)
def test_each_field_has_a_rule(field: str, value: Any) -> None:
    """Who breaks one is told which."""
    with pytest.raises(BadInstance, match=f"The rule for {field}:"):
        an_instance(**{field: value})


def test_all_problems_are_told_at_once() -> None:
    """Whoever mends one at a time gives up."""
    with pytest.raises(BadInstance) as raised:
        an_instance(service="", host="", pid=-1)
    assert len(raised.value.problems) == 3


def test_names_of_workers_and_of_sagas_are_services() -> None:
    """The longest of them, too."""
    for name in ("orders", "saga-order", "saga-" + "a" * 63):
        assert check_service(name) == name
    with pytest.raises(BadInstance):
        check_service("penstock:shop")


def test_metadata_is_a_copy_that_nobody_changes() -> None:
    """Neither through the mapping that was given, nor through the one that is there."""
    given = {"app": "shop"}
    instance = an_instance(metadata=given)
    given["app"] = "other"
    assert instance.metadata == {"app": "shop"}
    with pytest.raises(TypeError):
        instance.metadata["app"] = "third"  # type: ignore[index] # that it cannot be is the rule


def test_an_instance_takes_work_unless_it_says_otherwise() -> None:
    """There is no state before that yet."""
    assert an_instance().status is Status.UP
