"""A real app of Procrastinate, as a user's conftest.py would hand it over."""

import procrastinate
import procrastinate.testing
import pytest


@pytest.fixture
def taskq_app():
    return procrastinate.App(connector=procrastinate.testing.InMemoryConnector())


@pytest.fixture
def app(in_memory_app):
    return in_memory_app


@pytest.fixture
def ran(app):
    """What the task `note` was called with."""
    ran = []

    @app.task(name="note")
    async def note(n):
        ran.append(n)

    return ran
