"""The orchestrators of sagas as a process, as far as no cluster is needed for it."""

import asyncio

import pytest

from penstock.infra.sagas.process import OneProgressFile, run_sagas
from penstock.infra.settings import Settings
from penstock.schemas.errors import ExitCode
from tests.sagas.shop import HEAD, MAIL_ONLY, definition

SETTINGS = Settings.model_validate({"app": "shop", "kafka": "127.0.0.1:1"})
OFFER = definition((HEAD + MAIL_ONLY).replace("saga: order", "saga: offer"))


def test_sagas_of_one_process_do_not_share_a_progress_file() -> None:
    """Each would overwrite what the other reports."""
    settings = SETTINGS.model_copy(update={"progress_file": "/run/progress.json"})
    with pytest.raises(OneProgressFile, match="offer, order") as caught:
        asyncio.run(run_sagas(settings, [definition(), OFFER]))
    assert caught.value.exit_code is ExitCode.CONFIGURATION
