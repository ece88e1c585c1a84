"""Procrastinate: an app that belongs to the project, put on memory for a test.

A photo lab's web site has one app for the whole project, as Django sites have. Its views defer
jobs without knowing of any test. (Django itself is not needed here.)
"""

from types import SimpleNamespace

import pytest

from pytest_taskq.procrastinate import App, InMemoryConnector, testing

DATABASE = InMemoryConnector()  # stands for the connector of the site's database
site = App(connector=DATABASE)
project = SimpleNamespace(current_app=site)  # stands for the module where the project keeps it


@site.task(name="frame")
def frame(width, height):
    return width * height


def order_view(width, height):
    """What the web site does when somebody orders a frame."""
    return frame.defer(width=width, height=height)


@pytest.fixture
def in_memory_app():
    """The site's own app, tasks and all, on a connector of this test."""
    with site.replace_connector(testing.InMemoryConnector()) as app:
        yield app


@pytest.fixture
def swapped_app(monkeypatch):
    """Another app in the place of the site's own, as Procrastinate's documentation has it."""
    app = project.current_app.with_connector(testing.InMemoryConnector())
    monkeypatch.setattr(project, "current_app", app)
    return app


def test_the_job_of_a_view_is_there(in_memory_app):
    order_view(30, 40)

    jobs = in_memory_app.connector.jobs
    assert jobs[0].task_name == "frame"
    assert jobs[0].args == {"width": 30, "height": 40}


def test_a_job_deferred_by_name_is_there(in_memory_app):
    in_memory_app.defer("frame", args=(1, 2))

    jobs = in_memory_app.connector.jobs.values()
    assert len([job for job in jobs if job.task_name == "frame"]) == 1


def test_a_job_deferred_by_name_is_run(in_memory_app):
    in_memory_app.defer("frame", args=(1, 2))

    in_memory_app.run_worker(wait=False, install_signal_handlers=False, listen_notify=True)

    (job,) = in_memory_app.connector.jobs.values()
    assert job.task_name == "frame"
    assert job.status == "succeeded"


@pytest.mark.asyncio
async def test_the_same_with_async(in_memory_app):
    await in_memory_app.defer_async("frame", args=(1,), kwargs={"height": 2})
    await in_memory_app.run_worker_async(wait=False, install_signal_handlers=False)

    assert in_memory_app.connector.jobs[0].status == "succeeded"


def test_nothing_reaches_the_connector_of_the_site(in_memory_app):
    order_view(30, 40)

    assert in_memory_app is site
    assert len(in_memory_app.connector.jobs) == 1
    assert not DATABASE.jobs


def test_what_is_deferred_by_name_goes_to_the_app_that_was_swapped_in(swapped_app):
    project.current_app.defer("frame", args=(30, 40))
    project.current_app.run_worker(wait=False)

    (job,) = swapped_app.connector.jobs.values()
    assert (job.task_name, job.status) == ("frame", "succeeded")
    assert not DATABASE.jobs


def test_what_a_task_defers_does_not_follow_the_swap(in_memory_app, swapped_app):
    """``with_connector`` makes a new app. The tasks, and what they defer, stay with the first."""
    order_view(30, 40)
    project.current_app.run_worker(wait=False)

    assert not swapped_app.connector.jobs
    assert in_memory_app.connector.jobs[0].status == "todo"


def test_the_site_has_its_own_connector_back_afterwards():
    with site.replace_connector(testing.InMemoryConnector()):
        order_view(30, 40)
        assert site.connector is not DATABASE
        assert len(site.connector.jobs) == 1

    assert site.connector is DATABASE
    assert not DATABASE.jobs
