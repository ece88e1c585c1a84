"""Progress: how far an execution says it is, for the task that tells and those who look."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, cast

from pytest_taskq.core.errors import BadOption
from pytest_taskq.docket._board import board_of
from pytest_taskq.docket._dependency import Dependency, current_execution
from pytest_taskq.docket._states import ProgressEvent

if TYPE_CHECKING:
    from pytest_taskq.docket.docket import Docket
    from pytest_taskq.docket.execution import Execution

__all__ = ["ExecutionProgress", "Progress", "begin_progress", "end_progress"]

USUAL_TOTAL = 100
NOTHING: ProgressEvent = {
    "type": "progress",
    "key": "",
    "current": 0,
    "total": USUAL_TOTAL,
    "message": None,
    "updated_at": None,
}
"""How far every attempt is at first."""


class ExecutionProgress:
    """How far the execution under a key is: ``current`` of ``total``, and a ``message``.

    What it shows is of the instant it was made, changed or synced.
    """

    def __init__(self, docket: Docket, key: str) -> None:
        self.docket = docket
        self.key = key
        self.current: int | None = None
        self.total = 1
        self.message: str | None = None
        self.updated_at: datetime | None = None

    @classmethod
    async def create(cls, docket: Docket, key: str) -> Self:
        """The progress under a key as it is now."""
        progress = cls(docket, key)
        await progress.sync()
        return progress

    async def set_total(self, total: int) -> None:
        """Say what ``current`` will be at the end: 1 or more, else ValueError."""
        self._change({"total": _at_least_one("Total", total)})

    async def increment(self, amount: int = 1) -> None:
        """Go on by ``amount``: 1 or more, else ValueError."""
        known = board_of(self.docket.queue).progress.get(self.key)
        before = (known["current"] if known else None) or 0
        self._change({"current": before + _at_least_one("Amount", amount)})

    async def set_message(self, message: str | None) -> None:
        """Say in words where it is; None takes the words back."""
        self._change({"message": message})

    async def sync(self) -> None:
        """Learn how far it is now."""
        self.show(board_of(self.docket.queue).progress.get(self.key))

    def show(self, known: ProgressEvent | None) -> None:
        """Take over what was told."""
        self.current = known["current"] if known else None
        self.total = known["total"] if known else USUAL_TOTAL
        self.message = known["message"] if known else None
        told_at = known["updated_at"] if known else None
        self.updated_at = datetime.fromisoformat(told_at) if told_at else None

    def event(self) -> ProgressEvent:
        """What it shows, as subscribers get it."""
        return {
            "type": "progress",
            "key": self.key,
            "current": self.current,
            "total": self.total,
            "message": self.message,
            "updated_at": self.updated_at.isoformat() if self.updated_at else None,
        }

    async def subscribe(
        self, *, ready: asyncio.Event | None = None
    ) -> AsyncIterator[ProgressEvent]:
        """Each change from now on; ``ready`` is set when none is missed any more."""
        with board_of(self.docket.queue).told(self.key) as told:
            if ready is not None:
                ready.set()
            while True:
                event = await told.get()
                if isinstance(event, dict):
                    yield event

    def _change(self, changes: dict[str, Any]) -> None:
        board = board_of(self.docket.queue)
        known = board.progress.get(self.key, NOTHING)
        now = self.docket.queue.clock.time().isoformat()
        changed = cast("ProgressEvent", {**known, **changes, "key": self.key, "updated_at": now})
        self.show(changed)
        board.set_progress(changed)


def begin_progress(known: dict[str, ProgressEvent], execution: Execution) -> None:
    """An attempt begins, at nothing. ``known``: what the board has of all."""
    known[execution.key] = NOTHING


def end_progress(known: dict[str, ProgressEvent], execution: Execution) -> None:
    """An attempt is over, and with it what it told."""
    known.pop(execution.key, None)
    if "progress" in vars(execution):  # it is made when somebody asks for it
        execution.progress.show(None)


class Progress(Dependency["Progress"]):
    """Lets a task tell how far it is, to whoever asks its execution.

    async def copy(files: list[str], progress: Progress = Progress()) -> None:
        await progress.set_total(len(files))
    """

    def __init__(self) -> None:
        self._progress: ExecutionProgress | None = None

    async def __aenter__(self) -> Self:
        progress = type(self)()
        progress._progress = current_execution.get().progress  # noqa: SLF001 - of its own kind
        return progress

    @property
    def current(self) -> int | None:
        """How far the task is."""
        return self._known.current

    @property
    def total(self) -> int:
        """What ``current`` will be at the end."""
        return self._known.total

    @property
    def message(self) -> str | None:
        """Where the task is, in words."""
        return self._known.message

    async def set_total(self, total: int) -> None:
        """See ``ExecutionProgress.set_total``."""
        await self._known.set_total(total)

    async def increment(self, amount: int = 1) -> None:
        """See ``ExecutionProgress.increment``."""
        await self._known.increment(amount)

    async def set_message(self, message: str | None) -> None:
        """See ``ExecutionProgress.set_message``."""
        await self._known.set_message(message)

    @property
    def _known(self) -> ExecutionProgress:
        assert self._progress is not None, "Progress must be used as a dependency of a task"  # noqa: S101
        return self._progress


def _at_least_one(what: str, number: int) -> int:
    if number < 1:
        raise BadOption(f"{what} must be at least 1. It is {number!r}. Use a larger one.")
    return number
