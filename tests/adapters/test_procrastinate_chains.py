"""Jobs of a real app that enqueue one another for ever end the run of its own worker."""

import asyncio

import pytest

from pytest_taskq.core.errors import NotFinished

pytestmark = pytest.mark.taskq_strict(False)
TOLD = "again has run 1000 times in one chain"


@pytest.fixture(params=["async", "sync"])
def chain(app, request):
    """A task that defers itself, up to three times as often as it may."""
    ran = []

    def again(n):
        ran.append(n)
        if n < 3_000:
            app.configure_task("again").defer(n=n + 1)

    async def again_async(n):
        ran.append(n)
        if n < 3_000:
            await app.configure_task("again").defer_async(n=n + 1)

    app.task(again if request.param == "sync" else again_async, name="again")
    app.configure_task("again").defer(n=1)
    return ran


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.usefixtures("taskq_clock")
def test_a_chain_ends_the_run_where_time_stands_still(app, chain, wait):
    with pytest.raises(NotFinished, match=TOLD):
        app.run_worker(wait=wait)
    assert len(chain) == 1_000


@pytest.mark.asyncio
@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.usefixtures("taskq_clock")
async def test_what_else_is_in_hand_is_not_waited_for(app, wait):
    ended = []

    @app.task(name="slow")
    async def slow():
        try:
            await asyncio.sleep(1)
        finally:
            ended.append("slow")

    @app.task(name="again")
    async def again():
        await again.defer_async()

    await slow.defer_async()
    await again.defer_async()
    with pytest.raises(NotFinished, match=TOLD):
        await app.run_worker_async(wait=wait, concurrency=3)
    assert ended == ["slow"]


def test_what_was_one_too_many_is_left_in_the_queue(app, taskq, chain):
    with pytest.raises(NotFinished, match=TOLD):
        app.run_worker(wait=False)
    assert len(chain) == 1_000
    (left,) = taskq.jobs(state="queued")
    assert left.args == {"n": 1_001}
    app.run_worker(wait=False, queues=["other"])


def test_each_run_counts_for_itself(app, ran):
    task = app.tasks["note"]
    for _ in range(2):
        for n in range(600):
            task.defer(n=n)
            app.run_worker(wait=False)
    assert len(ran) == 1_200
