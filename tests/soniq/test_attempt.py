"""One attempt: what becomes of what a job raises or returns, and what its hooks are told."""

import asyncio
import signal

import pytest

from pytest_taskq.soniq import Snooze

pytestmark = pytest.mark.asyncio


@pytest.fixture
def ran(soniq_app):
    @soniq_app.job(name="note")
    async def note(word):
        words.append(word)

    words = []
    return words


class Odd(BaseException):
    """No Exception at all."""


@pytest.mark.taskq_strict(False)
@pytest.mark.parametrize(
    "error",
    [
        ValueError("v"), SystemExit(3), asyncio.CancelledError(), StopIteration(), Odd(),
        KeyboardInterrupt(), GeneratorExit(),
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("sync", [False, True])
async def test_whatever_a_job_raises_it_is_a_dead_letter(soniq_app, ran, error, sync):
    told = []
    soniq_app.on_error(lambda *args: told.append(args[2].split(":")[0]))

    async def in_loop():
        raise error

    def in_thread():
        raise error

    soniq_app.job(name="bad", max_retries=0)(in_thread if sync else in_loop)
    order = await soniq_app.enqueue("bad")
    await soniq_app.enqueue("note", args={"word": "next"})
    await soniq_app.run_worker(run_once=True)
    row = await soniq_app.get_job(order)
    assert (row["status"], row["attempts"]) == ("dead_letter", 1)
    assert row["last_error"].startswith(f"Max retries exceeded: {told[0]}")
    assert ran == ["next"]


async def test_an_end_from_outside_is_no_error_of_the_job(soniq_app):
    told, begun = [], asyncio.Event()
    soniq_app.on_error(lambda *args: told.append(args))

    @soniq_app.job(name="wait")
    async def wait():
        begun.set()
        await asyncio.Event().wait()

    @soniq_app.job(name="press")
    async def press():
        signal.default_int_handler(signal.SIGINT, None)

    await soniq_app.enqueue("wait")
    worker = asyncio.create_task(soniq_app.run_worker())
    await begun.wait()
    worker.cancel()
    with pytest.raises(asyncio.CancelledError):
        await worker
    await soniq_app.delete_job((await soniq_app.list_jobs())[0]["id"])
    await soniq_app.enqueue("press")
    with pytest.raises(KeyboardInterrupt):
        await soniq_app.run_worker(run_once=True)
    assert told == []


@pytest.mark.taskq_strict(False)
async def test_an_attempt_that_takes_too_long_has_failed(soniq_app):
    told = []
    soniq_app.on_error(lambda name, job_id, error, attempts: told.append((error, attempts)))

    @soniq_app.job(name="slow", max_retries=0, timeout=0.01)
    async def slow():
        await asyncio.Event().wait()

    order = await soniq_app.enqueue("slow")
    await soniq_app.run_worker(run_once=True)
    assert told == [("Job timed out after 0.01s", 1)]
    row = await soniq_app.get_job(order)
    assert row["last_error"] == "Max retries exceeded: Job timed out after 0.01s"


async def test_a_hook_that_fails_does_not_harm_the_job(soniq_app, ran, caplog):
    @soniq_app.before_job
    @soniq_app.after_job
    async def broken(*args):
        raise RuntimeError("the hook is broken")

    order = await soniq_app.enqueue("note", args={"word": "x"})
    await soniq_app.run_worker(run_once=True)
    assert (await soniq_app.get_job(order))["status"] == "done"
    assert caplog.text.count("the hook is broken") >= 2


async def test_after_job_is_called_when_the_outcome_is_recorded(soniq_app):
    seen = []

    @soniq_app.job(name="note", max_retries=0)
    async def note(word):
        if word == "bad":
            raise ValueError(word)

    @soniq_app.after_job
    async def look(name, job_id, _milliseconds):
        seen.append((name, (await soniq_app.get_job(job_id))["status"]))

    for word in ("good", "bad"):
        await soniq_app.enqueue("note", args={"word": word})
    await soniq_app.run_worker(run_once=True)
    assert seen == [("note", "done")]


async def test_a_snooze_is_no_end_and_as_long_as_it_may_be(soniq_app, taskq_clock):
    told = []
    soniq_app.after_job(lambda *args: told.append("after"))

    @soniq_app.job(name="nap", max_retries=0)
    async def nap():
        return Snooze(10**9) if not told else None

    order = await soniq_app.enqueue("nap")
    await soniq_app.run_worker(run_once=True)
    row = await soniq_app.get_job(order)
    assert (row["status"], row["attempts"], row["last_error"]) == ("queued", 0, "SNOOZE")
    assert told == []
    told.append("wake up")
    taskq_clock.advance(86_399)
    assert await soniq_app.run_worker(run_once=True) is False
    taskq_clock.advance(1)
    assert await soniq_app.run_worker(run_once=True) is True
    assert told == ["wake up", "after"]


@pytest.mark.parametrize(
    ("value", "kept"),
    [((1, 2), [1, 2]), ({"a": 1}, {"a": 1}), (None, None), (b"x", "b'x'"), (float("inf"), "inf")],
    ids=str,
)
async def test_a_result_is_kept_as_the_databases_keep_it(soniq_app, caplog, value, kept):
    @soniq_app.job(name="give")
    async def give():
        return value

    order = await soniq_app.enqueue("give")
    assert await soniq_app.get_result(order) is None
    await soniq_app.run_worker(run_once=True)
    assert await soniq_app.get_result(order) == kept
    assert ("kept as text" in caplog.text) == isinstance(kept, str)


class Shy:
    def __str__(self):
        raise Odd


async def test_a_job_whose_result_has_no_text_has_succeeded(soniq_app, caplog):
    @soniq_app.job(name="give")
    async def give():
        return Shy()

    order = await soniq_app.enqueue("give")
    await soniq_app.run_worker(run_once=True)
    row = await soniq_app.get_job(order)
    assert (row["status"], row["attempts"]) == ("done", 1)
    assert row["result"] == "<its text cannot be shown: Odd>"
    assert "it is a Shy" in caplog.text
