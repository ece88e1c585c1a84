"""What a run of a worker did."""

from __future__ import annotations

from pytest_taskq.core.job import Job

__all__ = ["Report"]


class Report:
    """What one run did: how many attempts, and the exceptions they ended with.

    ``unused``: names whose attempts were to be limited, and that no attempt had.
    """

    __slots__ = ("attempts", "failures", "unused")

    def __init__(self) -> None:
        self.attempts = 0
        self.failures: list[tuple[Job, BaseException]] = []
        self.unused: list[str] = []
