"""How often jobs of one name may start."""

from pytest_taskq.core.windows import (
    NOTHING,
    Admission,
    Window,
    cool_down,
    give_back,
    limit_rate,
    settle,
)

YES = Admission(admitted=True)
NEVER = Admission(admitted=False)


def later(at):
    return Admission(admitted=False, at=at)


def told(rule, instants, *options):
    """What a rule says at these instants, one after the other."""
    window, answers = NOTHING, []
    for now in instants:
        window, answer = rule(window, now, *options)
        answers.append(answer)
    return answers


def test_a_cool_down_counts_from_the_start_and_not_from_what_it_refused():
    assert told(cool_down, (0, 5, 9, 10, 19, 20), 10) == [YES, NEVER, NEVER, YES, NEVER, YES]


def test_a_rate_has_room_again_when_its_oldest_start_leaves_the_window():
    assert told(limit_rate, (0, 4, 5, 9, 10, 11), 2, 10) == [
        YES,
        YES,
        later(10),
        later(10),
        YES,
        later(14),
    ]


def test_what_does_not_start_takes_no_room():
    window, answer = Window(), YES
    for now in (0, 1, 2, 3):
        window, answer = limit_rate(window, now, 1, 10)
    assert (window.starts, answer) == ((0,), later(10))


def test_a_rate_may_drop_what_is_too_much():
    window = Window(starts=(0,))
    assert limit_rate(window, 5, 1, 10, drop=True) == (window, NEVER)


def test_nothing_ever_starts_where_nothing_may():
    assert limit_rate(NOTHING, 0, 0, 10) == (NOTHING, NEVER)


def test_a_start_that_came_to_nothing_is_given_back():
    window = Window(starts=(1, 2, 2))
    assert give_back(window, 2).starts == (1, 2)
    assert give_back(window, 7) == window


def test_the_first_who_asks_starts_when_nobody_else_has_asked_for_so_long():
    window, answer = settle(NOTHING, 0, 10, "ann")
    assert answer == later(10)
    window, answer = settle(window, 6, 10, "bob")
    assert answer == NEVER
    window, answer = settle(window, 10, 10, "ann")
    assert answer == later(16)
    window, answer = settle(window, 16, 10, "ann")
    assert (window, answer) == (NOTHING, YES)
