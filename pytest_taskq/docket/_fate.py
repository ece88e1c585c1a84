"""What is to follow an attempt, as the handlers of its failure and its end decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_taskq.core.instants import to_instant
from pytest_taskq.core.job import Hold, Job, State
from pytest_taskq.core.store import JobQuery
from pytest_taskq.docket._landing import is_struck

if TYPE_CHECKING:
    from pytest_taskq.docket.docket import Docket
    from pytest_taskq.docket.execution import Execution

__all__ = ["Fate"]

RUNNING = frozenset({State.RUNNING})


class Fate:
    """The attempt of a job in hand. ``again``: the instant at which the same job is due anew.

    ``follow``: the job that comes after this one. ``holds``: the names that the job takes along
    when it goes back.
    """

    again: int | None = None
    follow: Job | None = None
    holds: tuple[Hold, ...] | None = None

    def __init__(self, docket: Docket, job: Job) -> None:
        self.job = job
        self._docket = docket

    async def follow_with(self, call: Execution) -> None:
        """Let a call under the same key come after this attempt, unless it is struck."""
        if is_struck(self._docket, call):
            return
        name, key = call.function_name, self.job.key or ""
        due_at = to_instant(call.when)
        job = self.follow = self._docket.new_job(name, call.args, call.kwargs, due_at, key)
        if self.job.holds and self.job.holds[0].limit > 1:
            # It runs beside one that it replaced, and that keeps the key until it ends.
            others = len(await self._docket.jobs_under(key, RUNNING)) - 1
            own, *limits = job.holds
            self.follow = job._replace(holds=(own._replace(limit=max(others, 0) + 1), *limits))

    async def is_superseded(self) -> bool:
        """Whether another execution has taken the key meanwhile, which is then the key's."""
        newer = JobQuery(key=self.job.key, after=self.job, limit=1)
        return bool(await self._docket.queue.find(newer))
