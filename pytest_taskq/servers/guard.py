"""Owns one private server: starts it, says when it is ready, ends it when its run is over.

A program of its own that needs nothing but the standard library: ``python -I -S guard.py PLAN FD``.
Whoever owns the run listens on a socket and never answers. Our connection to it breaks when it
closes that socket or dies in whatever way: that is the sign to stop, and it needs no polling.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

__all__ = ["Plan", "main"]

LIMIT = 60.0  # seconds for a step of the preparation, and about as long for the first answer
PAUSE = 0.004  # seconds between two questions whether the server is ready
PATIENCE = 5.0  # seconds that the server has to stop when it is asked to


class Plan(NamedTuple):
    """What it takes to start one server, to know that it is ready, and to end it.

    ``folder`` is that of the run, with the socket ``owner`` in it; ``home`` is the server's own,
    which goes with it, as ``data`` does, which may lie elsewhere. ``steps`` are run before
    ``server``. The server is ready when ``knock``, sent to ``socket``, is answered with
    ``answer``; then the file ``kind.url`` says ``url``. ``account`` are the user and the group
    that run it, when they are not ours.
    """

    kind: str
    title: str
    folder: str
    home: str
    data: str
    steps: list[list[str]]
    server: list[str]
    account: list[int] | None
    socket: str
    knock: str
    answer: str
    stop: int
    url: str


class _RunOver(Exception):
    """The owner is gone, or somebody wants us to stop."""


class _Died(Exception):
    """The server cannot serve; the arguments are what happened and how it was seen."""


class _Guard:
    def __init__(self, plan: Plan, starting: int) -> None:
        self._plan = plan
        self._starting: int | None = starting
        self._child: subprocess.Popen[bytes] | None = None
        self._owner = socket.socket(socket.AF_UNIX)
        self._signals, wake = socket.socketpair()
        wake.setblocking(False)
        self._wake = wake
        signal.set_wakeup_fd(wake.fileno())
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)

    def run(self) -> None:
        """Until the run is over, also when the server is not; leaves nothing of it behind."""
        with contextlib.suppress(_RunOver):
            try:
                self._serve()
            except _Died as trouble:
                self._tell(*trouble.args)
            while True:
                self._wait(None)
        self._remove_server()
        folder, kind = Path(self._plan.folder), self._plan.kind
        for name in (f"{kind}.url", f"{kind}.died", "owner"):
            folder.joinpath(name).unlink(missing_ok=True)
        # The guard that is last finds the folder empty.
        with contextlib.suppress(OSError):
            folder.rmdir()

    def _serve(self) -> None:
        plan = self._plan
        try:
            self._owner.connect(f"{plan.folder}/owner")
        except OSError:
            raise _RunOver from None
        for step in plan.steps:
            self._start(step)
            while self._ended() is None:
                if not self._wait(LIMIT):
                    raise _Died("did not start", f"{shlex.join(step)} took over {LIMIT:g} s")
            if self._ended() != 0:
                raise _Died("did not start", f"{shlex.join(step)} {self._how_it_ended()}")
        self._start(plan.server)
        for _ in range(int(LIMIT / PAUSE)):
            self._wait(PAUSE)
            if self._ended() is not None:
                raise _Died("did not start", f"It {self._how_it_ended()}")
            if self._answers():
                break
        else:
            raise _Died("did not start", f"It gave no answer for {LIMIT:g} s")
        self._write("url", plan.url)
        self._started()
        while self._ended() is None:
            self._wait(None)
        raise _Died("has ended before its run", f"It {self._how_it_ended()}")

    def _started(self) -> None:
        """It is known by now whether the server runs: whoever waits for the lock may look."""
        if self._starting is not None:
            os.close(self._starting)
            self._starting = None

    def _wait(self, seconds: float | None) -> bool:
        """Whether something happened; that a child ended is one of the things that can."""
        ready, _, _ = select.select([self._owner, self._signals], [], [], seconds)
        if self._owner in ready:
            raise _RunOver
        if ready and set(self._signals.recv(64)) - {signal.SIGCHLD}:
            raise _RunOver
        return bool(ready)

    def _start(self, command: list[str]) -> None:
        account = self._plan.account
        user, group = account or (None, None)
        try:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                cwd=self._plan.home,
                user=user,
                group=group,
                extra_groups=[] if account else None,
                preexec_fn=_ending_with_its_parent(self._plan.stop),  # noqa: PLW1509 - no threads
            )
        except OSError as error:
            raise _Died("did not start", f"{command[0]}: {error.strerror}") from None

    def _ended(self) -> int | None:
        return self._child.poll() if self._child else None

    def _how_it_ended(self) -> str:
        code = self._ended() or 0
        if code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        return f"ended with status {code}"

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as line, contextlib.suppress(OSError):
            line.settimeout(1)
            line.connect(self._plan.socket)
            line.sendall(self._plan.knock.encode("latin-1"))
            return line.recv(64).startswith(self._plan.answer.encode("latin-1"))
        return False

    def _tell(self, what: str, seen: str) -> None:
        """Say how it went wrong to whoever waits, and to whoever asks for the server later."""
        log = Path(self._plan.home, "log").read_text("utf-8", "replace").splitlines()[-12:]
        said = "\n".join(f"  {line}" for line in log) if log else "  (nothing)"
        self._remove_server()
        self._write(
            "died",
            f"The private {self._plan.title} server {what}. {seen}, and its log ends with\n{said}\n"
            f"Repair what it complains about, or name a running server with --taskq-url=URL.",
        )
        self._started()

    def _remove_server(self) -> None:
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(self._plan.stop)
            try:
                self._child.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        for folder in (self._plan.data, self._plan.home):
            shutil.rmtree(folder, ignore_errors=True)

    def _write(self, ending: str, text: str) -> None:
        """Whole or not at all, whenever somebody looks. Of no use once the folder is gone."""
        path = Path(self._plan.folder, f"{self._plan.kind}.{ending}")
        draft = path.with_suffix(".draft")
        with contextlib.suppress(OSError):
            draft.write_text(text, "utf-8")
            draft.replace(path)


def _ending_with_its_parent(number: int) -> Callable[[], None] | None:
    """Linux only: should we be killed without a chance to act, the server gets this signal."""
    if sys.platform != "linux":
        return None
    try:
        import ctypes

        prctl = ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return None
    return lambda: prctl(1, number)  # PR_SET_PDEATHSIG


def main(plan: str, starting: str) -> None:
    """Become nobody's child, and guard. Whoever starts a server holds the lock on ``starting``.

    It is a file descriptor, and the lock is ours as well until we close it.
    """
    if os.fork():
        os._exit(0)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.umask(0o077)
    guard = _Guard(Plan(*json.loads(plan)), int(starting))
    guard.run()
    # Our end of the owner's socket is open until we are gone.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
