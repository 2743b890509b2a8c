"""How a person names a saga, and what is said where that names none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.events.names import (
    saga_definitions_topic,
    saga_history_topic,
    saga_inbox_topic,
    saga_state_topic,
)
from penstock.infra.sagas.address import (
    SagaAddress,
    SagaNotNamed,
    UnknownSaga,
    address_of,
    known_saga,
    sagas_among,
)

names = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)


@given(app=names, other=names, sagas=st.sets(names, max_size=4))
def test_sagas_are_found_by_their_records_topics(app: str, other: str, sagas: set[str]) -> None:
    """Once each, of this app only, whatever else the cluster holds."""
    topics = ["_penstock.schemas", "shop.orders", f"_penstock.{app}.saga..state"]
    for saga in sagas:
        topics += [
            saga_inbox_topic(app, saga),
            saga_state_topic(app, saga),
            saga_history_topic(app, saga),
            saga_definitions_topic(app, saga),
        ]
    if other != app:
        topics.append(saga_state_topic(other, "foreign"))
    assert sagas_among(app, topics) == tuple(sorted(sagas))


def test_a_name_and_a_key_are_parted_by_the_first_slash() -> None:
    """Keys may have slashes; names have none."""
    assert address_of("order/a/b", "shop", ["order"]) == SagaAddress(saga="order", key="a/b")
    assert str(SagaAddress(saga="order", key="a/b")) == "order/a/b"


def test_a_bare_key_is_enough_where_there_is_one_saga() -> None:
    """As in `penstock saga show ORDER-ID`."""
    assert address_of("o-1", "shop", ["order"]) == SagaAddress(saga="order", key="o-1")


def test_a_bare_key_among_several_sagas_is_refused_with_an_example() -> None:
    """Nothing is guessed; usage, exit 2."""
    with pytest.raises(SagaNotNamed) as caught:
        address_of("o-1", "shop", ["order", "refund"])
    assert caught.value.exit_code == 2
    assert "order, refund" in str(caught.value)
    assert "order/o-1" in str(caught.value)


def test_a_name_without_a_key_is_refused() -> None:
    """`order/` names no saga."""
    with pytest.raises(SagaNotNamed):
        address_of("order/", "shop", ["order"])
    with pytest.raises(SagaNotNamed):
        address_of("", "shop", ["order"])


def test_an_unknown_name_is_told_with_what_was_meant() -> None:
    """Exit 7 (formats.md F25)."""
    with pytest.raises(UnknownSaga, match="Did you mean order") as caught:
        known_saga("ordr", "shop", ["order", "refund"])
    assert caught.value.exit_code == 7
    with pytest.raises(UnknownSaga, match="There are order, refund"):
        known_saga("zzz", "shop", ["order", "refund"])
    with pytest.raises(UnknownSaga, match="The cluster has none"):
        address_of("o-1", "shop", [])
