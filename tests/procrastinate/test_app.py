"""The app: registering, deferring by name, opening, and changing its connector."""

import asyncio
import re

import pytest

from pytest_taskq.procrastinate import App, InMemoryConnector
from pytest_taskq.procrastinate.exceptions import (
    AppNotOpen,
    TaskAlreadyRegistered,
    TaskNotFound,
)


def plain(value=None):
    return value


def test_a_task_is_named_after_its_module_and_function(in_memory_app):
    task = in_memory_app.task(plain)
    assert task.name == f"{__name__}.plain"
    assert in_memory_app.tasks[task.name] is task
    assert task.__name__ == "plain"


def test_a_task_takes_its_options_and_stays_callable(in_memory_app):
    task = in_memory_app.task(
        name="sum", queue="sums", priority=3, lock="l", queueing_lock="q", aliases=["add"]
    )(lambda a, b: a + b)
    assert task(1, b=2) == 3
    assert (task.queue, task.priority, task.lock, task.queueing_lock) == ("sums", 3, "l", "q")
    assert in_memory_app.tasks["sum"] is in_memory_app.tasks["add"] is task


def test_the_attributes_of_a_function_do_not_become_the_tasks(in_memory_app):
    def odd(): ...

    odd.queue = "elsewhere"
    assert in_memory_app.task(odd).queue == "default"


@pytest.mark.parametrize("options", [{"name": "taken"}, {"name": "new", "aliases": ["taken"]}])
def test_a_taken_name_registers_nothing(in_memory_app, options):
    in_memory_app.task(plain, name="taken")
    before = dict(in_memory_app.tasks)
    with pytest.raises(TaskAlreadyRegistered, match="'taken'"):
        in_memory_app.task(**options)(plain)
    assert in_memory_app.tasks == before


def test_an_option_that_a_task_does_not_have_registers_nothing(in_memory_app):
    before = dict(in_memory_app.tasks)
    with pytest.raises(TypeError, match=r"app\.task\(\) .* It is 'retries'\. Write retry\."):
        in_memory_app.task(name="t", retries=1)
    with pytest.raises(TypeError, match=r"It is 'x'\. Leave it out: it takes name, aliases, "):
        in_memory_app.task(plain, x=1)
    assert in_memory_app.tasks == before


def test_an_option_that_a_deferral_does_not_have_is_refused(in_memory_app):
    with pytest.raises(TypeError, match=r"It is 'scheduled_at'\. Write schedule_at\."):
        in_memory_app.configure_task("anything", scheduled_at=None)


def test_defer_by_name_binds_positional_arguments(in_memory_app):
    @in_memory_app.task(name="post", pass_context=True)
    def post(context, letter, stamp="red", **rest): ...

    in_memory_app.defer("post", args=("hello",), kwargs={"to": "Ann"})
    in_memory_app.defer("post", ("hello", "blue"))
    first, second = in_memory_app.connector.jobs.values()
    assert first.args == {"letter": "hello", "to": "Ann"}
    assert second.args == {"letter": "hello", "stamp": "blue"}


@pytest.mark.parametrize(("args", "kwargs"), [((), {}), ((1, 2, 3), {}), ((1,), {"a": 1})])
def test_defer_by_name_refuses_what_the_task_would_not_take(in_memory_app, args, kwargs):
    in_memory_app.task(name="pair")(lambda a, b=0: None)
    told = rf"pair\(a, b=0\) cannot be deferred .* They are {re.escape(repr(args))} and "
    with pytest.raises(TypeError, match=told):
        in_memory_app.defer("pair", args, kwargs)
    assert not in_memory_app.connector.jobs


@pytest.mark.parametrize("function", [lambda *a: None, lambda a, /: None])
def test_defer_by_name_refuses_parameters_without_a_keyword(in_memory_app, function):
    in_memory_app.task(name="t")(function)
    with pytest.raises(TypeError, match="keyword arguments only"):
        in_memory_app.defer("t", (1,))


