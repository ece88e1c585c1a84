"""What looking for leaked tasks and lost exceptions costs a test that has none.

    python benchmarks/checks.py [--tests 1000]

Beside it stands what making one task and awaiting it costs, in the same run.
"""

import argparse
import asyncio
import time

from pytest_taskq.testing.workers import TestWatch


async def nothing():
    pass


async def checked():
    watch = TestWatch(tasks=True, exceptions=True)
    await watch.begin()
    await nothing()
    await watch.end()


async def one_task():
    await asyncio.create_task(nothing())


async def measure(times):
    for name, call in (("checks", checked), ("one task", one_task)) * 3:
        start = time.perf_counter()
        for _ in range(times):
            await call()
        print(f"{name:10} {(time.perf_counter() - start) / times * 1e6:6.1f} us")


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--tests", type=int, default=1_000)
    asyncio.run(measure(arguments.parse_args().tests))


if __name__ == "__main__":
    main()
