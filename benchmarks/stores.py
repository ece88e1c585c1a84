"""Our engine on each store beside the limit of its server and the other libraries, in one run.

    python benchmarks/stores.py [--servers sqlite redis postgres] [--sizes 1000 10000]

Everything takes turns on one server, which this script starts and throws away. The other
libraries are those of the dependency group ``bench``; one that is missing is named, and left out.
"""

import argparse
import asyncio
import contextlib
import gc
import importlib
import logging
import os
import statistics
import time

from jobs import Jobs, until
from servers import started

PEERS = {
    "sqlite": ["huey", "soniq"],
    "redis": ["saq", "arq", "docket", "taskiq"],
    "postgres": ["pgqueuer", "procrastinate", "soniq"],
}
SLOTS = {"one by one": 10, "in bulk": 100}
TURNS = 3  # of those whose round trip is measured
SLOW = 8  # seconds of a pass after which two of them are enough
PARTS = ["rates", "trips"]
LONGEST = 120  # seconds; who takes longer is left out at this size and the next


TOO_MANY = {}


def subjects(server):
    """What is measured on a server, by name, the limit first."""
    limits, ours = importlib.import_module("limits_of_stores"), importlib.import_module("ours")
    found = {"limit": getattr(limits, server.title()), "pytest-taskq": ours.Ours}
    for name in PEERS[server]:
        try:
            found[name] = importlib.import_module(f"peers.{name}").Peer
        except ModuleNotFoundError as error:
            print(f"not measured: {name}, because {error.name} is not installed")
    return found


@contextlib.asynccontextmanager
async def at_work(subject):
    worker = asyncio.create_task(subject.work())
    try:
        yield worker
    finally:
        while not worker.done():  # arq may take a cancellation for that of a job
            worker.cancel()
            await asyncio.wait([worker], timeout=1)


async def drained(subject, jobs):
    """Return when all is recorded as finished, which is when a worker is told to stop."""
    async with at_work(subject) as worker:
        waiting = asyncio.create_task(jobs.all_ran.wait())
        await asyncio.wait([worker, waiting], return_when=asyncio.FIRST_COMPLETED)
        if worker.done():
            worker.result()
        await waiting
        await until(subject.is_done)
        return time.perf_counter()


async def one_pass(make, url, way, amount):
    """Microseconds a job: to enqueue, and to drain."""
    jobs = Jobs(amount)
    subject = make(url, SLOTS[way], jobs)
    await subject.open()
    try:
        async with asyncio.timeout(LONGEST):
            start = time.perf_counter()
            await (subject.enqueue if way == "one by one" else subject.enqueue_in_bulk)(amount)
            middle = time.perf_counter()
            end = await drained(subject, jobs)
    finally:
        await subject.close()
    if jobs.ran != amount:
        TOO_MANY[make.__module__] = f"{jobs.ran} runs of {amount} jobs"
    return (middle - start) / amount * 1e6, (end - middle) / amount * 1e6


async def round_trips(make, url, samples=200, seconds=3):
    """Milliseconds from enqueueing a job to seeing its end, while a worker waits for work."""
    jobs = Jobs(None)
    subject = make(url, 10, jobs)
    await subject.open()
    taken = []
    try:
        async with at_work(subject), asyncio.timeout(LONGEST):
            await asyncio.sleep(0.3)
            await subject.round_trip()
            end = time.perf_counter() + seconds
            while len(taken) < samples and time.perf_counter() < end:
                start = time.perf_counter()
                await subject.round_trip()
                taken.append((time.perf_counter() - start) * 1e3)
    finally:
        await subject.close()
    return taken


def cells(sizes):
    return [(way, amount) for way in SLOTS for amount in sizes]


def can(make, way):
    return way == "one by one" or hasattr(make, "enqueue_in_bulk")


def measure(found, empty, sizes, repeats):
    """The passes of every subject and cell, each subject in turn, each on an empty server."""
    taken, failed = {}, set()
    for way, amount in cells(sizes):
        for turn in range(repeats):
            names = [name for name in found if can(found[name], way)]
            turned = turn % len(names)
            for name in names[turned:] + names[:turned]:
                passes = taken.setdefault((name, way, amount), [])
                expected = sum(passes[-1]) * amount / 1e6 if passes else 0
                if (name, way) in failed or (len(passes) >= 2 and expected > SLOW):
                    continue
                gc.collect()
                try:
                    passes.append(asyncio.run(one_pass(found[name], empty(), way, amount)))
                except Exception as error:  # noqa: BLE001 - one of them must not end the run
                    print(f"{name}, {amount} jobs {way}: {error!r}")
                    failed.add((name, way))
    return taken


def show(taken, found, sizes):
    for way, slots in SLOTS.items():
        print(f"\n{way}, {slots} slots: us a job to enqueue + to drain; multiple of the limit")
        for name in found:
            line, totals = [], []
            for amount in sizes:
                if not taken.get((name, way, amount)):
                    continue
                total = middle(taken[name, way, amount], sum)
                totals.append(total)
                enqueue, drain = (middle(taken[name, way, amount], part) for part in HALVES)
                ratio = total / middle(taken["limit", way, amount], sum)
                cell = f"{enqueue:6.1f} +{drain:7.1f} ={total:7.1f} {ratio:5.2f}x"
                line.append(f"{amount:>6}: {cell}")
            if len(totals) > 1:
                line.append(f"{sizes[-1]}/{sizes[0]}: {totals[-1] / totals[0]:.2f}")
            print(f"  {name:14}", "  ".join(line) or "cannot")


HALVES = (lambda taken: taken[0], lambda taken: taken[1])


def middle(passes, part):
    return statistics.median(map(part, passes))


def show_round_trips(found, empty):
    print("\nround trip with a running worker, ms, and times the limit's three calls")
    taken = {name: [] for name, make in found.items() if hasattr(make, "round_trip")}
    for _ in range(TURNS):
        for name in taken:
            taken[name] += asyncio.run(round_trips(found[name], empty()))
    least = statistics.median(taken["limit"])
    for name, trips in taken.items():
        median, late = statistics.median(trips), sorted(trips)[int(len(trips) * 0.99)]
        print(f"  {name:14} median {median:7.3f}  p99 {late:7.3f}  {median / least:6.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="+", help="these peers, beside the limit and our engine")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    for kind in options.servers:
        print(f"\n== {kind}, load {os.getloadavg()[0]:.1f}", flush=True)
        found = subjects(kind)
        if options.only:
            found = {n: found[n] for n in found if n in ("limit", "pytest-taskq", *options.only)}
        with started(kind) as empty:
            if "rates" in options.parts:
                taken = measure(found, empty, options.sizes, options.repeats)
                show(taken, found, options.sizes)
            for name, runs in TOO_MANY.items():
                print(f"  {name}: {runs}")
            if "trips" in options.parts and kind != "sqlite":
                show_round_trips(found, empty)


if __name__ == "__main__":
    main()
