"""Sees, on the real clock, what keeps an event loop from going on, and names its line."""

from __future__ import annotations

import asyncio
import sys
import threading
from asyncio.events import Handle
from dataclasses import dataclass
from types import FrameType
from typing import Any

from pytest_taskq.core.errors import WrongLoop
from pytest_taskq.engine.clock import give_way
from pytest_taskq.engine.machine import Stopwatch
from pytest_taskq.testing.describe import is_library
from pytest_taskq.testing.workers._source import called_at, name_of, place_of

__all__ = ["BlockingWatch"]

LOOKS = 4  # at each step of the loop, before the limit is over
LISTED = 3
STEPS: Any = Handle  # the one method that each step of asyncio's own loops goes through


@dataclass
class _Block:
    """One step of the loop that took too long; ``place``: what it did when the limit was over."""

    place: str
    micros: int = 0


class BlockingWatch:
    """Watches each step of one loop, from ``begin`` to ``end``.

    Python's own slow-callback warning asks the loop for the time, and sees nothing where that
    follows a clock. Here a thread looks where the loop is when ``limit`` real seconds are over.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._blocks: list[_Block] = []
        self._step: Stopwatch | None = None
        self._seen: _Block | None = None
        self._over = threading.Event()

    async def begin(self) -> None:
        """Watch from now on. Raises WrongLoop for a loop whose steps cannot be seen, as uvloop."""
        self._loop = loop = asyncio.get_running_loop()
        if not isinstance(loop, asyncio.BaseEventLoop):
            raise WrongLoop(
                f"The steps of this event loop cannot be watched. It is a {type(loop).__module__}."
                f"{type(loop).__qualname__}, and only asyncio's own can. Run the test on asyncio's "
                f"loop, or take the marker taskq_noblock away."
            )
        self._run = run = STEPS._run
        self._watched = threading.get_ident()

        def watched_run(handle: Any) -> None:
            if handle._loop is not loop:
                run(handle)
                return
            self._step = Stopwatch()
            run(handle)
            self._note()

        STEPS._run = watched_run
        self._thread = threading.Thread(target=self._look, name="taskq noblock", daemon=True)
        self._thread.start()
        await give_way()  # this step began unseen; from the next one on each is seen

    def end(self) -> None:
        """Watch no more; the step that is under way counts as well."""
        self._note()
        STEPS._run = self._run
        self._over.set()
        self._thread.join()

    def describe(self) -> str:
        """What took too long, a line for each place, the longest first; empty for nothing.

        Such as ``the loop was blocked for 152 ms by time.sleep in handler() (jobs.py:18)``.
        """
        longest: dict[str, int] = {}
        for block in self._blocks:
            longest[block.place] = max(block.micros, longest.get(block.place, 0))
        told = sorted(longest.items(), key=lambda item: -item[1])[:LISTED]
        return "\n".join(
            f"the loop was blocked for {micros / 1000:.0f} ms {place}" for place, micros in told
        )

    def _note(self) -> None:
        step, self._step = self._step, None
        seen, self._seen = self._seen, None
        if seen is not None and step is not None and step.seconds() >= self._limit:
            seen.micros = step.micros()
            self._blocks.append(seen)

    def _look(self) -> None:
        """In a thread of its own: see what a step does whose time is over."""
        while not self._over.wait(self._limit / LOOKS):
            step = self._step
            if step is None or self._seen is not None or step.seconds() < self._limit:
                continue
            frame = sys._current_frames().get(self._watched)
            block = _Block("by what cannot be seen" if frame is None else _place(frame))
            if self._step is step:
                self._seen = block


def _place(frame: FrameType) -> str:
    """The innermost line of the user's own, and what it calls."""
    own: FrameType | None = frame
    while own is not None and is_library(own.f_code.co_filename):
        own = own.f_back
    found = frame if own is None else own
    called = called_at(found.f_code, found.f_lasti)
    where = f"in {name_of(found)}() ({place_of(found.f_code, found.f_lineno)})"
    return where if called is None else f"by {called} {where}"
