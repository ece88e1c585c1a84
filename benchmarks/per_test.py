"""What a test costs above an empty async test, and what the plugin costs at start-up.

    python benchmarks/per_test.py [--tests 500] [--rounds 3] [--repeats 15]
        [--backends memory,sqlite,redis] [--mixed]

Each kind of test is a run of its own on each backend, as in a suite of that kind, and the runs take
turns; with --mixed all take turns in one run, each time in another order, which is dearer for all
of them. The starts are interleaved. The plugin must be installed. Where Procrastinate is
installed, its own connector in memory is measured beside ours.
"""

import argparse
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

NOT_FOUND = 4  # what pytest ends with where there is no such test
WITHOUT_A_QUEUE = {"test_empty", "test_two_fixtures_that_do_nothing", "test_real_procrastinate"}
PYTEST = (
    *("-m", "pytest", "-q", "-p", "no:cacheprovider"),
    *("-p", "no:randomly", "-o", "asyncio_mode=auto"),
)
START = ("-m", "pytest", "--co", "-q", "-p", "no:cacheprovider")

TESTS = """
import pytest
import pytest_asyncio

from pytest_taskq import job

pytestmark = pytest.mark.parametrize("i", range({tests}))
seen = []


async def noop(i):
    seen.append(i)


@pytest.fixture
def one():
    return 1


@pytest.fixture
def two():
    return 2


async def test_empty(i):
    pass


async def test_two_fixtures_that_do_nothing(i, one, two):
    pass


async def test_docket(i, docket, worker):
    await docket.add(noop)(i)
    await worker.run_until_finished()
    assert seen.pop() == i


async def test_procrastinate(i, in_memory_app):
    await in_memory_app.task(name="noop")(noop).defer_async(i=i)
    await in_memory_app.run_worker_async(wait=False)
    assert seen.pop() == i


async def test_soniq(i, soniq_app):
    await soniq_app.enqueue(soniq_app.job(name="bench.noop")(noop), i=i)
    await soniq_app.run_worker(run_once=True)
    assert seen.pop() == i


try:
    import procrastinate
    from procrastinate.testing import InMemoryConnector
except ImportError:
    pass
else:

    # As its guide has it: the app of the service, its connector replaced by a fixture.
    service = procrastinate.App(connector=InMemoryConnector())
    service_noop = service.task(name="noop")(noop)

    @pytest_asyncio.fixture
    async def real_app():
        with service.replace_connector(InMemoryConnector()) as app:
            async with app.open_async():
                yield app

    async def test_real_procrastinate(i, real_app):
        await service_noop.defer_async(i=i)
        await real_app.run_worker_async(wait=False, install_signal_handlers=False)
        assert seen.pop() == i


async def test_harness(i, taskq, docket):
    await docket.add(noop)(i)
    taskq.assert_enqueued(job(noop, i))
    assert (await taskq.drain()).counts == {{"succeeded": 1}}
    taskq.assert_outcome(noop, "succeeded")


async def test_harness_of_procrastinate(i, taskq, in_memory_app):
    task = in_memory_app.task(name="noop")(noop)
    await task.defer_async(i=i)
    taskq.assert_enqueued(job(task, i=i))
    assert (await taskq.drain()).counts == {{"succeeded": 1}}
    taskq.assert_outcome(task, "succeeded")


def test_harness_without_async(i, taskq, docket):
    docket.register(noop)
    taskq.enqueue(job(noop, i))
    taskq.assert_enqueued(job(noop, i))
    assert taskq.drain().counts == {{"succeeded": 1}}
    taskq.assert_outcome(noop, "succeeded")


async def test_held_clock(i, docket, worker, taskq_clock):
    await docket.add(noop)(i)
    await worker.run_until_finished()
    assert seen.pop() == i
"""

TIMER = """
import random
import statistics
import time
from collections import defaultdict

import pytest

taken = defaultdict(list)
clock = (time.perf_counter,)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    start = clock[0]()
    result = yield
    backend = item.callspec.params.get("taskq_backend", "")
    taken[f"{item.originalname} {backend}".strip()].append(clock[0]() - start)
    return result


def pytest_collection_modifyitems(items):
    order = random.Random(0)  # what a test leaves to be cleared away falls on the next one
    items.sort(key=lambda item: (item.callspec.params["i"], order.random()))


def pytest_unconfigure():
    for name, seconds in taken.items():
        print("TOOK", name, statistics.median(seconds) * 1e3)
"""


def per_test(tests, backends, rounds, *, mixed):
    """The median of each kind of test, set-up to tear-down; of several rounds the middle one."""
    source = TESTS.format(tests=tests)
    runs = [(None, backends)] if mixed else list(runs_apart(source, backends.split(",")))
    took = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        Path(name, "conftest.py").write_text(TIMER)
        Path(name, "test_all.py").write_text(source)
        for kind, backend in runs * rounds:
            for what, milliseconds in took_by(name, backend, kind):
                on = "" if mixed or kind in WITHOUT_A_QUEUE else f" {backend}"
                took[what + on].append(float(milliseconds))
    middle = {what: statistics.median(each) for what, each in took.items()}
    empty = middle.pop("empty")
    print(f"ms a test above an empty async test ({empty:.3f} ms)")
    for kind, milliseconds in middle.items():
        print(f"  {kind:35} {milliseconds - empty:6.3f}")


def runs_apart(source, backends):
    """Each kind of test on each backend; what uses none of ours, once."""
    for kind in re.findall(r"def (test_\w+)", source):
        for backend in backends[:1] if kind in WITHOUT_A_QUEUE else backends:
            yield kind, backend


def took_by(folder, backends, kind):
    """What one run says of its tests: of one kind, or of all."""
    command = [sys.executable, *PYTEST, "-s", f"--taskq-backend={backends}"]
    command += [] if kind is None else [f"test_all.py::{kind}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode == NOT_FOUND and kind is not None and kind.startswith("test_real_"):
        return []  # the library is not there
    if done.returncode:
        raise SystemExit(done.stdout[-3000:] + done.stderr)
    return re.findall(r"TOOK test_(.+) ([\d.]+)\n", done.stdout)


def cpu_of(command, folder):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3


def start_up(repeats):
    """CPU milliseconds of collecting nothing, with the plugin and with it switched off."""
    base, off = [sys.executable, *START], ["-p", "no:taskq"]
    with tempfile.TemporaryDirectory() as folder:
        taken = {"with": [], "without": []}
        for _ in range(repeats):
            taken["with"].append(cpu_of(base, folder))
            taken["without"].append(cpu_of(base + off, folder))
    # `-p no:taskq` still finds the entry point; it only does not import it.
    above = statistics.median(taken["with"]) - statistics.median(taken["without"])
    print(f"start-up: {above:+.1f} ms CPU above {statistics.median(taken['without']):.0f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--backends", default="memory", help="as --taskq-backend takes them")
    parser.add_argument("--mixed", action="store_true", help="all kinds in one run")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a start without caches measures the compiler
    per_test(options.tests, options.backends, options.rounds, mixed=options.mixed)
    start_up(options.repeats)


if __name__ == "__main__":
    main()
