"""Takes what a loop sends to a peer as a request, until the peer says something."""

from __future__ import annotations

import re
from asyncio import DatagramProtocol
from asyncio.sslproto import SSLProtocol
from asyncio.transports import WriteTransport
from collections.abc import Callable
from functools import cached_property
from typing import Any
from weakref import WeakSet, WeakValueDictionary

from pytest_taskq.engine.debts import Debt, Debts
from pytest_taskq.engine.machine import Stopwatch

__all__ = ["Connections"]

# In the words of Postgres, Redis and others. Our own workers are told by their queue as well.
SUBSCRIBES = re.compile(
    rb"\b(?:listen|p?subscribe|ssubscribe)\b(?!.{0,16}taskq)", re.IGNORECASE | re.DOTALL
)
HEAD = 200

CLIENT_HELLO = b"\x16\x03"
REPLACED = ("write", "writelines", "sendto", "_call_connection_lost")


class Connections:
    """The connections of one loop, whose methods it replaces on the objects, until ``end``.

    What a server of this loop is asked is not the real world's to answer, nor what it sends. A
    connection is known by its file number, which ``Outstanding.heard`` tells of; one with TLS by
    what decrypts it, for not all that comes in is an answer.
    """

    def __init__(self, loop: Any, debts: Debts) -> None:
        self._transports = loop._transports
        self._debts = debts
        self._subscribers: set[int] = set()
        self._ends: dict[int, Any] = {}
        self._accepted: set[Any] = set()

    @cached_property
    def _secret(self) -> WeakSet[Any]:
        """Those with a TLS that is not asyncio's."""
        return WeakSet()

    def begin(self) -> None:
        """Watch those that are there, and each new one."""
        self._transports.__class__, self._transports.watch = _Transports, self._watch
        for transport in self._open():
            self._watch(transport)

    def end(self) -> None:
        """Give all of them their own methods back."""
        del self._transports.watch
        self._transports.__class__ = WeakValueDictionary
        for transport in self._open():
            for name in REPLACED:
                vars(transport).pop(name, None)
            tls = getattr(transport.get_protocol(), "_sslobj", None)
            for name in ("read", "write") if tls is not None else ():
                vars(tls).pop(name, None)

    def _open(self) -> list[Any]:
        # Looked at first, for `values()` guards an iteration that mostly is over nothing.
        return [*self._transports.values()] if self._transports.data else []

    def _watch(self, transport: Any) -> None:
        if any(name in vars(transport) for name in REPLACED):
            return
        if hasattr(transport, "sendto"):
            self._watch_datagrams(transport)
        elif hasattr(transport, "write"):
            self._watch_stream(transport)

    def _watch_stream(self, transport: Any) -> None:
        fd, end = transport._sock_fd, _end_of(transport)
        if transport._server is not None:
            self._accepted.add(end)
            for client in [client for client, other in self._ends.items() if other == end]:
                self._debts.pay(client)
            return
        self._ends[fd] = end
        write, writelines = transport.write, transport.writelines
        closed = transport._call_connection_lost

        def write_and_wait(data: Any) -> None:
            self._written(fd, transport, data)
            write(data)

        def writelines_and_wait(data: Any) -> None:
            lines = list(data)
            self._written(fd, transport, b"".join(lines[:4]))
            writelines(lines)

        def connection_lost(error: Exception | None) -> None:
            protocol = transport.get_protocol()
            for key in (fd, transport, protocol, getattr(protocol, "_sslobj", None)):
                self._debts.pay(key)
            self._subscribers.discard(fd)
            self._accepted.discard(self._ends.pop(fd, None))
            closed(error)

        transport.write = write_and_wait
        if type(transport).writelines is not WriteTransport.writelines:  # which calls write
            transport.writelines = writelines_and_wait
        transport._call_connection_lost = connection_lost
        if getattr(transport.get_protocol(), "_sslobj", None) is not None:
            self._watch_tls(fd, transport)

    def _written(self, fd: int, transport: Any, data: Any) -> None:
        protocol = transport.get_protocol()
        if isinstance(protocol, SSLProtocol):
            self._encrypted(fd, transport, protocol)
        elif transport in self._secret or data[:2] == CLIENT_HELLO:
            self._owe_to_the_reader(fd, transport)
        else:
            self._asked(fd, fd, transport, data)

    def _asked(self, key: Any, fd: int, transport: Any, data: Any) -> None:
        if SUBSCRIBES.search(data, 0, HEAD):
            self._subscribers.add(fd)
        if self._subscribers:
            self._debts.news_may_come = True
        if not self._is_ours(fd):
            self._debts.ask(key, lambda: _answer_of(transport))

    def _is_ours(self, fd: int) -> bool:
        """Whether a server of this loop is at the other end."""
        return self._ends.get(fd) in self._accepted

    def _owe_to_the_reader(self, fd: int, transport: Any) -> None:
        """TLS that is not asyncio's, such as anyio's: who got all that it waits for reads no more.

        A server sends tickets that answer nothing, and only the reader can tell.
        """
        self._secret.add(transport)

        def paid() -> bool:
            return self._is_ours(fd) or not transport.is_reading()

        self._debts.add(transport, Debt(_answer_of(transport), Stopwatch(), paid))

    def _encrypted(self, fd: int, transport: Any, protocol: Any) -> None:
        """TLS has sent something: of its own, or what ``_watch_tls`` has been told of."""
        self._watch_tls(fd, transport)
        state = protocol._state
        if state.name != "WRAPPED" and not self._is_ours(fd):
            # It takes several answers, and one of them none.
            kind = "handshake" if state.name == "DO_HANDSHAKE" else "end"
            what = f"the TLS {kind} with {_peer_of(transport)}"
            self._debts.add(protocol, Debt(what, Stopwatch(), lambda: protocol._state is not state))

    def _watch_tls(self, fd: int, transport: Any) -> None:
        """Look at what is said in plain: a server sends tickets that answer nothing."""
        tls = transport.get_protocol()._sslobj
        if "read" in vars(tls):
            return
        read, write = tls.read, tls.write

        def write_and_wait(data: Any) -> Any:
            self._asked(tls, fd, transport, data)
            return write(data)

        def read_and_note(*args: Any) -> Any:
            got = read(*args)  # raises when there is nothing yet
            self._debts.answered(tls)
            return got

        tls.read, tls.write = read_and_note, write_and_wait

    def _watch_datagrams(self, transport: Any) -> None:
        """Who does not listen expects nothing, nor does a server: it has a port and no peer."""
        own, peer = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
        bound = own[1] if isinstance(own, tuple) else own
        listens = type(transport.get_protocol()).datagram_received
        if listens is DatagramProtocol.datagram_received or (bound and not peer):
            return
        fd, sendto = transport._sock_fd, transport.sendto

        def send_and_wait(data: Any, addr: Any = None) -> None:
            if not self._stays_here(peer or addr):
                self._debts.ask(fd, lambda: _answer_of(transport, addr))
            sendto(data, addr)

        transport.sendto = send_and_wait

    def _stays_here(self, peer: Any) -> bool:
        """Whether a datagram to this address stays in this loop."""
        ours = [each for each in self._transports.values() if hasattr(each, "sendto")]
        return any(_leads_to(peer, each.get_extra_info("sockname")) for each in ours)


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


def _leads_to(peer: Any, own: Any) -> bool:
    if isinstance(peer, tuple) and isinstance(own, tuple):
        return peer[1] == own[1] and own[0] in (peer[0], "0.0.0.0", "::")  # noqa: S104 - compared
    return bool(peer) and peer == own


def _peer_of(transport: Any, addr: Any = None) -> Any:
    return transport.get_extra_info("peername") or addr or "its peer"


def _answer_of(transport: Any, addr: Any = None) -> str:
    protocol = transport.get_protocol()
    name = type(getattr(protocol, "_app_protocol", protocol)).__name__
    return f"an answer from {_peer_of(transport, addr)} to {name}"
