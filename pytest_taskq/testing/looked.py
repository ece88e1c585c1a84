"""Which failed attempts a test has looked at, so that no exception of a job is hidden."""

from __future__ import annotations

from pytest_taskq.core.job import Job

__all__ = ["Looked"]


class Looked:
    """The failed attempts that the test has looked at, so that no exception of a job is hidden.

    An attempt is the record that it left and its exception, both by identity: a mock raises one
    and the same exception in all jobs.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int], tuple[Job | None, BaseException]] = {}

    def add(self, error: BaseException | None, job: Job | None = None) -> None:
        """The test was shown this one; without ``job``, whichever attempt raised it."""
        if error is not None:
            self._seen[id(job), id(error)] = (job, error)  # kept, so that no other has its id

    def __contains__(self, attempt: tuple[Job, BaseException]) -> bool:
        job, error = map(id, attempt)
        return (job, error) in self._seen or (id(None), error) in self._seen
