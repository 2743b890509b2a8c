"""Types against what was published: what fails, what does not, and what is said."""

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.events.schema_book import SchemaBook
from penstock.events.schema_judgement import (
    SchemaConflict,
    SchemaIncompatible,
    Wish,
    entries_for,
    level_entry,
    subject_of,
)
from penstock.infra.published_schemas.topic_history import on_topic
from penstock.infra.published_schemas.verdicts import State, Verdict, gone, verdict_text, verdicts
from penstock.infra.published_schemas.versions import PublishedSchemas, PublishedVersion, of_files
from penstock.infra.schema_files.roles import roles_of
from penstock.schemas.compatibility_levels import Level
from penstock.schemas.schema import AvroSchema
from tests.infra.avro_texts import ORDER, field, schema

NAME = "shop.OrderPlaced"


def order(*fields: Any, **parts: Any) -> AvroSchema:
    """Return a version of the event."""
    return schema(NAME, *fields, topic="shop.orders", **parts)


def judged(candidate: AvroSchema, published: PublishedSchemas) -> Verdict:
    """Return the only verdict."""
    (verdict,) = verdicts({NAME: candidate}, roles_of({NAME: candidate}), published)
    return verdict


def numbered(*schemas: AvroSchema, **parts: Any) -> PublishedSchemas:
    """Return a place whose versions have the numbers 3, 6, 9."""
    versions = tuple(
        PublishedVersion(schema=each, number=3 * place) for place, each in enumerate(schemas, 1)
    )
    return PublishedSchemas(place="it", versions={NAME: versions}, keeps_versions=True, **parts)


A, B = field("a", "int"), field("b", "int", default=0)


@pytest.mark.parametrize(
    ("candidate", "state"),
    [
        (order(A), State.UNCHANGED),
        (order(A, B), State.COMPATIBLE),
        (order(A, doc="New words."), State.COMPATIBLE),
        (order(A, field("c", "int")), State.INCOMPATIBLE),
        (order(A, compatibility="SIDEWAYS"), State.INCOMPATIBLE),
    ],
)
def test_states(candidate: AvroSchema, state: State) -> None:
    """Only what does not fit fails."""
    assert judged(candidate, of_files("git:main", {NAME: order(A)})).state is state


def test_a_first_version_is_new_and_a_last_one_gone() -> None:
    """Neither fails."""
    published = of_files("git:main", {"shop.Old": schema("shop.Old", A)})
    verdict = judged(ORDER, published)
    assert (verdict.state, verdict.versions) == (State.NEW, 0)
    (left,) = gone([NAME], roles_of(published.latest()), published)
    assert (left.full_name, left.state) == ("shop.Old", State.GONE)


def test_the_way_back_to_an_older_text_is_open() -> None:
    """It was published, so nothing is new in it."""
    wants_c = order(A, field("c", "int"))
    assert judged(order(A), numbered(order(A), wants_c)).state is State.UNCHANGED


def test_a_text_whose_attributes_a_registry_has_sorted_is_unchanged() -> None:
    """Karapace does that to each object. Nothing is judged anew, former names neither."""
    old = schema("shop.Old", field("gone", "int"))
    mine = order(A, doc="Words.", aliases=["shop.Old"])
    sorted_text = json.dumps(json.loads(mine.text), sort_keys=True)
    theirs = AvroSchema.parse(sorted_text)
    assert theirs.text != mine.text
    known = PublishedVersion(schema=theirs), PublishedVersion(schema=old)
    published = PublishedSchemas(place="it", versions={NAME: known[:1], "shop.Old": known[1:]})
    assert judged(mine, published).state is State.UNCHANGED


def test_another_text_of_a_version_is_held_against_those_before_it() -> None:
    """As registering it would be: a doc may be mended although a later version broke with it."""
    versions = numbered(order(A), order(A, field("c", "int")))
    assert judged(order(A, doc="Mended."), versions).state is State.COMPATIBLE
    failed = judged(order(A, field("c", "int"), doc="Mended."), versions)
    assert [each.version for each in failed.failures] == [3]


def test_failures_have_the_numbers_of_the_place() -> None:
    """A subject numbers the versions of other types, too."""
    failed = judged(order(field("c", "int")), numbered(order(A), order(A, B)))
    assert [each.version for each in failed.failures] == [6, 3]


