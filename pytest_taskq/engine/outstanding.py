"""What of the real world a loop still waits for: while there is any, its time must not jump.

Calls in threads, DNS among them; socket calls and files waited for; requests on connections that
have no answer yet; TLS handshakes; subprocesses; and what a test names itself.
"""

from __future__ import annotations

import selectors
import signal
import sys
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

from pytest_taskq.engine.debts import SILENCE, Debt, Debts
from pytest_taskq.engine.machine import Stopwatch

if TYPE_CHECKING:
    from pytest_taskq.engine.connections import Connections

__all__ = ["NEWS", "Outstanding"]

NEWS = 0.02
"""Real seconds for what a subscriber hears of others, and for the rest of several answers."""

SOCKET_CALLS = frozenset(
    {
        "sock_connect",
        "sock_recv",
        "sock_recv_into",
        "sock_recvfrom",
        "sock_recvfrom_into",
        "sock_sendall",
        "sock_sendto",
    }
)
# As few as will do: Python 3.11 keeps an object of up to 29 attributes in a quicker form, and a
# loop with these and the two of ``LoopTime`` has as many.
REPLACED = ("create_future", "_ensure_fd_no_transport", "_make_subprocess_transport")
READER, WRITER = 0, 1
"""Where a selector keeps what is called when a file can be read, or written."""
WATCHES = {
    BaseSelectorEventLoop.add_reader.__code__: READER,
    BaseSelectorEventLoop.add_writer.__code__: WRITER,
}
# They end a program or a worker, and begin nothing.
STOPS = frozenset({signal.SIGINT, signal.SIGTERM})
# Modules with a thread of their own for each connection, which sets futures made by them.
THREADED = frozenset({"aiosqlite.core"})
# Of the futures that these make, some are for the real world.
MAKERS = THREADED | {"asyncio.selector_events", "asyncio.base_events", "asyncio.futures"}


