"""What of the real world a loop still waits for: while there is any, its time must not jump.

Calls in threads, DNS among them; socket calls and files waited for; requests on connections that
have no answer yet; TLS handshakes; subprocesses; and what a test names itself.
"""

from __future__ import annotations

import re
import selectors
import sys
import warnings
from asyncio.sslproto import SSLProtocol
from asyncio.transports import WriteTransport
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

from pytest_taskq.engine.machine import Stopwatch

__all__ = ["NEWS", "SILENCE", "Outstanding"]

SILENCE = 5.0
"""Real seconds after which a connection or subprocess that says nothing lets time jump."""

NEWS = 0.02
"""Real seconds for what a subscriber hears of others, and for the rest of several answers."""

# In the words of Postgres, Redis and others. Our own workers are told by their queue as well.
SUBSCRIBES = re.compile(
    rb"\b(?:listen|p?subscribe|ssubscribe)\b(?!.{0,16}taskq)", re.IGNORECASE | re.DOTALL
)
HEAD = 200

SOCKET_CALLS = (
    "sock_connect",
    "sock_recv",
    "sock_recv_into",
    "sock_recvfrom",
    "sock_recvfrom_into",
    "sock_sendall",
    "sock_sendto",
)
FILE_CALLS = {"add_reader": True, "add_writer": True, "remove_reader": False}
FILE_CALLS |= {"remove_writer": False}
# Modules with a thread of their own for each connection, which sets futures made by them.
THREADED = frozenset({"aiosqlite.core"})


@dataclass(slots=True)
class Debt:
    """One thing that the real world owes. ``since``: it is waited for so long only, from then.

    ``paid``: asked before each jump; None for what somebody else ends. ``several``: more was
    asked before the answer, so there may be more than one.
    """

    what: str
    since: Stopwatch | None = None
    paid: Callable[[], bool] | None = None
    several: bool = False


