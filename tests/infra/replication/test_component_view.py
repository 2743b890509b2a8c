"""What a reader has merged: nothing is lost, nothing is guessed, what must not be is told."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.events.alarm import Alarm
from penstock.events.log import Partition
from penstock.infra.replication.component_records import ComponentDecoder, encode_component
from penstock.infra.replication.component_view import ComponentView, TooManyComponents
from penstock.infra.replication.g_counter import GCounter
from penstock.infra.replication.pn_counter import PNCounter
from penstock.infra.replication.slot_generation import generation_key, generation_record
from penstock.schemas.codec import datum_encoder_of
from penstock.schemas.codec_errors import UnknownFingerprint
from penstock.schemas.schema import AvroSchema
from penstock.workers.counters import CounterComponent, CounterKind, component_key
from tests.infra.replication.counter_world import TOPIC, KnownSchemas, Stored

PLACES = (Partition(TOPIC, 0), Partition(TOPIC, 1))


def record(offset: int, key: bytes | None, value: bytes | None, *, partition: int = 0) -> Stored:
    """A record as it was read."""
    return Stored(
        topic=TOPIC, partition=partition, offset=offset, timestamp=0, key=key, value=value
    )


def count(
    offset: int,
    increments: int,
    decrements: int = 0,
    *,
    counter: str = "a",
    replica: str = "slot/web-0",
    kind: CounterKind | None = None,
    partition: int = 0,
) -> Stored:
    """A component's record; of the kind that it must be, where none is given."""
    component = CounterComponent(
        kind=kind or ("pn" if decrements else "g"), increments=increments, decrements=decrements
    )
    key = component_key(replica, counter)
    return record(offset, key, encode_component(component), partition=partition)


class Bench:
    """A view and what it has told."""

    def __init__(self, *, kind: CounterKind | None = "pn", limit: int = 100) -> None:
        """Begin with nothing."""
        self.alarms: list[Alarm] = []
        self.schemas = KnownSchemas()
        self.view = ComponentView(
            PLACES,
            ComponentDecoder(self.schemas).decode,
            kind=kind,
            raise_alarm=self.alarms.append,
            limit=limit,
        )

    @property
    def told(self) -> list[str]:
        """The names of all alarms."""
        return [alarm.name for alarm in self.alarms]


def test_components_of_all_replicas_are_added_up() -> None:
    """A value says what it was made of, and how far its topic had been read."""
    bench = Bench()
    assert bench.view.take(count(0, 5, 2)) == "a"
    assert bench.view.take(count(1, 7, replica="totals/shop.orders/3")) == "a"
    value = bench.view.value("a")
    assert value.value == 10
    assert value.versions == {"slot/web-0": (5, 2), "totals/shop.orders/3": (7, 0)}
    assert value.offsets == {PLACES[0]: 2, PLACES[1]: 0}
    assert bench.view.value("nobody-counts-this").value == 0
    assert bench.view.counters() == ["a"]


def test_a_sum_beyond_64_bits_is_a_sum() -> None:
    """Each component fits; their sum is Python's."""
    bench = Bench()
    bench.view.take(count(0, 2**63 - 1))
    bench.view.take(count(1, 2**63 - 1, replica="slot/web-1"))
    assert bench.view.value("a").value == 2**64 - 2


components = st.tuples(
    st.sampled_from(["slot/web-0", "slot/web-1"]), st.integers(0, 9), st.integers(0, 9)
)


@given(st.lists(components, max_size=20))
def test_a_view_is_the_merge_of_all_it_has_read(parts: list[tuple[str, int, int]]) -> None:
    """Whatever is read, in whatever order: the dumb twin merges the pure types."""
    bench, twin = Bench(), PNCounter()
    for offset, (replica, ups, downs) in enumerate(parts):
        bench.view.take(count(offset, ups, downs, replica=replica, kind="pn"))
        twin = twin.merged(
            PNCounter(
                increments=GCounter(components={replica: ups}),
                decrements=GCounter(components={replica: downs}),
            )
        )
    assert bench.view.state("a") == twin


def test_a_new_record_that_is_smaller_is_told() -> None:
    """It is the only outward sign of increments that are lost; what was seen stays."""
    bench = Bench()
    bench.view.take(count(0, 100))
    assert bench.view.take(count(1, 30)) is None
    assert bench.view.value("a").value == 100
    assert bench.told == ["counter-regression"]
    assert bench.alarms[0].facts == {"topic": TOPIC, "partition": 0, "offset": 1, "count": 1}
    assert bench.view.statistics().regressions == 1
    bench.view.take(count(2, 100, 5))
    bench.view.take(count(3, 101, 4))
    assert bench.view.statistics().regressions == 2


def test_an_old_record_that_comes_again_is_none_of_that() -> None:
    """Reading some records twice is normal, and changes nothing."""
    bench = Bench()
    for number in (0, 1, 2, 0, 1, 2):
        bench.view.take(count(number, number + 1))
    assert bench.view.value("a").value == 3
    assert bench.told == []
    bench.view.moved(PLACES[0], 10)
    bench.view.take(count(7, 1))
    assert bench.told == []


def test_a_component_that_went_down_once_stays_so() -> None:
    """Whoever writes "g" for a counter that was "pn" has forgotten something."""
    bench = Bench()
    bench.view.take(count(0, 5, kind="pn"))
    bench.view.take(count(1, 6, kind="g"))
    assert bench.told == ["counter-regression"]
    assert bench.view.value("a").value == 6


