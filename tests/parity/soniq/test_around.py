"""What is around an app: policies, sinks, plugins, schedules, workers that go on, and helpers."""

import asyncio

import pytest

pytestmark = pytest.mark.asyncio


class Policy:
    def __init__(self, *delays):
        self.delays = list(delays)
        self.asked = []

    def delay_for(self, *, attempt, job_meta, exc):
        self.asked.append((attempt, job_meta["max_retries"], type(exc)))
        return self.delays.pop(0)


async def test_a_policy_decides_on_delays_and_on_giving_up(make, taskq_clock):
    policy = Policy(30, None)
    app = make(retry_policy=policy)

    @app.job(name="fail")
    async def fail():
        raise ValueError("v")

    order = await app.enqueue(fail)
    await app.run_worker(run_once=True)
    taskq_clock.advance(30)
    await app.run_worker(run_once=True)
    row = await app.get_job(order)
    assert (row["attempts"], row["dead_letter_reason"]) == (2, "permanent_failure")
    assert row["last_error"].startswith("Retry policy declined: ValueError: v")
    assert policy.asked == [(1, 3, RuntimeError), (2, 3, RuntimeError)]


class Sink:
    def __init__(self):
        self.told = []

    async def record_job_start(self, *, job_id, job_name, queue, attempt):
        self.told.append(("start", job_name, attempt))

    async def record_job_end(self, *, job_id, job_name, queue, status, duration_s, error=None):
        self.told.append((status, job_name, error and error.split("\n")[0]))


async def test_a_sink_is_told_of_each_attempt(make, words, taskq_clock):
    app = make(metrics_sink=(sink := Sink()))
    answers = [words.Snooze(1), ValueError("v"), ValueError("w"), "done"]

    async def moody():
        answer = answers.pop(0)
        if isinstance(answer, ValueError):
            raise answer
        return answer

    app.job(name="moody", max_retries=1)(moody)
    for _ in range(2):
        await app.enqueue("moody")
        await app.run_worker(run_once=True)
        taskq_clock.advance(1)
        await app.run_worker(run_once=True)
    assert [told for told in sink.told if told[0] != "start"] == [
        ("snoozed", "moody", None), ("failed", "moody", "ValueError: v"),
        ("dead_letter", "moody", "ValueError: w"), ("done", "moody", None),
    ]  # fmt: skip


class Plugin:
    name, version = "counter", "1.0"

    def __init__(self):
        self.told = []

    def install(self, app):
        app.before_job(lambda *_: self.told.append("before"))

    async def on_startup(self, app):
        self.told.append("up")

    async def on_shutdown(self, app):
        self.told.append("down")


async def test_a_plugin_is_told_of_beginning_and_end(make, words):
    app = make(plugins=[plugin := Plugin()])
    app.job(name="one")(lambda: 1)
    await app.setup()
    await app.enqueue("one")
    await app.run_worker(run_once=True)
    await app.close()
    assert plugin.told == ["up", "before", "down"]
    assert app.plugins["counter"] is plugin
    with pytest.raises(words.SoniqError) as caught:
        app.use(Plugin())
    assert caught.value.error_code == words.SONIQ_PLUGIN_DUPLICATE


async def test_schedules_are_added_paused_and_removed(app, words):
    app.job(name="tick")(lambda: 1)
    scheduler = app.scheduler
    assert await scheduler.add("tick", cron=words.daily().at("09:00")) == "tick"
    shown = await scheduler.get("tick")
    assert (shown["schedule_type"], shown["schedule_value"]) == ("cron", "0 9 * * *")
    assert (shown["status"], shown["queue"], shown["max_attempts"]) == ("active", "default", 4)
    assert await scheduler.pause("tick") is True
    assert [each["name"] for each in await scheduler.list(status="paused")] == ["tick"]
    assert await scheduler.resume("tick") is True
    assert await scheduler.remove("tick") is True
    assert await scheduler.remove("tick") is False
    for wrong in ({}, {"cron": "x"}, {"cron": "* * * * *", "every": 5}, {"every": 0}):
        with pytest.raises(ValueError, match=r"cron|every"):
            await scheduler.add("tick", **wrong)


