"""From enqueueing a job of a real Soniq app to its end, with a running worker.

    python benchmarks/soniq_round_trip.py [--jobs 200]

On Soniq's own memory, and on our engine in its place, in one run. Idle: the worker has been waiting
when the job comes. Recorded: one job after the other, each until the app says that it is done, by
ten slots. Busy: the next job comes as soon as the function of the one before has run, by one slot.
"""

import argparse
import asyncio
import contextlib
import logging
import statistics
import time
from functools import partial

from jobs import until
from soniq import Soniq
from soniq.testing.memory_backend import MemoryBackend

from pytest_taskq.adapters.soniq import Adopted
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.stores.memory import MemoryStore

LEAST_POLL = 0.1  # seconds, and no less can be set


async def is_done(app, job_id):
    return (await app.get_job(job_id))["status"] == "done"


async def round_trips(app, how, amount):
    """The median, in milliseconds."""
    ran = asyncio.Event()

    @app.job(name="bench.noop")
    async def noop(number):
        ran.set()

    worker = asyncio.create_task(app.run_worker(concurrency=10 if how == "recorded" else 1))
    taken = []
    for number in range(amount):
        if how == "idle":
            await asyncio.sleep(0.013 * (1 + number % 7))  # at any moment of a poll
        ran.clear()
        start = time.perf_counter()
        job_id = await app.enqueue(noop, number=number)
        await ran.wait()
        if how == "recorded":
            await until(partial(is_done, app, job_id))
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
            for how, jobs in (("idle", amount // 5), ("recorded", amount // 5), ("busy", amount)):
                app = Soniq(backend=MemoryBackend(), poll_interval=LEAST_POLL)
                queue = Queue(MemoryStore(), Clock("real"))
                adopted = Adopted(app, queue) if ours else contextlib.nullcontext()
                with contextlib.closing(adopted) if ours else adopted:
                    median = asyncio.run(round_trips(app, how, jobs))
                whose = "ours" if ours else "its own"
                print(f"turn {turn + 1}  {whose:8} {how:9} {median:8.3f} ms")


if __name__ == "__main__":
    main()
