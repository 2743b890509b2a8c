import os
import re

import kio.schema
import pytest

from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.embedded.wire.api_table import API_TABLE, Api

_KAFKA_4_1 = {
    0: (0, 13), 1: (4, 18), 2: (1, 10), 3: (0, 13), 8: (2, 9), 9: (1, 9), 10: (0, 6), 11: (0, 9),
    12: (0, 4), 13: (0, 5), 14: (0, 5), 15: (0, 6), 16: (0, 5), 17: (0, 1), 18: (0, 4), 19: (2, 7),
    20: (1, 6), 21: (0, 2), 22: (0, 5), 23: (2, 4), 24: (0, 5), 25: (0, 4), 26: (0, 5), 28: (0, 5),
    32: (1, 4), 33: (0, 2), 35: (1, 4), 36: (0, 2), 37: (0, 3), 42: (0, 2), 43: (0, 2), 44: (0, 1),
    46: (0, 0), 47: (0, 0), 48: (0, 1), 50: (0, 0), 60: (0, 2), 61: (0, 0), 65: (0, 0), 66: (0, 2),
    69: (0, 1), 74: (0, 1), 75: (0, 0),
}  # fmt: skip
"""What Apache Kafka 4.1.0 answered to ApiVersions, of the requests that we have."""


def test_the_versions_announced_are_those_of_apache_kafka() -> None:
    """So clients choose as they would there."""
    ours = {int(key): (api.announced_lowest, api.highest) for key, api in API_TABLE.items()}
    assert ours == _KAFKA_4_1


def test_every_key_that_has_a_name_is_in_the_table() -> None:
    """Every key that has a name is in the table."""
    assert set(API_TABLE) == set(ApiKey)


@pytest.mark.parametrize("api", [pytest.param(a, id=a.key.name) for a in API_TABLE.values()])
def test_kio_describes_every_version_that_is_answered(api: Api) -> None:
    """None is announced that could not be read."""
    folder = os.path.join(next(iter(kio.schema.__path__)), api.schema_name)  # noqa: PTH118 - text
    there = {int(found[1]) for name in os.listdir(folder) if (found := re.match(r"v(\d+)$", name))}  # noqa: PTH208 - text
    assert set(range(api.lowest, api.highest + 1)) <= there
