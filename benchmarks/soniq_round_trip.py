"""From enqueueing a job of a real Soniq app to its end, with a running worker.

    python benchmarks/soniq_round_trip.py [--jobs 200]

On Soniq's own memory, and on our engine in its place, in one run. Idle: the worker has been waiting
when the job comes. Busy: the next job comes as soon as the one before has run.
"""

import argparse
import asyncio
import contextlib
import logging
import statistics
import time

from soniq import Soniq
from soniq.testing.memory_backend import MemoryBackend

from pytest_taskq.adapters.soniq import Adopted
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.stores.memory import MemoryStore

LEAST_POLL = 0.1  # seconds, and no less can be set


async def round_trips(app, amount, pause):
    """Milliseconds of each."""
    ran = asyncio.Event()

    @app.job(name="bench.noop")
    async def noop(number):
        ran.set()

    worker = asyncio.create_task(app.run_worker(concurrency=1))
    taken = []
    for number in range(amount):
        await asyncio.sleep(pause * (1 + number % 7))  # at any moment of a poll
        ran.clear()
        start = time.perf_counter()
        await app.enqueue(noop, number=number)
        await ran.wait()
        taken.append((time.perf_counter() - start) * 1e3)
    worker.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await worker
    return statistics.median(taken)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--jobs", type=int, default=200)
    amount = arguments.parse_args().jobs
    logging.disable(logging.CRITICAL)
    for turn in range(3):
        for ours in (False, True):
            for how, jobs, pause in (("idle", amount // 5, 0.013), ("busy", amount, 0)):
                app = Soniq(backend=MemoryBackend(), poll_interval=LEAST_POLL)
                queue = Queue(MemoryStore(), Clock("real"))
                adopted = Adopted(app, queue) if ours else contextlib.nullcontext()
                with contextlib.closing(adopted) if ours else adopted:
                    median = asyncio.run(round_trips(app, jobs, pause))
                whose = "ours" if ours else "its own"
                print(f"turn {turn + 1}  {whose:8} {how}  {median:8.3f} ms")


if __name__ == "__main__":
    main()
