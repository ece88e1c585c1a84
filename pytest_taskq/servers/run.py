"""The private servers of one test run: one of each kind, whichever process needs it first."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import weakref
from pathlib import Path

from pytest_taskq.core.errors import StoreUnavailable
from pytest_taskq.servers import guard
from pytest_taskq.servers.find import Found
from pytest_taskq.servers.launch import data_in_memory, environment, make_plan

__all__ = ["RunServers"]

# The path of a Unix socket has room for 103 bytes, and ours end like this.
LONGEST = 103 - len("/tq12345678/postgres/.s.PGSQL.5432")
PATIENCE = 15.0  # seconds in which a guard has ended its server, with time to spare


class RunServers:
    """The folder of a run, in which its servers live, and in one process the socket they hang on.

    The process that made it owns the servers: they end when it closes this object, and when it
    dies in whatever way.
    """

    def __init__(self, folder: str, owner: socket.socket | None) -> None:
        self.folder = folder
        self._owner = owner
        if owner is not None:
            # A forked child that lives on would hold the servers; one that is executed does not.
            this = weakref.WeakMethod(self._let_go)
            os.register_at_fork(after_in_child=lambda: (let_go := this()) and let_go())

    @classmethod
    def make(cls) -> RunServers:
        """In the process that began the run. Starts nothing yet."""
        parent = tempfile.gettempdir()
        if len(os.fsencode(parent)) > LONGEST:
            parent = "/tmp"  # noqa: S108 - mkdtemp makes a folder of ours in it
        folder = tempfile.mkdtemp(prefix="tq", dir=parent)
        owner = socket.socket(socket.AF_UNIX)
        owner.bind(f"{folder}/owner")
        owner.listen()
        return cls(folder, owner)

    @classmethod
    def join(cls, folder: str) -> RunServers:
        """In another process of the same run, by the ``folder`` of the first."""
        return cls(folder, None)

    def url(self, found: Found) -> str:
        """The address of the run's server of that kind, which is started at the first call.

        Waits until it is ready. Raises StoreUnavailable when it did not start or has died.
        """
        try:
            for attempt in range(2):
                lock = self._lock()
                try:
                    url = self._answer(found.kind)
                    if url is not None:
                        return url
                    if attempt == 0:
                        self._start(found, lock)
                finally:
                    # The guard has it too, and keeps it until the server runs or will not.
                    os.close(lock)
            raise StoreUnavailable(self._no_answer(found))
        except FileNotFoundError:
            raise StoreUnavailable(
                f"There are no private servers any more. The folder {self.folder} of their run "
                f"is gone. Ask for a server while the run lasts."
            ) from None

    def close(self) -> None:
        """End the servers and wait until they are gone; in a process that joined, do nothing."""
        if self._owner is None:
            return
        guards = []
        self._owner.setblocking(False)
        try:
            while True:
                guards.append(self._owner.accept()[0])
        except BlockingIOError:
            self._let_go()
        for each in guards:
            each.shutdown(socket.SHUT_WR)
        for each in guards:
            with each:
                each.settimeout(PATIENCE)
                try:
                    each.recv(1)
                except OSError:
                    continue
        for left in (self.folder, data_in_memory(Path(self.folder))):
            shutil.rmtree(left, ignore_errors=True)

    def _let_go(self) -> None:
        if self._owner is not None:
            self._owner.close()
            self._owner = None

    def _lock(self) -> int:
        """The folder itself, open, when nobody else is starting a server."""
        import fcntl

        lock = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except BaseException:
            os.close(lock)
            raise
        return lock

    def _answer(self, kind: str) -> str | None:
        died = Path(self.folder, f"{kind}.died")
        if died.exists():
            raise StoreUnavailable(died.read_text("utf-8"))
        ready = Path(self.folder, f"{kind}.url")
        return ready.read_text("utf-8") if ready.exists() else None

    def _start(self, found: Found, lock: int) -> None:
        plan = make_plan(found, Path(self.folder))
        with Path(plan.home, "log").open("ab") as log:
            subprocess.run(
                [sys.executable, "-I", "-S", guard.__file__, json.dumps(plan), str(lock)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(),
                pass_fds=[lock],
                start_new_session=True,  # Ctrl-C is for us: the server is needed to the end
                check=False,
            )

    def _no_answer(self, found: Found) -> str:
        said = Path(self.folder, found.kind, "log").read_text("utf-8", "replace")[-2000:]
        return (
            f"The private {found.kind} server did not start. The process that guards it ended "
            f"without a word, and its log is {said!r}. "
            f"Run the tests again, or name a running server with --taskq-url=URL."
        )
