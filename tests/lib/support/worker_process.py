"""Workers in processes of their own: the script that one runs, and how a test starts and kills it.

A task says on standard output that it has begun, in one write, before it does anything else.
"""

import asyncio
import os
import sys
from pathlib import Path

from pytest_taskq.core.outcome import Again
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.tasks import Task, Tasks
from pytest_taskq.engine.worker import Worker
from support.stores import connect, open_store

ATTEMPTS = 3
WORK_SECONDS = 0.03


class Crew:
    """Processes that work on one namespace. ``begun`` gets (worker, job id, attempt)."""

    def __init__(self, backend, place, namespace, lease):
        self._arguments = (backend, place, namespace, str(lease))
        self._readers = []
        self.alive = {}
        self.begun = asyncio.Queue()

    async def start(self, name):
        """Start a worker; it has not claimed anything yet."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "support.worker_process", *self._arguments, name),
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)},
            stdout=asyncio.subprocess.PIPE,
        )
        self.alive[name] = process
        self._readers.append(asyncio.create_task(self._read(name, process.stdout)))

    async def kill(self, name):
        """End a worker as the machine's lack of memory would, and wait until it is gone."""
        process = self.alive.pop(name)
        process.kill()
        await process.wait()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        for name in list(self.alive):
            await self.kill(name)
        await asyncio.gather(*self._readers)

    async def _read(self, name, pipe):
        async for line in pipe:
            job_id, attempt = line.split()
            self.begun.put_nowait((name, int(job_id), int(attempt)))


def make_queue(store, lease):
    """A queue in real time whose leases last so many seconds."""
    return Queue(store, Clock("real"), lease=int(lease * 1_000_000))


def begin(attempt):
    os.write(1, f"{attempt.job.id} {attempt.job.attempt}\n".encode())


async def work(attempt):
    begin(attempt)
    await asyncio.sleep(WORK_SECONDS)


async def hang(attempt):
    begin(attempt)
    await asyncio.Event().wait()


async def main(backend, place, namespace, lease, name):
    store = open_store(backend, connect(backend, place), namespace)
    queue = make_queue(store, float(lease))
    tasks = Tasks()
    tasks.add(Task(name="work", call=work))
    tasks.add(Task(name="hang", call=hang))

    def expired(job):
        return Again(at=queue.clock.now()) if job.attempt < ATTEMPTS else None

    await Worker(queue, tasks, name=name, concurrency=10, expired=expired).run_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
