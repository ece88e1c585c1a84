"""Procrastinate's words over the embedded engine; the submodules are named as in the library."""

from __future__ import annotations

from pytest_taskq.procrastinate.app import App
from pytest_taskq.procrastinate.blueprints import Blueprint
from pytest_taskq.procrastinate.job_context import JobContext
from pytest_taskq.procrastinate.retry import BaseRetryStrategy, RetryDecision, RetryStrategy
from pytest_taskq.procrastinate.testing import InMemoryConnector

__all__ = [
    "App",
    "BaseRetryStrategy",
    "Blueprint",
    "InMemoryConnector",
    "JobContext",
    "RetryDecision",
    "RetryStrategy",
]
