"""Which stores a test runs on, and the servers behind them: one of each for a whole run."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pytest_taskq.plugin.marks import marked_backends
from pytest_taskq.plugin.options import SERVERS, read_options
from pytest_taskq.plugin.present import is_xdist_worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_taskq.testing.backends import Run, Stores

__all__ = [
    "backend_of",
    "close_run",
    "describe_backends",
    "hand_over",
    "settle_run",
    "spread",
    "stores_of",
]

RUN: pytest.StashKey[Run] = pytest.StashKey()
NAME: pytest.StashKey[str] = pytest.StashKey()
PARAMETER = "taskq_backend"
FIXTURES = frozenset(
    {
        *("docket", "in_memory_app", "in_memory_connector", "procrastinate_worker", "soniq_app"),
        *("taskq", "taskq_backend", "taskq_clock", "worker"),
    }
)


def run_of(config: pytest.Config) -> Run:
    """What the tests of this process share; made at the first call."""
    run: Run | None = config.stash.get(RUN, None)
    if run is None:
        from pytest_taskq.testing.backends import Run

        options = read_options(config)
        handed: dict[str, str] = getattr(config, "workerinput", {})
        run = config.stash[RUN] = Run(
            f"{handed['taskq_run']}_{handed['workerid']}" if handed else _name(config),
            urls=options.urls,
            binaries=options.binaries,
            allow_remote=options.allow_remote,
            servers=handed.get("taskq_servers"),
        )
    return run


def stores_of(config: pytest.Config, backend: str) -> Stores:
    """The stores of one backend. One that cannot be used fails the test, in one message."""
    try:
        return run_of(config).stores(backend)
    except Exception as error:
        from pytest_taskq.core.errors import TaskqError  # each test would pay for it above

        if not isinstance(error, TaskqError):
            raise
        pytest.fail(f"taskq: {error}", pytrace=False)


def backend_of(node: pytest.Item) -> str:
    """The backend that this test runs on."""
    callspec: Any = getattr(node, "callspec", None)
    if callspec is not None and PARAMETER in callspec.params:
        return str(callspec.params[PARAMETER])
    return _chosen(node)[0]


def spread(metafunc: pytest.Metafunc) -> None:
    """Run a test that uses one of our fixtures once on each of its backends."""
    substituted = read_options(metafunc.config).substitutes
    if not substituted and FIXTURES.isdisjoint(metafunc.fixturenames):
        return
    backends = _chosen(metafunc.definition)
    if len(backends) > 1:
        if PARAMETER not in metafunc.fixturenames:
            metafunc.fixturenames.append(PARAMETER)
        metafunc.parametrize(PARAMETER, backends, indirect=True)


def describe_backends(config: pytest.Config) -> str:
    """The backends, and for one with a server its version and whose it is.

    Raises UsageError when one of them cannot be used at all: nothing has run yet.
    """
    names = read_options(config).backends
    # Only the process that began the run looks for servers; its workers are told of them.
    if names == ("memory",) or is_xdist_worker(config):
        return ", ".join(names)
    from pytest_taskq.core.errors import TaskqError

    run = run_of(config)
    try:
        return ", ".join(run.describe(name) for name in names)
    except TaskqError as error:
        raise pytest.UsageError(f"taskq: {error}") from None


def hand_over(config: pytest.Config, workerinput: dict[str, Any]) -> None:
    """Tell a worker of pytest-xdist the name of this run, and where its servers are."""
    workerinput["taskq_run"] = _name(config)
    if set(read_options(config).backends) & SERVERS.keys():
        workerinput["taskq_servers"] = str(run_of(config).servers.folder)


def close_run(config: pytest.Config) -> None:
    """Give back what the run has open: connections, files and servers of its own."""
    try:
        if left := _left(config, lambda run: run.close()):
            print(f"\n{left}", file=sys.__stderr__)
    finally:
        sync = sys.modules.get("pytest_taskq.engine.sync")
        if sync is not None:
            sync.close()


def settle_run(config: pytest.Config) -> None:
    """After the last test: fail it if what a test has left on a server could not be removed."""
    if left := _left(config, lambda run: run.settle()):
        pytest.fail(left, pytrace=False)


def _left(config: pytest.Config, end: Callable[[Run], None]) -> str:
    """End the run in this way, and say what could not be removed."""
    run: Run | None = config.stash.get(RUN, None)
    if run is None:
        return ""
    from pytest_taskq.core.errors import TaskqError

    try:
        end(run)
    except TaskqError as error:
        return f"taskq: what the tests have left on a server could not be removed. {error}"
    return ""


def _name(config: pytest.Config) -> str:
    """What the namespaces of this run begin with; two runs may share a server."""
    return config.stash.setdefault(NAME, f"taskq_{os.urandom(4).hex()}")


def _chosen(node: pytest.Item) -> tuple[str, ...]:
    """The backends of the run that the test's marker names; where it names none of them, its own.

    So a test that needs SQLite runs on SQLite, and is never left out in silence.
    """
    chosen = read_options(node.config).backends
    marked = marked_backends(node)
    if not marked:
        return chosen
    return tuple(name for name in chosen if name in marked) or marked
