"""Enqueueing: what names a job, which arguments fit, when it is due, and what it stands for."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from pytest_taskq.core.errors import BadOption
from pytest_taskq.soniq import JobContext, SoniqError, errors, make_app

pytestmark = pytest.mark.asyncio

NOON = datetime(2031, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def app(soniq_app):
    @soniq_app.job(name="mail.send", priority=50, queue="mail")
    async def send(to, subject="hello", *, copies=1): ...

    soniq_app.send = send
    return soniq_app


async def refused(call) -> SoniqError:
    with pytest.raises(SoniqError) as caught:
        await call
    return caught.value


async def test_a_function_and_its_name_are_the_same_job(app):
    by_function = await app.get_job(await app.enqueue(app.send, to="ann"))
    by_name = await app.get_job(await app.enqueue("mail.send", args={"to": "ann"}))
    for row in (by_function, by_name):
        assert (row["job_name"], row["args"]) == ("mail.send", {"to": "ann"})
        assert (row["queue"], row["priority"]) == ("mail", 50)


async def test_a_job_without_a_name_is_called_after_its_module_and_itself(app):
    @app.job()
    async def tidy(): ...

    row = await app.get_job(await app.enqueue(tidy))
    assert row["job_name"] == f"{__name__}.tidy"


async def test_an_option_of_the_call_comes_before_the_registered_one(app):
    row = await app.get_job(await app.enqueue(app.send, to="ann", queue="slow", priority=7))
    assert (row["queue"], row["priority"]) == ("slow", 7)


async def test_the_longest_prefix_of_the_route_map_gives_the_queue():
    app = make_app(route_map={"mail.": "mail", "mail.bulk.": "bulk"})

    @app.job(name="mail.bulk.send")
    async def send(): ...

    @app.job(name="mail.bulk.count", queue="numbers")
    async def count(): ...

    assert (await app.get_job(await app.enqueue(send)))["queue"] == "bulk"
    assert (await app.get_job(await app.enqueue(count)))["queue"] == "numbers"


async def test_an_unknown_name_is_refused_with_the_nearest_one(app):
    error = await refused(app.enqueue("mail.sned"))
    assert error.error_code == errors.SONIQ_UNKNOWN_TASK_NAME
    assert "mail.send" in str(error)
    assert await app.list_jobs() == []


@pytest.mark.parametrize("validation", ["warn", "none"])
async def test_an_unknown_name_is_kept_where_the_app_is_told_so(validation, caplog):
    app = make_app(enqueue_validation=validation, max_retries=1, priority=9)
    order = await app.enqueue("elsewhere.job", args={"x": 1})
    row = await app.get_job(order)
    assert (row["max_attempts"], row["priority"], row["queue"]) == (2, 9, "default")
    assert ("elsewhere.job" in caplog.text) == (validation == "warn")

    await app.run_worker(run_once=True)
    (letter,) = await app.dead_letter.list_dead_letter_jobs()
    assert letter.dead_letter_reason == "job_not_found"
    assert letter.args == {"x": 1}


@pytest.mark.parametrize("name", ["Mail", "mail send", "", None, 7])
async def test_a_name_that_breaks_the_pattern_is_refused(app, name):
    with pytest.raises((SoniqError, TypeError)):
        await app.enqueue(name)
    if name is not None:
        with pytest.raises(SoniqError, match=errors.SONIQ_INVALID_TASK_NAME):
            app.job(name=name)(test_a_name_that_breaks_the_pattern_is_refused)


@pytest.mark.parametrize(
    "args", [{}, {"to": "ann", "subjct": "x"}, {"to": "ann", "ctx": 1}], ids=str
)
async def test_arguments_that_do_not_fit_are_refused(app, args):
    error = await refused(app.enqueue("mail.send", args=args))
    assert error.error_code == errors.SONIQ_TASK_ARGS_INVALID
    assert "(to, subject='hello', *, copies=1)" in str(error)
    assert await app.list_jobs() == []


async def test_a_positional_only_parameter_cannot_be_given(app):
    @app.job(name="odd")
    async def odd(a, /): ...

    assert (await refused(app.enqueue(odd, a=1))).error_code == errors.SONIQ_TASK_ARGS_INVALID


async def test_any_keyword_fits_a_function_that_collects_them(app):
    @app.job(name="any")
    async def collect(**kwargs): ...

    assert (await app.get_job(await app.enqueue(collect, a=1)))["args"] == {"a": 1}


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (NOON, "args.to"),
        ({"user": {"avatar": Decimal(1)}}, "args.to.user.avatar"),
        ([1, {2}], "args.to[1]"),
        (float("nan"), "args.to"),
        ([float("inf")], "args.to[0]"),
        ("a\0b", "args.to"),
    ],
    ids=str,
)
async def test_what_is_no_json_is_refused_with_its_path(app, value, path):
    error = await refused(app.enqueue(app.send, to=value))
    assert error.error_code == errors.SONIQ_TASK_ARGS_INVALID
    assert error.context["path"] == path
    assert path in str(error)
    assert await app.list_jobs() == []


async def test_a_list_that_holds_itself_is_refused(app):
    endless: list = []
    endless.append(endless)
    assert "args.to" in str(await refused(app.enqueue(app.send, to=endless)))


async def test_what_is_too_large_is_refused_with_its_size_and_the_limit(app):
    error = await refused(app.enqueue(app.send, to="x" * 300_000))
    assert error.error_code == errors.SONIQ_TASK_ARGS_INVALID
    assert "300,014 bytes as JSON, and 262,144 are allowed" in str(error)
    assert "must be JSON" not in str(error)
    assert await app.list_jobs() == []


@pytest.mark.parametrize("priority", [2**31, -(2**31)])
async def test_a_priority_beyond_32_bits_is_refused_whichever_way_it_counts(app, priority):
    with pytest.raises(BadOption, match=rf"32 bits\. It is {priority}\. Write"):
        await app.enqueue(app.send, to="ann", priority=priority)


@pytest.mark.parametrize("priority", ["x", 1.5, True], ids=repr)
async def test_a_priority_that_is_no_whole_number_is_refused(app, priority):
    with pytest.raises(BadOption, match=rf"whole number\. It is {priority!r}\. Write"):
        await app.enqueue(app.send, to="ann", priority=priority)
    assert await app.list_jobs() == []
    with pytest.raises(BadOption, match="whole number"):
        app.job(name="odd", priority=priority)(refused)
    with pytest.raises(BadOption, match="whole number"):
        make_app(priority=priority)


async def test_a_unique_job_whose_arguments_cannot_be_compared_is_refused(app):
    mixed = {"by": [{"a": 1}, {1: "x", "b": "y"}]}
    error = await refused(app.enqueue(app.send, to=mixed, unique=True))
    assert error.error_code == errors.SONIQ_TASK_ARGS_INVALID
    assert "The keys of args.to.by[1] are int and str. Write all keys" in str(error)
    assert await app.list_jobs() == []
    assert await app.enqueue(app.send, to=mixed, dedup_key="k")


async def test_arguments_arrive_as_the_databases_would_bring_them(app):
    mine = {"to": (1, 2), "subject": {"nested": [1.5, None, True]}}
    order = await app.enqueue("mail.send", args=mine)
    mine["subject"]["nested"].append("later")
    assert (await app.get_job(order))["args"] == {
        "to": [1, 2],
        "subject": {"nested": [1.5, None, True]},
    }


async def test_the_two_forms_of_a_call_are_not_mixed(app):
    with pytest.raises(TypeError, match="as keywords"):
        await app.enqueue(app.send, args={"to": "ann"})
    with pytest.raises(TypeError, match="args="):
        await app.enqueue("mail.send", to="ann")


async def test_a_connection_is_refused_as_by_the_memory_of_the_library(app):
    with pytest.raises(ValueError, match="Transactional enqueue is not supported"):
        await app.enqueue(app.send, to="ann", connection=object())


@pytest.mark.taskq_time(start="2031-05-04T12:00:00+00:00")
@pytest.mark.parametrize("when", [3600, 3600.0, timedelta(hours=1), NOON + timedelta(hours=1)])
async def test_a_job_waits_for_its_time(app, taskq_clock, when):
    order = await app.enqueue(app.send, to="ann", scheduled_at=when)
    assert (await app.get_job(order))["scheduled_at"] == "2031-05-04T13:00:00+00:00"
    assert await app.run_worker(run_once=True) is False
    taskq_clock.advance(hours=1)
    assert await app.run_worker(run_once=True) is True


async def test_schedule_is_enqueue_with_a_time(app):
    order = await app.schedule("mail.send", NOON, args={"to": "ann"})
    assert (await app.get_job(order))["scheduled_at"] == NOON.isoformat()


@pytest.mark.parametrize("when", [datetime(2031, 5, 4), -1, timedelta(-1), "soon"], ids=str)
async def test_a_time_that_is_none_is_refused(app, when):
    with pytest.raises(BadOption):
        await app.enqueue(app.send, to="ann", scheduled_at=when)
    assert await app.list_jobs() == []


async def test_a_unique_job_stands_for_its_like_while_it_is_queued(app):
    first = await app.enqueue(app.send, to="ann", subject="x", unique=True)
    assert await app.enqueue(app.send, subject="x", to="ann", unique=True, queue="b") == first
    assert await app.enqueue(app.send, to="bob", unique=True) != first
    assert await app.enqueue(app.send, to="ann", subject="x") != first
    row = await app.get_job(first)
    assert row["unique_job"] is True
    assert len(row["args_hash"]) == 64

    await app.run_worker(run_once=True)
    assert await app.enqueue(app.send, to="ann", subject="x", unique=True) != first


async def test_one_more_of_a_unique_job_is_allowed_while_it_runs(app):
    @app.job(name="again", unique=True)
    async def again(ctx: JobContext):
        if len(ids) < 2:
            ids.append(await app.enqueue("again"))
            ids.append(ctx.job_id)

    ids = []
    await app.enqueue("again")
    await app.run_worker(run_once=True)
    assert len(set(ids)) == 2
    assert (await app.get_queue_stats())["done"] == 2


async def test_a_dedup_key_is_one_for_all_jobs(app):
    @app.job(name="other")
    async def other(): ...

    first = await app.enqueue(app.send, to="ann", dedup_key="k")
    assert await app.enqueue(other, dedup_key="k") == first
    assert (await app.get_job(first))["dedup_key"] == "k"
    await app.cancel_job(first)
    assert await app.enqueue(other, dedup_key="k") != first
