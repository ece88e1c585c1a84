"""A task: a function that can be called, and deferred."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import update_wrapper
from inspect import Parameter, iscoroutinefunction, signature
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from pytest_taskq.procrastinate.jobs import Job, JobDeferrer
from pytest_taskq.procrastinate.middleware import Middleware, check_kind
from pytest_taskq.procrastinate.retry import RetryValue, get_retry_strategy

if TYPE_CHECKING:
    from pytest_taskq.procrastinate.blueprints import Blueprint

__all__ = ["Task"]

P = ParamSpec("P")
R = TypeVar("R")


class Task(Generic[P, R]):
    """A function registered on an app or a blueprint. Calling it just runs the function."""

    def __init__(
        self,
        func: Callable[P, R],
        *,
        blueprint: Blueprint,
        name: str | None = None,
        aliases: Iterable[str] | None = None,
        retry: RetryValue = False,
        pass_context: bool = False,
        queue: str = "default",
        priority: int = 0,
        lock: str | None = None,
        queueing_lock: str | None = None,
        task_middleware: Iterable[Middleware] | None = None,
    ) -> None:
        self.func = func
        self.blueprint = blueprint
        self.name = f"{func.__module__}.{func.__name__}" if name is None else name
        self.aliases = list(aliases or ())
        self.retry_strategy = get_retry_strategy(retry)
        self.pass_context = pass_context
        self.queue = queue
        self.priority = priority
        self.lock = lock
        self.queueing_lock = queueing_lock
        self.task_middleware = list(task_middleware or ())
        check_kind(f"the task {self.name}", iscoroutinefunction(func), self.task_middleware)
        self._deferrer: JobDeferrer | None = None
        update_wrapper(self, func, updated=())

    @property
    def deferrer(self) -> JobDeferrer:
        """What defers jobs with the options of the task. Raises UnboundTaskError."""
        if self._deferrer is None:
            job = Job(
                queue=self.queue,
                priority=self.priority,
                lock=self.lock,
                queueing_lock=self.queueing_lock,
                task_name=self.name,
            )
            self._deferrer = JobDeferrer(self.blueprint.bound_app(self.name), job)
        return self._deferrer

    def move(self, blueprint: Blueprint, prefix: str) -> None:
        """Belong to another blueprint, under other names."""
        self.blueprint = blueprint
        self.name = f"{prefix}{self.name}"
        self.aliases = [f"{prefix}{alias}" for alias in self.aliases]
        self._deferrer = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function, here and now."""
        return self.func(*args, **kwargs)

    def configure(
        self,
        *,
        lock: str | None = None,
        queueing_lock: str | None = None,
        task_kwargs: Mapping[str, Any] | None = None,
        schedule_at: datetime | None = None,
        schedule_in: Mapping[str, float] | None = None,
        queue: str | None = None,
        priority: int | None = None,
        connection: object = None,
    ) -> JobDeferrer:
        """See ``JobDeferrer.configure``."""
        return self.deferrer.configure(
            lock=lock,
            queueing_lock=queueing_lock,
            task_kwargs=task_kwargs,
            schedule_at=schedule_at,
            schedule_in=schedule_in,
            queue=queue,
            priority=priority,
            connection=connection,
        )

    async def defer_async(self, **task_kwargs: Any) -> int:
        """See ``JobDeferrer.defer_async``."""
        return await self.deferrer.defer_async(**task_kwargs)

    def defer(self, **task_kwargs: Any) -> int:
        """See ``JobDeferrer.defer``."""
        return self.deferrer.defer(**task_kwargs)

    async def batch_defer_async(self, *task_kwargs: Mapping[str, Any]) -> list[int]:
        """See ``JobDeferrer.batch_defer_async``."""
        return await self.deferrer.batch_defer_async(*task_kwargs)

    def batch_defer(self, *task_kwargs: Mapping[str, Any]) -> list[int]:
        """See ``JobDeferrer.batch_defer``."""
        return self.deferrer.batch_defer(*task_kwargs)

    def bind(self, args: Iterable[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """These arguments by name. Raises TypeError when the function would not take them so."""
        taken = signature(self.func)
        parameters = list(taken.parameters.values())[self.pass_context :]
        taken, args = taken.replace(parameters=parameters), tuple(args)
        try:
            bound = taken.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(
                f"{self.name}{taken} cannot be deferred with these arguments. They are {args!r} "
                f"and {dict(kwargs)!r}: {error}. Give it the arguments that it takes."
            ) from None
        named: dict[str, Any] = {}
        for parameter in parameters:
            if parameter.kind is Parameter.VAR_KEYWORD:
                named |= bound.get(parameter.name, {})
            elif parameter.name not in bound:
                continue
            elif parameter.kind in {Parameter.VAR_POSITIONAL, Parameter.POSITIONAL_ONLY}:
                raise TypeError(
                    f"{self.name} cannot be deferred with a value for {parameter}. A job carries "
                    f"keyword arguments only. Give the parameter a name that a keyword can have."
                )
            else:
                named[parameter.name] = bound[parameter.name]
        return named
