"""The fixtures. Sync ones only: what they hand out binds to the loop that first awaits it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_taskq.plugin.options import TimeMark, read_options, time_mark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_taskq.docket import Docket
    from pytest_taskq.docket import Worker as DocketWorker
    from pytest_taskq.engine.clock import Clock
    from pytest_taskq.procrastinate import App, InMemoryConnector
    from pytest_taskq.soniq import Soniq
    from pytest_taskq.testing.environment import Environment

__all__ = [
    "ENVIRONMENT",
    "docket",
    "in_memory_app",
    "in_memory_connector",
    "soniq_app",
    "taskq_clock",
    "taskq_connector",
    "taskq_docket",
    "taskq_environment",
    "worker",
]

ENVIRONMENT: pytest.StashKey[Environment] = pytest.StashKey()


@pytest.fixture
def taskq_environment(request: pytest.FixtureRequest) -> Iterator[Environment]:
    """The clock and the stores of this test; the other fixtures are built on it."""
    from pytest_taskq.testing.environment import Environment

    mark = time_mark(request.node)
    if mark is None:
        mark = TimeMark(mode="held" if "taskq_clock" in request.fixturenames else "auto")
    environment = Environment(
        mode=mark.mode, start=mark.start, seed=read_options(request.config).seed
    )
    request.node.stash[ENVIRONMENT] = environment
    yield environment
    environment.close()


@pytest.fixture
def taskq_clock(taskq_environment: Environment) -> Clock:
    """The clock of this test, held: it stands still until ``advance()`` or ``move_to()``."""
    return taskq_environment.clock


@pytest.fixture
def taskq_docket(taskq_environment: Environment) -> Docket:
    """What the fixture ``docket`` is; overriding that one leaves this one alone."""
    from pytest_taskq.docket import Docket

    return Docket.on_queue(taskq_environment.new_queue())


@pytest.fixture
def docket(taskq_docket: Docket) -> Docket:
    """A Docket-style docket, open, empty, and on the clock of this test."""
    return taskq_docket


@pytest.fixture
def worker(taskq_docket: Docket) -> DocketWorker:
    """A Docket-style worker on the fixture ``docket``."""
    from pytest_taskq.docket import Worker

    return Worker(taskq_docket)


@pytest.fixture
def taskq_connector(taskq_environment: Environment) -> InMemoryConnector:
    """What the fixture ``in_memory_connector`` is; overriding that one leaves this one alone."""
    from pytest_taskq.procrastinate import InMemoryConnector

    return InMemoryConnector.on_queue(taskq_environment.new_queue())


@pytest.fixture
def in_memory_connector(taskq_connector: InMemoryConnector) -> InMemoryConnector:
    """A Procrastinate-style connector, empty, and on the clock of this test."""
    return taskq_connector


@pytest.fixture
def in_memory_app(taskq_connector: InMemoryConnector) -> App:
    """A Procrastinate-style app on the fixture ``in_memory_connector``, open."""
    from pytest_taskq.procrastinate import App

    return App(connector=taskq_connector)


@pytest.fixture
def soniq_app(taskq_environment: Environment) -> Soniq:
    """A Soniq-style app, empty, and on the clock of this test."""
    from pytest_taskq.soniq import MemoryBackend, Soniq

    return Soniq(backend=MemoryBackend.on_queue(taskq_environment.new_queue()))