def test_a_kind_that_is_not_declared_is_told_and_counted() -> None:
    """The sum is right all the same: no reader loses counts by its declaration."""
    bench = Bench(kind="g")
    for offset, name in enumerate("abab"):
        bench.view.take(count(offset, offset + 1, 1, counter=name, kind="pn"))
    assert bench.told == ["counter-kind-mismatch"]
    assert bench.view.statistics().mismatches == 2
    assert bench.view.value("a").value == 2
    for kind in ("pn", None):
        other = Bench(kind=kind)
        other.view.take(count(0, 1, kind="pn"))
        other.view.take(count(1, 1, kind="g", replica="slot/web-1"))
        assert other.told == []


def test_alarms_of_one_kind_become_rarer() -> None:
    """A topic full of foreign bytes is told at the 1st, 10th, 100th; the counts know all."""
    bench = Bench()
    for offset in range(250):
        bench.view.take(record(offset, b"what", b"ever"))
    bench.view.take(count(250, 5))
    bench.view.take(count(251, 4))
    skipped = [alarm for alarm in bench.alarms if alarm.name == "counter-record-skipped"]
    assert [alarm.facts["count"] for alarm in skipped] == [1, 10, 100]
    assert bench.view.statistics().skipped == 250
    assert bench.told[-1] == "counter-regression"


BAD_KEYS = [None, b"", b"a", b"slot/web-0", b"slot/Web:a", b"x:a", b"w/t/01:a", b"\xff:a"]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_that_names_nothing_is_skipped_counted_and_told(key: bytes | None) -> None:
    """And the next record is read as if nothing had been."""
    bench = Bench()
    good = count(0, 1)
    bench.view.take(record(0, key, good.value))
    bench.view.take(count(1, 1))
    assert bench.told == ["counter-record-skipped"]
    assert bench.view.statistics().skipped == 1
    assert bench.view.value("a").value == 1
    shown = f"{bench.alarms[0].text} {bench.alarms[0].facts}"
    assert "web-0" not in shown, "no key and no value is ever logged"


GOOD = encode_component(CounterComponent(kind="g", increments=3, decrements=0))
BAD_VALUES = {
    "a tombstone": None,
    "nothing": b"",
    "not framed": b"hello, this is not Avro",
    "cut": GOOD[:-1],
    "too long": GOOD + b"\x00",
    "negative": encode_component(CounterComponent(kind="g", increments=-3, decrements=0)),
    "down": encode_component(CounterComponent(kind="g", increments=3, decrements=1)),
}


@pytest.mark.parametrize("value", BAD_VALUES.values(), ids=BAD_VALUES)
def test_a_value_that_is_no_count_is_skipped_and_makes_no_counter(value: bytes | None) -> None:
    """A tombstone, too: counts are never removed."""
    bench = Bench()
    assert bench.view.take(record(0, b"slot/web-0:a", value)) is None
    assert bench.told == ["counter-record-skipped"]
    assert bench.view.counters() == []
    assert bench.view.positions[PLACES[0]] == 1


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_bytes_from_anywhere_end_nothing(key: bytes, value: bytes) -> None:
    """Hostile bytes are skipped, or name a schema that somebody has to look for."""
    bench = Bench()
    for tail in (value, GOOD[:10] + value):
        try:
            bench.view.take(record(0, key, tail))
        except UnknownFingerprint:
            assert tail.startswith(b"\xc3\x01")


def newer_schema() -> tuple[AvroSchema, bytes]:
    """What a newer version might write, and a value of 9 by it."""
    document: dict[str, Any] = {
        "type": "record",
        "name": "CounterComponent",
        "namespace": "penstock",
        "fields": [
            {
                "name": "kind",
                "type": {
                    "type": "enum",
                    "name": "CounterComponent_kind",
                    "symbols": ["g", "pn"],
                },
            },
            {"name": "increments", "type": "long"},
            {"name": "decrements", "type": "long"},
            {"name": "folded", "type": "boolean", "default": False},
        ],
    }
    schema = AvroSchema.parse(json.dumps(document))
    value = datum_encoder_of(schema)({"kind": "g", "increments": 9, "decrements": 0})
    return schema, value


def test_a_schema_that_is_not_known_is_somebody_elses_to_find() -> None:
    """Nothing was done: the record is taken again when its schema is known, or skipped."""
    bench = Bench()
    schema, value = newer_schema()
    newer = record(0, b"slot/web-0:a", value)
    with pytest.raises(UnknownFingerprint):
        bench.view.take(newer)
    assert bench.view.positions[PLACES[0]] == 0
    bench.schemas.later[schema.fingerprint] = schema
    bench.schemas._known.update(bench.schemas.later)
    assert bench.view.take(newer) == "a"
    assert bench.view.value("a").value == 9
    assert bench.told == []


def test_a_slots_generation_is_no_counter() -> None:
    """Readers pass it over, and do not call it unreadable."""
    bench = Bench()
    value = encode_component(generation_record(7))
    assert bench.view.take(record(0, generation_key("web-0"), value)) is None
    assert bench.view.counters() == []
    assert bench.view.positions[PLACES[0]] == 1
    assert bench.told == []
    bench.view.take(count(1, 1, counter=":"))  # a counter of this name is none
    assert bench.view.counters() == [":"]


def test_a_topic_that_is_too_large_is_refused() -> None:
    """A sum without some of its components would be wrong."""
    bench = Bench(limit=2)
    bench.view.take(count(0, 1))
    bench.view.take(count(1, 1, counter="b"))
    bench.view.take(count(2, 2))
    with pytest.raises(TooManyComponents):
        bench.view.take(count(3, 1, counter="c"))
    assert bench.view.statistics().components == 2


def test_positions_never_go_back() -> None:
    """They move past markers, which are no records."""
    bench = Bench()
    assert bench.view.moved(PLACES[0], 5)
    assert not bench.view.moved(PLACES[0], 5)
    assert not bench.view.moved(PLACES[0], 3)
    assert bench.view.positions == {PLACES[0]: 5, PLACES[1]: 0}
