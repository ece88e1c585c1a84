"""What of the real world a loop still waits for: while there is any, its time must not jump.

Calls in threads, DNS among them; socket calls; requests on connections that have no answer yet;
subprocesses; and what a test names itself.
"""

from __future__ import annotations

import selectors
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from pytest_taskq.engine.machine import Stopwatch

__all__ = ["Outstanding"]

SILENCE = 5.0
"""Real seconds after which a connection or subprocess that says nothing lets time jump."""

SOCKET_CALLS = (
    "sock_connect",
    "sock_recv",
    "sock_recv_into",
    "sock_recvfrom",
    "sock_recvfrom_into",
    "sock_sendall",
    "sock_sendto",
)

REPLACED = (
    "run_in_executor",
    "_make_socket_transport",
    "_make_subprocess_transport",
    *SOCKET_CALLS,
)


class Outstanding:
    """Watches one loop, whose methods it replaces on the object while it is in place."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._calls: dict[object, str] = {}
        self._requests: dict[int, tuple[Stopwatch, str]] = {}
        self._silent: set[int] = set()
        self._processes: dict[Any, Stopwatch] = {}

    def begin(self) -> None:
        """Watch from now on."""
        vars(self._loop).update(
            run_in_executor=self._run_in_executor,
            _make_socket_transport=self._make_socket_transport,
            _make_subprocess_transport=self._make_subprocess_transport,
            **{name: partial(self._call_socket, name) for name in SOCKET_CALLS},
        )

    def end(self) -> None:
        """Give the loop its own methods back."""
        for name in REPLACED:
            del vars(self._loop)[name]

    @contextmanager
    def hold(self, reason: str) -> Iterator[None]:
        """Let time not jump inside."""
        key = object()
        self._calls[key] = reason
        try:
            yield
        finally:
            del self._calls[key]

    def heard(self, events: list[tuple[selectors.SelectorKey, int]]) -> None:
        """Note which connections have got something to read: their requests are answered."""
        if self._requests or self._silent:
            for key, mask in events:
                if mask & selectors.EVENT_READ:
                    self._requests.pop(key.fd, None)
                    self._silent.discard(key.fd)

    def reasons(self) -> list[str]:
        """What the real world still owes this loop, in words."""
        if not (self._calls or self._requests or self._processes):
            return []
        self._give_up_on_the_silent()
        return [
            *self._calls.values(),
            *(what for _, what in self._requests.values()),
            *(f"process {process.get_pid()}" for process in self._processes),
        ]

    def __bool__(self) -> bool:
        return bool(self._calls) or bool(self.reasons())

    def _run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        future = self._original("run_in_executor")(executor, func, *args)
        named = getattr(func, "func", func)
        self._calls[future] = f"{getattr(named, '__qualname__', 'a call')} in a thread"
        future.add_done_callback(lambda done: self._calls.pop(done, None))
        return future

    async def _call_socket(self, name: str, sock: Any, *args: Any) -> Any:
        with self.hold(f"{name} on a socket"):
            return await self._original(name)(sock, *args)

    def _make_socket_transport(self, sock: Any, *args: Any, **kwargs: Any) -> Any:
        transport = self._original("_make_socket_transport")(sock, *args, **kwargs)
        # What a server of the test's own writes is an answer, and asks for none.
        if kwargs.get("server") is None:
            self._watch(transport, sock.fileno())
        return transport

    async def _make_subprocess_transport(self, *args: Any, **kwargs: Any) -> Any:
        with self.hold("the start of a process"):
            process = await self._original("_make_subprocess_transport")(*args, **kwargs)
        self._processes[process] = Stopwatch()
        return process

    def _original(self, name: str) -> Any:
        return getattr(type(self._loop), name).__get__(self._loop)

    def _watch(self, transport: Any, fd: int) -> None:
        peer = transport.get_extra_info("peername")
        protocol = type(transport.get_protocol()).__name__
        name = f"an answer from {peer or 'its peer'} to {protocol}"
        write, writelines, closed = (
            transport.write,
            transport.writelines,
            transport._call_connection_lost,
        )

        def asked() -> None:
            if fd not in self._requests and fd not in self._silent:
                self._requests[fd] = Stopwatch(), name

        def write_and_wait(data: Any) -> None:
            asked()
            write(data)

        def writelines_and_wait(data: Any) -> None:
            asked()
            writelines(data)

        def connection_lost(error: Exception | None) -> None:
            self._requests.pop(fd, None)
            self._silent.discard(fd)
            closed(error)

        transport.write = write_and_wait
        transport.writelines = writelines_and_wait
        transport._call_connection_lost = connection_lost

    def _give_up_on_the_silent(self) -> None:
        """A connection that expects no answer must not stop time for good."""
        for process, since in tuple(self._processes.items()):
            if process.get_returncode() is not None:
                del self._processes[process]
            elif since.seconds() > SILENCE:
                del self._processes[process]
                self._warn(f"Process {process.get_pid()} still runs")
        for fd, (since, name) in tuple(self._requests.items()):
            if since.seconds() > SILENCE:
                del self._requests[fd]
                self._silent.add(fd)
                self._warn(f"There was no {name.removeprefix('an ')}")

    @staticmethod
    def _warn(what: str) -> None:
        warnings.warn(
            f"{what} after {SILENCE:g} real seconds. The clock of this test does not wait for it "
            f"any longer, and may jump. Wrap what needs longer in `with clock.hold('why'):`.",
            RuntimeWarning,
            stacklevel=2,
        )
