"""What ``app.job()`` returns: the user's function, that also knows how to enqueue itself."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, cast

from pytest_taskq.soniq._enqueue import When
from pytest_taskq.soniq._registry import Registration

__all__ = ["Bound", "JobFunction", "named"]

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class App(Protocol):
    """Who enqueues; looked up at each call, for a test may have replaced it."""

    async def enqueue(self, target: Any, /, **options: Any) -> str:
        """Enqueue a job."""


class Bound(Generic[P]):
    """A job with options for ``enqueue``: ``await job.options(priority=1).enqueue(to="ann")``."""

    def __init__(self, app: App, job: Callable[..., Any], options: Mapping[str, Any]) -> None:
        self._app = app
        self._job = job
        self._options = options

    async def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Enqueue the job with these arguments, given by name."""
        if args:
            raise TypeError(
                f"{self._job.__name__}.enqueue() takes the arguments of the job as keywords. "
                f"It was given {len(args)} without a name. Write enqueue(name=value)."
            )
        return await self._app.enqueue(self._job, **self._options, **kwargs)


class JobFunction(Protocol[P, R_co]):
    """A registered function. Calling it runs its body, with no queue involved."""

    __name__: str

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Run the body."""

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, str]:
        """Enqueue the job: ``app.enqueue(job, **kwargs)``."""

    def options(
        self,
        *,
        queue: str | None = None,
        priority: int | None = None,
        scheduled_at: When = None,
        unique: bool | None = None,
        dedup_key: str | None = None,
        connection: object = None,
    ) -> Bound[P]:
        """The job with these options for its ``enqueue``."""


def named(function: Callable[P, R], job: Registration, app: App) -> JobFunction[P, R]:
    """The function under the name that it is registered under.

    An attribute that the function has of its own, such as ``enqueue``, stays the function's.
    """

    @functools.wraps(function)
    def registered(*args: P.args, **kwargs: P.kwargs) -> R:
        return function(*args, **kwargs)

    def options(
        *,
        queue: str | None = None,
        priority: int | None = None,
        scheduled_at: When = None,
        unique: bool | None = None,
        dedup_key: str | None = None,
        connection: object = None,
    ) -> Bound[P]:
        given = {
            "queue": queue,
            "priority": priority,
            "scheduled_at": scheduled_at,
            "unique": unique,
            "dedup_key": dedup_key,
            "connection": connection,
        }
        return Bound(app, registered, given)

    bound: Bound[P] = Bound(app, registered, {})
    extra: dict[str, Any] = {"enqueue": bound.enqueue, "options": options}
    for name, value in extra.items():
        if not hasattr(function, name):
            setattr(registered, name, value)
    vars(registered).update(_soniq_name=job.name, _soniq_config=job.meta)
    return cast("JobFunction[P, R]", registered)
