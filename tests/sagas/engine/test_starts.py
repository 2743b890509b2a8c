"""Starts and their answers (saga-rules S15)."""

from decimal import Decimal

from penstock.sagas.engine.decide import decide
from penstock.sagas.engine.effects import DeadLetter
from penstock.sagas.engine.facts import FactKind
from penstock.sagas.engine.inputs import Started
from penstock.sagas.engine.program import KEY_LIMIT_BYTES, Program
from penstock.sagas.play import BEGINNING_MS
from penstock.schemas.codec import datum_encoder_of
from tests.sagas.shop import SCHEMAS, begun, definition

PROGRAM = Program(definition())
encode = datum_encoder_of(SCHEMAS["shop.OrderPlaced"])


def test_a_new_key_begins_a_saga() -> None:
    """Table 3.2: a start with a new key writes the state and sends the first command."""
    play = begun().expect(phase="RUNNING", noted="ACCEPTED", sent=["stock.ReserveStock"])
    assert play.state is not None
    assert play.state.seq == 1
    assert play.state.deadline_ms == BEGINNING_MS + 15 * 60_000


def test_s15_the_same_input_again_is_already_begun() -> None:
    """S15: a start with a known key and the same input changes nothing, in any phase."""
    play = (
        begun()
        .start(order_id="o-1", total=Decimal("19.99"))
        .expect(noted="ALREADY", phase="RUNNING")
    )
    play.refuses("reserve_stock", "none").expect(phase="COMPENSATED")
    play.start(order_id="o-1", total=Decimal("19.99")).expect(noted="ALREADY", phase="COMPENSATED")
    assert play.state is not None
    assert play.state.seq == 4


def test_s15_another_input_is_a_conflict() -> None:
    """S15: a start with a known key and another input is refused and changes nothing."""
    play = begun().start(order_id="o-1", total=Decimal("20.00"))
    play.expect(noted="CONFLICT", phase="RUNNING", sent=["stock.ReserveStock"])


def test_s15_inputs_are_compared_by_what_they_say() -> None:
    """S15: the order of a map is no difference."""
    play = begun(labels={"a": "1", "b": "2"})
    play.start(order_id="o-1", total=Decimal("19.99"), labels={"b": "2", "a": "1"}).expect(
        noted="ALREADY"
    )
    play.start(order_id="o-1", total=Decimal("19.99"), labels={"b": "2"}).expect(noted="CONFLICT")


def test_s15_a_key_is_free_again_after_retention() -> None:
    """S15: an ended saga is remembered for its retention, then its key begins a new one."""
    play = begun().refuses("reserve_stock", "none").advance("2d").expect(phase=None)
    assert play.history[-1].kind is FactKind.REMOVED
    play.start(order_id="o-1", total=Decimal("1.00")).expect(phase="RUNNING", noted="ACCEPTED")
    assert play.state is not None
    assert play.state.seq == 1


def refused(key: str, framed: bytes) -> DeadLetter:
    """What becomes of a start that begins nothing."""
    given = Started(key=key, input=framed)
    decision = decide(PROGRAM, key, None, given, now_ms=BEGINNING_MS, draw=0)
    assert decision.state is None
    assert [fact.code for fact in decision.facts] == ["FOREIGN"]
    (letter,) = decision.effects
    assert isinstance(letter, DeadLetter)
    return letter


def test_a_start_whose_key_is_none_is_a_dead_letter() -> None:
    """F18: an input without a usable key begins nothing."""
    assert refused("", encode({"order_id": "", "total": Decimal("1.00")})).code == "PEN-S32"
    long = "o" * (KEY_LIMIT_BYTES + 1)
    assert refused(long, encode({"order_id": long, "total": Decimal("1.00")})).code == "PEN-S32"


def test_a_start_under_another_key_is_a_dead_letter() -> None:
    """A record's key is the saga's: what lies under another one would begin it twice."""
    assert refused("o-2", encode({"order_id": "o-1", "total": Decimal("1.00")})).code == "PEN-S32"


def test_a_start_that_cannot_be_read_is_a_dead_letter() -> None:
    """`decide` is total: bytes that are no input begin nothing."""
    assert refused("o-1", b"no input").code == "PEN-A40"


def test_a_known_saga_started_with_nonsense_goes_on() -> None:
    """`decide` is total: bytes that are no input change nothing in a running saga."""
    play = begun().give(Started(key="o-1", input=b"no input"))
    play.expect(noted="FOREIGN", phase="RUNNING")
