"""Running jobs: several queues, limits, errors of every kind, and time that passes."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from pytest_taskq import job
from pytest_taskq.core.errors import BadOption, NotFinished
from pytest_taskq.docket import Perpetual, Retry

START = datetime(2030, 1, 1, tzinfo=UTC)
pytestmark = pytest.mark.taskq_time(START)


async def note(value): ...


async def beat(perpetual=Perpetual(every=timedelta(hours=1))): ...


async def fail(error, retry=Retry(attempts=2)):
    raise {"value": ValueError, "exit": SystemExit, "cancel": asyncio.CancelledError}[error](error)


@pytest.fixture(autouse=True)
def shop(docket):
    for task in (note, beat, fail):
        docket.register(task)
    return docket


@pytest.fixture
def ping_pong(shop, soniq_app):
    """Two apps; a job of each enqueues one on the other, until there were ten."""
    seen = []

    async def ping(n):
        seen.append(n)
        if n < 10:
            await soniq_app.enqueue("pong", args={"n": n + 1})

    @soniq_app.job(name="pong")
    async def pong(n: int):
        seen.append(n)
        await shop.add(ping)(n + 1)

    shop.register(ping)
    return seen


def test_what_one_app_enqueues_on_another_runs_too(taskq, ping_pong):
    taskq.enqueue(job("ping", 0))
    ran = taskq.drain()
    assert ping_pong == list(range(11))
    assert ran.counts == {"succeeded": 11}


@pytest.mark.taskq_time(START, mode="held")
def test_what_begins_at_one_instant_is_in_the_order_in_which_it_was(taskq, ping_pong):
    taskq.enqueue(job("ping", 0))
    ran = taskq.drain()
    assert [each.args["n"] for each in ran] == list(range(11))
    taskq.assert_enqueued([job("pong" if n % 2 else "ping", n=n) for n in range(11)])
    began = [moment.app for moment in taskq.timeline() if moment.event == "start"]
    assert began == ["docket", "soniq"] * 5 + ["docket"]


def test_in_the_order_of_their_instants_on_all_apps(taskq, shop, soniq_app):
    @soniq_app.job(name="welcome")
    async def welcome(): ...

    taskq.enqueue(job(note, 1), at="1h")
    taskq.enqueue(job(welcome), at="2h")
    taskq.enqueue(job(note, 3), at="3h")
    ran = taskq.drain(until="1d")
    assert ran == [job(note, 1), job(welcome), job(note, 3)]
    assert [each.started_at for each in ran] == [START + timedelta(hours=n) for n in (1, 2, 3)]
    assert taskq.clock.time() == START + timedelta(days=1)


def test_a_step_is_one_attempt_whatever_the_number_of_apps(taskq, ping_pong):
    taskq.enqueue(job("ping", 0))
    assert len(taskq.step()) == 1
    assert len(taskq.step(2)) == 2
    assert ping_pong == [0, 1, 2]
    assert len(taskq.step(100)) == 8
    assert taskq.step() == []


def test_until_an_instant(taskq):
    taskq.enqueue(job(note, 1), at="1h")
    taskq.enqueue(job(note, 2), at="2h")
    assert taskq.drain(until=START + timedelta(hours=1)) == [job(note, 1)]
    assert taskq.clock.time() == START + timedelta(hours=1)
    assert taskq.drain(until=timedelta(hours=1)) == [job(note, 2)]


@pytest.mark.parametrize("days", [73_000, 365_000, 2_900_000])
@pytest.mark.taskq_time("2030-01-01T00:00:00.123457")
def test_until_an_instant_of_another_millennium(taskq, days):
    """Where the seconds of a loop cannot tell one microsecond from the next."""
    due = timedelta(days=days, microseconds=333)
    taskq.enqueue(job(note, 1), at=due)
    (ran,) = taskq.drain(until=due + timedelta(days=1))
    assert timedelta() <= ran.started_at - ran.at < timedelta(milliseconds=1)


def test_what_is_due_after_until_stays_where_a_job_moves_the_clock_beyond(taskq, taskq_clock, shop):
    async def leap():
        taskq_clock.advance(hours=2)

    shop.register(leap)
    for minutes in (10, 50, 90):
        taskq.enqueue(job("leap"), at=timedelta(minutes=minutes))
    ran = taskq.drain(until="1h")
    assert [each.at.minute for each in ran] == [10, 50]
    assert len(taskq.jobs(state="ready")) == 1


def test_without_until_a_held_clock_stays_where_it_is(taskq):
    taskq.enqueue(job(note, 1))
    taskq.enqueue(job(note, 2), at="1s")
    assert taskq.drain() == [job(note, 1)]
    assert taskq.clock.time() == START


@pytest.mark.parametrize(
    ("until", "complaint"),
    [
        ("soon", "drain\\(\\) cannot read this duration"),
        (-1, "negative|must not|at least|forward"),
        (datetime(2030, 1, 1), "zone"),
    ],
)
def test_a_time_that_can_mean_nothing_is_refused(taskq, until, complaint):
    with pytest.raises(BadOption, match=complaint):
        taskq.drain(until=until)


def test_the_past_is_over(taskq):
    taskq.enqueue(job(note, 1))
    with pytest.raises(BadOption, match=r"^Time does not go back\. drain"):
        taskq.drain(until=START - timedelta(hours=1))
    assert taskq.jobs(state="queued") == [job(note, 1)]


def test_a_chain_without_an_end_reaches_the_limit_and_is_named(taskq):
    taskq.enqueue(job(beat))
    with pytest.raises(NotFinished) as caught:
        taskq.drain(until="30d", limit=100)
    assert str(caught.value) == (
        "taskq.drain() does not come to 2030-01-31 00:00:00 UTC. After 100 attempts it is "
        "2030-01-05 03:00:00 UTC, and 1 job is due until then; beat 100 times ran. "
        "Give it a higher limit or a shorter until, or only= some of the jobs."
    )
    assert len(taskq.assert_executed(beat, times=100)) == 100


def test_a_limit_that_is_just_enough_is_enough(taskq):
    for n in range(5):
        taskq.enqueue(job(note, n))
    assert len(taskq.drain(limit=5)) == 5


@pytest.mark.parametrize("limit", [0, -1, True, 1.5, None])
def test_a_limit_that_is_none_is_refused(taskq, limit):
    with pytest.raises(BadOption, match="takes a number of attempts, 1 or more"):
        taskq.drain(limit=limit)
    with pytest.raises(BadOption, match="takes a number of attempts, 1 or more"):
        taskq.step(limit)


def test_there_are_two_ways_with_errors(taskq):
    with pytest.raises(BadOption, match="It was given 'ignore'"):
        taskq.drain(errors="ignore")


def test_it_stops_at_the_first_exception(taskq, in_memory_app):
    @in_memory_app.task(name="halve")
    def halve(n):
        return 10 // n

    for n in (1, 0, 2):
        halve.defer(n=n)
    with pytest.raises(ZeroDivisionError) as caught:
        taskq.drain()
    assert caught.value.__notes__ == ["raised by job #2 (halve), attempt 1"]
    taskq.assert_executed([job(halve, n=1), job(halve, n=0)])
    assert taskq.drain() == [job(halve, n=2)]


def test_an_exception_that_was_raised_is_not_hidden_any_more(taskq):
    taskq.enqueue(job(fail, "value"))
    with pytest.raises(ValueError, match="value"):
        taskq.drain()


def test_the_traceback_of_the_exception_has_the_users_lines_alone(taskq):
    taskq.enqueue(job(fail, "value"))
    with pytest.raises(ValueError, match="value") as caught:
        taskq.drain()
    shown = caught.traceback.filter(caught)
    assert [entry.name for entry in shown][-1] == "fail"
    assert [entry.name for entry in shown if "pytest_taskq" in str(entry.path)] == []


def test_an_exit_of_a_job_does_not_end_pytest(taskq):
    taskq.enqueue(job(fail, "exit"))
    with pytest.raises(AssertionError, match="SystemExit was raised by job #1") as caught:
        taskq.drain()
    assert isinstance(caught.value.__cause__, SystemExit)


def test_a_job_that_cancels_itself_does_not_cancel_the_test(taskq):
    taskq.enqueue(job(fail, "cancel"))
    taskq.enqueue(job(note, 1))
    ran = taskq.drain(errors="retry")
    assert taskq.jobs(note)[0].state == "succeeded"
    assert [each.state for each in ran] == ["cancelled", "succeeded"]


def test_only_some_of_the_jobs(taskq):
    for each in (job(note, 1), job(fail, "value"), job(note, 2), job(note, 3)):
        taskq.enqueue(each)
    assert taskq.drain(only=job(note, 2)) == [job(note, 2)]
    assert taskq.step(only=[note]) == [job(note, 1)]
    assert taskq.drain(only="note") == [job(note, 3)]
    assert taskq.jobs(state="queued") == [job(fail)]


def test_only_some_while_time_passes(taskq):
    taskq.enqueue(job(note, 1), at="1h")
    taskq.enqueue(job(fail, "value"), at="1h")
    assert taskq.drain(until="2h", only=note) == [job(note, 1)]


def test_what_an_app_enqueues_by_itself_runs_and_counts(taskq, in_memory_app, taskq_clock):
    @in_memory_app.periodic(cron="0 * * * *")
    @in_memory_app.task(name="balance")
    def balance(timestamp): ...

    ran = taskq.drain(until="2h")
    assert (ran.counts, [each.task for each in ran]) == ({"succeeded": 2}, ["balance"] * 2)
    taskq.assert_enqueued([])


@pytest.mark.asyncio
async def test_what_was_run_tells_about_its_jobs(taskq):
    for each in (job(note, 1), job(fail, "value")):
        await taskq.enqueue(each)
    ran = await taskq.drain(errors="retry")
    assert (len(ran), len(ran.jobs), ran[0].args) == (3, 3, {"value": 1})
    assert ran.counts == {"succeeded": 1, "dead": 1}
    assert [type(error) for error in ran.errors] == [ValueError]
    assert [each.task for each in ran] == ["note", "fail", "fail"]
    assert ran != [note]
    assert repr(ran) == "<taskq.drain(): [#1 note(1), #2 fail('value'), #2 fail('value')]>"