async def test_jobs_come_again_once_the_scheduler_is_started(app, taskq_clock):
    ran = []

    @app.periodic(every=60, name="tick", schedule_args={"word": "tick"})
    async def tick(word):
        ran.append(word)

    await taskq_clock.elapse(120)
    await app.scheduler.start(check_interval=1)
    await taskq_clock.elapse(130)
    await app.scheduler.stop()
    await app.run_worker(run_once=True)
    assert ran == ["tick", "tick"]
    assert (await app.scheduler.get("tick"))["run_count"] == 2


async def test_a_worker_goes_on_until_it_is_told(app, taskq_clock):
    done, stop = asyncio.Event(), asyncio.Event()

    @app.job(name="work")
    async def work():
        await asyncio.sleep(3)
        done.set()

    await app.enqueue(work)
    worker = asyncio.create_task(app.run_worker(concurrency=2, shutdown_event=stop))
    await taskq_clock.elapse(1)
    stop.set()
    assert not done.is_set()
    await taskq_clock.elapse(3)
    await worker
    assert (await app.get_queue_stats())["done"] == 1


async def run_and_shut_down(app, clock):
    stop = asyncio.Event()
    worker = asyncio.create_task(app.run_worker(shutdown_event=stop))
    await clock.elapse(1)
    stop.set()
    await clock.elapse(6)
    await worker


async def test_a_job_that_takes_longer_than_the_end_goes_back(make, taskq_clock):
    app = make(shutdown_timeout=5)

    @app.job(name="work")
    async def work():
        await asyncio.sleep(100)

    order = await app.enqueue(work)
    await run_and_shut_down(app, taskq_clock)
    row = await app.get_job(order)
    assert (row["status"], row["worker_id"], row["last_error"]) == ("queued", None, None)
    assert row["attempts"] == 1
    assert row["scheduled_at"] is not None


async def test_a_job_that_is_put_back_at_every_attempt_runs_no_more(make, taskq_clock):
    app, runs = make(shutdown_timeout=5), 0

    @app.job(name="work", max_retries=1)
    async def work():
        nonlocal runs
        runs += 1
        await asyncio.sleep(100)

    order = await app.enqueue(work)
    for _ in range(3):
        await run_and_shut_down(app, taskq_clock)
    row = await app.get_job(order)
    assert (runs, row["status"]) == (2, "dead_letter")
    assert row["dead_letter_reason"] == "max_retries_exceeded"


async def test_what_a_plugin_leaves_for_other_programs(app, words):
    async def render(app):
        return {"jobs": 0}

    command = words.CommandSpec(name="count", help="Count jobs.", handler=print)
    assert (command.description, command.arguments) == (None, [])
    app.cli.add_command(command)
    panel = words.PanelSpec(id="jobs", title="Jobs", render=render)
    app.dashboard.add_panel(panel)
    app.dashboard.add_panel(words.PanelSpec("other", "Others", render))
    with pytest.raises(ValueError, match="'jobs'"):
        app.dashboard.add_panel(words.PanelSpec("jobs", "Jobs again", render))
    assert await panel.render(app) == {"jobs": 0}


async def test_draining_gives_the_results(app, words):
    @app.job(name="double", max_retries=0)
    async def double(n):
        if n == 2:
            raise ValueError
        return n * 2

    for n in (1, 2, 3):
        await app.enqueue(double, n=n)
    assert await words.drain(app, max_jobs=1) == [2]
    assert await words.drain(app) == [6]


async def test_waiting_for_what_becomes_true(words):
    seen = iter([False, False, True])
    await words.wait_until(lambda: next(seen), poll=0.001)
    with pytest.raises(AssertionError, match="never came"):
        await words.wait_until(lambda: False, timeout=0.01, poll=0.001, message="it never came")
