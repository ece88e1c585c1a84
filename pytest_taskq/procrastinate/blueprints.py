"""Where tasks are registered: an app, or a blueprint whose tasks an app takes over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from pytest_taskq.procrastinate._options import refuse_unknown
from pytest_taskq.procrastinate.exceptions import TaskAlreadyRegistered, UnboundTaskError
from pytest_taskq.procrastinate.jobs import JobDeferrer
from pytest_taskq.procrastinate.middleware import Middleware
from pytest_taskq.procrastinate.periodic import PeriodicRegistry
from pytest_taskq.procrastinate.retry import RetryValue
from pytest_taskq.procrastinate.tasks import Task

if TYPE_CHECKING:
    from pytest_taskq.procrastinate.app import App

__all__ = ["Blueprint"]

P = ParamSpec("P")
R = TypeVar("R")


class Blueprint:
    """Tasks that are not bound to an app yet.

        mails = Blueprint()

        @mails.task
        async def greet(name): ...

        app.add_tasks_from(mails, namespace="mails")  # as "mails:module.greet"

    Until then, deferring one raises UnboundTaskError.
    """

    def __init__(self) -> None:
        self.tasks: dict[str, Task[..., Any]] = {}
        self.periodic_registry = PeriodicRegistry()

    def bound_app(self, task: str) -> App:
        """The app that the tasks are bound to. Raises UnboundTaskError in the name of ``task``."""
        raise UnboundTaskError(
            f"The task {task} cannot be deferred yet. It was registered on a blueprint that "
            f"belongs to no app. Call app.add_tasks_from(blueprint, namespace=...) first."
        )

    @overload
    def task(self, _func: Callable[P, R]) -> Task[P, R]: ...
    @overload
    def task(
        self,
        *,
        name: str | None = None,
        aliases: Sequence[str] | None = None,
        retry: RetryValue = False,
        pass_context: bool = False,
        queue: str = "default",
        priority: int = 0,
        lock: str | None = None,
        queueing_lock: str | None = None,
        task_middleware: Sequence[Middleware] | None = None,
    ) -> Callable[[Callable[P, R]], Task[P, R]]: ...
    def task(self, _func: Callable[..., Any] | None = None, **options: Any) -> Any:
        """Register a function, with or without options; its name is that of module and function.

        ``retry``: True, a number of retries, or a strategy. ``pass_context``: the first argument
        of the function is a ``JobContext``. ``task_middleware``: functions around it, of its own
        kind. Raises TaskAlreadyRegistered for a name or an alias
        that is taken, TypeError for an option that there is not, and then registers nothing.
        """
        refuse_unknown("app.task()", options, Task.__init__)

        def register(func: Callable[..., Any]) -> Task[..., Any]:
            task = Task(func, blueprint=self, **options)
            self._add(dict.fromkeys((task.name, *task.aliases), task))
            return task

        return register if _func is None else register(_func)

    def periodic(
        self, *, cron: str, periodic_id: str = "", **configure_kwargs: Any
    ) -> Callable[[Task[P, R]], Task[P, R]]:
        """Have a task deferred at each tick of a cron expression, in UTC, while a worker runs.

        Ticks count from now, and from when a connector is replaced. A job of the task gets the
        argument ``timestamp``: the tick, in seconds. The options are those of ``Task.configure``.

            @app.periodic(cron="0 4 * * *")
            @app.task
            async def clean_up(timestamp: int): ...
        """
        refuse_unknown("app.periodic()", configure_kwargs, JobDeferrer.configure)

        def register(task: Task[P, R]) -> Task[P, R]:
            self.periodic_registry.register_task(task, cron, periodic_id, configure_kwargs)
            return task

        return register

    def add_task_alias(self, task: Task[..., Any], alias: str) -> None:
        """Register a task under one more name. Raises TaskAlreadyRegistered."""
        self._add({alias: task})

    def add_tasks_from(self, blueprint: Blueprint, *, namespace: str) -> None:
        """Take over the tasks of a blueprint, under ``namespace:`` and their names.

        An empty namespace keeps the names. Raises TaskAlreadyRegistered, and takes over nothing,
        when a name is taken.
        """
        prefix = f"{namespace}:" if namespace else ""
        renamed = {f"{prefix}{name}": task for name, task in blueprint.tasks.items()}
        self._add(renamed)
        for task in set(blueprint.tasks.values()):
            task.move(self, prefix)
        blueprint.tasks = renamed
        for each in blueprint.periodic_registry.periodic_tasks.values():
            self.periodic_registry.register_task(
                each.task, each.cron, each.periodic_id, each.configure_kwargs
            )

    def _add(self, tasks: dict[str, Task[..., Any]]) -> None:
        for name in tasks:
            if name in self.tasks:
                raise TaskAlreadyRegistered(
                    f"A task cannot be registered as {name!r}. That name belongs to "
                    f"{self.tasks[name].name}. Give one of the two another name."
                )
        self.tasks.update(tasks)
