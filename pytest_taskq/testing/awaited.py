"""Calls with one name in sync and async tests: done at once in the one, awaited in the other."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import PurePath
from types import TracebackType
from typing import Any, Generic, Self, TypeVar
from weakref import ref

from pytest_taskq.core.errors import NotFinished, TaskqError
from pytest_taskq.testing.describe import is_library, is_ours, user_part
from pytest_taskq.testing.promises import LISTENER, Block, Call

__all__ = ["Awaited", "Nested", "NotAwaited", "Unawaited"]

T = TypeVar("T")


class NotAwaited(TaskqError, RuntimeError):
    """The result of a call was used, or forgotten, before it was awaited.

    ``in_loop``: whether the call was made on a loop, where it could have been.
    """

    def __init__(
        self, call: str, where: str, *, is_block: bool = False, in_loop: bool = True
    ) -> None:
        done, write = "awaited", f"await {call}"
        if is_block:
            done, write = "entered", f"async with {call[:-1]}...):"
        advice = f"In an async test it does nothing before that. Write `{write}`."
        if not in_loop:
            advice = f"In a sync test it does nothing. Make that `async def`, and write `{write}`."
        super().__init__(f"{call} was not {done} ({where}). {advice}")


class Nested(TaskqError, RuntimeError):
    """A call of a sync test was made in a job that another call of that test runs."""

    def __init__(self, call: str, where: str) -> None:
        super().__init__(
            f"{call} was called while another call of this test runs jobs ({where}). It was called "
            f"in one of them, or in a thread. Let the test call it, after the other one has ended."
        )


class Unawaited:
    """The calls of a test that nobody has awaited yet.

    ``guard`` surrounds what sync code runs.
    """

    def __init__(self, guard: Callable[[Any], Any] | None = None) -> None:
        self._guard = guard
        self._made: list[Awaited[Any] | _Noted] = []
        self._runner: asyncio.Runner | None = None
        self.run_by: Callable[[Any], Any] | None = None
        """How else the sync code of this test is to run a coroutine, for a library that cares."""

    @property
    def is_running(self) -> bool:
        """Whether sync code of this test runs a coroutine now."""
        return self._runner is not None and self._runner.get_loop().is_running()

    @property
    def calls(self) -> list[Awaited[Any] | _Noted]:
        """Those, the oldest first."""
        return [each for each in self._made if each.is_unused()]

    def told(self) -> str:
        """What to say of the oldest of those; empty where there is none."""
        calls = self.calls
        return str(calls[0].not_awaited()) if calls else ""

    def add(self, made: Awaited[Any] | _Noted) -> None:
        """Look for this one too, from now on."""
        while self._made and not self._made[-1].is_unused():
            self._made.pop()
        self._made.append(made)

    def note(self, made: Call | Block) -> None:
        """Do so with a call of the user's; what a library makes, it awaits itself."""
        frame = inspect.currentframe()
        while frame is not None and is_ours(frame.f_code.co_filename):
            frame = frame.f_back
        if frame is not None and not is_library(frame.f_code.co_filename):
            self.add(_Noted(made, (frame.f_code.co_filename, frame.f_lineno)))

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Inside, be told of calls that are made; for sync code, which has no task of its own."""
        token = LISTENER.set(ref(self))
        try:
            yield
        finally:
            LISTENER.reset(token)

    def run(self, coroutine: Any) -> Any:
        """Run it on the one loop that the sync code of this test has."""
        if self._guard is not None:
            coroutine = self._guard(coroutine)
        if self.run_by is not None:
            return self.run_by(coroutine)
        if self._runner is None:
            # With a factory it leaves the loop that this thread has alone.
            self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        return self._runner.run(coroutine, context=copy_context())

    def close(self) -> None:
        """Close that loop, and forget the calls."""
        for each in self._made:
            if isinstance(each, _Noted):
                each.made.close()
        self._made.clear()
        self._guard = None  # or it and its owner would be left to the garbage collector
        if self._runner is not None:
            self._runner.close()


class _Noted:
    """A call of another kind, and the file and line of the user's where it stands."""

    def __init__(self, made: Call | Block, where: tuple[str, int]) -> None:
        self.made = made
        self._where = where
        self._in_loop = _is_in_loop()

    def is_unused(self) -> bool:
        return self.made.is_unused()

    def not_awaited(self) -> NotAwaited:
        """See ``Awaited``."""
        is_block = isinstance(self.made, Block)
        where = _told(self._where)
        return NotAwaited(self.made.name, where, is_block=is_block, in_loop=self._in_loop)


class Awaited(Generic[T]):
    """The result of such a call. In a sync test it is there; in an async test, await it.

    ``finish`` makes the result. What it raises is raised by the call or its ``await``, with the
    traceback from the first line on that is the user's own.
    """

    def __init__(self, call: str, finish: Callable[[], Awaitable[T]], unawaited: Unawaited) -> None:
        __tracebackhide__ = True
        self._call = call
        self._finish = finish
        self._lock = asyncio.Lock()
        self._begun = self._done = False
        self._value: T | None = None
        self._error: tuple[Exception, TracebackType | None] | None = None
        self._where = _caller()
        if not _is_in_loop():
            if unawaited.is_running:
                raise Nested(call, _told(self._where))
            try:
                unawaited.run(self._run())
            except NotFinished as stuck:
                raise stuck.with_traceback(None) from None  # or all of asyncio would be in it
            self._raise()
        else:
            unawaited.add(self)

    def __await__(self) -> Generator[Any, None, Self]:
        __tracebackhide__ = True
        __taskq_call__ = self._call, self._where  # noqa: F841 - see _run
        self._begun = True
        yield from self._run().__await__()
        self._raise()
        return self

    def not_awaited(self) -> NotAwaited:
        """What is wrong with using it before it is awaited."""
        return NotAwaited(self._call, _told(self._where))

    def is_unused(self) -> bool:
        """Whether nobody has awaited it yet."""
        return not self._begun

    async def _run(self) -> None:
        __taskq_call__ = self._call, self._where  # noqa: F841 - read by whoever describes the task
        async with self._lock:  # two tasks may await the same
            if not self._done:
                try:
                    self._value = await self._finish()
                except Exception as error:  # noqa: BLE001 - raised by whoever awaits
                    self._error = error, user_part(error.__traceback__) or error.__traceback__
                self._done = True

    def _raise(self) -> None:
        __tracebackhide__ = True
        if self._error is not None:
            error, traceback = self._error
            raise error.with_traceback(traceback)

    def _get(self) -> T:
        __tracebackhide__ = True
        self._raise()
        if self._value is None:
            raise self.not_awaited()
        return self._value


def _is_in_loop() -> bool:
    return asyncio._get_running_loop() is not None  # noqa: SLF001 - documented, None outside a loop


def _told(where: tuple[str, int]) -> str:
    file, line = where
    return f"{PurePath(file).name}:{line}"


def _caller() -> tuple[str, int]:
    """The file and line of the user's that is running."""
    frame = inspect.currentframe()
    while frame is not None and is_library(frame.f_code.co_filename):
        frame = frame.f_back
    return ("?", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)
