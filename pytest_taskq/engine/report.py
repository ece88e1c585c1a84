"""What a run of a worker did."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_taskq.core.job import Job

__all__ = ["Report"]


@dataclass(slots=True)
class Report:
    """What one run did: how many attempts, and the exceptions they ended with.

    ``unused``: names whose attempts were to be limited, and that no attempt had.
    """

    attempts: int = 0
    failures: list[tuple[Job, BaseException]] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