def test_another_meaning_under_the_same_fingerprint_is_refused_at_any_level() -> None:
    """Registering it would be: 19.99 would be read as 0.1999."""

    def money(scale: int) -> dict[str, Any]:
        digits = {"logicalType": "decimal", "precision": 12, "scale": scale}
        return field("total", {"type": "bytes", **digits})

    verdict = judged(order(money(4), compatibility="NONE"), numbered(order(money(2))))
    assert verdict.state is State.INCOMPATIBLE
    (problem,) = verdict.problems
    assert "decimal(12, 2) is known" in problem
    assert judged(order(money(4)), numbered(order(money(2)))).problems == ()


@pytest.mark.parametrize(
    ("declared", "parts", "levels"),
    [
        ({}, {}, ["BACKWARD_TRANSITIVE"]),
        ({"compatibility": "FULL"}, {}, ["FULL"]),
        ({}, {"default_level": Level.NONE}, ["NONE"]),
        ({"compatibility": "FULL"}, {"default_level": Level.NONE}, ["FULL"]),
        ({"compatibility": "FULL"}, {"levels": {NAME: Level.FORWARD}}, ["FORWARD"]),
        (
            {"compatibility": "FULL"},
            {"levels": {NAME: Level.FORWARD}, "levels_come_first": False},
            ["FULL", "FORWARD"],
        ),
        (
            {},
            {"levels": {NAME: Level.BACKWARD_TRANSITIVE}, "levels_come_first": False},
            ["BACKWARD_TRANSITIVE"],
        ),
    ],
)
def test_levels(declared: Any, parts: Any, levels: list[str]) -> None:
    """What is set for a subject comes before what a type declares; a registry demands beside it."""
    assert list(judged(order(A, **declared), numbered(order(A), **parts)).levels) == levels


def test_of_two_levels_both_are_to_be_met_and_each_reason_is_told_once() -> None:
    """Backward by the type, both ways by the registry."""
    parts = {"levels": {NAME: Level.FULL}, "levels_come_first": False}
    failed = judged(order(field("c", "int")), numbered(order(A), **parts))
    told = [(each.version, each.direction.value) for each in failed.failures]
    assert told == [(3, "backward"), (3, "forward")]


def test_a_renamed_type_reads_what_it_wrote_before_its_renaming() -> None:
    """It says so by an alias; whoever has the old class never takes the new one for it."""
    old = schema("shop.OrderMade", A, topic="shop.orders")
    published = of_files("git:main", {"shop.OrderMade": old})
    good = order(A, B, aliases=["shop.OrderMade"], compatibility="FULL_TRANSITIVE")
    assert judged(good, published).state is State.NEW
    bad = judged(order(field("b", "int"), aliases=["shop.OrderMade"]), published)
    assert (bad.state, bad.failures) == (State.INCOMPATIBLE, ())
    assert [each.full_name for each in bad.former] == ["shop.OrderMade"]
    text = verdict_text(bad, "git:main", keeps_versions=False)
    assert "  The candidate cannot read all that shop.OrderMade wrote:\n" in text
    free = order(field("b", "int"), aliases=["shop.OrderMade"], compatibility="FORWARD")
    assert judged(free, published).state is State.NEW


def test_what_is_said() -> None:
    """The type, the place, the level, the reasons and what to do."""
    failed = judged(order(A, field("c", "int")), of_files("git:main", {NAME: order(A)}))
    assert verdict_text(failed, "git:main", keeps_versions=False) == (
        "shop.OrderPlaced may not follow git:main, where BACKWARD_TRANSITIVE is demanded.\n"
        "  The candidate cannot read all that git:main wrote:\n"
        "    c is not written and is read as int: it has no default.\n"
        "      Give it a default.\n"
    )
    assert "all that version 4 wrote" in verdict_text(
        replace(failed, failures=(replace(failed.failures[0], version=4),)),
        "it",
        keeps_versions=True,
    )


# A check says what registering would say.

FIELDS = [A, B, field("c", "int"), field("a", "long", default=1), field("a", "string")]


