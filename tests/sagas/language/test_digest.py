"""Digests lie in topics for years: the same content must always give the same one."""

from penstock.sagas.language.digest import digest_of


def test_the_digest_of_a_content_never_changes() -> None:
    """Else every deployed version would look changed after an upgrade of penstock."""
    assert digest_of("saga: größer\n", ['{"a":1}', '{"b":"漢"}']) == (
        "1d4d1dc63718fe8f2d32047444e67f2f9065888db654e5c9a3182e8e5c66afbb"
    )


def test_the_borders_between_text_and_schemas_count() -> None:
    """What moves from one to the other is another content."""
    contents = [("ab", ["c"]), ("a", ["bc"]), ("a", ["b", "c"]), ("abc", []), ('a","b', ["c"])]
    digests = {digest_of(text, schemas) for text, schemas in contents}
    assert len(digests) == len(contents)
