"""The end of a batch in parts: each record has its own part's end, whoever asks."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.events.batch_parts import Part, Parts, divided
from penstock.events.log import Partition, WriteRefused
from penstock.schemas.errors import PenstockError


def failure(number: int) -> WriteRefused:
    """One that can be told from others."""
    return WriteRefused(partition=Partition("a.b", 0), reason=str(number))


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(1, 120))
def test_runs_are_whole_in_order_and_within_the_limit(sizes: list[int], limit: int) -> None:
    """As few as can be without changing the order; only a single record may exceed the limit."""
    runs = divided(sizes, limit)
    assert [place for run in runs for place in run] == list(range(len(sizes)))
    totals = [sum(sizes[place] for place in run) for run in runs]
    assert all(total <= limit or len(run) == 1 for run, total in zip(runs, totals, strict=True))
    behind = [sizes[run.stop] for run in runs[:-1]]
    assert all(total + size > limit for total, size in zip(totals, behind, strict=False))


@given(st.data())
def test_parts_tell_of_each_record_what_a_list_of_ends_would(data: st.DataObject) -> None:
    """Offsets, failures, and how many records of a waiter stand before those that failed."""
    counts = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=6))
    parts: list[Part] = []
    ends: list[int | PenstockError] = []
    for number, count in enumerate(counts):
        failed = data.draw(st.booleans())
        end: int | PenstockError = failure(number) if failed else 100 * number
        parts.append(Part(len(ends), count, 1, 1, end))
        ends += [end if isinstance(end, PenstockError) else end + at for at in range(count)]
    made = Parts(parts)
    for index, expected in enumerate(ends):
        end, place = made.of(index)
        assert (end + place if isinstance(end, int) else end) == expected
    places = sorted(data.draw(st.sets(st.integers(0, len(ends) - 1))))
    runs: list[range] = []
    for place in places:
        if runs and runs[-1].stop == place and data.draw(st.booleans()):
            runs[-1] = range(runs[-1].start, place + 1)
        else:
            runs.append(range(place, place + 1))
    told: dict[int, PenstockError] = {}
    for each in made.failed(runs):
        told |= dict.fromkeys(range(each.before, each.before + each.records), each.failure)
    by_rank = {rank: ends[place] for rank, place in enumerate(places)}
    assert told == {rank: end for rank, end in by_rank.items() if isinstance(end, PenstockError)}
