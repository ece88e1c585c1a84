"""Jobs that come again: from when on, at which instants, and until they are stopped."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from pytest_taskq.soniq import SoniqError, cron, daily, every, monthly, weekly

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.taskq_time(start=datetime(2030, 1, 1, 8, tzinfo=UTC), mode="held"),
]


@pytest.fixture
def ran(soniq_app, taskq_clock):
    return []


@pytest.fixture
def tick(soniq_app, taskq_clock, ran):
    @soniq_app.job(name="tick", queue="ticks", priority=7)
    async def tick(n=0):
        ran.append((f"{taskq_clock.time():%d %H:%M:%S}", n))

    return tick


async def test_nothing_comes_before_the_scheduler_is_started(soniq_app, taskq_clock, tick, ran):
    await soniq_app.scheduler.add(tick, every=600)
    await taskq_clock.elapse(3600)
    assert await soniq_app.run_worker(run_once=True) is False


async def test_each_job_comes_at_its_instant_while_time_passes(soniq_app, taskq_clock, tick, ran):
    assert await soniq_app.scheduler.add(tick, every=timedelta(minutes=10), args={"n": 1}) == "tick"
    await soniq_app.scheduler.start(check_interval=3600)
    worker = asyncio.create_task(soniq_app.run_worker())
    await taskq_clock.elapse(1800)
    worker.cancel()
    assert ran == [("01 08:10:00", 1), ("01 08:20:00", 1), ("01 08:30:00", 1)]
    row = (await soniq_app.list_jobs())[0]
    assert (row["queue"], row["priority"]) == ("ticks", 7)


async def test_a_late_tick_gives_one_job_and_the_interval_counts_from_there(
    soniq_app, taskq_clock, tick, ran
):
    await soniq_app.scheduler.add(tick, every=600)
    await soniq_app.scheduler.start()
    taskq_clock.advance(3700)
    await soniq_app.run_worker(run_once=True)
    assert ran == [("01 09:01:40", 0)]
    schedule = await soniq_app.scheduler.get("tick")
    assert schedule["next_run"] == taskq_clock.time() + timedelta(seconds=600)
    assert (schedule["run_count"], schedule["last_run"]) == (1, taskq_clock.time())
    assert schedule["last_job_id"] == (await soniq_app.list_jobs())[0]["id"]
    taskq_clock.advance(600)
    await soniq_app.run_worker(run_once=True)
    assert ran[1:] == [("01 09:11:40", 0)]


async def test_a_cron_expression_keeps_to_the_wall_clock(soniq_app, taskq_clock, ran):
    @soniq_app.periodic(cron=daily().at("09:30"), name="open", schedule_args={"door": "front"})
    async def open_up(door):
        ran.append((f"{taskq_clock.time():%d %H:%M}", door))

    assert await soniq_app.scheduler.list() == []
    await soniq_app.scheduler.start()
    worker = asyncio.create_task(soniq_app.run_worker())
    await taskq_clock.elapse(days=2)
    worker.cancel()
    assert ran == [("01 09:30", "front"), ("02 09:30", "front")]


async def test_a_schedule_can_be_paused_resumed_and_removed(soniq_app, taskq_clock, tick, ran):
    scheduler = soniq_app.scheduler
    await scheduler.add("tick", cron="0 * * * *")
    await scheduler.start()
    assert scheduler.running is True
    assert await scheduler.pause("tick") is True
    taskq_clock.advance(5400)
    assert await soniq_app.run_worker(run_once=True) is False
    assert [each["name"] for each in await scheduler.list("paused")] == ["tick"]
    assert await scheduler.list("active") == []
    assert await scheduler.resume("tick") is True
    await soniq_app.run_worker(run_once=True)
    assert len(ran) == 1
    assert await scheduler.remove("tick") is True
    assert await scheduler.remove("tick") is await scheduler.pause("tick") is False
    assert await scheduler.get("tick") is None
    taskq_clock.advance(5400)
    assert await soniq_app.run_worker(run_once=True) is False


async def test_the_scheduler_stops_with_the_app(soniq_app, taskq_clock, tick, ran):
    await soniq_app.scheduler.add(tick, every=1)
    await soniq_app.scheduler.start()
    await soniq_app.scheduler.start()
    await soniq_app.close()
    assert soniq_app.scheduler.running is False
    await soniq_app.scheduler.stop()


async def test_adding_again_replaces_the_times_and_keeps_the_rest(soniq_app, tick):
    scheduler = soniq_app.scheduler
    await scheduler.add(tick, cron=every(5).minutes())
    first = await scheduler.get("tick")
    await scheduler.add(tick, cron=every(10).minutes(), queue="other", max_attempts=2)
    (second,) = await scheduler.list()
    assert (second["id"], second["created_at"]) == (first["id"], first["created_at"])
    assert (second["schedule_type"], second["schedule_value"]) == ("cron", "*/10 * * * *")
    assert (second["queue"], second["max_attempts"], first["max_attempts"]) == ("other", 2, 4)


@pytest.mark.parametrize(
    "given",
    [
        {}, {"cron": "* * * * *", "every": 5}, {"cron": "no cron"}, {"every": 0.5},
        {"cron": "* * * * * *"}, {"every": 5, "args": {"n": {1}}},
    ],
    ids=str,
)  # fmt: skip
async def test_a_schedule_that_means_nothing_is_refused(soniq_app, tick, given):
    with pytest.raises(ValueError, match=r"Write|Pass"):
        await soniq_app.scheduler.add(tick, **given)
    if "args" not in given:
        with pytest.raises(ValueError, match="Write"):
            soniq_app.periodic(**given)


async def test_a_job_that_could_not_be_enqueued_is_refused_at_once(soniq_app, tick):
    with pytest.raises(SoniqError, match="No job is registered"):
        await soniq_app.scheduler.add("tock", every=5)
    with pytest.raises(SoniqError, match="do not fit"):
        await soniq_app.scheduler.add(tick, every=5, args={"m": 1})
    with pytest.raises(TypeError, match="every="):
        await soniq_app.scheduler.add(tick, every="5")
    assert await soniq_app.scheduler.list() == []


async def test_a_unique_job_that_still_waits_is_not_enqueued_again(soniq_app, taskq_clock):
    soniq_app.job(name="once", unique=True)(lambda: 1)
    order = await soniq_app.enqueue("once", queue="elsewhere")
    await soniq_app.scheduler.add("once", every=60)
    await soniq_app.scheduler.start()
    taskq_clock.advance(60)
    await soniq_app.run_worker(run_once=True, queues=["none"])
    assert len(await soniq_app.list_jobs()) == 1
    assert (await soniq_app.scheduler.get("once"))["last_job_id"] == order


@pytest.mark.parametrize(
    ("made", "expression"),
    [
        (every(5).minutes(), "*/5 * * * *"), (every(2).hours(), "0 */2 * * *"),
        (every(3).days(), "0 0 */3 * *"), (str(daily()), "0 0 * * *"),
        (daily().at("9:05"), "5 9 * * *"), (str(weekly()), "0 0 * * 0"),
        (weekly().on("Monday").at("09:00"), "0 9 * * 1"), (weekly().on(6).at("00:00"), "0 0 * * 6"),
        (str(monthly()), "0 0 1 * *"), (monthly().on_day(15).at("12:00"), "0 12 15 * *"),
        (cron("1 2 3 4 5"), "1 2 3 4 5"), (every(30).seconds(), timedelta(seconds=30)),
    ],
    ids=str,
)  # fmt: skip
async def test_words_make_expressions(made, expression):
    assert made == expression


@pytest.mark.parametrize(
    "make",
    [
        lambda: every(0), lambda: daily().at("24:00"), lambda: daily().at(9),
        lambda: weekly().on("someday"), lambda: weekly().on(7), lambda: monthly().on_day(32),
    ],
)  # fmt: skip
async def test_words_that_mean_no_time_are_refused(make):
    with pytest.raises(ValueError, match="Write for example"):
        make()
    with pytest.raises(TypeError):
        cron(5)
