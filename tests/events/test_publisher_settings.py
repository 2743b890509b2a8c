"""Settings of a publisher: checked all at once."""

import pytest

from penstock.events.publisher_settings import BadPublisherSettings, PublisherSettings


def test_the_defaults_are_within_their_own_ranges() -> None:
    """Thirty seconds, no linger, 32 MiB."""
    settings = PublisherSettings()
    assert (settings.timeout_s, settings.linger_s) == (30.0, 0.0)
    assert settings.buffer_bytes == 32 * 1024 * 1024


def test_all_problems_are_told_at_once() -> None:
    """With the value and the range of each."""
    with pytest.raises(BadPublisherSettings) as refused:
        PublisherSettings(
            timeout_s=0, linger_s=-1, bulk_linger_s=2, record_bytes=10, buffer_bytes=0
        )
    assert len(refused.value.problems) == 5
    assert "timeout_s is 0; it must be at least 0.1 and at most 600." in str(refused.value)
    assert "buffer_bytes is 0; it must be at least 1048576." in str(refused.value)


def test_the_buffer_holds_several_of_the_largest_records() -> None:
    """Else one record would stop all others."""
    with pytest.raises(BadPublisherSettings, match="at least 8000000"):
        PublisherSettings(record_bytes=2_000_000, buffer_bytes=4_000_000)