class Outstanding:
    """Watches one loop, whose methods it replaces on the object while it is in place.

    ``silence``: real seconds after which a peer that says nothing is waited for no longer.
    """

    def __init__(self, loop: Any, silence: float = SILENCE) -> None:
        self._loop = loop
        self.silence = silence
        # By what ends it: a future, a connection's number, or the complement of a file's.
        self._debts: dict[Hashable, Debt] = {}
        self._silent: set[Hashable] = set()
        self._subscribers: set[int] = set()
        self.news_may_come = False
        """More may come than one answer to each: ``NEWS`` seconds are given it before a jump."""
        self._ends: dict[int, Any] = {}
        self._accepted: set[Any] = set()
        self._replaced: dict[str, Any] = {}
        self._new_future: Callable[[], Any]

    def begin(self) -> None:
        """Watch from now on, the connections that are there already included."""
        loop = self._loop
        self._replaced = {
            "run_in_executor": self._run_in_executor,
            "create_future": self._create_future,
            "shutdown_default_executor": self._shut_executor_down,
            "_make_subprocess_transport": self._make_subprocess_transport,
            **{name: partial(self._call_socket, name) for name in SOCKET_CALLS},
            **{name: partial(self._watch_file, name) for name in FILE_CALLS},
        }
        self._new_future = self._original("create_future")
        vars(loop).update(self._replaced)
        transports = loop._transports
        transports.__class__, transports.watch = _Transports, self._watch
        for transport in transports.values():
            self._watch(transport)

    def end(self) -> None:
        """Give the loop its own methods back."""
        for name in self._replaced:
            vars(self._loop).pop(name, None)
        transports = self._loop._transports
        for transport in transports.values():
            for name in ("write", "writelines", "_call_connection_lost"):
                vars(transport).pop(name, None)
        self._replaced = {}  # or this object would be left to the garbage collector
        del transports.watch
        transports.__class__ = WeakValueDictionary

    @contextmanager
    def hold(self, reason: str, *, limited: bool = False) -> Iterator[None]:
        """Let time not jump inside; when ``limited``, for as long as a silent peer is given."""
        key = object()
        self._debts[key] = Debt(reason, Stopwatch() if limited else None)
        try:
            yield
        finally:
            self._debts.pop(key, None)

    def heard(self, events: list[tuple[selectors.SelectorKey, int]]) -> None:
        """Note which connections have got something to read: their requests are answered."""
        if not (self._debts or self._silent):
            return
        for key, mask in events:
            self._pay(~key.fd)
            if mask & selectors.EVENT_READ:
                debt = self._debts.get(key.fd)
                if debt is not None and debt.several:
                    self.news_may_come = True
                self._pay(key.fd)

    def reasons(self) -> list[str]:
        """What the real world still owes this loop, in words."""
        for key, debt in tuple(self._debts.items()):
            if debt.paid is not None and debt.paid():
                self._debts.pop(key, None)
            elif debt.since is not None and debt.since.seconds() > self.silence:
                del self._debts[key]
                self._silent.add(key)
                self._warn(debt.what)
        calls = ["a call in a thread of anyio"] if _calls_of_anyio(self._loop) else []
        return [*calls, *(debt.what for debt in self._debts.values())]

    def __bool__(self) -> bool:
        return (bool(self._debts) and bool(self.reasons())) or _calls_of_anyio(self._loop)

    def _pay(self, key: Hashable) -> None:
        self._debts.pop(key, None)
        self._silent.discard(key)

    def _original(self, name: str) -> Any:
        return getattr(type(self._loop), name).__get__(self._loop)

    def _await(self, future: Any, what: str) -> None:
        self._debts[future] = Debt(what)
        future.add_done_callback(self._pay)

    def _run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        future = self._original("run_in_executor")(executor, func, *args)
        self._await(future, f"{_name_of(func)} in a thread")
        return future

    def _create_future(self) -> Any:
        future = self._new_future()
        module = sys._getframe(1).f_globals.get("__name__")
        if module in THREADED:
            self._await(future, f"a call in a thread of {module.partition('.')[0]}")
        return future

    async def _shut_executor_down(self, *args: Any) -> None:
        with self.hold("the end of the threads"):
            await self._original("shutdown_default_executor")(*args)

    async def _call_socket(self, name: str, sock: Any, *args: Any) -> Any:
        with self.hold(f"{name} on socket {sock.fileno()}", limited=True):
            return await self._original(name)(sock, *args)

    def _watch_file(self, name: str, file: Any, *args: Any) -> Any:
        answer = self._original(name)(file, *args)
        key = ~(file if isinstance(file, int) else file.fileno())
        if not FILE_CALLS[name]:
            self._debts.pop(key, None)
        elif key not in self._silent:
            what = f"an event on file {~key} for {_name_of(args[0])}"
            self._debts[key] = Debt(what, Stopwatch())
        return answer

    async def _make_subprocess_transport(self, *args: Any, **kwargs: Any) -> Any:
        with self.hold("the start of a process"):
            process = await self._original("_make_subprocess_transport")(*args, **kwargs)
        self._debts[process] = Debt(
            f"the end of process {process.get_pid()}",
            Stopwatch(),
            lambda: process.get_returncode() is not None,
        )
        return process

    def _watch(self, transport: Any) -> None:
        """Take each write of a stream as a request, unless it is a server's: that answers."""
        if "write" in vars(transport) or not hasattr(transport, "write"):
            return
        fd, end = transport._sock_fd, _end_of(transport)
        if transport._server is not None:
            # Who asks this server is in this loop too: what it waits for is not the real world.
            self._accepted.add(end)
            for client in [client for client, other in self._ends.items() if other == end]:
                self._pay(client)
            return
        self._ends[fd] = end
        write, writelines = transport.write, transport.writelines
        closed = transport._call_connection_lost

        def write_and_wait(data: Any) -> None:
            self._asked(fd, transport, data)
            write(data)

        def writelines_and_wait(data: Any) -> None:
            lines = list(data)
            self._asked(fd, transport, b"".join(lines[:4]))
            writelines(lines)

        def connection_lost(error: Exception | None) -> None:
            self._pay(fd)
            self._subscribers.discard(fd)
            self._accepted.discard(self._ends.pop(fd, None))
            closed(error)

        transport.write = write_and_wait
        if type(transport).writelines is not WriteTransport.writelines:  # which calls write
            transport.writelines = writelines_and_wait
        transport._call_connection_lost = connection_lost

    def _asked(self, fd: int, transport: Any, data: Any) -> None:
        if SUBSCRIBES.search(data, 0, HEAD):
            self._subscribers.add(fd)
        if self._subscribers:
            self.news_may_come = True
        if fd in self._debts:
            self._debts[fd].several = True
        elif self._ends.get(fd) not in self._accepted:
            self._owe_answer(fd, transport)

    def _owe_answer(self, fd: int, transport: Any) -> None:
        protocol: Any = transport.get_protocol()
        tls, state = isinstance(protocol, SSLProtocol), getattr(protocol, "_state", None)
        peer = transport.get_extra_info("peername") or "its peer"
        if tls and getattr(state, "name", "") == "DO_HANDSHAKE":
            # It takes several answers, and one of them none.
            what = f"the TLS handshake with {peer}"
            self._debts[protocol] = Debt(what, Stopwatch(), lambda: protocol._state is not state)
        elif fd not in self._silent:
            name = type(getattr(protocol, "_app_protocol", protocol)).__name__
            self._debts[fd] = Debt(f"an answer from {peer} to {name}", Stopwatch())

    def _warn(self, what: str) -> None:
        warnings.warn(
            f"The clock of this test has waited {self.silence:g} real seconds for {what}. It does "
            f"not wait for it any longer, and may jump. Wrap what needs longer in "
            f"`with clock.hold('why'):`.",
            RuntimeWarning,
            stacklevel=2,
        )


class _Transports(WeakValueDictionary[int, Any]):
    """The connections of a loop, which tell of each new one."""

    watch: Callable[[Any], None]

    def __setitem__(self, fd: int, transport: Any) -> None:
        super().__setitem__(fd, transport)
        self.watch(transport)


def _end_of(transport: Any) -> Any:
    """What both sides of one connection have in common: where the client is, or a path."""
    own, peer = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
    by_server = transport._server is not None
    return own if by_server != isinstance(own, tuple) else peer


def _name_of(call: Any) -> str:
    return getattr(getattr(call, "func", call), "__qualname__", "a call")


def _calls_of_anyio(loop: Any) -> bool:
    """Whether a thread of anyio's is at work: it has its own, and tells nobody."""
    backend: Any = sys.modules.get("anyio._backends._asyncio")
    if backend is None:
        return False
    variables = sys.modules["anyio.lowlevel"]._run_vars.get(loop, {})
    threads = variables.get(backend._threadpool_workers, ())
    return len(threads) > len(variables.get(backend._threadpool_idle_workers, ()))
