"""How much faster a run of a worker is on the facade of Docket than on the library itself.

    python benchmarks/docket_runs.py [--repeats 30]

Both take turns in one run, on `memory://`, with the intervals of polling that the library's own
tests use; the clock of the facade is real. Needs pydocket.
"""

import argparse
import asyncio
import statistics
import time
from datetime import timedelta
from uuid import uuid4

import docket as library

from pytest_taskq import docket as facade

TICK = timedelta(milliseconds=5)
TARGET = 100


async def noop():
    pass


async def measure(lib, tasks, runs):
    """The median seconds of a run_until_finished with so many tasks."""
    spent = []
    async with (
        lib.Docket(name=f"bench-{uuid4()}", url="memory://bench") as docket,
        lib.Worker(docket, minimum_check_interval=TICK, scheduling_resolution=TICK) as worker,
    ):
        for _ in range(runs):
            for _ in range(tasks):
                await docket.add(noop)()
            began = time.perf_counter()
            await worker.run_until_finished()
            spent.append(time.perf_counter() - began)
    return statistics.median(spent)


async def main():
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--repeats", type=int, default=30)
    repeats = ask.parse_args().repeats
    for tasks in (0, 1, 10):
        theirs, ours = [], []
        for _ in range(max(repeats // 10, 1)):
            theirs.append(await measure(library, tasks, 10))
            ours.append(await measure(facade, tasks, 10))
        real, here = statistics.median(theirs), statistics.median(ours)
        verdict = "ok" if real / here >= TARGET or tasks > 1 else f"below {TARGET}"
        print(
            f"run_until_finished, {tasks:2} tasks: library {real * 1e3:7.2f} ms, "
            f"facade {here * 1e3:7.3f} ms: {real / here:5.0f} times faster ({verdict})"
        )


if __name__ == "__main__":
    asyncio.run(main())
