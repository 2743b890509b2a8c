"""The choice of a class for what was written; at random in tests/properties."""

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from penstock.events import Event, Record
from penstock.events.decoder import EventDecoder
from penstock.events.event_types import TypeNamedTwice
from penstock.events.schema_judgement import SchemaIncompatible
from penstock.events.type_choice import (
    Reading,
    ShapeUndecided,
    TypeChoice,
    Unasked,
    Undecided,
    names_of,
)
from penstock.events.upcasting import BadUpcast, Upcast, upcast
from penstock.schemas.codec import datum_encoder_of
from penstock.schemas.codec_errors import IllegalText, Unresolvable
from penstock.schemas.declaration_errors import AbstractRecord
from penstock.schemas.errors import ExitCode
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema

if TYPE_CHECKING:
    from tests.events.conftest import World


class Placed(Event, topic="shop.orders", key="order_id", aliases=("shop.Ordered",)):
    """Was called otherwise."""

    order_id: str
    total: int
    note: str = ""


class Paid(Event, topic="shop.orders", key="order_id"):
    """Another type of the topic."""

    order_id: str


class PlacedWithPrice(Record, namespace="shop", name="Placed"):
    """An old shape."""

    order_id: str
    price: int
    count: int


class PlacedWithWords(Record, namespace="shop", name="Placed"):
    """Another one."""

    order_id: str
    words: str


class Purchased(Record, namespace="market"):
    """What the type was in another company."""

    number: int


@upcast
def multiplied(old: PlacedWithPrice) -> Placed:
    """Compute the total."""
    return Placed(order_id=old.order_id, total=old.price * old.count)


@upcast
def counted(old: PlacedWithWords) -> Placed:
    """Read the total."""
    return Placed(order_id=old.order_id, total=len(old.words))


@upcast
def merged(old: Purchased) -> Placed:
    """Take it over."""
    return Placed(order_id=str(old.number), total=0)


def written(name: str, **fields: Any) -> AvroSchema:
    """The schema of a writer."""
    listed = [{"name": field, "type": kind} for field, kind in fields.items()]
    return AvroSchema.parse(json.dumps({"type": "record", "name": name, "fields": listed}))


def shape_of(choice: object) -> tuple[type[Record], int]:
    """What is read, and how many upcasts follow."""
    assert isinstance(choice, Reading)
    return choice.shape, len(choice.upcasts)


CHOICE = TypeChoice([Placed, Paid], [multiplied, counted, merged])


def test_a_type_is_found_by_its_name_and_by_the_names_it_had() -> None:
    """A renamed type needs no upcast."""
    for name in ("shop.Placed", "shop.Ordered"):
        writer = written(name, order_id="string", total="int")
        assert shape_of(CHOICE.choose(writer)) == (Placed, 0)
    assert shape_of(CHOICE.choose(written("shop.Paid", order_id="string"))) == (Paid, 0)
    assert names_of(Placed) == ("shop.Placed", "shop.Ordered")


def test_an_exact_shape_goes_first() -> None:
    """Also where the class could read it, by defaults that the upcast knows better."""

    class PlacedWithoutNote(Record, namespace="shop", name="Placed"):
        order_id: str
        total: int

    @upcast
    def noted(old: PlacedWithoutNote) -> Placed:
        return Placed(order_id=old.order_id, total=old.total, note="an old one")

    choice = TypeChoice([Placed], [noted])
    exact = written("shop.Placed", order_id="string", total="long")
    assert shape_of(choice.choose(exact)) == (PlacedWithoutNote, 1)
    narrower = written("shop.Placed", order_id="string", total="int")
    assert shape_of(choice.choose(narrower)) == (Placed, 0)


def test_an_old_shape_takes_what_the_class_cannot_read() -> None:
    """Evolved beside the shape that is known: a field more, a narrower number."""
    writer = written("shop.Placed", order_id="string", price="int", count="int", by="string")
    assert shape_of(CHOICE.choose(writer)) == (PlacedWithPrice, 1)


def test_a_type_of_another_name_may_become_one_that_is_read() -> None:
    """By an upcast alone."""
    assert shape_of(CHOICE.choose(written("market.Purchased", number="long"))) == (Purchased, 1)
    assert shape_of(CHOICE.choose(written("market.Purchased", number="int"))) == (Purchased, 1)
    assert CHOICE.names == {
        "shop.Placed": Placed,
        "shop.Ordered": Placed,
        "shop.Paid": Paid,
        "market.Purchased": Placed,
    }


def test_of_two_shapes_that_fit_alike_none_is_guessed() -> None:
    """Each record is refused afresh, with both shapes and the way out; that is decided once."""
    writer = written("shop.Placed", order_id="string", price="long", count="long", words="string")
    choice = CHOICE.choose(writer)
    assert isinstance(choice, Undecided)
    decoder = EventDecoder([Placed], Known(writer), upcasts=[counted, multiplied])
    payload = datum_encoder_of(writer)({"order_id": "o", "price": 1, "count": 1, "words": "x"})
    errors = []
    for _ in range(2):
        with pytest.raises(ShapeUndecided, match=r"PlacedWithPrice or for .*PlacedWithWords") as no:
            decoder.decode(payload)
        errors.append(no.value)
    assert errors[0] is not errors[1]
    assert errors[0].exit_code is ExitCode.DATA


def test_what_nothing_can_read_is_refused_by_the_class() -> None:
    """Its error tells what is in the way."""
    writer = written("shop.Placed", order_id="string", total="string")
    decoder = EventDecoder([Placed], Known(writer), upcasts=[counted, multiplied])
    with pytest.raises(Unresolvable, match=r"shop\.Placed\.total was written as string"):
        decoder.decode(datum_encoder_of(writer)({"order_id": "o", "total": "1"}))


