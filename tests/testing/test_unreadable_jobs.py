"""A job whose arguments cannot be read any more: the others can be asserted on all the same."""

import pytest

from pytest_taskq import job


class Gone:
    """Can be stored, and not be read while it is gone."""

    gone = False

    def __reduce__(self):
        return make, ()


def make():
    if Gone.gone:
        raise ValueError("nothing to make it of")
    return Gone()


async def charge(cart_id, card=None): ...


@pytest.fixture(autouse=True)
def placed(taskq, docket, monkeypatch):
    docket.register(charge)
    taskq.enqueue(job(charge, 1, Gone()))
    taskq.enqueue(job(charge, 2))
    monkeypatch.setattr(Gone, "gone", True)


def test_the_others_are_found(taskq):
    assert taskq.assert_enqueued(job(charge, 2)).id == 2
    taskq.assert_not_enqueued(job(charge, 3))
    assert len(taskq.jobs(charge)) == 2


def test_it_is_one_of_its_task(taskq):
    taskq.assert_enqueued(charge, times=2)


def test_why_it_does_not_match_is_told(taskq):
    with pytest.raises(AssertionError) as caught:
        taskq.assert_enqueued([job(charge, 1), job(charge, 2)])
    assert "got #1 charge(?)  <- cart_id" in str(caught.value)
    (unread, _) = taskq.jobs(charge)
    (field,) = unread.compare(job(charge, 1)).fields
    assert (field.field, field.expected, field.ok, field.missing) == ("cart_id", 1, False, True)
    assert field.note == "not readable: ValueError: nothing to make it of"


@pytest.mark.parametrize("asked", [{"priority": 5}, {"key": "a"}, {"priority": 5, "at": "1h"}])
def test_other_things_can_be_asked(taskq, asked):
    with pytest.raises(AssertionError, match="no job matches"):
        taskq.assert_enqueued(charge, **asked)
    assert taskq.assert_enqueued(job(charge, 2), queue="default", priority=0, key=None).id == 2