def test_defer_by_an_unknown_name_offers_the_nearest(in_memory_app):
    in_memory_app.task(plain, name="send_letter")
    with pytest.raises(TaskNotFound, match="'send_letter'"):
        in_memory_app.defer("send_leter")


def test_an_unknown_task_can_be_configured_unless_that_is_refused(in_memory_app):
    in_memory_app.configure_task("elsewhere", queue="far").defer(a=1)
    (row,) = in_memory_app.connector.jobs.values()
    assert (row.task_name, row.queue_name, row.args) == ("elsewhere", "far", {"a": 1})
    with pytest.raises(TaskNotFound):
        in_memory_app.configure_task("elsewhere", allow_unknown=False)


def test_a_known_task_is_configured_with_its_own_options(in_memory_app):
    in_memory_app.task(plain, name="known", queue="own", priority=2)
    in_memory_app.configure_task("known", priority=5).defer()
    row = in_memory_app.connector.jobs[0]
    assert (row.queue_name, row.priority) == ("own", 5)


def test_an_app_must_be_open():
    app = App(connector=InMemoryConnector())
    task = app.task(plain)
    with pytest.raises(AppNotOpen, match=r"with app\.open"):
        task.defer()
    with pytest.raises(AppNotOpen):
        asyncio.run(app.run_worker_async(wait=False))
    with app.open() as opened:
        assert opened is app
        task.defer()
    with pytest.raises(AppNotOpen):
        task.defer()
    assert len(app.connector.jobs) == 1


@pytest.mark.asyncio
async def test_an_app_opens_by_await_and_by_async_with():
    app = App(connector=InMemoryConnector())
    task = app.task(plain)
    async with app.open_async() as opened:
        assert opened is app
        await task.defer_async()
    with pytest.raises(AppNotOpen):
        await task.defer_async()
    assert await app.open_async() is app
    await task.defer_async()
    await app.close_async()
    assert not app.connector.is_open


def test_a_replaced_connector_is_used_by_every_task_inside_the_block():
    app = App(connector=InMemoryConnector())
    task = app.task(plain)
    before, instead = app.connector, InMemoryConnector()
    with app.replace_connector(instead) as same:
        assert same is app
        task.defer()
        app.run_worker(wait=False)
    assert app.connector is before
    assert not instead.is_open
    assert [row.status for row in instead.jobs.values()] == ["succeeded"]
    assert not before.jobs


def test_a_replaced_connector_is_put_back_after_an_error():
    app = App(connector=InMemoryConnector())
    before = app.connector
    with pytest.raises(ZeroDivisionError), app.replace_connector(InMemoryConnector()):
        _ = 1 / 0
    assert app.connector is before


def test_a_connector_that_was_open_before_stays_open():
    app = App(connector=InMemoryConnector())
    instead = InMemoryConnector()
    instead.open()
    with app.replace_connector(instead):
        pass
    assert instead.is_open


def test_with_connector_shares_the_tasks_but_leaves_them_bound():
    first = App(connector=InMemoryConnector(), worker_defaults={"name": "w"}).open()
    task = first.task(plain, name="t")
    second = first.with_connector(InMemoryConnector())
    task.defer()
    second.configure_task("t").defer()
    second.defer("t")
    assert (len(first.connector.jobs), len(second.connector.jobs)) == (2, 1)
    second.run_worker(wait=False)
    assert second.connector.jobs[0].status == "succeeded"
    assert second.worker_defaults == {"name": "w"}


def test_import_paths_are_imported_before_they_are_needed(tmp_path, monkeypatch):
    (tmp_path / "lazy_tasks.py").write_text("from the_app import app\napp.task(print, name='p')\n")
    (tmp_path / "the_app.py").write_text(
        "from pytest_taskq.procrastinate import App, InMemoryConnector\n"
        "app = App(connector=InMemoryConnector(), import_paths=['lazy_tasks'])\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import the_app

    with the_app.app.open():
        the_app.app.defer("p", kwargs={"end": ""})
        the_app.app.run_worker(wait=False)
    assert the_app.app.connector.jobs[0].status == "succeeded"
