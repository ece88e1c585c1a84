"""What counts as a job with arguments that its task does not take, and what does not."""

import pytest

from pytest_taskq.testing.misfit import is_misfit

pytestmark = [pytest.mark.asyncio, pytest.mark.taskq_strict(False)]


async def bake(loaf):
    raise TypeError("bake() takes no loaf")


async def failed(docket, worker):
    """The one failed job, and its error."""
    await worker.run_until_finished()
    ((job, error),) = docket.queue.history.errors()
    return docket.under_test(), job, error


async def test_a_call_that_cannot_be_made_is_one(docket, worker):
    await docket.add(bake)("rye", "spelt")
    assert is_misfit(*await failed(docket, worker))


async def test_a_type_error_of_the_task_itself_is_none(docket, worker):
    await docket.add(bake)("rye")
    assert not is_misfit(*await failed(docket, worker))


async def test_another_error_of_such_a_call_is_none(docket, worker):
    await docket.add(bake)("rye", "spelt")
    app, job, _ = await failed(docket, worker)
    assert not is_misfit(app, job, ValueError("rye"))


async def test_a_task_that_is_not_registered_any_more_is_none(docket, worker):
    await docket.add(bake)("rye", "spelt")
    app, job, error = await failed(docket, worker)
    del docket.tasks["bake"]
    assert not is_misfit(app, job, error)


async def test_a_job_that_cannot_be_read_is_none(docket, worker):
    await docket.add(bake)("rye", "spelt")
    app, job, error = await failed(docket, worker)
    assert not is_misfit(app, job._replace(payload="?"), error)


async def test_arguments_that_fit_are_none_whatever_ours_raised(docket, worker):
    await docket.add(bake)("rye", "spelt")
    app, _, error = await failed(docket, worker)
    await docket.add(bake)("rye")
    *_, fitting = await docket.queue.find()
    assert not is_misfit(app, fitting, error)
