"""Templates: values on their way from what a saga knows into a message."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from penstock.sagas.definition import (
    ListTemplate,
    Literal,
    MappingTemplate,
    Path,
    Root,
    Template,
)
from penstock.sagas.engine.rendering import (
    Known,
    NotThere,
    Sources,
    path_text,
    paths_in,
    renderer_of,
)
from penstock.schemas.schema import AvroSchema

ADDRESS = '{"type":"record","name":"shop.Address","fields":[{"name":"city","type":"string"}]}'
SOURCE = AvroSchema.parse(
    '{"type":"record","name":"shop.In","fields":['
    '{"name":"count","type":"int"},'
    '{"name":"text","type":"string"},'
    '{"name":"maybe","type":["null","string"]},'
    f'{{"name":"address","type":{ADDRESS}}},'
    '{"name":"sizes","type":{"type":"map","values":"int"}},'
    '{"name":"numbers","type":{"type":"array","items":"int"}}]}'
)
REPLY = AvroSchema.parse(
    '{"type":"record","name":"shop.Reply","fields":[{"name":"number","type":"long"}]}'
)
INPUT = {
    "count": 7,
    "text": "seven",
    "maybe": None,
    "address": {"city": "Riga"},
    "sizes": {"a": 1},
    "numbers": [1, 2],
}
SOURCES = Sources(input=SOURCE.root, replies={"count_it": REPLY.root})
STARTED = datetime(2023, 11, 14, tzinfo=UTC)


def known(
    reply: Mapping[str, Any] | None = None, failure: Mapping[str, Any] | None = None
) -> Known:
    """What a saga knows."""
    return Known(
        input=lambda: INPUT,
        reply=lambda step: reply if step == "count_it" else None,
        saga=lambda: {"id": "order/o-1", "key": "o-1", "started_at": STARTED},
        failure=lambda: failure,
    )


def path(root: Root, *fields: str) -> Path:
    """A path."""
    return Path(root=root, fields=fields)


def rendered(template: Template, field_type: str, what: Known | None = None) -> Any:
    """What a template makes of a field of this type."""
    target = AvroSchema.parse(
        f'{{"type":"record","name":"T","namespace":"x","fields":[{{"name":"f","type":{field_type}}}]}}'
    )
    whole = MappingTemplate(fields={"f": template})
    return renderer_of(whole, target.root, SOURCES)(what or known())["f"]


@pytest.mark.parametrize(
    ("given", "field_type", "value"),
    [
        (path(Root.INPUT, "count"), '"int"', 7),
        (path(Root.INPUT, "count"), '"long"', 7),
        (path(Root.INPUT, "count"), '"double"', 7.0),
        (path(Root.INPUT, "count"), '["null","long"]', 7),
        (path(Root.INPUT, "text"), '"bytes"', b"seven"),
        (path(Root.INPUT, "maybe"), '["null","string"]', None),
        (path(Root.INPUT, "address", "city"), '"string"', "Riga"),
        (path(Root.INPUT, "sizes"), '{"type":"map","values":"long"}', {"a": 1}),
        (path(Root.INPUT, "numbers"), '{"type":"array","items":"double"}', [1.0, 2.0]),
        (path(Root.SAGA, "id"), '"string"', "order/o-1"),
        (path(Root.SAGA, "key"), '"string"', "o-1"),
        (
            path(Root.SAGA, "started_at"),
            '{"type":"long","logicalType":"timestamp-micros"}',
            STARTED,
        ),
        (Literal(value=3), '"int"', 3),
    ],
)
def test_a_value_becomes_what_its_field_is(given: Template, field_type: str, value: Any) -> None:
    """S33: values pass by Avro's promotions, and are of the target's type afterwards."""
    found = rendered(given, field_type)
    assert found == value
    assert type(found) is type(value)


def test_a_record_becomes_a_later_version_of_itself() -> None:
    """S33: a record passes into one of the same name as Avro's resolution has it."""
    later = (
        '{"type":"record","name":"shop.Address","fields":[{"name":"city","type":"string"},'
        '{"name":"zip","type":"string","default":"-"}]}'
    )
    found = rendered(path(Root.INPUT, "address"), later)
    assert found == {"city": "Riga", "zip": "-"}


def test_nested_templates_are_filled() -> None:
    """Records, maps and arrays may be written out, also inside of optional ones."""
    city = MappingTemplate(fields={"city": path(Root.INPUT, "text")})
    assert rendered(city, f'["null",{ADDRESS}]') == {"city": "seven"}
    counts = ListTemplate(items=(path(Root.INPUT, "count"), Literal(value=8.0)))
    assert rendered(counts, '{"type":"array","items":"double"}') == [7.0, 8.0]
    named = MappingTemplate(fields={"x": path(Root.INPUT, "count")})
    found = rendered(named, '{"type":"map","values":"double"}')
    assert found == {"x": 7.0}
    assert type(found["x"]) is float


def test_replies_are_read_by_their_step() -> None:
    """`$.steps.<name>.field` is the data of that step's answer."""
    number = path(Root.STEPS, "count_it", "number")
    assert rendered(number, '"double"', known(reply={"number": 5})) == 5.0
    with pytest.raises(NotThere, match=r"\$\.steps\.count_it\.number leads to nothing"):
        rendered(number, '"double"')


def test_the_failure_is_there_once_there_is_one() -> None:
    """S32: `$.failure` has step and code."""
    code = path(Root.FAILURE, "code")
    assert rendered(code, '"string"', known(failure={"step": "", "code": "deadline"})) == "deadline"
    with pytest.raises(NotThere):
        rendered(code, '"string"')


@pytest.mark.parametrize(
    "given",
    [
        path(Root.INPUT, "no_such_field"),
        path(Root.INPUT, "maybe", "inner"),
        path(Root.STEPS, "no_such_step", "number"),
        path(Root.SAGA, "no_such_field"),
    ],
)
def test_a_path_to_nothing_says_so(given: Path) -> None:
    """Even an unchecked definition ends in a reason, not in a KeyError."""
    with pytest.raises(NotThere):
        rendered(given, '"string"')


def test_paths_are_found_and_shown() -> None:
    """Every path of a template is found, and reads as the file writes it."""
    one, other = path(Root.INPUT, "a"), path(Root.STEPS, "s", "b")
    template = MappingTemplate(
        fields={"x": one, "y": ListTemplate(items=(other, Literal(value=1)))}
    )
    assert paths_in(template) == {one, other}
    assert {path_text(each) for each in paths_in(template)} == {"$.input.a", "$.steps.s.b"}
