"""How a user's worker is started and stopped: as its test says, or by the usual names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, TypeAlias

from pytest_taskq.core.errors import BadOption
from pytest_taskq.testing.text import in_one_line

__all__ = ["Way", "Ways", "find_ways"]

STARTS = ("run", "start", "serve", "main", "run_forever", "serve_forever")
STOPS = ("stop", "shutdown", "close", "aclose")
SHUTDOWNS = ("shutdown", "stop", "close", "aclose")

Way: TypeAlias = "str | Callable[[], object] | None"


class Ways(NamedTuple):
    """``start`` and ``stop`` are called without arguments; ``stop`` is None where there is none.

    ``returns``: a ``start`` comes back, and the worker goes on in tasks of its own.
    """

    start: Callable[[], object]
    stop: Callable[[], object] | None
    shutdown: Callable[[], object] | None
    stop_name: str
    shutdown_name: str
    returns: bool


def find_ways(worker: object, start: Way, stop: Way) -> Ways:
    """Raises BadOption for what cannot be started, or lacks what was named."""
    if inspect.isclass(worker):
        raise BadOption(
            f"running() needs a worker. It was given the class {worker.__name__}. "
            f"Make one: running({worker.__name__}(...))."
        )
    begin, start_name = _start(worker, start)
    end, stop_name = _stop(worker, stop, STOPS)
    gently, shutdown_name = _stop(worker, stop, SHUTDOWNS)
    return Ways(begin, end, gently, stop_name, shutdown_name, returns=start_name == "start")


def _start(worker: object, start: Way) -> tuple[Callable[[], object], str]:
    if isinstance(start, str):
        return _method(worker, start), start
    if start is not None:
        return start, getattr(start, "__name__", "function")
    if inspect.iscoroutine(worker):
        return _once(worker), "coroutine"
    for name in STARTS:
        if callable(method := getattr(worker, name, None)):
            return method, name
    if callable(worker):
        return worker, "call"
    raise BadOption(
        f"running() found no way to start {in_one_line(worker)}. It has none of the methods "
        f"{', '.join(STARTS)}. Name the one that starts it: running(worker, start='begin')."
    )


def _stop(
    worker: object, stop: Way, names: tuple[str, ...]
) -> tuple[Callable[[], object] | None, str]:
    if isinstance(stop, str):
        return _method(worker, stop), stop
    if stop is not None:
        return stop, getattr(stop, "__name__", "stop")
    if not (inspect.iscoroutine(worker) or inspect.isroutine(worker)):
        for name in names:
            if callable(method := getattr(worker, name, None)):
                return method, name
    return None, "cancel"


def _method(worker: object, name: str) -> Callable[[], object]:
    method = getattr(worker, name, None)
    if not callable(method):
        raise BadOption(
            f"running() was to use {name}() of a worker. {in_one_line(worker)} has no such method. "
            f"Correct the name, or give a function."
        )
    return method  # type: ignore[no-any-return]


def _once(coroutine: Coroutine[Any, Any, object]) -> Callable[[], object]:
    return lambda: coroutine
