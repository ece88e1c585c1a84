"""How long a job that has ended is remembered."""

from __future__ import annotations

from pytest_taskq.core.job import FINAL, Job

__all__ = ["is_remembered"]


def is_remembered(job: Job, keep: int, now: int) -> bool:
    """Whether one may still be told of the job: it has not ended, or not ``keep`` µs ago."""
    if job.state not in FINAL or job.finished_at is None:
        return True
    return now < job.finished_at + keep
