"""When nothing moves for too long, and at how many jumps somebody is to look."""

from pytest_taskq.engine import stuck
from pytest_taskq.engine.stuck import Stuck


def test_the_second_time_comes_soon():
    told = []
    waits = Stuck(told.append, 5)
    assert 4 < waits.left() <= 5
    waits.tell()
    assert told == [0]
    assert waits.left() <= stuck.AGAIN


def test_what_moves_begins_anew():
    waits = Stuck(print, 5)
    first = waits.left()
    assert waits.left() < first
    waits.idle = None
    assert 4.9 < waits.left() <= 5


def test_jumps_are_told_now_and_then(monkeypatch):
    monkeypatch.setattr(stuck, "JUMPS", 3)
    told = []
    waits = Stuck(told.append, 5)
    for _ in range(7):
        waits.jumped()
    assert told == [3, 6]


def test_nobody_to_tell_is_never():
    waits = Stuck(None, 0)
    assert waits.left() is None
    waits.tell()
