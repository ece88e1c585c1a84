"""What is called around the jobs of an app: middleware, policies, a sink, plugins."""

import asyncio

import pytest

from pytest_taskq.soniq import Snooze, SoniqError, errors, make_app
from pytest_taskq.soniq.retry import ExponentialBackoff

pytestmark = pytest.mark.asyncio


async def test_the_first_middleware_is_the_outermost(soniq_app):
    seen = []

    def layer(name):
        async def around(ctx, call_next):
            seen.append(f"{name} in {ctx.attempt}")
            value = await call_next(ctx)
            seen.append(f"{name} out")
            return value + 1

        return around

    for name in ("outer", "inner"):
        soniq_app.middleware(layer(name))
    soniq_app.job(name="one")(lambda: 1)
    order = await soniq_app.enqueue("one")
    await soniq_app.run_worker(run_once=True)
    assert seen == ["outer in 1", "inner in 1", "inner out", "outer out"]
    assert await soniq_app.get_result(order) == 3


async def test_what_middleware_raises_is_a_failure_of_the_job(soniq_app):
    @soniq_app.middleware
    async def closed(ctx, call_next):
        raise PermissionError("closed today")

    soniq_app.job(name="one", max_retries=0)(lambda: 1)
    order = await soniq_app.enqueue("one")
    await soniq_app.run_worker(run_once=True)
    assert "closed today" in (await soniq_app.get_job(order))["last_error"]


@pytest.mark.taskq_strict(False)
async def test_middleware_counts_for_the_time_limit(soniq_app):
    @soniq_app.middleware
    async def slow(ctx, call_next):
        await asyncio.Event().wait()

    soniq_app.job(name="one", max_retries=0, timeout=3)(lambda: 1)
    order = await soniq_app.enqueue("one")
    await soniq_app.run_worker(run_once=True)
    assert (await soniq_app.get_job(order))["last_error"].endswith("Job timed out after 3s")


class Policy:
    def __init__(self, delay):
        self.delay = delay
        self.asked = []

    def delay_for(self, *, attempt, job_meta, exc):
        self.asked.append((attempt, job_meta["retry_delay"], type(exc), str(exc).split("\n")[0]))
        return self.delay


async def failing_once(delay, clock=None):
    policy = Policy(delay)
    app = make_app(retry_policy=policy)

    @app.job(name="fail", retry_delay=9)
    async def fail():
        raise ValueError("v")

    order = await app.enqueue("fail")
    await app.run_one()
    return policy, await app.get_job(order)


async def test_a_policy_of_the_app_s_own_decides_on_the_delay(taskq_clock):
    policy, row = await failing_once(60)
    assert policy.asked == [(1, 9, RuntimeError, "ValueError: v")]
    assert row["status"] == "queued"
    assert row["scheduled_at"].startswith(f"{taskq_clock.time():%Y-%m-%d}"[:8])
    assert row["last_error"].startswith("ValueError: v\nTraceback")


async def test_a_policy_may_give_up_at_once():
    _, row = await failing_once(None)
    assert (row["status"], row["attempts"]) == ("dead_letter", 1)
    assert row["dead_letter_reason"] == "permanent_failure"
    assert row["last_error"].startswith("Retry policy declined: ValueError: v")


async def test_a_policy_that_gives_nonsense_is_named():
    _, row = await failing_once("soon")
    assert "Policy gave no delay. After attempt 1 it returned 'soon'" in row["last_error"]


async def test_the_default_policy_reads_the_options_of_the_job():
    meta = {"retry_delay": [1, 5], "retry_max_delay": 4}
    delays = [ExponentialBackoff().delay_for(attempt=n, job_meta=meta) for n in (1, 2, 3)]
    assert delays == [1, 4, 4]


class Sink:
    def __init__(self):
        self.told = []

    async def record_job_start(self, *, job_id, job_name, queue, attempt):
        self.told.append(("start", job_name, queue, attempt))

    async def record_job_end(self, *, job_id, job_name, queue, status, duration_s, error=None):
        self.told.append((status, job_name, error and error.split("\n")[0]))


async def test_a_sink_is_told_how_each_attempt_began_and_ended(taskq_clock):
    app = make_app(metrics_sink=(sink := Sink()))
    answers = [Snooze(5), ValueError("v"), "done"]

    @app.job(name="moody")
    async def moody():
        answer = answers.pop(0)
        if isinstance(answer, ValueError):
            raise answer
        return answer

    @app.job(name="bad", max_retries=0)
    async def bad():
        raise KeyError("k")

    await app.enqueue("moody")
    await app.run_worker(run_once=True)
    taskq_clock.advance(5)
    await app.run_worker(run_once=True)
    await app.enqueue("bad")
    await app.run_worker(run_once=True)
    assert sink.told == [
        ("start", "moody", "default", 1), ("snoozed", "moody", None),
        ("start", "moody", "default", 1), ("failed", "moody", "ValueError: v"),
        ("start", "moody", "default", 2), ("done", "moody", None),
        ("start", "bad", "default", 1), ("dead_letter", "bad", "KeyError: 'k'"),
    ]  # fmt: skip


async def test_policies_are_set_before_the_app_is_used():
    app = make_app()
    app.retry_policy = policy = Policy(1)
    app.metrics_sink = sink = Sink()
    assert (app.retry_policy, app.metrics_sink) == (policy, sink)
    assert app.is_initialized is False
    await app.ensure_initialized()
    assert app.is_initialized is True
    for name in ("retry_policy", "metrics_sink"):
        with pytest.raises(SoniqError) as caught:
            setattr(app, name, None)
        assert caught.value.error_code == errors.SONIQ_APP_FROZEN


class Plugin:
    version = "1.0"

    def __init__(self, name, told, broken=False):
        self.name = name
        self.told = told
        self.broken = broken

    def install(self, app):
        app.before_job(lambda *_: self.told.append(f"{self.name} before"))
        app.cli.add_command(self.name)

    async def on_startup(self, app):
        self.told.append(f"{self.name} up")

    async def on_shutdown(self, app):
        self.told.append(f"{self.name} down")
        if self.broken:
            raise RuntimeError("the plugin is broken")


async def test_plugins_hook_in_and_are_told_of_beginning_and_end(caplog):
    told = []
    app = make_app(plugins=[Plugin("a", told)])
    second = app.use(Plugin("b", told, broken=True))
    app.job(name="one")(lambda: 1)
    assert await app.setup() == 0
    await app.enqueue("one")
    await app.run_worker(run_once=True)
    await app.close()
    assert told == ["a up", "b up", "a before", "b before", "b down", "a down"]
    assert "the plugin is broken" in caplog.text
    assert [plugin.name for plugin in app.plugins] == ["a", "b"]
    assert app.plugins["b"] is second
    assert ("b" in app.plugins, "c" in app.plugins, len(app.plugins)) == (True, False, 2)
    assert app.cli.left == ["a", "b"]


async def test_a_second_plugin_of_one_name_is_refused():
    app = make_app(plugins=[Plugin("a", [])])
    with pytest.raises(SoniqError) as caught:
        app.use(Plugin("a", []))
    assert caught.value.error_code == errors.SONIQ_PLUGIN_DUPLICATE
