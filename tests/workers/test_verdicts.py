"""What an error means for a partition's life, and what the process then says and exits with."""

import pytest

from penstock.events.catalogue_errors import SchemasUnreadable
from penstock.events.log import Partition, TopicMissing, WriteRefused
from penstock.events.schema_judgement import SchemaConflict
from penstock.schemas.errors import ExitCode
from penstock.workers.changelog import ChangelogUnreadable
from penstock.workers.partition_life import ForbiddenTransition
from penstock.workers.partition_signals import Doubt, Fail, Failed, Fault, Input, MemberLost
from penstock.workers.ports import CommitRefused, NotAMember, TransactionDoubt, TransactionRefused
from penstock.workers.runner import error_of
from penstock.workers.state_table import StateUnreadable
from penstock.workers.verdicts import Hopeless, verdict

PLACE = Partition("shop.orders", 0)


@pytest.mark.parametrize(
    "error",
    [
        TransactionDoubt(reason="no answer"),
        TransactionRefused(partition=PLACE, reason="MESSAGE_TOO_LARGE (10)"),
        WriteRefused(partition=PLACE, reason="MESSAGE_TOO_LARGE (10)"),
        SchemasUnreadable(position=0, end=1, timeout_s=10.0),
        TopicMissing(topics="shop.counts"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_may_be_better_in_a_moment_is_a_doubt(error: Exception) -> None:
    """A missing topic too: a broker that has just started does not know its topics yet."""
    said = verdict(error)
    assert isinstance(said, Doubt)
    assert str(error) in said.why


@pytest.mark.parametrize(
    ("error", "fault", "exit_code"),
    [
        (StateUnreadable(table="t", reason="PEN-A40"), Fault.CHANGELOG, ExitCode.DATA),
        (
            ChangelogUnreadable(partition=PLACE, offset=1, problem="no"),
            Fault.CHANGELOG,
            ExitCode.DATA,
        ),
        (CommitRefused(partition=PLACE, reason="no"), Fault.PERMISSION, ExitCode.BUG),
        (
            SchemaConflict(full_name="shop.A", fingerprint="00", conflict="scale"),
            Fault.UNFIT,
            ExitCode.DATA,
        ),
        (Hopeless("it was re-created", Fault.OFFSETS), Fault.OFFSETS, ExitCode.DATA),
        (ForbiddenTransition(phase="RUNNING", input="Begin"), Fault.BUG, ExitCode.BUG),
        (KeyError("o-1"), Fault.BUG, ExitCode.BUG),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_no_retry_mends_fails_by_its_kind(
    error: Exception, fault: Fault, exit_code: ExitCode
) -> None:
    """What is wrong outside is not called a bug, and its own words reach whoever must mend it."""
    said: Input = verdict(error)
    assert isinstance(said, Failed)
    assert said.fault is fault
    told = error_of(PLACE, Fail(said.why, said.fault))
    assert told.exit_code is exit_code
    assert said.why.rstrip(".") in told.message


def test_a_partition_of_somebody_else_is_no_trouble() -> None:
    """Its new owner goes on."""
    assert isinstance(verdict(NotAMember(partition=PLACE)), MemberLost)
