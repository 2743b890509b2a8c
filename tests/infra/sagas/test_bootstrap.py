"""How a saga's orchestrator is put together, as far as no cluster is needed for it."""

import asyncio

import pytest

from penstock.infra.sagas.bootstrap import MixedSagas, compiled, open_saga
from penstock.infra.settings import Settings
from penstock.sagas.language.bad_saga import BadSaga
from penstock.sagas.records import DefinitionRecord
from penstock.schemas.errors import ExitCode
from tests.sagas.shop import ORDER, definition

SETTINGS = Settings.model_validate({"app": "shop", "kafka": "127.0.0.1:1"})


def test_one_version_given_twice_is_refused_before_anything_is_reached() -> None:
    """Of two files of one version only one can be meant."""

    async def opened() -> None:
        async with open_saga(SETTINGS, [definition(), definition()]):
            raise AssertionError("it was opened")

    with pytest.raises(MixedSagas, match="Version 1 of the saga order") as caught:
        asyncio.run(opened())
    assert caught.value.exit_code is ExitCode.CONFIGURATION


def test_what_a_definitions_topic_holds_is_compiled_as_it_was_deployed() -> None:
    """From the record alone: no class and no file is needed."""
    saga = definition(ORDER)
    record = DefinitionRecord(
        version=1, digest=saga.digest, text=saga.text, schemas=list(saga.schemas)
    )
    assert compiled(record).definition == saga
    with pytest.raises(BadSaga):
        compiled(record.model_copy(update={"text": "saga: order"}))
