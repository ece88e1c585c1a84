"""Soniq's words over the engine: what a test imports in place of the library."""

from __future__ import annotations

from pytest_taskq.soniq.app import Soniq, make_app
from pytest_taskq.soniq.backend import MemoryBackend, SQLiteBackend
from pytest_taskq.soniq.dead_letter import DeadLetterFilter, DeadLetterJob, DeadLetterReason
from pytest_taskq.soniq.errors import SoniqError
from pytest_taskq.soniq.job import JobContext, JobStatus, Snooze
from pytest_taskq.soniq.schedules import cron, daily, every, monthly, weekly
from pytest_taskq.soniq.task_ref import TaskRef, task_ref

__all__ = [
    "DeadLetterFilter",
    "DeadLetterJob",
    "DeadLetterReason",
    "JobContext",
    "JobStatus",
    "MemoryBackend",
    "SQLiteBackend",
    "Snooze",
    "Soniq",
    "SoniqError",
    "TaskRef",
    "cron",
    "daily",
    "every",
    "make_app",
    "monthly",
    "task_ref",
    "weekly",
]
