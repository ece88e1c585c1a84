"""Five states and three kinds of queued; the words of libraries lead to them."""

import enum

import pytest

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.job import State
from pytest_taskq.testing.states import STATES, check_state

STATUS = enum.Enum("Status", {"DOING": "doing"})


@pytest.mark.parametrize("state", [*STATES, *State])
def test_the_states_of_the_engine_are_words(state):
    check_state(state)


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("failed", "dead"),
        ("completed", "succeeded"),
        ("COMPLETED", "succeeded"),
        ("Dead", "dead"),
        ("done", "succeeded"),
        ("todo", "queued"),
        ("doing", "running"),
        (STATUS.DOING, "running"),
        ("processing", "running"),
        ("canceled", "cancelled"),
        ("aborted", "cancelled"),
        ("retry", "retrying"),
        ("succeded", "succeeded"),
    ],
)
def test_another_word_leads_to_the_one_that_is_meant(word, state):
    with pytest.raises(BadOption) as caught:
        check_state(word)
    assert str(caught.value) == (
        "A job is in one of these states: queued, running, succeeded, dead, cancelled, retrying, "
        f"scheduled, ready. It was asked for {word!r}. Say {state!r} here."
    )


@pytest.mark.parametrize("word", ["blue", 7, None, ["dead"]])
def test_what_means_nothing_is_told_what_there_is(word):
    with pytest.raises(BadOption, match=r"Scheduled, ready and retrying are kinds of queued\.$"):
        check_state(word)
