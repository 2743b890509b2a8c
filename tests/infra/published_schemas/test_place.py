"""Places as a command line says them; nothing that could be an option of a program passes."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.infra.published_schemas.place import (
    BadPlace,
    FilesPlace,
    GitPlace,
    ProjectPlace,
    RegistryPlace,
    TopicPlace,
    place_named,
)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("project", ProjectPlace()),
        ("topic", TopicPlace()),
        ("registry", RegistryPlace()),
        ("./topic", FilesPlace(path="./topic")),
        ("schemas", FilesPlace(path="schemas")),
        ("git:main", GitPlace(ref="main")),
        ("git:origin/release-1.2", GitPlace(ref="origin/release-1.2")),
        ("git:HEAD~2^1", GitPlace(ref="HEAD~2^1")),
        ("git:v1:old/schemas", GitPlace(ref="v1", path="old/schemas")),
        ("git:v1:.", GitPlace(ref="v1", path=".")),
    ],
)
def test_places(text: str, place: object) -> None:
    """Words, commits, paths."""
    found = place_named(text, is_path=True)
    assert found == place
    if isinstance(found, GitPlace):
        assert str(found) == text


@pytest.mark.parametrize(
    "text",
    [
        "git:",
        "git::schemas",
        "git:-x",
        "git:--upload-pack=x",
        "git:main..other",
        "git:@{u}",
        "git:a b",
        "git:a\x00b",
        "git:~1",
        "git:main:",
        "git:main:/etc",
        "git:main:-x",
        "git:main::(top)",
        "git:" + 2_000 * "a",
        "git:ma*n",
        "git:x.lock",
    ],
)
def test_what_git_shall_never_see(text: str) -> None:
    """Refused here, as wrong usage."""
    with pytest.raises(BadPlace) as refused:
        place_named(text, is_path=True)
    assert refused.value.exit_code == 2


@given(st.text(st.sampled_from("-:~^.@{}a/\x00 "), max_size=12))
@example("-")
def test_no_argument_of_git_begins_as_an_option_does(rest: str) -> None:
    """Whatever stands behind `git:`."""
    try:
        place = place_named(f"git:{rest}", is_path=False)
    except BadPlace:
        return
    assert isinstance(place, GitPlace)
    assert place.ref[0] not in "-~^"
    assert not {" ", "\x00", ":"} & set(place.ref)
    assert place.path is None or place.path[0] not in "-/:"


def test_a_folder_that_is_not_there_may_have_been_a_word() -> None:
    """The nearest place is named."""
    with pytest.raises(BadPlace, match="did you mean topic"):
        place_named("tpic", is_path=False)
    with pytest.raises(BadPlace, match="an empty text"):
        place_named("", is_path=False)