class Outstanding(Debts):
    """Watches one loop, whose methods it replaces on the object while it is in place."""

    def __init__(self, loop: Any, silence: float = SILENCE) -> None:
        super().__init__(silence)
        self._loop = loop
        self._in_place = False
        self._connections: Connections | None = None
        self._new_future: Callable[[], Any]

    def begin(self) -> None:
        """Watch from now on, the connections that are there already included."""
        loop, self._new_future = self._loop, self._original("create_future")
        loop.create_future = self._create_future
        loop._ensure_fd_no_transport = self._ensure_fd_no_transport
        loop._make_subprocess_transport = self._make_subprocess_transport
        self._in_place = True
        if loop._transports.data:
            self._watch_connections()

    def end(self) -> None:
        """Give the loop its own methods back, also where a patch of the user's was there last."""
        self._in_place = False
        for name in REPLACED:
            try:
                delattr(self._loop, name)
            except AttributeError:
                continue
        if self._connections is not None:
            self._connections.end()
            self._connections = None  # or this object would be left to the garbage collector

    def heard(self, events: list[tuple[selectors.SelectorKey, int]]) -> None:
        """Note which connections have got something to read: their requests are answered."""
        if not (self._debts or self._silent):
            return
        for key, mask in events:
            if mask & selectors.EVENT_READ:
                self.pay((key.fd, READER))
                self.answered(key.fd)
            if mask & selectors.EVENT_WRITE:
                self.pay((key.fd, WRITER))

    def may_be_called(self) -> bool:
        """Whether somebody outside may call into the loop, though nothing of theirs is owed.

        Through whatever it reads, be it a server that listens, a connection or a pipe, or
        through a signal.
        """
        own = self._loop._ssock.fileno()  # by which other threads wake it
        files = any(fd != own for fd in self._loop._selector.get_map())
        return files or bool(getattr(self._loop, "_signal_handlers", {}).keys() - STOPS)

    def reasons(self) -> list[str]:
        """What the real world still owes this loop, in words."""
        calls = ["a call in a thread of anyio"] if _calls_of_anyio(self._loop) else []
        return [*calls, *super().reasons()]

    def __bool__(self) -> bool:
        return (bool(self._debts) and super().__bool__()) or _calls_of_anyio(self._loop)

    def _original(self, name: str) -> Any:
        return getattr(type(self._loop), name).__get__(self._loop)

    def _await(self, future: Any, what: str, since: Stopwatch | None = None) -> None:
        self.add(future, Debt(what, since))
        future.add_done_callback(self.pay)

    def _create_future(self) -> Any:
        future = self._new_future()
        maker = sys._getframe(1)
        if maker.f_globals.get("__name__") in MAKERS:
            self._made(future, maker)
        return future

    def _made(self, future: Any, maker: FrameType) -> None:
        """A call on a socket makes one when the socket is not ready, one in a thread always.

        So does whoever makes or accepts a connection, before there is one.
        """
        module, call = maker.f_globals["__name__"], maker.f_code.co_name
        if module in THREADED:
            self._await(future, f"a call in a thread of {module.partition('.')[0]}")
        elif call == "wrap_future":
            self._await(future, f"{_called_by(maker.f_back)} in a thread")
        elif call == "shutdown_default_executor":
            self._await(future, "the end of the threads")
        elif call in SOCKET_CALLS:
            fd = maker.f_locals["sock"].fileno()
            self._await(future, f"{call} on socket {fd}", Stopwatch())
        else:
            self._watch_connections()

    def _watch_connections(self) -> None:
        # A patch of the user's may call what is not in place any more.
        if self._connections is None and self._in_place:
            from pytest_taskq.engine.connections import Connections  # few tests have any

            self._connections = Connections(self._loop, self)
            self._connections.begin()

    def _ensure_fd_no_transport(self, file: Any) -> None:
        """Who wants to know of a file asks this first."""
        self._original("_ensure_fd_no_transport")(file)
        frame = sys._getframe(1)
        place = WATCHES.get(frame.f_code)
        if place is not None:
            self._await_event(file, frame.f_locals["callback"], place)

    def _await_event(self, file: Any, call: Any, place: int) -> None:
        fd = file if isinstance(file, int) else file.fileno()
        which = id(call)  # not the callback itself, which is to go when nobody watches any more

        def is_over() -> bool:
            try:
                handle = self._loop._selector.get_key(fd).data[place]
            except (KeyError, ValueError):  # removed, or it was refused
                return True
            return handle is None or id(handle._callback) != which

        if (fd, place) not in self._silent:
            what = f"an event on file {fd} for {_name_of(call)}"
            self.add((fd, place), Debt(what, Stopwatch(), is_over))

    async def _make_subprocess_transport(self, *args: Any, **kwargs: Any) -> Any:
        with self.hold("the start of a process"):
            process = await self._original("_make_subprocess_transport")(*args, **kwargs)
        what = f"the end of process {process.get_pid()}"
        ended = Debt(what, Stopwatch(), lambda: process.get_returncode() is not None)
        self.add(process, ended)
        return process


def _name_of(call: Any) -> str:
    return getattr(getattr(call, "func", call), "__qualname__", "a call")


def _called_by(frame: FrameType | None) -> str:
    """What the loop itself calls in a thread; of somebody else's pool it cannot be known."""
    is_loop = frame is not None and frame.f_code.co_name == "run_in_executor"
    return _name_of(frame.f_locals.get("func")) if frame is not None and is_loop else "a call"


def _calls_of_anyio(loop: Any) -> bool:
    """Whether a thread of anyio's is at work: it has its own, and tells nobody."""
    backend: Any = sys.modules.get("anyio._backends._asyncio")
    if backend is None:
        return False
    variables = sys.modules["anyio.lowlevel"]._run_vars.get(loop, {})
    threads = variables.get(backend._threadpool_workers, ())
    return len(threads) > len(variables.get(backend._threadpool_idle_workers, ()))
