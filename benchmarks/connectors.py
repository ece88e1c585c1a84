"""Our connector beside the one that Procrastinate ships for tests, through a real app.

    python benchmarks/connectors.py [--jobs 10000] [--shipped 800]

Both are in memory, and both take turns in one run. The shipped one is asked for few jobs only:
its time grows with their cube. Beside the clock there is the processor's time of this process,
which other processes disturb less.
"""

import argparse
import asyncio
import logging
import time

import procrastinate
from procrastinate.testing import InMemoryConnector

from pytest_taskq.adapters.procrastinate import Adopted, TaskqConnector
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.stores.memory import MemoryStore

ROW = "{:<22}{:>8}{:>10}{:>10}{:>12}{:>12}"


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--jobs", type=int, default=10_000)
    arguments.add_argument("--shipped", type=int, default=800)
    options = arguments.parse_args()
    logging.disable(logging.CRITICAL)
    print(ROW.format("connector", "jobs", "defer s", "drain s", "processor s", "us a job"))
    for share in (8, 4, 2, 1):
        measure("shipped", InMemoryConnector(), options.shipped // share)
        measure("ours", TaskqConnector(), options.jobs // share)
    own = procrastinate.App(connector=InMemoryConnector())
    began, times = time.perf_counter(), 500
    for _ in range(times):
        Adopted(own, Queue(MemoryStore(), Clock("held"))).close()
    print(
        f"adopting an app and giving it back: {(time.perf_counter() - began) / times * 1e3:.2f} ms"
    )


def measure(name, connector, amount):
    app = procrastinate.App(connector=connector)
    ran = []

    @app.task(name="note")
    async def note(n):
        ran.append(n)

    async def run():
        async with app.open_async():
            begun = time.perf_counter()
            for n in range(amount):
                await note.defer_async(n=n)
            deferred = time.perf_counter()
            await app.run_worker_async(wait=False, install_signal_handlers=False)
            return deferred - begun, time.perf_counter() - deferred

    processor = time.process_time()
    defer, drain = asyncio.run(run())
    processor = time.process_time() - processor
    assert len(ran) == amount
    figures = f"{defer:.2f}", f"{drain:.2f}", f"{processor:.2f}", f"{processor / amount * 1e6:.0f}"
    print(ROW.format(name, amount, *figures))


if __name__ == "__main__":
    main()
