"""RecordingDocket: a docket for tasks that are called directly."""

from datetime import UTC, datetime
from threading import Lock

import pytest

from pytest_taskq.docket import Docket, RecordedCall, RecordingDocket

pytestmark = pytest.mark.asyncio

WHEN = datetime(2030, 1, 1, tzinfo=UTC)


async def brew(cup, sugar=0):
    """A task."""


async def test_it_writes_down_what_is_asked_of_it_in_order():
    docket = RecordingDocket()
    await docket.add(brew)(1, sugar=2)
    await docket.add("wash_up", when=WHEN, key="wash")()
    await docket.replace(brew, WHEN, "k")(2)
    await docket.cancel("wash")
    assert docket.calls == [
        RecordedCall("add", "brew", (1,), {"sugar": 2}),
        RecordedCall("add", "wash_up", when=WHEN, key="wash"),
        RecordedCall("replace", "brew", (2,), when=WHEN, key="k"),
        RecordedCall("cancel", key="wash"),
    ]


async def test_it_is_a_docket_and_answers_like_one():
    docket = RecordingDocket()
    execution = await docket.add(brew, when=WHEN, key="k")(1)
    assert isinstance(docket, Docket)
    assert execution.key == "k"
    assert [task.key for task in (await docket.snapshot()).future] == ["k"]


async def test_what_a_docket_would_refuse_is_refused_and_not_written_down():
    docket = RecordingDocket()
    with pytest.raises(TypeError, match="pickle"):
        await docket.add(brew)(Lock())
    with pytest.raises(TypeError, match="time zone"):
        docket.add(brew, when=WHEN.replace(tzinfo=None))
    assert docket.calls == []


async def test_a_call_that_is_never_made_is_not_written_down():
    docket = RecordingDocket()
    docket.add(brew)
    assert docket.calls == []
