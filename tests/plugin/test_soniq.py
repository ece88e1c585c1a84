"""The fixture soniq_app in real runs: every mode, a user's own app, and Soniq's own plugin."""

import pytest

OURS = """
    {mark}
    async def test_it(soniq_app{more}):
        @soniq_app.job(name="bake", max_retries=1)
        async def bake(loaves):
            return loaves * 2

        order = await soniq_app.enqueue(bake, loaves=2)
        await soniq_app.run_worker(run_once=True)
        assert await soniq_app.get_result(order) == 4
"""
OWN = """
    from soniq import Soniq

    app = Soniq(database_url="postgresql://nowhere.invalid/db")
    baked = []

    @app.job(name="bake", max_retries=0)
    async def bake(loaves):
        if loaves < 0:
            raise ValueError("no loaves")
        baked.append(loaves)
"""
SLOW = """
    import asyncio
    from soniq import Soniq

    app = Soniq(database_url="postgresql://nowhere.invalid/db")

    @app.job(name="bake", max_retries=0, timeout=5)
    async def bake():
        await asyncio.sleep(3600)
"""
CONFTEST = """
    import pytest
    from bakery import app

    @pytest.fixture
    def taskq_app():
        return app
"""


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_it_works_in_both_modes(run, mode):
    mark = "@pytest.mark.asyncio" if mode == "strict" else ""
    text = "    import pytest\n" + OURS.format(mark=mark, more="")
    run(text, ini=f"asyncio_mode = {mode}\n").assert_outcomes(passed=1)


@pytest.mark.parametrize("backend", ["memory", "sqlite", "fakeredis"])
def test_a_user_s_own_app_runs_on_any_backend(run_files, backend):
    test = """
    from bakery import app, bake, baked
    from pytest_taskq import job
    import pytest

    pytestmark = pytest.mark.asyncio

    async def place_orders():
        await bake.enqueue(loaves=2)
        await bake.options(scheduled_at=3600).enqueue(loaves=3)
        await app.enqueue("bake", args={"loaves": -1})

    @pytest.mark.taskq_strict(False)
    async def test_what_is_enqueued_is_seen_and_run(taskq, taskq_clock):
        baked.clear()
        await place_orders()
        taskq.assert_enqueued(job(bake, loaves=2))
        await app.run_worker(run_once=True)
        assert baked == [2]
        taskq_clock.advance(3600)
        await app.run_worker(run_once=True)
        assert baked == [2, 3]

    @pytest.mark.taskq_strict(False)
    async def test_the_dead_letters_are_there(taskq):
        await place_orders()
        await app.run_worker(run_once=True)
        (letter,) = await app.dead_letter.list_dead_letter_jobs()
        assert letter.args == {"loaves": -1}

    async def test_the_next_one_begins_with_nothing(soniq_app):
        assert soniq_app is app
        assert await app.list_jobs() == []
    """
    files = {"bakery": OWN, "conftest": CONFTEST, "test_bakery": test}
    result = run_files(f"--taskq-backend={backend}", **files)
    result.assert_outcomes(passed=3)


def test_soniq_s_own_plugin_goes_on_beside_it(run_files):
    test = """
    import pytest
    from bakery import app, bake, baked

    @pytest.mark.asyncio
    @pytest.mark.soniq(app="bakery:app")
    async def test_theirs(soniq_memory):
        baked.clear()
        await bake.enqueue(loaves=2)
        await soniq_memory.run_worker(run_once=True)
        assert baked == [2]

    @pytest.mark.asyncio
    async def test_ours(soniq_app):
        assert soniq_app is not app
        assert await soniq_app.list_jobs() == []
    """
    options = ("-p", "soniq.testing.pytest_plugin", "--strict-markers")
    run_files(*options, bakery=OWN, test_bakery=test).assert_outcomes(passed=2)


def test_what_only_soniq_knows_of_a_failure_is_not_hidden(run_files):
    test = """
    import pytest
    from bakery import app, bake

    pytestmark = pytest.mark.asyncio

    async def test_drained(taskq):
        await bake.enqueue()
        await taskq.drain()

    async def test_run(taskq):
        await bake.enqueue()
        await app.run_worker(run_once=True)

    async def test_no_longer_registered(taskq):
        await app.enqueue("bake")
        app.registry.remove_job("bake")
        await taskq.drain()

    async def test_looked_at(taskq):
        await bake.enqueue()
        with pytest.raises(TimeoutError, match="^Job timed out after 5"):
            await taskq.drain()
        taskq.assert_outcome(bake, "dead", error=TimeoutError)

    async def test_meant(soniq_app):
        await bake.enqueue()
        await app.run_worker(run_once=True)
    """
    result = run_files(bakery=SLOW, conftest=CONFTEST, test_bakery=test)
    result.assert_outcomes(failed=3, passed=2)
    result.stdout.fnmatch_lines(
        [
            "E *Job timed out after 5*s",
            "E *raised by job #1 (bake), attempt 1",
            "*TimeLimitExceeded: Job timed out after 5*s",
            "raised by job #1 (bake), attempt 1, which no part of the test looked at",
            "E *Job bake not registered.",
        ]
    )
