"""Middleware: functions around a task, or around whatever a worker runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from inspect import iscoroutinefunction
from typing import Any

from pytest_taskq.procrastinate.exceptions import MiddlewareKindMismatch

__all__ = ["Middleware", "check_kind", "compose", "is_async_middleware"]

Middleware = Callable[..., Any]
"""Called with ``(call_next, context, worker)``; what it returns is the result."""


def is_async_middleware(middleware: Middleware) -> bool:
    """Whether it is a coroutine function, or an object that is called as one."""
    while isinstance(middleware, partial):
        middleware = middleware.func
    return iscoroutinefunction(middleware) or iscoroutinefunction(
        getattr(middleware, "__call__", None)  # noqa: B004 - it is looked at, not asked for
    )


def check_kind(owner: str, is_async: bool, middlewares: Iterable[Middleware]) -> None:
    """Raise TypeError for what cannot be called, MiddlewareKindMismatch for the other kind."""
    for middleware in middlewares:
        if not callable(middleware):
            raise TypeError(
                f"A middleware of {owner} cannot be called. It is {middleware!r}. "
                f"Give a function of call_next, context and worker."
            )
        if is_async_middleware(middleware) is not is_async:
            wanted, other = ("async", "sync") if is_async else ("sync", "async")
            name = getattr(middleware, "__name__", repr(middleware))
            raise MiddlewareKindMismatch(
                f"A middleware of {owner} is of the wrong kind. {name} is {other}, and only "
                f"{wanted} ones fit. Write it {'with' if is_async else 'without'} `async`."
            )


def compose(
    middlewares: Sequence[Middleware], body: Callable[[], Any], context: Any, worker: Any
) -> Callable[[], Any]:
    """``body`` with these around it, the first one outermost."""
    for middleware in reversed(middlewares):
        body = partial(middleware, body, context, worker)
    return body
