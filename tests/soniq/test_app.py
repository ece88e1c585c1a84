"""The app itself: how it is made, its settings, its rows, and its end."""

import functools
from datetime import timedelta

import pytest

from pytest_taskq.soniq import MemoryBackend, Soniq, SoniqError, errors, make_app

pytestmark = pytest.mark.asyncio


@pytest.fixture
def app(soniq_app):
    @soniq_app.job(name="work")
    async def work(n=0):
        return n

    return soniq_app


@pytest.mark.parametrize(
    "given",
    [{}, {"database_url": "postgres://db/x"}, {"backend": "postgres"}, {"backend": "redis"}],
    ids=str,
)
async def test_a_backend_that_is_not_there_is_refused(given):
    with pytest.raises(ValueError, match=r"make_app\(\)"):
        Soniq(**given)


async def test_make_app_chooses_the_backend_itself():
    with pytest.raises(TypeError):
        make_app(backend="memory")


async def test_apps_on_one_backend_share_its_jobs():
    backend = MemoryBackend()
    first, second = Soniq(backend=backend), Soniq(backend=backend)
    first.job(name="work")(lambda: 5)
    order = await first.enqueue("work")
    assert (await second.get_job(order))["status"] == "queued"


async def test_settings_have_the_defaults_of_the_library():
    settings = make_app().settings
    assert (settings.job_timeout, settings.result_ttl, settings.snooze_max_seconds) == (
        300, 300, 86_400
    )  # fmt: skip
    assert make_app(job_timeout=5).settings.job_timeout == 5


async def test_an_unknown_setting_is_warned_of():
    with pytest.warns(UserWarning, match="Was job_timeout meant"):
        make_app(job_timeuot=5)
    with pytest.warns(UserWarning, match="ignores colour='red'. .* Leave it out"):
        make_app(colour="red")


async def test_the_warning_of_a_setting_points_to_the_line_that_has_it():
    for make in (make_app, functools.partial(Soniq, backend="memory")):
        with pytest.warns(UserWarning, match="job_timeuot") as caught:
            make(job_timeuot=5)
        assert [warning.filename for warning in caught] == [__file__]


async def test_a_setting_without_effect_here_is_no_mistake():
    make_app(poll_interval=0.1, pool_min_size=2)


@pytest.mark.parametrize(
    "setting",
    [
        {"job_timeout": 0.5}, {"job_timeout": -1}, {"result_ttl": -1}, {"snooze_max_seconds": 0},
        {"enqueue_validation": "loose"}, {"max_retries": 11}, {"concurrency": 0},
        {"shutdown_timeout": 0},
    ],
    ids=str,
)  # fmt: skip
async def test_a_setting_that_means_nothing_is_refused(setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        make_app(**setting)


async def test_the_row_of_a_job_tells_its_life(app, taskq_clock):
    begun = taskq_clock.time()
    app.settings.producer_id = "ann"
    order = await app.enqueue("work", args={"n": 3})
    queued = await app.get_job(order)
    assert queued == {
        "id": order, "job_name": "work", "args": {"n": 3}, "args_hash": None, "status": "queued",
        "attempts": 0, "max_attempts": 4, "priority": 100, "queue": "default",
        "unique_job": False, "dedup_key": None, "scheduled_at": None, "producer_id": "ann",
        "expires_at": None, "result": None, "last_error": None, "worker_id": None,
        "created_at": begun.isoformat(), "updated_at": begun.isoformat(),
    }  # fmt: skip

    done_at = taskq_clock.advance(60)
    await app.run_worker(run_once=True)
    assert await app.get_job(order) == queued | {
        "status": "done",
        "attempts": 1,
        "result": 3,
        "updated_at": done_at.isoformat(),
        "expires_at": (done_at + timedelta(seconds=300)).isoformat(),
    }


async def test_a_row_is_a_copy(app):
    order = await app.enqueue("work", args={"n": 3})
    (await app.get_job(order))["args"]["n"] = 4
    assert (await app.get_job(order))["args"] == {"n": 3}


async def test_an_id_that_is_none_of_ours_is_unknown(app):
    await app.enqueue("work")
    for job_id in ("1", "", "00000000-0000-4000-8000-zzzzzzzzzzzz", 1):
        assert await app.get_job(job_id) is None
        assert await app.get_result(job_id) is None
        assert await app.cancel_job(job_id) is False
        assert await app.delete_job(job_id) is False


async def test_the_newest_job_is_listed_first(app):
    orders = [await app.enqueue("work", queue=queue) for queue in "abab"]
    assert [row["id"] for row in await app.list_jobs()] == orders[::-1]
    assert [row["id"] for row in await app.list_jobs(limit=2, offset=1)] == orders[2:0:-1]
    assert [row["id"] for row in await app.list_jobs(queue="a")] == [orders[2], orders[0]]
    await app.run_worker(run_once=True, max_jobs=1)
    assert [row["id"] for row in await app.list_jobs(status="done")] == [orders[0]]
    assert len(await app.list_jobs(status="queued")) == 3
    assert await app.list_jobs(status="dead_letter") == []


async def test_a_status_that_there_is_none_of_is_refused(app):
    with pytest.raises(ValueError, match=r"one of queued, .*It is 'bogus'\. Write"):
        await app.list_jobs(status="bogus")


async def test_only_a_queued_job_is_cancelled(app):
    order = await app.enqueue("work")
    assert await app.cancel_job(order) is True
    assert await app.cancel_job(order) is False
    assert await app.run_worker(run_once=True) is False
    assert (await app.get_job(order))["status"] == "cancelled"


async def test_a_running_job_is_not_cancelled_but_can_be_deleted(app):
    answers = []

    @app.job(name="self")
    async def self_destroying():
        (row,) = await app.list_jobs()
        answers.append(await app.cancel_job(row["id"]))
        answers.append(await app.delete_job(row["id"]))

    await app.enqueue("self")
    await app.run_worker(run_once=True)
    assert answers == [False, True]
    assert await app.list_jobs() == []


async def test_the_statistics_count_every_status(app):
    @app.job(name="fail", max_retries=0)
    async def fail():
        raise ValueError

    for _ in range(2):
        await app.enqueue("work")
    await app.enqueue("fail")
    await app.run_worker(run_once=True)
    await app.cancel_job(await app.enqueue("work"))
    await app.enqueue("work")
    assert await app.get_queue_stats() == {
        "total": 5, "queued": 1, "processing": 0, "done": 2, "dead_letter": 1, "cancelled": 1
    }  # fmt: skip


async def test_nothing_can_be_done_after_closing(caplog):
    async with make_app() as app:
        app.job(name="work")(lambda: 1)
        assert app.is_closed is False
    assert app.is_closed is True
    for call in (
        app.enqueue("work"),
        app.get_job("x"),
        app.run_worker(run_once=True),
        app._reset(),
    ):
        with pytest.raises(SoniqError) as caught:
            await call
        assert caught.value.error_code == errors.SONIQ_APP_CLOSED
    with pytest.raises(SoniqError):
        app.dead_letter  # noqa: B018 - asking for it is the test
    await app.close()
    assert "closed already" in caplog.text
