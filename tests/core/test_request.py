"""What a job must be: everything that some store could not keep is refused."""

from datetime import datetime

import pytest

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.job import Hold, Job, State
from pytest_taskq.core.request import check

GOOD = Job(task="bake", payload="[[],{}]", due_at=0)
RUNNING = frozenset({State.RUNNING})


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"priority": 2**31 - 1},
        {"priority": -(2**31)},
        {"task": "brötchen 🥐", "key": "k" * 512},
        {"rank": 0},
        {"holds": (Hold("oven", RUNNING, limit=3),)},
        {"labels": {"text": "é", "more": [1, 2.5, True, None, {"deep": ["x"]}]}},
    ],
)
def test_a_job_that_every_store_can_keep_passes(fields):
    check(GOOD._replace(**fields))


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"priority": 2**31}, "2147483648"),
        ({"priority": True}, "True"),
        ({"priority": 1.0}, "1.0"),
        ({"due_at": 1.5}, "1.5"),
        ({"due_at": 10**20}, "100000000000000000000"),
        ({"rank": "x"}, "'x'"),
        ({"task": ""}, "''"),
        ({"task": 7}, "7"),
        ({"queue": "a\0b"}, "x00"),
        ({"key": "\ud800"}, "ud800"),
        ({"key": "k" * 513}, "str of 513"),
        ({"holds": (Hold("", RUNNING),)}, "name to hold"),
        ({"holds": (Hold("oven", RUNNING, limit=0),)}, "limit of a name"),
    ],
)
def test_any_other_is_refused_with_what_was_found(fields, found):
    with pytest.raises(BadOption) as caught:
        check(GOOD._replace(**fields))
    assert found in str(caught.value)
    assert "Use a" in str(caught.value)


LOOP = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        {1: "x"},
        {"x": {1}},
        float("nan"),
        b"x",
        datetime(2030, 1, 1),
        State.DEAD,
        "\0",
        LOOP,
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_label_that_is_no_plain_json_is_refused(value):
    with pytest.raises(BadOption, match=r"The label 'note' has a .*Put what the task needs"):
        check(GOOD._replace(labels={"note": value}))
