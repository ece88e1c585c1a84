"""Enqueue and drain rates, growth, bytes a queued job and the round trip, as ratios in one run.

python benchmarks/throughput.py [--sizes 1000 10000 100000] [--repeats 5]
"""

import argparse
import asyncio
import gc
import math
import statistics
import time
import tracemalloc

from candidates import CANDIDATES
from limit import Limit

SUBJECTS = {"limit": Limit, **CANDIDATES}
ran = 0


async def noop(number, text):
    global ran
    ran += 1


async def one_pass(make, amount):
    global ran
    ran = 0
    subject = make(noop)
    start = time.perf_counter()
    await subject.enqueue(amount)
    middle = time.perf_counter()
    await subject.drain()
    end = time.perf_counter()
    if ran != amount:
        raise SystemExit(f"{make.__name__} ran {ran} of {amount} jobs")
    return (middle - start) / amount * 1e6, (end - middle) / amount * 1e6


def measure(sizes, repeats):
    """Microseconds a job, the median of interleaved passes."""
    taken = {}
    for amount in sizes:
        for _ in range(repeats if amount < 100_000 else min(repeats, 3)):
            for name, make in SUBJECTS.items():
                gc.collect()
                taken.setdefault((name, amount), []).append(asyncio.run(one_pass(make, amount)))
    return {
        at: tuple(statistics.median(part) for part in zip(*passes, strict=True))
        for at, passes in taken.items()
    }


def show(figures, sizes):
    print("us a job: enqueue / drain / total, and the total as a multiple of the limit's")
    for name in SUBJECTS:
        cells = []
        for amount in sizes:
            enqueue, drain = figures[name, amount]
            ratio = (enqueue + drain) / sum(figures["limit", amount])
            cells.append(
                f"{amount:>7}: {enqueue:5.1f} /{drain:6.1f} /{enqueue + drain:6.1f} {ratio:5.1f}x"
            )
        print(f"{name:14}", "   ".join(cells))
    if len(sizes) > 1:
        low, high = sizes[0], sizes[-1]
        for name in SUBJECTS:
            growth = sum(figures[name, high]) * high / (sum(figures[name, low]) * low)
            print(f"{name:14} total time grows as n^{math.log(growth) / math.log(high / low):.3f}")


async def bytes_a_job(make, amount=10_000):
    subject = make(noop)
    await subject.enqueue(50)
    gc.collect()
    tracemalloc.start()
    await subject.enqueue(amount)
    gc.collect()
    size = tracemalloc.get_traced_memory()[0] / amount
    tracemalloc.stop()
    return size


async def round_trips(samples=1000):
    """Milliseconds from enqueueing a job to its end, with a worker that waits for work.

    And beside each those in which the limit has a job enqueued and run, while nobody waits.
    """
    engine, limit = CANDIDATES["engine"](noop), Limit(noop)
    done = asyncio.Event()

    async def tell(number, text):
        done.set()

    engine.tasks.add(type(engine.tasks["noop"]).of(tell, name="noop"))
    worker = asyncio.create_task(engine.worker.run_forever())
    taken, least = [], []
    for _ in range(samples):
        done.clear()
        start = time.perf_counter()
        await engine.enqueue(1)
        await done.wait()
        middle = time.perf_counter()
        await limit.enqueue(1)
        await limit.drain()
        taken.append((middle - start) * 1e3)
        least.append((time.perf_counter() - middle) * 1e3)
    engine.worker.stop()
    await worker
    return sorted(taken), sorted(least)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=CANDIDATES, default=list(CANDIDATES))
    options = parser.parse_args()
    for name in set(CANDIDATES) - set(options.only):
        del SUBJECTS[name]
    show(measure(options.sizes, options.repeats), options.sizes)
    for name, make in SUBJECTS.items():
        print(f"{name:14} {asyncio.run(bytes_a_job(make)):5.0f} bytes a queued job")
    taken, least = asyncio.run(round_trips())
    median, late = statistics.median(taken), taken[int(len(taken) * 0.99)]
    print(f"round trip with a running worker: median {median:.3f} ms, 99 % within {late:.3f} ms;")
    print(f"{median / statistics.median(least):.1f} times the limit's")


if __name__ == "__main__":
    main()
