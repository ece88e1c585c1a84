"""Where an app counts its jobs, if it was given a place."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

__all__ = ["MetricsSink", "NoopMetricsSink"]


@runtime_checkable
class MetricsSink(Protocol):
    """Told of each attempt. Give it as ``Soniq(metrics_sink=...)``; what it raises is raised."""

    async def record_job_start(
        self, *, job_id: str, job_name: str, queue: str, attempt: int
    ) -> None:
        """An attempt begins, before the hooks."""

    async def record_job_end(
        self,
        *,
        job_id: str,
        job_name: str,
        queue: str,
        status: str,
        duration_s: float,
        error: str | None = None,
    ) -> None:
        """It has been recorded as "done", "failed" (runs again), "dead_letter" or "snoozed"."""


class NoopMetricsSink:
    """Counts nothing."""

    async def record_job_start(
        self, *, job_id: str, job_name: str, queue: str, attempt: int
    ) -> None:
        """Nothing."""

    async def record_job_end(
        self,
        *,
        job_id: str,
        job_name: str,
        queue: str,
        status: str,
        duration_s: float,
        error: str | None = None,
    ) -> None:
        """Nothing."""
