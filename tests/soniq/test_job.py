"""Registering: what the decorator gives back, which options it takes, and when a job is retried."""

import inspect

import pytest

from pytest_taskq.core.errors import BadOption
from pytest_taskq.soniq import JobContext, make_app
from pytest_taskq.soniq import JobContext as Context

pytestmark = pytest.mark.asyncio


async def delays(app, clock, retries) -> list[float]:
    """Register a failing job, and return the seconds between its attempts."""

    @app.job(name="fail", **retries)
    async def fail():
        raise ValueError

    order = await app.enqueue("fail")
    instants = []
    while True:
        await app.run_worker(run_once=True, max_jobs=1)
        row = await app.get_job(order)
        if row["status"] == "dead_letter":
            return instants
        waits = (await app.backend.queue.find())[0].due_at - clock.now()
        instants.append(waits / 1e6)
        clock.advance(waits / 1e6)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0, 0, 0]),
        ({"retries": 1}, [0]),
        ({"retries": 1, "max_retries": 2}, [0, 0]),
        ({"max_retries": 0}, []),
        ({"retry_delay": 7}, [7, 7, 7]),
        ({"retry_delay": [1, 5.5]}, [1, 5.5, 5.5]),
        ({"retry_delay": []}, [0, 0, 0]),
        ({"retry_delay": None}, [0, 0, 0]),
        ({"retry_backoff": True, "retry_jitter": False}, [1, 2, 4]),
        ({"retry_delay": 3, "retry_backoff": True, "retry_jitter": False}, [3, 6, 12]),
        (
            {"retry_delay": 3, "retry_backoff": True, "retry_jitter": False, "retry_max_delay": 5},
            [3, 5, 5],
        ),
        ({"retry_delay": 9, "retry_max_delay": 5}, [5, 5, 5]),
    ],
    ids=str,
)
async def test_a_job_is_retried_after(soniq_app, taskq_clock, options, expected):
    assert await delays(soniq_app, taskq_clock, options) == expected


async def test_jitter_draws_from_the_upper_half_of_the_delay(soniq_app, taskq_clock):
    found = await delays(
        soniq_app, taskq_clock, {"max_retries": 8, "retry_delay": 10, "retry_backoff": True}
    )
    whole = [10 * 2**n for n in range(8)]
    assert all(most / 2 <= delay <= most for delay, most in zip(found, whole, strict=True))
    assert found != whole


@pytest.mark.parametrize(
    "options",
    [
        {"retry_delay": -1},
        {"retry_delay": "soon"},
        {"retry_delay": [1, -1]},
        {"retry_delay": float("nan")},
        {"retry_max_delay": -1},
        {"timeout": -1},
        {"max_retries": -1},
        {"retries": 1.5},
    ],
    ids=str,
)
async def test_an_option_that_means_nothing_is_refused(soniq_app, options):
    with pytest.raises(BadOption):
        soniq_app.job(**options)(delays)


async def test_an_unknown_option_is_warned_of(soniq_app):
    with pytest.warns(UserWarning, match="ignores colour, retry_dealy") as caught:
        soniq_app.job(retry_dealy=5, colour=1)(delays)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("max_attempts", "Was max_retries meant, which does not count the first attempt?"),
        ("attempts", "Was max_retries meant, which does not count the first attempt?"),
        ("retry_dealy", "Was retry_delay meant?"),
    ],
)
async def test_an_unknown_option_is_told_which_one_does_what_it_says(soniq_app, given, meant):
    with pytest.warns(UserWarning, match=rf"{given}\. There is no such option here\. {meant[:-1]}"):
        soniq_app.job(**{given: 3})(delays)


async def test_an_unknown_option_like_none_is_told_to_be_left_out(soniq_app):
    with pytest.warns(UserWarning, match=r"colour\. There is no such option here\. Leave it out"):
        soniq_app.job(colour=1)(delays)


async def test_the_decorator_needs_its_parentheses(soniq_app):
    with pytest.raises(TypeError):
        soniq_app.job(delays)


async def test_a_registered_function_keeps_its_face(soniq_app):
    async def greet(name: str = "you"):
        """Says hello."""
        return f"hello {name}"

    job = soniq_app.job(name="greet")(greet)
    assert job.__doc__ == "Says hello."
    assert inspect.signature(job) == inspect.signature(greet)
    assert await job("Ann") == "hello Ann"


async def test_a_later_job_of_the_same_name_replaces_the_earlier(soniq_app):
    for value in (1, 2):
        soniq_app.job(name="give")(lambda value=value: value)
    order = await soniq_app.enqueue("give")
    await soniq_app.run_worker(run_once=True)
    assert await soniq_app.get_result(order) == 2


async def test_one_function_may_be_the_job_of_two_apps():
    async def work(): ...

    first, second = make_app(), make_app()
    named = first.job(name="first.work")(work)
    derived = second.job()(work)
    assert (await first.get_job(await first.enqueue(named)))["job_name"] == "first.work"
    assert (await second.get_job(await second.enqueue(derived)))["job_name"].endswith(".work")


async def test_a_context_of_another_library_is_an_argument_like_any_other(soniq_app):
    source = "class JobContext: ...\nasync def look(c: 'JobContext'): return c"
    other: dict = {"__name__": "elsewhere"}
    exec(source, other)
    soniq_app.job(name="look")(other["look"])
    order = await soniq_app.enqueue("look", args={"c": "mine"})
    await soniq_app.run_worker(run_once=True)
    assert await soniq_app.get_result(order) == "mine"


@pytest.mark.parametrize("kind", [JobContext, "JobContext", "soniq.JobContext", "Context"])
async def test_the_context_is_recognised_however_it_is_written(soniq_app, kind):
    async def look(a, c=None):
        return c.job_name

    look.__annotations__["c"] = kind
    soniq_app.job(name="look")(look)
    order = await soniq_app.enqueue("look", args={"a": 1})
    await soniq_app.run_worker(run_once=True)
    assert await soniq_app.get_result(order) == "look"
    assert Context is JobContext
