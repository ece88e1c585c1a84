"""The app: where tasks are registered, jobs deferred by name, and workers run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Self

from pytest_taskq.core.errors import describe_names
from pytest_taskq.core.job import Job as Record
from pytest_taskq.engine.ticker import Ticker
from pytest_taskq.engine.until_stopped import ends_plainly
from pytest_taskq.procrastinate import builtin_tasks
from pytest_taskq.procrastinate._options import refuse_unknown
from pytest_taskq.procrastinate._sync import refuse_running_loop, run_sync
from pytest_taskq.procrastinate._under_test import UnderTest
from pytest_taskq.procrastinate._worker import WorkerOptions, WorkerRun
from pytest_taskq.procrastinate.blueprints import Blueprint
from pytest_taskq.procrastinate.exceptions import TaskNotFound
from pytest_taskq.procrastinate.jobs import Job, JobDeferrer
from pytest_taskq.procrastinate.manager import JobManager
from pytest_taskq.procrastinate.tasks import Task
from pytest_taskq.procrastinate.testing import InMemoryConnector

__all__ = ["App"]


class App(Blueprint):
    """Tasks, and the connector where their jobs are kept.

    ``import_paths``: modules that define tasks, imported before a worker runs.
    ``worker_defaults``: options for every worker, see ``run_worker_async``.

        app = App(connector=InMemoryConnector())

        @app.task(queue="mail", retry=3)
        async def greet(name): ...

        with app.open():
            greet.defer(name="Ada")
            app.run_worker(wait=False)
    """

    def __init__(
        self,
        *,
        connector: InMemoryConnector,
        import_paths: Iterable[str] | None = None,
        worker_defaults: Mapping[str, Any] | None = None,
        periodic_defaults: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.connector = connector
        self.import_paths = list(import_paths or ())
        self.worker_defaults = dict(worker_defaults or {})
        self.periodic_defaults = dict(periodic_defaults or {})
        self.ticker = self._new_ticker()
        self.job_manager = JobManager(self)
        register = self.task(
            name=builtin_tasks.NAME,
            aliases=[builtin_tasks.ALIAS],
            queue=builtin_tasks.QUEUE,
            pass_context=True,
        )
        register(builtin_tasks.remove_old_jobs)

    def bound_app(self, task: str) -> App:
        """This app: its tasks are bound to it."""
        return self

    def configure_task(
        self, name: str, *, allow_unknown: bool = True, **options: Any
    ) -> JobDeferrer:
        """The deferrer of a task by its name; the options are those of ``Task.configure``.

        A known task goes to the app that it is bound to. Raises TaskNotFound for an unknown name
        unless that is allowed, TypeError for an option that there is not.
        """
        refuse_unknown("app.configure_task()", options, JobDeferrer.configure)
        self.perform_import_paths()
        if name in self.tasks:
            return self.tasks[name].configure(**options)
        if not allow_unknown:
            raise self._not_found(name)
        job = Job(queue="default", lock=None, queueing_lock=None, task_name=name)
        return JobDeferrer(self, job).configure(**options)

    async def defer_async(
        self, name: str, args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> int:
        """Defer a job of a task by its name, on this app's connector, and return its id.

        A convenience of ours: Procrastinate has no such method. Positional arguments are bound
        by the signature of the task. Raises TaskNotFound, TypeError for arguments that the task
        would not take, and what ``JobDeferrer.defer_async`` raises.
        """
        task = self.task_named(name)
        deferrer = JobDeferrer(self, task.deferrer.job)
        return await deferrer.defer_async(**task.bind(args, kwargs or {}))

    def defer(
        self, name: str, args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> int:
        """See ``defer_async``. Raises RuntimeError inside a running event loop."""
        queue = self.connector.queue
        return run_sync("defer", queue, lambda: self.defer_async(name, args, kwargs))

    async def run_worker_async(self, **options: Any) -> None:
        """Run a worker until it is cancelled, or with ``wait=False`` until nothing is due.

        The options are those of Procrastinate 3.10: ``queues`` (None: all), ``name``,
        ``concurrency`` (1), ``wait`` (True), ``delete_jobs`` ("never", "successful" or "always";
        when the run ends), ``additional_context``, ``shutdown_graceful_timeout`` (real seconds to
        wait for jobs in hand when cancelled; then they are aborted, and those with a retry left
        go back to the queue). Its intervals, ``listen_notify`` and ``install_signal_handlers`` are
        taken and change nothing here.

        What a task raises stays in its job, unless ``raise_errors=True``, which is ours: when the
        run ends, what the first job that has not succeeded by then raised last is raised from
        here, with a note that names the others. A run that waits ends at the first error, even
        one that is to be retried. Raises TypeError or ValueError for options that mean nothing.
        """
        await self.worker_run(options).go()

    def under_test(self) -> UnderTest:
        """This app as the harness wants to see it, on the connector that it has now."""
        return UnderTest(self)

    def worker_run(
        self,
        options: Mapping[str, Any],
        *,
        only: Callable[[Record], bool] | None = None,
        ends: Callable[[], bool] | None = None,
    ) -> WorkerRun:
        """One run of a worker with these options over the app's defaults, not begun yet."""
        options = {**self.worker_defaults, **options}
        refuse_unknown("run_worker", options, WorkerOptions)
        self.perform_import_paths()
        return WorkerRun(self, WorkerOptions(**options), only=only, ends=ends)

    @ends_plainly
    def run_worker(self, **options: Any) -> None:
        """Open the app, run a worker on an event loop of its own, and close what was opened.

        See ``run_worker_async``. Raises RuntimeError inside a running event loop.
        """
        refuse_running_loop("run_worker")
        with _opened(self.connector):
            asyncio.run(self.run_worker_async(**options))

    def with_connector(self, connector: InMemoryConnector) -> App:
        """A new app on another connector, open, with the same tasks.

        The tasks stay bound to this app, as in Procrastinate 3.10: what they defer comes here.
        In a test, ``replace_connector`` is what you want.
        """
        connector.open()
        app = App(
            connector=connector,
            import_paths=self.import_paths,
            worker_defaults=self.worker_defaults,
        )
        app.tasks = self.tasks
        return app

    @contextmanager
    def replace_connector(self, connector: InMemoryConnector) -> Generator[App]:
        """Put another connector under this app and all its tasks for the length of a block.

            with app.replace_connector(InMemoryConnector()):
                greet.defer(name="Ada")

        The new connector is open inside the block.
        """
        before = self.connector, self.ticker
        self.connector = connector
        self.ticker = self._new_ticker()
        try:
            with _opened(connector):
                yield self
        finally:
            self.periodic_registry.drop(self.ticker)
            self.connector, self.ticker = before

    def open(self) -> Self:
        """Open the connector; in a ``with`` statement, close it afterwards."""
        self.connector.open()
        return self

    def close(self) -> None:
        """Close the connector. The jobs stay, and can be read."""
        self.connector.close()

    def open_async(self) -> _OpeningApp:
        """Open the connector: await it, or use it in ``async with``."""
        return _OpeningApp(self)

    async def close_async(self) -> None:
        """See ``close``."""
        await self.connector.close_async()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def perform_import_paths(self) -> None:
        """Import the modules of ``import_paths``, so that their tasks are registered."""
        for path in self.import_paths:
            import_module(path)

    def task_named(self, name: str) -> Task[..., Any]:
        """The task of a name or an alias. Raises TaskNotFound."""
        self.perform_import_paths()
        if name not in self.tasks:
            raise self._not_found(name)
        return self.tasks[name]

    def _new_ticker(self) -> Ticker:
        max_delay = self.periodic_defaults.get("max_delay")
        return self.periodic_registry.ticker(self.connector.queue, max_delay=max_delay)

    def _not_found(self, name: str) -> TaskNotFound:
        return TaskNotFound(
            f"No task is registered under the name {name!r}. {describe_names(name, self.tasks)} "
            f"Import the module that defines it, or correct the name."
        )


class _OpeningApp:
    """An app about to be opened, by ``await`` or by ``async with``."""

    def __init__(self, app: App) -> None:
        self._app = app

    def __await__(self) -> Generator[Any, None, App]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> App:
        await self._app.connector.open_async()
        return self._app

    async def __aexit__(self, *error: object) -> None:
        await self._app.close_async()


@contextmanager
def _opened(connector: InMemoryConnector) -> Iterator[None]:
    """Open the connector for the length of a block, unless it is open already."""
    if connector.is_open:
        yield
        return
    connector.open()
    try:
        yield
    finally:
        connector.close()
