"""What the tests of the Procrastinate facade share."""

import pytest

from pytest_taskq.procrastinate import App


@pytest.fixture
def app(in_memory_app: App):
    return in_memory_app


@pytest.fixture
def ran(app: App):
    """What the task `note` was called with."""
    ran = []

    @app.task(name="note")
    async def note(n):
        ran.append(n)

    return ran
