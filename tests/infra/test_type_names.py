"""Full names and short ones."""

from penstock.infra.type_names import name_hint, named_by, the_type

KNOWN = ("shop.OrderPlaced", "shop.Noted", "stock.Noted")


def test_a_name_stands_for_one_type_for_several_or_for_none() -> None:
    """A full name stands for itself, whatever else ends in it."""
    assert named_by("shop.Noted", KNOWN) == ("shop.Noted",)
    assert named_by("OrderPlaced", KNOWN) == ("shop.OrderPlaced",)
    assert named_by("Noted", KNOWN) == ("shop.Noted", "stock.Noted")
    assert named_by("Placed", KNOWN) == ()
    assert named_by("other.OrderPlaced", KNOWN) == ()


def test_a_hint_says_what_was_perhaps_meant() -> None:
    """And what there is, where nothing is near; of many, some."""
    assert name_hint("Noted", KNOWN) == "It is the short name of shop.Noted and stock.Noted."
    assert name_hint("other.OrderPlaced", KNOWN) == "Did you mean shop.OrderPlaced?"
    assert name_hint("shop.OrderPlace", KNOWN) == "Did you mean shop.OrderPlaced?"
    assert name_hint("OrderPlace", KNOWN) == "Did you mean shop.OrderPlaced?"
    assert name_hint("x", ()) == "No type is known."
    assert name_hint("x", KNOWN) == "It is none of shop.Noted, shop.OrderPlaced, stock.Noted."
    many = [f"shop.Type{number:02}" for number in range(30)]
    assert name_hint("x", many).endswith("shop.Type09 and 20 more.")
    assert len(name_hint("x", ["a" * 5_000])) < 200, "names come from other people's schemas too"


def test_the_project_s_own_types_are_meant_before_others() -> None:
    """Whatever else lies on a cluster that many share."""
    ours, others = ("shop.Placed",), ("desk.Placed", "desk.Moved")
    assert the_type("Placed", ours, others) == "shop.Placed"
    assert the_type("Moved", ours, others) == "desk.Moved"
    assert the_type("desk.Placed", ours, others) == "desk.Placed"
    assert name_hint("Plased", ours, others) == "Did you mean shop.Placed?"
    assert name_hint("Movd", ours, others) == "Did you mean desk.Moved?"
    assert name_hint("x", ours, others) == "It is none of desk.Moved, desk.Placed, shop.Placed."
