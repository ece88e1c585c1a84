"""What came of running jobs, or one alone, from a test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_taskq.core.job import Failure
from pytest_taskq.testing.awaited import Awaited

if TYPE_CHECKING:
    from pytest_taskq.testing.assertions import JobAssertions
    from pytest_taskq.testing.seen import SeenJob

__all__ = ["Alone", "Enqueued", "Performed", "Ran"]

RETRYING = "retrying"


class Ran(Awaited[list["SeenJob"]]):
    """The jobs that were run, in the order in which their attempts began, one entry each.

    All that ran: also what the app enqueued by itself, such as a tick of a periodic task.
    ``assert ran == [job(charge), job(receipt)]`` compares them.
    """

    __hash__ = object.__hash__  # asyncio.gather() keeps what it awaits in a dict

    @property
    def jobs(self) -> list[SeenJob]:
        """The job of each attempt."""
        return self._get()

    @property
    def counts(self) -> dict[str, int]:
        """How many jobs are in which state now; one that waits for another attempt is retrying."""
        distinct = {id(each.events): each for each in self._get()}.values()
        for each in distinct:
            each.look()
        return dict(Counter(RETRYING if each.is_in(RETRYING) else each.state for each in distinct))

    @property
    def errors(self) -> list[BaseException | Failure]:
        """What the jobs raised last that did not succeed."""
        distinct = {id(each.events): each for each in self._get()}.values()
        return [error for each in distinct if (error := each.error) is not None]

    def __iter__(self) -> Iterator[SeenJob]:
        return iter(self._get())

    def __len__(self) -> int:
        return len(self._get())

    def __getitem__(self, at: int) -> SeenJob:
        return self._get()[at]

    def __eq__(self, other: object) -> bool:
        return self._get() == list(other) if isinstance(other, Sequence) else NotImplemented

    def __repr__(self) -> str:
        return f"<{self._call}: {self._get()!r}>" if self._done else f"<{self._call}, not awaited>"


Sequence.register(Ran)  # so that pytest tells where two of them differ


class Enqueued(Awaited["SeenJob"]):
    """The job that was enqueued."""

    @property
    def job(self) -> SeenJob:
        """What the queue has."""
        return self._get()


class Alone(NamedTuple):
    """A job that was run alone, and what it enqueued."""

    job: SeenJob
    enqueued: JobAssertions


class Performed(Awaited[Alone]):
    """What one job did that was run by itself."""

    @property
    def job(self) -> SeenJob:
        """The job; it is not in the queue any more, even if it is to be retried."""
        return self._get().job

    @property
    def result(self) -> Any:
        """What its task returned."""
        return self.job.result

    @property
    def error(self) -> BaseException | Failure | None:
        """What its task raised. Reading it counts as having looked."""
        return self.job.error

    @property
    def state(self) -> str:
        """succeeded, dead, cancelled; or retrying, where ``job.due_at`` says when."""
        return RETRYING if self.job.is_in(RETRYING) else self.job.state

    @property
    def enqueued(self) -> JobAssertions:
        """What it enqueued, to be asserted on."""
        return self._get().enqueued
