from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.fault_rules import (
    Answer,
    Delay,
    Drop,
    FaultRules,
    Hold,
    Match,
    Moment,
)
from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.embedded.wire.call import Call, ListenerAddress
from penstock.infra.embedded.wire.connection_state import ConnectionState

_REFUSAL = Answer(error=ErrorCode.not_leader_or_follower)


def _call(api: ApiKey, client_id: str = "c") -> Call:
    return Call(
        api_key=api,
        version=0,
        request=None,
        client_id=client_id,
        client_host="/127.0.0.1",
        principal="User:ANONYMOUS",
        listener=ListenerAddress("127.0.0.1", 9092),
        connection=ConnectionState(),
    )


def test_a_rule_meets_as_many_requests_as_it_says() -> None:
    """Then it is gone."""
    rules = FaultRules()
    rules.add(Match(api_key=ApiKey.PRODUCE, times=2), _REFUSAL)
    deeds = [rules.judge(_call(ApiKey.PRODUCE)).deed for _ in range(3)]
    assert deeds == [_REFUSAL, _REFUSAL, None]
    assert len(rules) == 0


def test_a_rule_without_times_stays_until_it_is_taken_back() -> None:
    """Which can be done once."""
    rules = FaultRules()
    number = rules.add(Match(times=None), _REFUSAL)
    assert all(rules.judge(_call(ApiKey.FETCH)).deed for _ in range(5))
    assert rules.remove(number)
    assert not rules.remove(number)
    assert rules.judge(_call(ApiKey.FETCH)).met == ()


def test_requests_of_another_kind_or_client_do_not_count() -> None:
    """Neither as those that are skipped, nor as those that are met."""
    rules = FaultRules()
    match = Match(api_key=ApiKey.FETCH, skip=1, where=lambda call: call.client_id == "b")
    rules.add(match, _REFUSAL)
    calls = [(ApiKey.PRODUCE, "b"), (ApiKey.FETCH, "a"), (ApiKey.FETCH, "b"), (ApiKey.FETCH, "b")]
    assert [rules.judge(_call(*call)).deed for call in calls] == [None, None, None, _REFUSAL]


def test_delays_add_up_and_the_oldest_of_the_others_strikes() -> None:
    """One request has one end; the next rule waits for the next request."""
    rules = FaultRules()
    rules.add(Match(times=None), Delay(seconds=1.0))
    first = rules.add(Match(), Hold(moment=Moment.BEFORE))
    rules.add(Match(), Drop(moment=Moment.AFTER))
    rules.add(Match(times=1), Delay(seconds=0.5))
    verdict = rules.judge(_call(ApiKey.FETCH))
    assert (verdict.delay_s, verdict.rule) == (1.5, first)
    later = rules.judge(_call(ApiKey.FETCH))
    assert (later.delay_s, later.deed) == (1.0, Drop(moment=Moment.AFTER))


def test_skip_counts_requests_whoever_takes_them() -> None:
    """Else the second of two rules would wait for one more than it says."""
    rules = FaultRules()
    rules.add(Match(skip=0), Hold(moment=Moment.BEFORE))
    rules.add(Match(skip=1), Drop(moment=Moment.BEFORE))
    deeds = [rules.judge(_call(ApiKey.FETCH)).deed for _ in range(2)]
    assert deeds == [Hold(moment=Moment.BEFORE), Drop(moment=Moment.BEFORE)]
