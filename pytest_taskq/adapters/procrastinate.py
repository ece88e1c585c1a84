"""A real Procrastinate app on the embedded engine. The only file that imports Procrastinate."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AbstractContextManager, ExitStack
from functools import cache
from typing import Any, Literal

from pytest_taskq.adapters._patches import replaced, restored
from pytest_taskq.adapters._procrastinate_arguments import json_of
from pytest_taskq.adapters._procrastinate_by_name import ByName
from pytest_taskq.adapters._procrastinate_changes import NothingFound, Refused
from pytest_taskq.adapters._procrastinate_listeners import Notify
from pytest_taskq.adapters._procrastinate_statements import Statements, Suffix
from pytest_taskq.adapters._procrastinate_under_test import UnderTest
from pytest_taskq.adapters._procrastinate_version import SUPPORTED, check_version
from pytest_taskq.adapters._procrastinate_worker import OPTIONS, Ticks, bring_to_clock
from pytest_taskq.core.errors import BadOption, MissingExtra, StoreUnavailable
from pytest_taskq.engine.clock import Clock
from pytest_taskq.engine.queue import Queue
from pytest_taskq.engine.until_stopped import ends_plainly
from pytest_taskq.stores.memory import MemoryStore

try:
    from procrastinate import connector, exceptions, schema, sql, utils
    from procrastinate.manager import QUEUEING_LOCK_CONSTRAINT
except ImportError:
    raise MissingExtra("procrastinate", "procrastinate") from None

__all__ = ["Adopted", "TaskqConnector"]

STATEMENTS = 1_000
WITH_CONNECTION = [
    f"execute_query_{rows}{how}_with_connection"
    for rows in ("one", "all")
    for how in ("", "_async")
]


class TaskqConnector(Statements, connector.BaseAsyncConnector):
    """Keeps the jobs of a real app on our engine, as its Postgres would.

        with app.replace_connector(TaskqConnector()), app.open():
            greet.defer(name="Ada")
            app.run_worker(wait=False)

    ``queue``: an own one of the engine, on any store; by default a fresh one in memory, on the
    clock of the present test. ``compat="memory"``: the habits of the connector that is shipped
    with Procrastinate, for suites that rely on them: no check that it is open, arguments as they
    are, sync calls inside a running loop, and every finish or retry accepted. ``json_dumps`` and
    ``json_loads`` as for the real connectors. Raises BadOption for a version of Procrastinate
    that it does not know.
    """

    def __init__(
        self,
        queue: Queue | None = None,
        *,
        compat: Literal["memory"] | None = None,
        json_dumps: Callable[[Any], Any] | None = None,
        json_loads: Callable[[Any], Any] | None = None,
    ) -> None:
        check_version()
        if compat not in {None, "memory"}:
            raise BadOption(
                f"A connector behaves as production does, or as the shipped one in memory. "
                f"compat is {compat!r}. Leave it out, or write compat='memory'."
            )
        super().__init__(queue or Queue(MemoryStore(), Clock.present()))
        self.lenient = compat == "memory"
        self.json_dumps = self.arguments.dumps = json_dumps
        self.json_loads = self.arguments.loads = json_loads
        self.arguments.as_they_are = self.lenient
        self.reverse_queries = _statements()
        # Flat, and made into tuples when somebody asks: the garbage collector is spared them.
        self._sent: deque[Any] = deque(maxlen=2 * STATEMENTS)
        self._queries: list[tuple[str, dict[str, Any]]] = []
        self.states: list[str] = []
        self.stays_open = False
        """Whether it is open though nobody opens it, and after it was closed."""
        self._open = {"sync": False, "async": False}

    def get_sync_connector(self) -> TaskqConnector:
        """Itself: it serves both."""
        return self

    def get_worker_connector(self) -> TaskqConnector:
        """Itself, where Django's connector has another one for workers."""
        return self

    def open(self, pool: Any = None) -> None:
        """Allow use."""
        self._open["sync"] = True
        self.states.append("open")

    def close(self) -> None:
        """Refuse use until it is opened again. The jobs stay."""
        self._open["sync"] = False
        self.states.append("closed")

    async def open_async(self, pool: Any = None) -> None:
        """See ``open``."""
        self._open["async"] = True
        self.states.append("open_async")

    async def close_async(self) -> None:
        """See ``close``."""
        self._open["async"] = False
        self.states.append("closed_async")

    def reset(self) -> None:
        """Forget every job, worker and event; the ids begin anew."""
        self.queue.sync(self.queue.clear())
        for known in (self.tables, self.arguments, self.listeners, self.in_hand, self.errors):
            known.clear()
        self.results.clear()
        self.queries = []
        self.states.clear()

    @property
    def queries(self) -> list[tuple[str, dict[str, Any]]]:
        """The last thousand statements by name, with their arguments, oldest first.

        A list of your own to clear, or to put another in its place.
        """
        sent = list(self._sent)
        self._sent.clear()
        self._queries += zip(sent[::2], sent[1::2], strict=True)
        del self._queries[:-STATEMENTS]
        return self._queries

    @queries.setter
    def queries(self, queries: list[tuple[str, dict[str, Any]]]) -> None:
        self._sent.clear()
        self._queries = queries

    async def listen_notify(
        self, on_notification: Notify, channels: Iterable[str], **connecting: Any
    ) -> None:
        """Call back for new jobs and requests to abort, on this loop, until its worker is gone.

        Returns at once, unlike a real connection that listens. Some versions say how that is to
        be kept, which has no meaning here.
        """
        self.listeners.add(on_notification, channels)

    async def generic_execute(self, query: str, suffix: Suffix, **arguments: Any) -> Any:
        """Answer a statement, and raise what Procrastinate raises where its database refuses."""
        try:
            name = self.reverse_queries[query]
        except KeyError:
            raise exceptions.ConnectorException(
                f"Procrastinate sent a statement that TaskqConnector does not know. It begins "
                f"with {query[:60]!r}. Use Procrastinate {SUPPORTED}, or "
                f"a newer pytest-taskq."
            ) from None
        self._sent += (name, arguments)
        return await self.answer(name, suffix, **arguments)

    async def answer(self, name: str, suffix: Suffix, **arguments: Any) -> Any:
        """Answer the statement of this name."""
        if not (any(self._open.values()) or self.stays_open or self.lenient):
            raise exceptions.AppNotOpen(
                "The app is not open. It was never opened, or it was closed again. Use it inside "
                "`with app.open():` or `async with app.open_async():`."
            )
        try:
            return await getattr(self, f"{name}_{suffix}")(**arguments)
        except NothingFound as nothing:
            raise exceptions.NoResult from nothing
        except (Refused, BadOption, StoreUnavailable) as refused:
            raise exceptions.ConnectorException(str(refused)) from refused

    def lock_taken(self, lock: str | None) -> Exception:
        """See ``Queries.lock_taken``."""
        return exceptions.UniqueViolation(
            constraint_name=QUEUEING_LOCK_CONSTRAINT, queueing_lock=lock
        )


