"""A worker of any class is started and stopped, and what is wrong with it is said."""

import asyncio

import pytest

from pytest_taskq.testing.workers import running

pytestmark = pytest.mark.asyncio

SOON = 0.03


class Miller:
    """Grinds what comes into the hopper until it is told to stop."""

    def __init__(self):
        self.hopper = asyncio.Queue()
        self.flour = []
        self.at_work = False

    def is_running(self):
        return self.at_work

    async def run(self):
        self.at_work = True
        try:
            while (grain := await self.hopper.get()) is not None:
                if grain == "stone":
                    raise ValueError("a stone in the mill")
                self.flour.append(grain)
        finally:
            self.at_work = False

    async def stop(self):
        await self.hopper.put(None)


def line(function, lines):
    return f"test_running.py:{function.__code__.co_firstlineno + lines}"


async def test_a_worker_runs_inside_and_has_stopped_afterwards():
    miller = Miller()
    before = asyncio.all_tasks()
    async with running(miller, until=miller.is_running) as w:
        assert miller.is_running()
        assert w.worker is miller
        await miller.hopper.put("rye")
    assert miller.flour == ["rye"]
    assert not miller.is_running()
    assert asyncio.all_tasks() == before


async def test_it_can_be_stopped_inside_by_us_or_by_its_own_method():
    miller = Miller()
    async with running(miller, until=miller.is_running) as w:
        await w.stop()
        assert not miller.is_running()
    async with running(miller, until=miller.is_running) as w:
        await miller.stop()
        await w.assert_stopped()


async def test_an_event_may_say_that_it_is_ready():
    ready = asyncio.Event()

    async def open_late():
        await asyncio.sleep(0.01)
        ready.set()
        await asyncio.Event().wait()

    async with running(open_late, until=ready):
        assert ready.is_set()


async def test_one_that_does_not_become_ready_is_told_with_what_it_waits_on():
    class Lazy(Miller):
        async def run(self):
            await self.hopper.get()

    with pytest.raises(AssertionError) as caught:
        async with running(lazy := Lazy(), until=lazy.is_running, timeout=SOON):
            pass
    assert str(caught.value) == (
        f"worker did not become ready within 0.03 s: task Lazy.run waits on Queue.get "
        f"({line(Lazy.run, 1)})"
    )
    assert len(asyncio.all_tasks()) == 1


async def test_one_that_ends_before_it_is_ready_is_told_with_its_error():
    class Broken(Miller):
        async def run(self):
            raise OSError("no water in the brook")

    with pytest.raises(AssertionError) as caught:
        async with running(broken := Broken(), until=broken.is_running):
            pass
    assert str(caught.value) == (
        "worker ended before it was ready: OSError('no water in the brook')"
    )
    assert isinstance(caught.value.__cause__, OSError)


async def test_one_that_dies_ends_the_body_and_its_error_is_the_cause():
    miller = Miller()
    miller.hopper.put_nowait("stone")
    with pytest.raises(AssertionError) as caught:
        async with running(miller):
            await asyncio.Event().wait()
    assert str(caught.value) == (
        "worker ended before it was stopped: ValueError('a stone in the mill')"
    )
    assert caught.value.__cause__.__traceback__.tb_next is not None
    assert asyncio.current_task().cancelling() == 0
    await asyncio.sleep(0)


async def test_a_death_that_the_test_asks_for_is_no_fault():
    miller = Miller()
    async with running(miller, until=miller.is_running) as w:
        await miller.hopper.put("stone")
        with pytest.raises(ValueError, match="a stone in the mill"):
            await w.ended()


async def test_one_that_goes_on_after_stop_is_told_with_what_it_waits_on():
    class Deaf(Miller):
        async def stop(self):
            pass

    with pytest.raises(AssertionError) as caught:
        async with running(deaf := Deaf(), until=deaf.is_running, within=SOON):
            pass
    assert str(caught.value) == (
        f"still running 0.03 s after stop(): Miller.run waits on Queue.get ({line(Miller.run, 3)})"
    )
    assert len(asyncio.all_tasks()) == 1


