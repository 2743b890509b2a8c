"""Each word of the language: where it stands, what stands behind it, and what does not."""

import pytest

from tests.sagas.order_language import ORDER, changed, checked, codes_of, defined, told

RESERVE = "  - name: reserve_stock\n"


# Words


@pytest.mark.parametrize("word", ["saga: order", "version: 3", "key: $.input.order_id"])
def test_a_saga_needs_its_head(word: str) -> None:
    """Name, version, key; told at the top of the file."""
    assert codes_of(changed((f"{word}\n", ""))) == ["1 missing-word"]


def test_a_saga_needs_steps() -> None:
    """At least one."""
    head = ORDER[: ORDER.index("steps:")]
    assert codes_of(head) == ["1 missing-word"]
    assert codes_of(head + "steps: []\n") == ["6 empty-value"]
    assert codes_of(head + "steps:\n") == ["6 wrong-shape"]
    assert codes_of(head + "steps: {a: 1}\n") == ["6 wrong-shape"]


@pytest.mark.parametrize("text", ["[]\n", "order\n", "5\n", "- saga: order\n"])
def test_a_file_that_is_no_mapping_is_no_saga(text: str) -> None:
    """Whatever else it is."""
    assert codes_of(text) == ["1 wrong-shape"]


@pytest.mark.parametrize(
    ("old", "new", "meant"),
    [
        ("deadline: 15m", "dead_line: 15m", "deadline"),
        ("    timeout: 10s", "    time_out: 10s", "timeout"),
        ("max_delay: 30s", "maxdelay: 30s", "max_delay"),
        ("undo: {call: stock", "undo: {cal: x, call: stock", "call"),
        ("steps:\n", "defaults: {retyr: {delay: 1s}}\nsteps:\n", "retry"),
        ("steps:\n", "defaults: {undo: {timeot: 1s}}\nsteps:\n", "timeout"),
    ],
)
def test_an_unknown_word_is_an_error(old: str, new: str, meant: str) -> None:
    """With the word that was perhaps meant: a slip must not switch a rule off."""
    (problem,) = checked(changed((old, new))).problems
    assert problem.code == "unknown-word"
    assert problem.message.endswith(f"Did you mean '{meant}'?")


@pytest.mark.parametrize(
    "lines",
    [
        "parallel: []",
        "choose: []",
        "run: other@1",
        "await: shop.Note",
        "wait: 10s",
        "if: $.input.number > 5\n    call: payments.RefundCharge",
        "optional: true\n    call: payments.RefundCharge",
        "call: payments.RefundCharge\n    else: fail",
        "call: payments.RefundCharge\n    match: {}",
    ],
)
def test_words_of_later_versions_are_refused_by_name(lines: str) -> None:
    """And the step is not blamed for anything else because of it."""
    step = f"  - name: more\n    {lines}\n"
    if "call" in lines:
        step += "    with: {order_id: $.input.order_id}\n    undo: none\n"
    problems = checked(changed((RESERVE, step + RESERVE))).problems
    assert [each.code for each in problems] == ["not-supported"]
    assert "this version does not support it" in problems[0].message


def test_output_is_a_word_of_a_later_version() -> None:
    """At the top of the file."""
    assert codes_of(changed(("steps:", "output: {a: $.input.number}\nsteps:"))) == [
        "6 not-supported"
    ]


@pytest.mark.parametrize(
    "word", ["undo: none", "undo_unknown: skip", "timeout: 5s", "retry: {}", "pivot: true"]
)
def test_what_waits_for_answers_stands_on_calls_only(word: str) -> None:
    """saga-rules S25: nobody answers an event."""
    text = changed(("    emit: shop", f"    {word}\n    emit: shop"))
    assert codes_of(text) == ["26 misplaced-word"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("steps:", "timeout: 5s\nsteps:"),
        ("    timeout: 10s", "    deadline: 10s"),
        ("retry: {attempts: 3", "retry: {timeout: 3s, attempts: 3"),
        ("undo: {call: stock", "undo: {undo_unknown: skip, call: stock"),
        ("steps:", "defaults: {deadline: 5s}\nsteps:"),
    ],
)
def test_a_word_at_the_wrong_place_is_told_its_place(old: str, new: str) -> None:
    """Not that it is unknown."""
    assert [each.code for each in checked(changed((old, new))).problems] == ["misplaced-word"]


