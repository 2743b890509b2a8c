from pathlib import Path

import pytest

from penstock.infra.redis.script import Script, load_script


def test_the_digest_is_that_of_redis() -> None:
    """SHA-1 in hexadecimal; this one is that of Redis' own documentation of EVALSHA."""
    script = Script(name="answer", text="return 1")
    assert script.digest == "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"


def test_text_beyond_ascii_is_digested_as_it_is_sent() -> None:
    """In UTF-8, as `wire.command` encodes it."""
    script = Script(name="greeting", text="return 'é'")
    assert script.digest == "6832e39b721242dbb406e4bf358bfebb712064d7"


def test_loading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script is named for its file, which lies in a package."""
    package = tmp_path / "package_with_a_script"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "beat.lua").write_text("return 1", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    script = load_script("package_with_a_script", "beat.lua")
    assert script == Script(name="beat", text="return 1")
    with pytest.raises(FileNotFoundError):
        load_script("package_with_a_script", "none.lua")