class Adopted:
    """A real app for the length of a test: its connector is ours, and its workers' time too.

    The app itself is changed, so that every task bound to it follows, and changed back by
    ``close``. Tasks that are registered meanwhile are forgotten then. It has two more methods,
    ``defer`` and ``defer_async``: by name, with positional arguments too. And its workers take
    one more option, ``raise_errors``, among the app's defaults too: their run raises what a task
    raised.
    """

    run_sync: Callable[[Coroutine[Any, Any, Any]], Any] | None = None
    """How a sync test is to run a coroutine on this app; None for any way."""

    def __init__(self, app: Any, queue: Queue, *, compat: Literal["memory"] | None = None) -> None:
        # Of a proxy, such as Django's, the app behind it.
        self.app = app.replace_connector.__self__
        before = self.app.connector
        self.connector = TaskqConnector(
            queue,
            compat=compat,
            json_dumps=json_of(before, "json_dumps"),
            json_loads=json_of(before, "json_loads"),
        )
        for name in WITH_CONNECTION:
            given = getattr(before, name, None)
            if getattr(given, "__module__", None) == connector.__name__:
                setattr(self.connector, name, given)  # it refuses, as it does in production
        self.connector.stays_open = True
        self._ticks = Ticks(self.app, self.connector)
        self._make_worker = self.app._worker  # noqa: SLF001 - the only place workers come from
        self._undo = ExitStack()
        by_name = ByName(self.app)
        self._undo.enter_context(self.app.replace_connector(self.connector))
        self._undo.enter_context(restored(self.app.tasks))
        self._undo.enter_context(restored(self.app.periodic_registry.periodic_tasks))
        self._undo.enter_context(replaced(self.app, "_worker", self._worker))
        run_worker = ends_plainly(self.app.run_worker)
        self._undo.enter_context(replaced(self.app, "run_worker", run_worker))
        self._undo.enter_context(replaced(self.app, "defer", by_name.defer))
        self._undo.enter_context(replaced(self.app, "defer_async", by_name.defer_async))
        self._undo.enter_context(self.replaced_util("utcnow", queue.clock.time))

    @staticmethod
    def replaced_util(name: str, value: Any) -> AbstractContextManager[None]:
        """Another function in the place of one that the library uses everywhere."""
        return replaced(utils, name, value)

    def under_test(self) -> UnderTest:
        """The app as the harness wants to see it."""
        return UnderTest(self.app, self.connector)

    def close(self) -> None:
        """Give the app back as it was."""
        self._undo.close()

    def _worker(self, **options: Any) -> Any:
        given = {**self.app.worker_defaults, "install_signal_handlers": False, **options}
        raise_errors = given.pop("raise_errors", False)
        with replaced(self.app, "worker_defaults", {}):
            worker = self._make_worker(**{**given, **OPTIONS})
        bring_to_clock(worker, self.connector, self._ticks, raise_errors=raise_errors)
        return worker


@cache
def _statements() -> dict[str, str]:
    """The name of each statement by its text; the text of the schema is in a file."""
    names = {text: name for name, text in sql.queries.items()}
    return {**names, schema.SchemaManager.get_schema(): "apply_schema"}