# Steps


def test_a_step_calls_or_emits() -> None:
    """Exactly one of the two."""
    neither = changed((RESERVE, f"  - name: idle\n{RESERVE}"))
    assert codes_of(neither) == ["7 call-or-emit"]
    both = changed(("    emit: shop", "    call: stock.ReleaseStock\n    emit: shop"))
    assert "27 call-or-emit" in codes_of(both)


def test_a_step_needs_a_name() -> None:
    """Told where the step begins; a path to it is not blamed."""
    text = changed(("  - name: ship\n    call", "  - call"))
    assert codes_of(text) == ["20 missing-word"]


def test_names_of_steps_are_unique() -> None:
    """Paths and idempotency keys are made of them; the second one is told where the first is."""
    text = changed(("name: charge_card", "name: reserve_stock"))
    assert codes_of(text) == ["14 duplicate-step"]
    assert "in line 7" in told(text)


@pytest.mark.parametrize(
    "name", ["Order", "1order", "_order", "order-saga", "order.saga", "größe", "a" * 64, "''"]
)
def test_names_have_a_rule(name: str) -> None:
    """`[a-z][a-z0-9_]{0,62}`, for sagas and steps: they stand in topics, keys and labels."""
    assert codes_of(changed(("saga: order", f"saga: {name}"))) == ["1 illegal-name"]
    assert "7 illegal-name" in codes_of(changed(("name: reserve_stock", f"name: {name}")))


def test_a_name_of_63_characters_is_legal() -> None:
    """And of one."""
    assert defined(changed(("saga: order", "saga: " + "a" * 63))).saga == "a" * 63
    assert defined(changed(("saga: order", "saga: x"))).saga == "x"


def test_a_step_that_is_no_mapping_is_told() -> None:
    """And the others are still checked."""
    text = changed((RESERVE, f"  - reserve_stock\n{RESERVE}"), ("timeout: 10s", "timeout: 10"))
    assert codes_of(text) == ["7 wrong-shape", "12 illegal-duration"]


def steps(count: int) -> str:
    """Return a saga of so many steps."""
    head = "saga: long\nversion: 1\ninput: shop.OrderPlaced\nkey: $.input.order_id\nsteps:\n"
    return head + "".join(
        f"  - {{name: s{number}, emit: shop.Note, with: {{text: $.input.order_id}}}}\n"
        for number in range(count)
    )


def test_a_saga_has_200_steps_at_most() -> None:
    """The first one too many is told."""
    assert len(defined(steps(200)).steps) == 200
    assert codes_of(steps(201)) == ["206 too-many-steps"]
    assert "it may have 200" in told(steps(201))


# Values


@pytest.mark.parametrize("version", ["0", "-1", "01", "1.0", "'1'", "true", "x", "9" * 40, "[1]"])
def test_a_version_is_a_whole_number_from_1(version: str) -> None:
    """Without quotes, signs and leading zeros."""
    (problem,) = checked(changed(("version: 3", f"version: {version}"))).problems
    assert problem.code in {"illegal-number", "wrong-shape"}


@pytest.mark.parametrize("duration", ["10", "0s", "1.5s", "1m30s", "-1s", "366d", "ten", "''"])
def test_a_duration_has_a_rule(duration: str) -> None:
    """One whole number, one unit, up to a year: deadline, retention, timeout, delays."""
    for old, new in (
        ("deadline: 15m", f"deadline: {duration}"),
        ("deadline: 15m", f"retention: {duration}"),
        ("timeout: 10s", f"timeout: {duration}"),
        ("delay: 1s", f"delay: {duration}"),
        ("max_delay: 30s", f"max_delay: {duration}"),
    ):
        codes = {each.code for each in checked(changed((old, new))).problems}
        assert codes == {"illegal-duration"}, new