@st.composite
def versions_of_an_order(draw: st.DrawFn) -> AvroSchema:
    """Draw a version, with docs, a default or a level of its own."""
    chosen = draw(
        st.lists(st.sampled_from(FIELDS), max_size=3, unique_by=lambda each: each["name"])
    )
    parts: dict[str, Any] = {}
    if draw(st.booleans()):
        parts["doc"] = draw(st.sampled_from(["x", "y"]))
    if draw(st.booleans()):
        parts["compatibility"] = draw(st.sampled_from(list(Level))).value
    return order(*chosen, **parts)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[AvroSchema, str | None]]:
    """Draw what is written, what is only read (None), and what somebody registers elsewhere."""
    how = st.sampled_from(["its own", "its own", None, "another"])
    return draw(st.lists(st.tuples(versions_of_an_order(), how), min_size=1, max_size=6))


@given(histories())
def test_a_check_says_what_registering_says(history: list[tuple[AvroSchema, str | None]]) -> None:
    """Version by version, over a book of schemas as the topic keeps it."""
    book = SchemaBook(limit=100, schema_bytes=10_000)
    for candidate, how in history:
        if how != "its own":
            register_if_it_fits(book, Wish(schema=candidate, subject=how, replaces=False))
            continue
        verdict = judged(candidate, on_topic(book))
        wish = Wish(schema=candidate, subject=subject_of(candidate))
        try:
            entries = entries_for(book, [wish])
        except (SchemaConflict, SchemaIncompatible):
            assert verdict.state is State.INCOMPATIBLE
        else:
            assert verdict.state is not State.INCOMPATIBLE
            assert (verdict.state is State.UNCHANGED) == (entries == ())
            for entry in entries:
                assert book.apply(entry.key, entry.value, entry.headers) is None


def register_if_it_fits(book: SchemaBook, wish: Wish) -> None:
    """Register what may be registered."""
    with suppress(SchemaConflict, SchemaIncompatible):
        for entry in entries_for(book, [wish]):
            assert book.apply(entry.key, entry.value, entry.headers) is None


def on_the_topic(*wishes: Wish) -> PublishedSchemas:
    """Return the topic as a place, with these registered one after the other."""
    book = SchemaBook(limit=100, schema_bytes=10_000)
    for wish in wishes:
        for entry in entries_for(book, [wish]):
            assert book.apply(entry.key, entry.value, entry.headers) is None
    return on_topic(book)


def test_a_consumer_that_knows_half_of_a_type_forbids_no_version() -> None:
    """Nobody has written by its schema, so nobody has to read that."""
    first = order(A, field("c", "int"))
    published = on_the_topic(
        Wish(schema=first, subject=subject_of(first)), Wish(schema=order(A), replaces=False)
    )
    verdict = judged(order(A, B, field("c", "int")), published)
    assert (verdict.state, verdict.versions) == (State.COMPATIBLE, 1)


def test_versions_that_somebody_registered_under_another_subject_do_not_count() -> None:
    """Nor does the level of that subject: registering looks at the topic's own."""
    first, strange = order(A), order(A, field("c", "int"))
    book = SchemaBook(limit=100, schema_bytes=10_000)
    strict = level_entry(book, "a", Level.FULL_TRANSITIVE)
    assert strict is not None
    assert book.apply(*strict) is None
    for wish in (
        Wish(schema=first, subject="a", replaces=False),
        Wish(schema=first, subject=subject_of(first)),
        Wish(schema=strange, subject="b", replaces=False),
    ):
        for entry in entries_for(book, [wish]):
            assert book.apply(*entry) is None
    verdict = judged(order(A, field("e", "int", default=1)), on_topic(book))
    assert (verdict.state, verdict.levels) == (State.COMPATIBLE, (Level.BACKWARD_TRANSITIVE,))


def test_the_version_before_is_the_one_that_was_registered_last() -> None:
    """A consumer had its schema first, so its id is the older one."""
    old, newest = order(A, compatibility="BACKWARD"), order(A, B, compatibility="BACKWARD")
    between = order(A, field("e", "int", default=0), compatibility="BACKWARD")
    published = on_the_topic(
        Wish(schema=old, subject=subject_of(old)),
        Wish(schema=newest, replaces=False),
        Wish(schema=between, subject=subject_of(between)),
        Wish(schema=newest, subject=subject_of(newest)),
    )
    verdict = judged(order(A, field("e", "long"), compatibility="BACKWARD"), published)
    assert [each.version for each in verdict.failures] == [3]
