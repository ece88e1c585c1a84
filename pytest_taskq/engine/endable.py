"""A run of a worker, as its queue sees it."""

from __future__ import annotations

from typing import Protocol

from pytest_taskq.core.job import Job

__all__ = ["Endable"]


class Endable(Protocol):
    """What can be told to end."""

    @property
    def jobs(self) -> list[Job]:
        """The jobs it has in hand."""

    def stop(self, *, force: bool) -> None:
        """End after the jobs in hand, or by force at once."""

    async def end(self, *, force: bool = True) -> None:
        """Stop it, and wait until it is over."""
