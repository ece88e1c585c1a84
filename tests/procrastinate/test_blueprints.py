"""Blueprints: tasks that an app takes over, with their names, aliases and schedules."""

import pytest

from pytest_taskq.procrastinate import Blueprint
from pytest_taskq.procrastinate.exceptions import TaskAlreadyRegistered, UnboundTaskError


def own_tasks(app):
    """The names of the tasks that the library has not brought along."""
    return {name for name in app.tasks if "builtin" not in name}


@pytest.fixture
def mails():
    mails, mails.sent = Blueprint(), []

    @mails.task(name="greet", aliases=["hello"], queue="mail")
    def greet(who):
        mails.sent.append(who)

    return mails


def test_a_task_that_no_app_has_taken_over_cannot_be_deferred(mails):
    with pytest.raises(UnboundTaskError, match="add_tasks_from"):
        mails.tasks["greet"].defer(who="Ada")


def test_an_app_takes_the_tasks_over_under_a_namespace(app, mails):
    greet = mails.tasks["greet"]
    app.add_tasks_from(mails, namespace="mails")
    assert own_tasks(app) == {"mails:greet", "mails:hello"}
    greet.defer(who="Ada")
    app.configure_task("mails:hello").defer(who="Bob")
    app.run_worker(wait=False)
    assert mails.sent == ["Ada", "Bob"]
    assert {(row.task_name, row.queue) for row in app.connector.jobs.values()} == {
        ("mails:greet", "mail")
    }


def test_an_empty_namespace_keeps_the_names_and_blueprints_can_be_nested(app, mails):
    outer = Blueprint()
    outer.add_tasks_from(mails, namespace="mails")
    app.add_tasks_from(outer, namespace="")
    assert own_tasks(app) == {"mails:greet", "mails:hello"}


def test_a_name_that_is_taken_keeps_everything_as_it_was(app, mails):
    app.task(name="x:greet")(lambda: None)
    with pytest.raises(TaskAlreadyRegistered):
        app.add_tasks_from(mails, namespace="x")
    assert set(mails.tasks) == {"greet", "hello"}
    assert own_tasks(app) == {"x:greet"}


def test_schedules_come_with_the_tasks(app, mails, taskq_clock):
    mails.periodic(cron="0 * * * *", task_kwargs={"who": "all"})(
        mails.task(name="circular")(lambda who, timestamp: mails.sent.append(who))
    )
    app.add_tasks_from(mails, namespace="m")
    taskq_clock.advance(hours=1)
    app.run_worker(wait=False)
    assert mails.sent == ["all"]


def test_a_task_gets_one_more_name(app, mails):
    app.add_tasks_from(mails, namespace="m")
    app.add_task_alias(app.tasks["m:greet"], "old.greet")
    assert app.tasks["old.greet"] is app.tasks["m:greet"]
    with pytest.raises(TaskAlreadyRegistered):
        app.add_task_alias(app.tasks["m:greet"], "old.greet")
