"""Soniq's words over the engine: what a test imports in place of the library."""

from __future__ import annotations

from pytest_taskq.soniq.app import Soniq, make_app
from pytest_taskq.soniq.backend import MemoryBackend
from pytest_taskq.soniq.dead_letter import DeadLetterJob
from pytest_taskq.soniq.errors import SoniqError
from pytest_taskq.soniq.job import JobContext, JobStatus, Snooze

__all__ = [
    "DeadLetterJob",
    "JobContext",
    "JobStatus",
    "MemoryBackend",
    "Snooze",
    "Soniq",
    "SoniqError",
    "make_app",
]
