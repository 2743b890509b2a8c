"""A client's memory: bounded, and never wrong about an id."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.schema_registry.schema_memory import SchemaMemory
from tests.infra.schema_registry.texts import schema

A, B = schema("A"), schema("B")


def memory(*, schemas: int = 3, missing: int = 3) -> SchemaMemory:
    """A small one."""
    return SchemaMemory(schemas=schemas, missing=missing, missing_s=10.0)


@given(st.lists(st.tuples(st.integers(1, 20), st.booleans(), st.floats(0, 100)), max_size=60))
def test_nothing_grows_beyond_its_limit(steps: list[tuple[int, bool, float]]) -> None:
    """Whatever ids the frames hold."""
    kept = memory()
    for schema_id, there, now_s in steps:
        if there:
            kept.found(schema_id, A)
        else:
            kept.not_found(schema_id, now_s)
            kept.unusable(schema_id, "it is none of ours")
        assert sum(kept.problem_of(each) is not None for each in range(1, 21)) <= 3
        assert kept.known <= 3
        assert kept.missing <= 3


def test_an_id_keeps_its_schema() -> None:
    """The first that was found holds."""
    kept = memory()
    kept.found(1, A)
    kept.found(1, B)
    assert kept.schema(1) is A


def test_missing_is_believed_for_a_while() -> None:
    """And no longer; what is found meanwhile is not missing."""
    kept = memory()
    kept.not_found(7, 100.0)
    assert kept.is_missing(7, 109.9)
    assert not kept.is_missing(7, 110.0)
    kept.not_found(7, 200.0)
    kept.found(7, A)
    assert not kept.is_missing(7, 200.0)


def test_an_id_belongs_to_subject_and_text() -> None:
    """The same schema under another subject is another question."""
    kept = memory()
    kept.registered("a-value", A, 1)
    assert kept.id_of("a-value", A) == 1
    assert kept.id_of("b-value", A) is None
    assert kept.id_of("a-value", B) is None
    assert kept.schema(1) is A


def test_the_oldest_is_forgotten() -> None:
    """Where there is no room."""
    kept = memory(schemas=2)
    for schema_id in (1, 2, 3):
        kept.found(schema_id, A)
    assert [kept.schema(each) for each in (1, 2, 3)] == [None, A, A]
