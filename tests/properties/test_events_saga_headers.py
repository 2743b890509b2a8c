"""Keys of effects tell their parts apart, and headers of commands lose nothing."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.events.names import saga_inbox_topic
from penstock.events.saga_headers import CommandHeaders, Direction, command_id, idempotency_key

SAGAS = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True)
STEPS = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True)
DIRECTIONS = st.sampled_from(Direction)
# Keys made of the separators themselves find ambiguities that chance would not.
PIECES = st.lists(st.sampled_from(["do", "undo", "/", ":", "#", "1", "a"]), max_size=7)
KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12) | PIECES.map("".join)
NUMBERS = st.integers(min_value=0, max_value=10**18 - 1)
EFFECTS = st.tuples(SAGAS, DIRECTIONS, STEPS, KEYS)
ATTEMPTS = st.integers(min_value=1, max_value=1200)


@given(EFFECTS, EFFECTS)
def test_keys_of_effects_are_injective(
    one: tuple[str, Direction, str, str], other: tuple[str, Direction, str, str]
) -> None:
    """Two effects never share a key, whatever stands in the keys of their sagas."""
    assert (idempotency_key(*one) == idempotency_key(*other)) == (one == other)


@given(SAGAS, DIRECTIONS, STEPS, KEYS)
def test_the_parts_of_a_key_can_be_told(
    saga: str, direction: Direction, step: str, key: str
) -> None:
    """F12: the free part stands last."""
    head, _, tail = idempotency_key(saga, direction, step, key).partition(":")
    assert (head.split("/"), tail) == ([saga, direction, step], key)


@given(EFFECTS, EFFECTS, ATTEMPTS, ATTEMPTS)
def test_ids_of_attempts_are_injective(
    one: tuple[str, Direction, str, str],
    other: tuple[str, Direction, str, str],
    first: int,
    second: int,
) -> None:
    """Two attempts are two messages; a key that ends like an attempt confuses nobody."""
    same = command_id(idempotency_key(*one), first) == command_id(idempotency_key(*other), second)
    assert same == ((one, first) == (other, second))


@given(EFFECTS, NUMBERS, NUMBERS)
def test_headers_of_commands_read_back(
    effect: tuple[str, Direction, str, str], attempt: int, deadline_ms: int
) -> None:
    """What was written is what is read, and nothing depends on their order."""
    saga, direction, step, _ = effect
    headers = CommandHeaders(
        saga=saga,
        step=step,
        direction=direction,
        attempt=attempt,
        idempotency_key=idempotency_key(*effect),
        deadline_ms=deadline_ms,
        reply_to=saga_inbox_topic("shop", saga),
    )
    assert CommandHeaders.parse(headers.written()) == headers
    assert CommandHeaders.parse(headers.written()[::-1]) == headers
