"""The room's public face, and what importing it costs."""

import subprocess
import sys

import penstock.events as room


def test_the_public_face_names_what_declarations_are_made_of() -> None:
    """One import for a module of events."""
    assert set(room.__all__) == {
        "FOREVER",
        "Command",
        "Event",
        "EventHeaders",
        "Key",
        "Message",
        "Record",
        "Reply",
        "Topic",
        "money",
        "upcast",
    }
    assert all(hasattr(room, name) for name in room.__all__)


def test_importing_the_room_brings_no_client_and_no_shell() -> None:
    """A module of events is imported by tools that never speak to a broker."""
    script = (
        "import sys, penstock.events\n"
        "unwanted = {'aiokafka', 'redis', 'rich', 'typer', 'structlog', 'pydantic_settings',\n"
        "            'penstock.events.publisher', 'penstock.events.catalogue',\n"
        "            'penstock.workers', 'penstock.sagas', 'penstock.infra'}\n"
        "print(*sorted(unwanted & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == ""
