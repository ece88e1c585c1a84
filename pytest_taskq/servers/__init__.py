"""Finds the programs of a Redis or PostgreSQL server, and starts a private one for a test run."""

from __future__ import annotations

from pytest_taskq.servers.find import Found, find
from pytest_taskq.servers.run import RunServers
from pytest_taskq.servers.safety import check_url, masked

__all__ = ["Found", "RunServers", "check_url", "find", "masked"]
