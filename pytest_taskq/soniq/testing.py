"""The names of soniq's testing package, under the path that they have there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pytest_taskq.core.job import State
from pytest_taskq.core.payload import decode_value
from pytest_taskq.soniq.app import make_app
from pytest_taskq.soniq.backend import MemoryBackend

if TYPE_CHECKING:
    from pytest_taskq.soniq.app import Soniq

__all__ = ["MemoryBackend", "drain", "make_app", "wait_until"]

wait_until: Callable[..., Awaitable[Any]]


async def drain(app: Soniq, max_jobs: int | None = None) -> list[Any]:
    """Run what is ready, and give the results of the jobs that succeeded, in that order.

    A job that fails is retried as always, and adds nothing; one of the future is left alone.
    ``max_jobs``: how many attempts there may be.
    """
    if max_jobs is not None and max_jobs < 1:
        return []
    history = app.backend.queue.history
    before = len(history)
    await app.run_worker(run_once=True, max_jobs=max_jobs)
    return [
        None if event.job.result is None else decode_value(event.job.result)
        for event in [*history][before:]
        if event.verb == "finish" and event.job.state is State.SUCCEEDED
    ]


def __getattr__(name: str) -> Any:
    # A facade knows nothing of what checks it; the front door hands this one out.
    if name == "wait_until":
        return import_module(__name__.partition(".")[0]).wait_until
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
