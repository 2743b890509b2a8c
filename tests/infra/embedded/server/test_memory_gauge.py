from penstock.infra.embedded.server.memory_gauge import MemoryGauge


def test_who_waits_for_room_begins_in_the_order_of_the_line_when_there_is_some() -> None:
    """Who begins may fill it again; then the next one waits on."""
    gauge = MemoryGauge(limit=100)
    begun: list[str] = []
    gauge.change(120)
    assert not gauge.has_room

    def begin_first() -> None:
        begun.append("first")
        gauge.change(90)

    gauge.wait_for_room(begin_first)
    gauge.wait_for_room(lambda: begun.append("second"))
    gauge.change(-10)
    assert begun == []
    gauge.change(-90)
    assert begun == ["first"], "the first takes the room that there is"
    gauge.change(-90)
    assert begun == ["first", "second"]


def test_who_has_gone_stands_in_no_line() -> None:
    """Or those who come and go while there is no room would be kept for ever."""
    gauge = MemoryGauge(limit=100)
    begun: list[str] = []

    def begin_first() -> None:
        begun.append("first")

    gauge.change(120)
    gauge.wait_for_room(begin_first)
    gauge.wait_for_room(lambda: begun.append("second"))
    gauge.leave_line(begin_first)
    gauge.leave_line(begin_first)
    gauge.change(-100)
    assert begun == ["second"]
