"""Signals to a worker that runs in the test's own process."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from pytest_taskq.core.errors import BadOption

__all__ = ["STOPPING", "Handlers"]

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGBREAK")
SIGNALS: tuple[signal.Signals, ...] = tuple(
    getattr(signal, name) for name in NAMES if hasattr(signal, name)
)
STOPPING = {"SIGINT", "SIGTERM", "SIGQUIT", "SIGBREAK"}


class Handlers:
    """The handlers that were there before a worker, to be put back when it has gone."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._before = {number: signal.getsignal(number) for number in SIGNALS}

    def send(self, name: str) -> None:
        """Raise the signal, if a handler has come since; fails with AssertionError if none has.

        Without one it would reach whoever handled it before, or end the process.
        """
        number = self._number(name)
        if not self._has_come(number):
            raise AssertionError(
                f"{name} was not handled: the worker has set no handler for it. In its start it "
                f"can call loop.add_signal_handler(signal.{name}, ...)."
            )
        signal.raise_signal(number)

    def restore(self) -> None:
        """Put back what has been replaced."""
        for number in SIGNALS:
            if self._has_come(number):
                before = self._before[number]
                if hasattr(self._loop, "remove_signal_handler"):
                    self._loop.remove_signal_handler(number)
                if before is not None:
                    signal.signal(number, before)

    def _has_come(self, number: signal.Signals) -> bool:
        present: Any = signal.getsignal(number)
        return present != self._before[number] and present is not signal.SIG_DFL

    def _number(self, name: str) -> signal.Signals:
        found = [number for number in SIGNALS if number.name == name]
        if not found:
            known = ", ".join(each.name for each in SIGNALS)
            raise BadOption(
                f"There is no signal {name!r} to send. Those that a worker can get here are: "
                f"{known}. Correct the name."
            )
        return found[0]
