"""Middleware: in which order it is called, around what, and which kind fits."""

import pytest

from pytest_taskq.procrastinate.exceptions import MiddlewareKindMismatch

pytestmark = pytest.mark.taskq_strict(False)


@pytest.fixture
def called():
    return []


@pytest.fixture
def note(called):
    """Makes a middleware that notes when it is called and when it is left."""

    def make(name, *, is_async):
        def sync(call_next, context, worker):
            called.append(f"{name} {context.job.task_name}")
            result = call_next()
            called.append(f"/{name}")
            return result

        async def asynchronous(call_next, context, worker):
            called.append(f"{name} {context.job.task_name}")
            result = await call_next()
            called.append(f"/{name}")
            return result

        return asynchronous if is_async else sync

    return make


@pytest.mark.parametrize("is_async", [True, False])
def test_the_worker_s_is_around_the_task_s_and_the_other_kind_is_skipped(
    app, called, note, is_async
):
    async def run_async():
        called.append("task")

    options = {"name": "t", "task_middleware": [note("own", is_async=is_async)]}
    app.task(**options)(run_async if is_async else lambda: called.append("task")).defer()
    app.run_worker(
        wait=False,
        task_middleware=[note("sync", is_async=False), note("async", is_async=True)],
        worker_middleware=[note("all", is_async=True)],
    )
    wide = "async" if is_async else "sync"
    begin = ["all t", f"{wide} t", "own t"]
    assert called == [*begin, "task", "/own", f"/{wide}", "/all"]


def test_a_middleware_may_stop_the_worker_or_raise_in_the_task_s_place(app):
    async def stop(call_next, context, worker):
        worker.stop()
        raise PermissionError

    task = app.task(name="t")(lambda: None)
    task.batch_defer({}, {})
    app.run_worker(wait=False, worker_middleware=[stop])
    assert [row.status for row in app.connector.jobs.values()] == ["failed", "todo"]


def test_the_wrong_kind_is_refused(app, note):
    with pytest.raises(MiddlewareKindMismatch, match="only sync ones fit"):
        app.task(name="t", task_middleware=[note("m", is_async=True)])(lambda: None)
    assert "t" not in app.tasks
    with pytest.raises(MiddlewareKindMismatch, match="only async ones fit"):
        app.run_worker(wait=False, worker_middleware=[note("m", is_async=False)])
    with pytest.raises(TypeError, match="cannot be called"):
        app.task(name="t", task_middleware=["m"])(lambda: None)