@pytest.mark.parametrize("attempts", ["0", "1001", "-1", "2.0", "'3'", "many"])
def test_attempts_are_1_to_1000(attempts: str) -> None:
    """saga-rules S35."""
    text = changed(("attempts: 3", f"attempts: {attempts}"))
    assert codes_of(text) == ["12 illegal-number"]


@pytest.mark.parametrize("backoff", ["0.9", "0", "10.1", "11", "-2", "'2'", "1e1", ".inf", ".nan"])
def test_backoff_is_1_to_10(backoff: str) -> None:
    """saga-rules S35; a number, not necessarily whole."""
    text = changed(("backoff: 2", f"backoff: {backoff}"))
    assert codes_of(text) == ["12 illegal-number"]


@pytest.mark.parametrize("word", ["version", "saga", "input", "key", "deadline"])
def test_a_word_with_nothing_behind_it_is_told(word: str) -> None:
    """It is no null and no default."""
    line = next(line for line in ORDER.splitlines() if line.startswith(f"{word}:"))
    (problem,) = checked(changed((f"{line}\n", f"{word}:\n"))).problems
    assert problem.code == "empty-value"


@pytest.mark.parametrize("value", ["5", "true", "null", "[a]", "{a: b}"])
def test_a_name_of_a_type_is_text(value: str) -> None:
    """And nothing that YAML takes for something else."""
    for old in ("input: shop.OrderPlaced", "call: stock.ReserveStock", "emit: shop.OrderConfirmed"):
        word = old.partition(":")[0]
        assert "wrong-shape" in told(changed((old, f"{word}: {value}")))


@pytest.mark.parametrize("pivot", ["1", "'true'", "yes", "[]"])
def test_pivot_is_true_or_false(pivot: str) -> None:
    """`yes` is text in YAML 1.2."""
    assert "23 wrong-shape" in codes_of(changed(("pivot: true", f"pivot: {pivot}")))


def test_pivot_false_is_no_pivot() -> None:
    """Then the step needs an undo like all others."""
    text = changed(("    pivot: true", "    pivot: false\n    undo: none"))
    assert not any(getattr(step, "pivot", False) for step in defined(text).steps)


@pytest.mark.parametrize("undo", ["nothing", "None", "null", "", "5", "[]", "true"])
def test_undo_is_a_mapping_or_none(undo: str) -> None:
    """The word none, as written."""
    old = "undo: {call: stock.ReleaseStock, with: {order_id: $.input.order_id}}"
    assert codes_of(changed((old, f"undo: {undo}"))) == ["10 wrong-shape"]


def test_an_undo_needs_a_command() -> None:
    """Told at its word."""
    old = "undo: {call: stock.ReleaseStock, with: {order_id: $.input.order_id}}"
    assert codes_of(changed((old, "undo: {timeout: 5s}"))) == ["10 missing-word"]


@pytest.mark.parametrize("value", ["[]", "x", "5", ""])
def test_with_takes_a_mapping(value: str) -> None:
    """And fields are not told as missing on top of it."""
    old = "with: {order_id: $.input.order_id, items: $.input.items}"
    assert codes_of(changed((old, f"with: {value}"))) == ["9 wrong-shape"]


def test_undo_unknown_takes_one_word() -> None:
    """Skip."""
    text = changed(("    timeout: 10s", "    undo_unknown: park\n    timeout: 10s"))
    assert codes_of(text) == ["11 wrong-shape"]


def test_words_may_stand_in_any_order() -> None:
    """Of a mapping order means nothing."""
    head, steps_text = ORDER.split("steps:")
    lines = head.splitlines(keepends=True)
    text = f"steps:{steps_text}{''.join(reversed(lines))}"
    assert defined(text).steps == defined(ORDER).steps
