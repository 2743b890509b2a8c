"""What an OffsetFetch says, and above all what it does not say (partition-life rule 2)."""

from typing import Any

import pytest
from aiokafka.protocol.commit import OffsetFetchResponse_v1, OffsetFetchResponse_v3

from penstock.events.log import Partition
from penstock.infra.kafka.group import KafkaGroupMember

ASKED = Partition("orders", 2)
LOADING, NOT_COORDINATOR = 14, 16


def answer(*partitions: tuple[int, int, str, int], code: int = 0, topic: str = "orders") -> Any:
    """An answer about a topic, and its own code."""
    topics = [(topic, list(partitions))] if partitions else []
    return OffsetFetchResponse_v3(throttle_time_ms=0, topics=topics, error_code=code)


@pytest.mark.parametrize(
    ("response", "read"),
    [
        pytest.param(answer((2, 7, "mark", 0)), (7, "mark"), id="an-offset"),
        pytest.param(answer((1, 5, "", 0), (2, 7, "", 0)), (7, ""), id="asked-by-name"),
        pytest.param(answer((2, -1, "", 0)), (-1, ""), id="none"),
        pytest.param(answer(code=LOADING), LOADING, id="an-error-beside-nothing"),
        pytest.param(
            answer((2, -1, "", 0), code=NOT_COORDINATOR), NOT_COORDINATOR, id="an-error-over-all"
        ),
        pytest.param(answer((2, -1, "", LOADING)), LOADING, id="an-error-of-the-partition"),
        pytest.param(answer(), 0, id="nothing-at-all"),
        pytest.param(answer((1, 5, "", 0)), 0, id="another-partition"),
        pytest.param(answer((2, 5, "", 0), topic="other"), 0, id="another-topic"),
        pytest.param(
            OffsetFetchResponse_v1(topics=[("orders", [(2, 7, None, 0)])]),
            (7, ""),
            id="an-old-version-without-a-code",
        ),
    ],
)
def test_an_offset_is_read_by_name_and_an_error_is_no_answer(response: Any, read: object) -> None:
    """Only -1 for the partition asked for means that there is none; all else is asked again."""
    assert KafkaGroupMember._read_offset(response, ASKED) == read
