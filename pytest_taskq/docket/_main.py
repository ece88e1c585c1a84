"""A worker with a docket of its own, run from paths to its tasks, as a command line does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pytest_taskq.docket.docket import Docket

if TYPE_CHECKING:
    from pytest_taskq.docket.worker import Worker

__all__ = ["run_worker"]


async def run_worker(
    kind: type[Worker],
    docket: Docket,
    tasks: Sequence[str],
    fallback_task: str | None,
    dependencies: Mapping[str, Any] | Sequence[Any] | str | None,
    *,
    until_finished: bool,
    **options: Any,
) -> None:
    """See ``Worker.run``."""
    if isinstance(dependencies, str):
        dependencies = _at(dependencies) if dependencies else None
    fallback = _at(fallback_task) if fallback_task else None
    async with docket:
        for path in tasks:
            docket.register_collection(path)
        made = kind(docket, fallback_task=fallback, dependencies=dependencies, **options)
        async with made as worker:
            await (worker.run_until_finished() if until_finished else worker.run_forever())


def _at(path: str) -> Any:
    """What a path of the form "module:attribute" leads to."""
    module, _, attribute = path.rpartition(":")
    return getattr(import_module(module), attribute)
