"""The fixtures in real pytest runs: every mode, every loop scope, and a test's own clock."""

import pytest

ASYNC_TEST = """
    import pytest

    {mark}
    async def test_it(docket, worker):
        seen = []

        async def note(value):
            seen.append(value)

        await docket.add(note)("hello")
        await worker.run_until_finished()
        assert seen == ["hello"]
"""


@pytest.mark.parametrize("scope", ["function", "class", "module", "session"])
def test_strict_mode_and_every_loop_scope(run, scope):
    mark = f'@pytest.mark.asyncio(loop_scope="{scope}")'
    run(ASYNC_TEST.format(mark=mark)).assert_outcomes(passed=1)


@pytest.mark.parametrize("scope", ["function", "session"])
def test_auto_mode(run, scope):
    ini = f"asyncio_mode = auto\nasyncio_default_test_loop_scope = {scope}\n"
    run(ASYNC_TEST.format(mark=""), ini=ini).assert_outcomes(passed=1)


@pytest.mark.skipif(pytest.version_tuple < (8, 4), reason="pytest skips such a test")
def test_an_async_test_that_lacks_its_mark_is_told_what_it_lacks(run):
    result = run(ASYNC_TEST.format(mark=""))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*not natively supported*",
            "taskq: this test is async, and nothing has run it.*",
            "Write `@pytest.mark.asyncio` above it, or set asyncio_mode = auto.",
        ]
    )
    result.stdout.no_fnmatch_line("*another exception*")
    result = run("async def test_it(): ...\n")
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("taskq: this *")


def test_anyio_on_asyncio(run):
    text = ASYNC_TEST.format(mark='@pytest.mark.anyio\n    @pytest.mark.parametrize("i", [1])')
    text = (
        text.replace("test_it(", "test_it(i, ")
        + """
    @pytest.fixture
    def anyio_backend():
        return "asyncio"
    """
    )
    run(text).assert_outcomes(passed=1)


def test_several_processes(run):
    mark = '@pytest.mark.asyncio\n    @pytest.mark.parametrize("i", range(4))'
    run(ASYNC_TEST.format(mark=mark).replace("test_it(", "test_it(i, "), "-n2").assert_outcomes(
        passed=4
    )


def test_hypothesis_runs_every_example_on_the_fixtures(run):
    text = """
        import pytest
        from hypothesis import HealthCheck, given, settings, strategies as st

        @pytest.mark.asyncio
        @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=5)
        @given(value=st.integers())
        async def test_it(docket, worker, value):
            seen = []

            async def note(value):
                seen.append(value)

            await docket.add(note)(value)
            await worker.run_until_finished()
            assert seen == [value]
    """
    run(text).assert_outcomes(passed=1)


def test_a_sync_test_uses_the_sync_calls(run):
    text = """
        def test_it(in_memory_app):
            seen = []

            @in_memory_app.task(name="note")
            def note(value):
                seen.append(value)

            note.defer(value=1)
            in_memory_app.run_worker(wait=False)
            note.defer(value=2)
            in_memory_app.run_worker(wait=False)
            assert seen == [1, 2]
    """
    run(text).assert_outcomes(passed=1)


def test_each_test_has_its_own_queue_and_clock(run):
    text = """
        import pytest

        pytestmark = pytest.mark.asyncio

        @pytest.mark.parametrize("number", [1, 2])
        async def test_it(number, docket, soniq_app, in_memory_connector, taskq_clock):
            async def note():
                pass

            assert (await docket.snapshot()).total_tasks == 0
            await docket.add(note)()
            taskq_clock.advance(days=400)
            assert taskq_clock.time().year < 2100
    """
    run(text).assert_outcomes(passed=2)


def test_fixtures_of_the_users_own_with_our_names_break_nothing(run):
    text = """
        import pytest

        @pytest.fixture
        def worker():
            return "mine"

        @pytest.fixture
        def docket():
            return "mine too"

        @pytest.fixture
        def in_memory_connector():
            return "mine as well"

        def test_it(worker, docket, in_memory_app, in_memory_connector):
            assert (worker, docket) == ("mine", "mine too")
            assert in_memory_app.connector != in_memory_connector
    """
    run(text).assert_outcomes(passed=1)


def test_a_worker_left_running_is_stopped_on_the_tests_own_loop(run):
    text = """
        import asyncio
        import pytest

        left = []

        @pytest.mark.asyncio(loop_scope="module")
        async def test_leaves_a_worker(docket, worker):
            left.append(asyncio.create_task(worker.run_forever()))
            await asyncio.sleep(0)

        @pytest.mark.asyncio(loop_scope="module")
        async def test_finds_nothing_left():
            await asyncio.wait_for(left[0], timeout=5)
    """
    run(text).assert_outcomes(passed=2)


FORGETS = """
import asyncio, gc, weakref
import pytest

before = {}

async def pack(parcel):
    pass

@pytest.mark.asyncio
@pytest.mark.parametrize("turn", range(3))
async def test_parcel(turn, docket, worker, taskq_clock, in_memory_app, soniq_app):
    # A task that is left to the garbage collector is looked at by each loop that ends.
    assert "task" not in before or before["task"]() is None
    gc.collect()
    assert [name for name, thing in before.items() if thing() is not None] == []
    gc.disable()
    await docket.add(pack)(turn)
    await worker.run_until_finished()
    await in_memory_app.task(name="pack")(pack).defer_async(parcel=turn)
    await in_memory_app.run_worker_async(wait=False)
    await soniq_app.enqueue(soniq_app.job(name="shop.pack")(pack), parcel=turn)
    await soniq_app.run_worker(run_once=True)
    own = {"docket": docket, "connector": in_memory_app.connector, "soniq": soniq_app}
    own |= {"task": asyncio.current_task(), "clock": taskq_clock}
    before.update({name: weakref.ref(thing) for name, thing in own.items()})
"""


def test_what_a_test_had_is_forgotten_with_it(run):
    run(FORGETS).assert_outcomes(passed=3)


LEAVES = """
import asyncio, gc, weakref
import pytest

gc.collect()
gc.disable()
before = {}

async def pack(parcel):
    pass

@pytest.mark.asyncio
@pytest.mark.parametrize("turn", range(3))
async def test_parcel(turn, taskq, docket, worker):
    assert [name for name, thing in before.items() if thing() is not None] == []
    await docket.add(pack)(turn)
    await worker.run_until_finished()
    await taskq.drain()
    taskq.assert_outcome(pack, "succeeded")
    own = {"docket": docket, "worker": worker, "queue": docket.queue, "taskq": taskq}
    own |= {"loop": asyncio.get_running_loop(), "clock": taskq.clock}
    before.update({name: weakref.ref(thing) for name, thing in own.items()})
"""


def test_nothing_of_a_test_with_a_docket_is_left_to_the_garbage_collector(run):
    run(LEAVES).assert_outcomes(passed=3)
