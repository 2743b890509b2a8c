"""An instance as bytes, and everything else as an error that says what is wrong."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.infra.registry.instance import BadInstance, Instance
from penstock.infra.registry.instance_codec import (
    ENTRY_LIMIT_BYTES,
    InstanceUnreadable,
    decode_instance,
    encode_instance,
)
from tests.infra.registry.instances import INSTANCES, an_instance

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3)
    ),
    max_leaves=6,
)


@given(INSTANCES)
def test_what_is_written_is_read(instance: Instance) -> None:
    """Every legal instance comes back as it was, and its bytes are within the limit."""
    entry = encode_instance(instance)
    assert len(entry) <= ENTRY_LIMIT_BYTES
    assert decode_instance(instance.service, instance.id, entry) == instance


@given(INSTANCES)
def test_the_same_instance_has_the_same_bytes(instance: Instance) -> None:
    """Else a heartbeat would find another entry than was registered; the order tells nothing."""
    fields = {
        name: getattr(instance, name)
        for name in ("status", "version", "started_ms", "pid", "host", "id", "service")
    }
    turned = dict(reversed(list(instance.metadata.items())))
    assert encode_instance(Instance(**fields, metadata=turned)) == encode_instance(instance)


@given(st.binary(max_size=200))
@example(b"")
@example(b"\xff\xfe")
@example(b"[" * ENTRY_LIMIT_BYTES)
@example(b'{"a":' * 800)
@example(b"9" * ENTRY_LIMIT_BYTES)
@example(b'{"pid":NaN}')
@example(b'{"pid":1e999}')
@example(b'{"service":"orders","service":"orders"}')
@example(b" " * (ENTRY_LIMIT_BYTES + 1))
@example(b"x" * 2_000_000)
def test_any_other_bytes_are_refused(entry: bytes) -> None:
    """With our error, however deep, long or broken they are."""
    with pytest.raises(InstanceUnreadable):
        decode_instance("orders", "host-7-aa", entry)


@given(st.data())
def test_one_wrong_field_is_enough(data: st.DataObject) -> None:
    """Types are exact: true is no pid, and a number no host."""
    fields: dict[str, Any] = json.loads(encode_instance(an_instance()))
    name = data.draw(st.sampled_from(sorted(fields)))
    right = type(fields[name])
    value = data.draw(JSON.filter(lambda value: type(value) is not right))
    entry = json.dumps({**fields, name: value}).encode()
    with pytest.raises(InstanceUnreadable):
        decode_instance("orders", "host-7-aa", entry)


def test_what_a_newer_version_adds_is_passed_over() -> None:
    """While one version replaces another, each sees the instances of the other."""
    fields = json.loads(encode_instance(an_instance()))
    entry = json.dumps({**fields, "zone": ["a", {"b": None}]}).encode()
    assert decode_instance("orders", "host-7-aa", entry) == an_instance()


def test_a_state_that_is_not_known_is_refused() -> None:
    """Nobody sends work to an instance of which it does not know whether it takes any."""
    fields = json.loads(encode_instance(an_instance()))
    entry = json.dumps({**fields, "status": "half-asleep"}).encode()
    with pytest.raises(InstanceUnreadable, match="its status 'half-asleep' is not known here"):
        decode_instance("orders", "host-7-aa", entry)


@pytest.mark.parametrize(("service", "name"), [("payments", "host-7-aa"), ("orders", "host-7-bb")])
def test_an_entry_speaks_of_the_id_under_which_it_stands(service: str, name: str) -> None:
    """Else one entry could hide another."""
    with pytest.raises(InstanceUnreadable, match="it speaks of another instance"):
        decode_instance(service, name, encode_instance(an_instance()))


def test_the_error_is_harmless_in_a_log() -> None:
    """What a stranger chose as an id is cut and escaped."""
    with pytest.raises(InstanceUnreadable) as raised:
        decode_instance("orders", "\x1b[2J\n" + "x" * 10_000, b"{}")
    assert len(str(raised.value)) < 600
    assert str(raised.value).isprintable()


def test_all_fields_together_have_a_limit() -> None:
    """Each within its own rule, and too long altogether."""
    metadata = {f"name-{number}": "\u00e4" * 256 for number in range(32)}
    with pytest.raises(BadInstance, match="at most 4096 bytes"):
        encode_instance(an_instance(metadata=metadata))
