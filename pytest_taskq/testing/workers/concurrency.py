"""Counts how many calls run together: too many, as many as may, or never two."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from threading import Lock
from types import CodeType, TracebackType
from typing import Any, Literal, TypeVar

from pytest_taskq.core.errors import BadOption
from pytest_taskq.engine.clock import Clock
from pytest_taskq.testing.text import in_one_line

__all__ = ["ConcurrencyProbe", "ProbedCall"]

F = TypeVar("F", bound=Callable[..., Any])
Outcome = Literal["running", "returned", "raised", "cancelled"]


@dataclass(eq=False)
class ProbedCall:
    """One call that went through a probe; ``began`` and ``ended`` count what the probe saw."""

    label: str
    key: Any
    began: int
    at: int
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    ended: int | None = None
    outcome: Outcome = "running"

    @property
    def job(self) -> Any:
        """What the call was for: its first argument, or its label where it has none."""
        return next(iter((*self.args, *self.kwargs.values())), self.label)


class ConcurrencyProbe:
    """Sees what runs together: around a function, or around a block.

        probe = taskq.concurrency()
        worker = Worker(handler=probe(handle))
        ...
        probe.assert_max(2)
        probe.assert_reached(2)

    ``async with probe:`` and ``with probe.call("shelf 3"):`` are for blocks.
    """

    def __init__(self) -> None:
        self.calls: list[ProbedCall] = []
        """All that it has seen, in the order in which they began."""
        self._running: dict[ProbedCall, None] = {}
        self._seen = 0
        self._lock = Lock()
        self._clock: Clock | None = None
        self._start = 0
        self._most: dict[int, tuple[int, list[str]]] = {0: (0, [])}
        self._entered: dict[object, list[Any]] = {}

    @property
    def most(self) -> int:
        """How many ran together at most."""
        return max(self._most)

    def open(self) -> list[ProbedCall]:
        """The calls that run at the moment."""
        return list(self._running)

    def __call__(self, function: F) -> F:
        """The function, each call of it seen. Async or sync, in the loop or in a thread."""
        if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
            raise BadOption(
                f"A probe sees calls that return. {in_one_line(function)} is a generator. Put "
                f"`with probe.call(...):` around the part of it that is to be counted."
            )
        name = getattr(function, "__qualname__", type(function).__name__)
        name = name.rpartition("<locals>.")[2]
        own = 1 if _is_method(function) else 0

        def see(args: tuple[Any, ...], kwargs: dict[str, Any]) -> AbstractContextManager[None]:
            return self._see(_told(name, args[own:], kwargs), None, args[own:], kwargs)

        if _is_async(function):

            @functools.wraps(function)
            async def probed(*args: Any, **kwargs: Any) -> Any:
                with see(args, kwargs):
                    return await function(*args, **kwargs)

        else:

            @functools.wraps(function)
            def probed(*args: Any, **kwargs: Any) -> Any:
                with see(args, kwargs):
                    return function(*args, **kwargs)

        return probed  # type: ignore[return-value]

    @contextmanager
    def call(self, label: str | None = None, *, key: Any = None) -> Iterator[None]:
        """See the block inside as one call; ``key`` is for ``assert_never_overlapped``."""
        with self._see(label or _label_of_task(), key):
            yield

    async def __aenter__(self) -> None:
        self._entered.setdefault(asyncio.current_task(), []).append(block := self.call())
        block.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        blocks = self._entered[asyncio.current_task()]
        blocks.pop().__exit__(kind, error, traceback)
        if not blocks:
            del self._entered[asyncio.current_task()]

    def assert_max(self, limit: int) -> None:
        """Raise AssertionError when more than ``limit`` ran together; it names the first time."""
        if self.most > limit:
            count = min(count for count in self._most if count > limit)
            raise AssertionError(f"at most {limit} allowed, {self._told(count)}")

    def assert_reached(self, limit: int) -> None:
        """Raise AssertionError when never as many as ``limit`` ran together."""
        if self.most < limit:
            hint = {0: "nothing ran", 1: "at most 1 (is it serial?)"}
            raise AssertionError(
                f"limit {limit} never reached: {hint.get(self.most, f'at most {self.most}')}"
            )

    def assert_never_overlapped(self, *, key: Callable[..., Any] | None = None) -> None:
        """Raise AssertionError when two calls of one key ran together; without keys, any two.

        ``key`` gets the arguments of a call: ``key=lambda job: job.customer``.
        """
        running: dict[Any, list[ProbedCall]] = {}
        for call in self.calls:
            value = call.key if key is None or not _has_arguments(call) else _ask(key, call)
            before = [
                other
                for other in running.get(value, [])
                if other.ended is None or other.ended > call.began
            ]
            if before:
                whose = "" if value is None else f" for key {in_one_line(value)}"
                labels = ", ".join(other.label for other in [*before, call])
                raise AssertionError(
                    f"must never overlap, {len(before) + 1} ran together{whose} at "
                    f"{self._time(call.at)}: {labels}"
                )
            running[value] = [*before, call]

    @contextmanager
    def _see(
        self,
        label: str,
        key: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Iterator[None]:
        call = self._begin(label, key, args, kwargs or {})
        outcome: Outcome = "raised"
        try:
            yield
            outcome = "returned"
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        finally:
            with self._lock:
                self._seen += 1
                call.ended, call.outcome = self._seen, outcome
                del self._running[call]

    def _begin(
        self, label: str, key: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> ProbedCall:
        with self._lock:
            if self._clock is None:
                self._clock = Clock.present()
                self._start = self._clock.now()
            self._seen += 1
            call = ProbedCall(label, key, self._seen, self._clock.now() - self._start, args, kwargs)
            self.calls.append(call)
            self._running[call] = None
            count = len(self._running)
            if count not in self._most:
                self._most[count] = call.at, [other.label for other in self._running]
            return call

    def _told(self, count: int) -> str:
        at, labels = self._most[count]
        return f"{count} ran together at {self._time(at)}: {', '.join(labels)}"

    @staticmethod
    def _time(micros: int) -> str:
        return f"t={round(micros / 1e6, 3):g} s"


def _is_async(function: Callable[..., Any]) -> bool:
    called = type(function).__call__
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)


def _is_method(function: Callable[..., Any]) -> bool:
    """Whether its first argument is the object it belongs to, as in the body of a class."""
    first = function.__code__.co_varnames[:1] if inspect.isfunction(function) else ()
    return first in {("self",), ("cls",)}


def _has_arguments(call: ProbedCall) -> bool:
    return bool(call.args or call.kwargs)


def _ask(key: Callable[..., Any], call: ProbedCall) -> Any:
    return key(*call.args, **call.kwargs)


def _told(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    shown = [in_one_line(value) for value in args]
    shown += [f"{name}={in_one_line(value)}" for name, value in kwargs.items()]
    return f"{name}({', '.join(shown)})"


def _label_of_task() -> str:
    """The call that the current task is: "worker(4)"."""
    task = asyncio.current_task()
    frame = getattr(None if task is None else task.get_coro(), "cr_frame", None)
    if frame is None:
        return "a block"
    code: CodeType = frame.f_code
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    values = tuple(frame.f_locals[name] for name in names if name in frame.f_locals)
    return _told(code.co_qualname.rpartition("<locals>.")[2], values, {})