def test_what_is_not_read_here_is_nobodys() -> None:
    """Told with its name, and whether it is left out on purpose; old names count too."""
    choice = TypeChoice([Paid], ignores=[Placed])
    for name in ("shop.Placed", "shop.Ordered"):
        found = choice.choose(written(name, anything="int"))
        assert found == Unasked(full_name=name, ignored=True)
    found = choice.choose(written("else.Placed", order_id="string", total="long"))
    assert found == Unasked(full_name="else.Placed", ignored=False)


def test_one_name_stands_for_one_class() -> None:
    """Also a name of former times."""

    class Ordered(Event, topic="shop.orders"):
        order_id: str

    with pytest.raises(TypeNamedTwice, match=r"named shop\.Ordered"):
        TypeChoice([Placed, Ordered])
    with pytest.raises(AbstractRecord):
        TypeChoice([Event])


def test_an_old_shape_does_not_lead_past_the_class_of_its_name() -> None:
    """A `shop.Placed` would be an order here and a payment there."""

    class OldPlaced(Record, namespace="shop", name="Placed"):
        order_id: str
        paid: bool

    @upcast
    def astray(old: OldPlaced) -> Paid:
        raise AssertionError(old)

    with pytest.raises(BadUpcast, match=r"shop\.Placed stands for \S+Placed here"):
        TypeChoice([Placed, Paid], [astray])


def test_an_upcast_to_nowhere_and_one_that_nothing_reaches_are_refused() -> None:
    """Each would be code that never runs."""
    with pytest.raises(BadUpcast, match="which is not read here"):
        TypeChoice([Paid], [multiplied])

    class Prepaid(Event, topic="shop.orders"):
        order_id: str
        on: str

    @upcast
    def paid(old: Prepaid) -> Paid:
        return Paid(order_id=old.order_id)

    with pytest.raises(BadUpcast, match="is read here itself"):
        TypeChoice([Paid, Prepaid], [paid])
    assert shape_of(TypeChoice([Paid], [paid]).choose(written("shop.Prepaid", order_id="int")))


def test_two_shapes_of_one_fingerprint_are_refused() -> None:
    """Nobody could tell them apart."""

    class Again(Record, namespace="shop", name="Placed"):
        order_id: str
        words: str

    @upcast
    def again(old: Again) -> Placed:
        raise AssertionError(old)

    with pytest.raises(BadUpcast, match="have the same fingerprint"):
        TypeChoice([Placed], [counted, again])


class Known:
    """One schema."""

    def __init__(self, schema: AvroSchema) -> None:
        """Know it."""
        self.schema = schema

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """As the port promises."""
        return self.schema if self.schema.fingerprint == fingerprint else None


def test_broken_bytes_of_an_old_shape_never_reach_its_upcast() -> None:
    """It is given whole records only."""
    writer = written("shop.Placed", order_id="string", words="string")
    decoder = EventDecoder([Placed], Known(writer), upcasts=[counted])
    payload = datum_encoder_of(writer)({"order_id": "o", "words": "abc"})
    assert decoder.decode(payload) == Placed(order_id="o", total=3)
    with pytest.raises(IllegalText):
        decoder.decode(payload[:-1] + b"\xff")


def test_a_decoder_tells_of_which_type_a_record_is_that_it_passes_over() -> None:
    """For whoever counts, parks or refuses it."""
    writer = written("shop.Other", order_id="string")
    decoder = EventDecoder([Placed], Known(writer), ignores=[Paid])
    payload = datum_encoder_of(writer)({"order_id": "o"})
    assert decoder.decode(payload) is None
    assert decoder.unasked(payload) == Unasked(full_name="shop.Other", ignored=False)
    assert decoder.names == {"shop.Placed": Placed, "shop.Ordered": Placed}


class PaidInCents(Event, topic="shop.payments", key="order_id", namespace="bank"):
    """As an older program declares it."""

    order_id: str
    cents: int


def present_paid() -> type[Any]:
    """The class of today: it cannot read what the older program writes."""

    class PaidInCents(Event, topic="shop.payments", key="order_id", namespace="bank"):
        order_id: str
        amount: str

    return PaidInCents


def test_a_reader_need_not_read_itself_what_is_upcast(world: "World") -> None:
    """A topic that promises that all can be read has its promise kept by the upcast."""
    present = present_paid()

    def in_words(old: Record) -> Record:
        found: Record = present(order_id="", amount=str(old))
        return found

    step = Upcast(old=PaidInCents, new=present, function=in_words, name="here:in_words")
    schema = declaration_of(present).schema

    async def scenario() -> None:
        await world.catalogue().ensure([declaration_of(PaidInCents).schema])
        reading = world.catalogue()
        with pytest.raises(SchemaIncompatible):
            await reading.ensure_readable([schema], upcast=TypeChoice([present]).upcasts_all)
        await reading.ensure_readable([schema], upcast=TypeChoice([present], [step]).upcasts_all)

    asyncio.run(scenario())


def test_what_the_class_reads_itself_is_not_upcast() -> None:
    """Neither is what nobody reads, nor what could be either of two shapes."""
    assert CHOICE.upcasts_all(written("shop.Placed", order_id="string", words="string"))
    assert not CHOICE.upcasts_all(written("shop.Placed", order_id="string", total="int"))
    assert not CHOICE.upcasts_all(written("shop.Other", order_id="string"))
    several = {"price": "long", "count": "long", "words": "string"}
    assert not CHOICE.upcasts_all(written("shop.Placed", order_id="string", **several))