async def test_one_that_sleeps_after_stop_is_told_also_where_time_jumps():
    class Sleepy(Miller):
        async def run(self):
            self.at_work = True
            while self.at_work:  # noqa: ASYNC110 - as its author wrote it
                await asyncio.sleep(30)

        async def stop(self):
            self.at_work = False

    sleepy = Sleepy()
    async with running(sleepy, until=sleepy.is_running, within=SOON) as w:
        with pytest.raises(AssertionError) as caught:
            await w.stop()
    assert str(caught.value) == (
        f"still running 0.03 s after stop(): Sleepy.run waits on sleep ({line(Sleepy.run, 3)})"
    )


async def test_a_stop_that_does_not_return_is_told():
    class Stubborn(Miller):
        async def stop(self):
            await self.hopper.join()

    stubborn = Stubborn()
    with pytest.raises(AssertionError) as caught:
        async with running(stubborn, until=stubborn.is_running, within=SOON):
            await stubborn.hopper.put("rye")
    assert str(caught.value) == (
        f"stop() did not return within 0.03 s: Stubborn.stop waits on Queue.join "
        f"({line(Stubborn.stop, 1)})"
    )


async def test_a_stop_that_fails_is_told():
    class Clumsy(Miller):
        async def stop(self):
            raise KeyError("brake")

    with pytest.raises(AssertionError, match=r"the worker's stop\(\) failed: KeyError\('brake'\)"):
        async with running(clumsy := Clumsy(), until=clumsy.is_running):
            pass


async def test_a_failure_while_it_is_stopped_is_told():
    class Dusty(Miller):
        async def run(self):
            await super().run()
            raise OSError("dust")

    with pytest.raises(AssertionError, match=r"^it failed after stop\(\): OSError\('dust'\)$"):
        async with running(dusty := Dusty(), until=dusty.is_running):
            pass


async def test_one_that_leaves_a_task_is_told_and_the_task_ends():
    class Leaky(Miller):
        async def run(self):
            self.cat = asyncio.create_task(self.sleep(), name="cat")
            await super().run()

        async def sleep(self):
            await asyncio.sleep(3600)

    leaky = Leaky()
    with pytest.raises(AssertionError) as caught:
        async with running(leaky, until=leaky.is_running):
            pass
    assert str(caught.value) == (
        f"the worker has ended and left 1 task running: cat: Leaky.sleep() waiting at "
        f"{line(Leaky.sleep, 1)}, created at {line(Leaky.run, 1)}"
    )
    assert leaky.cat.cancelled()


async def test_one_that_says_it_runs_when_it_does_not_is_told():
    class Liar(Miller):
        def is_running(self):
            return True

    with pytest.raises(AssertionError, match="has ended, and its is_running says that it runs"):
        async with running(Liar()):
            pass


async def test_the_error_of_the_body_comes_first_and_has_the_other_as_a_note():
    class Deaf(Miller):
        async def stop(self):
            pass

    with pytest.raises(ZeroDivisionError) as caught:
        async with running(deaf := Deaf(), until=deaf.is_running, within=SOON):
            raise ZeroDivisionError
    assert caught.value.__notes__[0].startswith("And the worker: still running 0.03 s after stop()")
    assert len(asyncio.all_tasks()) == 1


async def test_a_body_that_is_cancelled_stops_its_worker_first():
    miller = Miller()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SOON), running(miller, until=miller.is_running):
            await asyncio.Event().wait()
    assert not miller.is_running()
    assert len(asyncio.all_tasks()) == 1


async def test_two_that_die_at_once_end_the_body_once():
    class Doomed(Miller):
        async def run(self):
            await asyncio.sleep(0.01)
            raise ValueError("doomed")

    with pytest.raises(AssertionError, match="ended before it was stopped"):
        async with running(Doomed()), running(Doomed()):
            await asyncio.Event().wait()
    assert asyncio.current_task().cancelling() == 0
    assert len(asyncio.all_tasks()) == 1
